import { beforeEach, expect, it } from "vitest";
import type { DomainRef } from "../../../provider/backends/libvirt/host.js";
import { Prefetcher } from "../../../provider/backends/libvirt/prefetcher.js";

const named = (name: string): DomainRef => ({ name, uuid: `uuid of ${name}`, id: 1 });
// libvirt lists domains in no order.
const list = ["vm5", "vm3", "vm1", "vm6", "vm2", "vm4"].map(named);

let asked: string[];
const answers = new Prefetcher((host: string, { name }) => {
  asked.push(name);
  return name === "vm3" ? Promise.reject(new Error("vm3 is gone")) : Promise.resolve(`${name} on ${host}`);
});
const read = (name: string) => answers.read("host1", named(name), list);

beforeEach(() => {
  answers.forget();
  asked = [];
});

it("asks for nothing more where one is wanted", async () => {
  expect(await read("vm1")).toBe("vm1 on host1");
  expect(asked).toEqual(["vm1"]);
});

it("asks ahead for as many as were wanted, in the order of names", () => {
  void read("vm1");
  void read("vm2");
  expect(asked).toEqual(["vm1", "vm2", "vm3"]);
  void read("vm4");
  expect(asked).toEqual(["vm1", "vm2", "vm3", "vm4", "vm5"]);
});

it("begins again where the names end", () => {
  void read("vm5");
  void read("vm6");
  expect(asked).toEqual(["vm5", "vm6", "vm1"]);
});

it("asks for each once", async () => {
  const found = await Promise.allSettled(["vm1", "vm2", "vm3", "vm4", "vm5", "vm6"].map(read));
  expect(asked.toSorted()).toEqual(["vm1", "vm2", "vm3", "vm4", "vm5", "vm6"]);
  expect(found.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, true, true, true]);
});

it("reports a failure to the caller, and to no other", async () => {
  await read("vm1");
  await read("vm2");
  await new Promise(setImmediate);
  await expect(read("vm3")).rejects.toThrow("vm3 is gone");
});

it("keeps hosts apart, and nothing that was forgotten", async () => {
  void read("vm1");
  void read("vm2");
  expect(await answers.read("host2", named("vm4"), list)).toBe("vm4 on host2");
  expect(asked).toEqual(["vm1", "vm2", "vm3", "vm4"]);
  answers.forget();
  void read("vm4");
  expect(asked.at(-1)).toBe("vm4");
});
