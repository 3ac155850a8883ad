/** Two engines in one process, and the end of all. */
import { expect, it } from "vitest";
import { askInProgram } from "../../../provider/handlers/functions/in-program.js";
import { vmPlacement } from "../../../provider/handlers/ovirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import { engineOf } from "../../../provider/handlers/ovirt/session.js";
import { closeAll } from "../../../provider/handlers/shutdown.js";
import type { TestEngine } from "../../engine/server.js";
import { overEngine, standbyInputs, urn } from "./over-engine.js";

function profilesOf({ model }: TestEngine): readonly string[] {
  return [...model.profiles.values()].map(({ name }) => name).filter((name) => name !== "ovirtmgmt");
}

it("each configuration has a session of its own, and what one engine has is not the other's", async () => {
  const [east, west] = [await overEngine(), await overEngine()];
  // As one program's resources would, in one command.
  const command = {};
  const of = (over: typeof east, kind: string, name: string) => over.context({ command, urn: urn(kind, name) });
  await vnicProfile.create(of(east, "VnicProfile", "east"), { ...standbyInputs, name: "east" });
  await vnicProfile.create(of(west, "VnicProfile", "west"), { ...standbyInputs, name: "west" });
  expect([profilesOf(east.engine), profilesOf(west.engine)]).toEqual([["east"], ["west"]]);

  // A name that is taken on one engine is free on the other.
  const again = await vnicProfile.check(of(west, "VnicProfile", "again"), { ...standbyInputs, name: "east" });
  expect(again.failures).toEqual([]);
  const taken = await vnicProfile.check(of(east, "VnicProfile", "taken"), { ...standbyInputs, name: "east" });
  expect(taken.failures.map(({ reason }) => reason)).toEqual([expect.stringContaining("east")]);

  // Nor is it taken by a profile that is only declared for the other.
  const later = await vnicProfile.check(of(west, "VnicProfile", "later"), { ...standbyInputs, name: "later" });
  const same = await vnicProfile.check(of(east, "VnicProfile", "same"), { ...standbyInputs, name: "later" });
  const twice = await vnicProfile.check(of(east, "VnicProfile", "twice"), { ...standbyInputs, name: "later" });
  expect([later.failures, same.failures]).toEqual([[], []]);
  expect(twice.failures).toMatchObject([{ property: "name" }]);

  // Both have a VM "web": two placements of one name are of two VMs.
  const web = { vm: "web", host: "host2" };
  for (const [over, name] of [
    [east, "east-web"],
    [west, "west-web"],
  ] as const) {
    const { failures } = await vmPlacement.check(of(over, "VmPlacement", name), web);
    expect(failures).toEqual([]);
  }
  await vmPlacement.create(of(east, "VmPlacement", "east-web"), web);
  const hostOf = (over: typeof east) => over.engine.model.hosts.get(over.vm("web").host ?? "")?.name;
  expect([hostOf(east), hostOf(west)]).toEqual(["host2", "host1"]);

  await closeAll();
  expect([east.engine.signOn.live, west.engine.signOn.live]).toEqual([0, 0]);
});

it("the same engine as two users is two sessions, and a wrong password of one is not the other's", async () => {
  const over = await overEngine();
  const wrong = over.context({ config: { ...over.config, ovirtPassword: "wrong" } });
  expect(engineOf(wrong).client).not.toBe(engineOf(over.context()).client);
  await expect(engineOf(wrong).cluster()).rejects.toMatchObject({ problem: { code: "engine-sign-on" } });
  expect(await engineOf(over.context()).cluster()).toMatchObject({ name: "lab" });
  await closeAll();
  expect(over.engine.signOn.live).toBe(0);
});

it("a session that was closed is made again by what asks later", async () => {
  const over = await overEngine();
  for (let times = 0; times < 2; times += 1) {
    await engineOf(over.context()).cluster();
    expect(over.engine.signOn.live).toBe(1);
    await closeAll();
    expect(over.engine.signOn.live).toBe(0);
  }
});

it("functions in a program end with their tokens returned", async () => {
  const over = await overEngine();
  const { progress, config } = over.context();
  const asked = await Promise.all([
    askInProgram("getVmPlacement", config, { vm: "web" }, progress),
    askInProgram("getFreeVfs", config, { host: "host2", network: "data-vf" }, progress),
  ]);
  expect(asked[0]).toMatchObject({ host: "host1" });
  await expect.poll(() => over.engine.signOn.live).toBe(0);
  expect(over.engine.signOn.issued).toBe(1);
});
