/** oVirt: a VM that was made again under a declared VM's name has another id. */
import { beforeEach, describe, expect, test } from "vitest";
import { vmInterface } from "../../provider/handlers/ovirt/vm-interface.js";
import { vmPlacement } from "../../provider/handlers/ovirt/vm-placement.js";
import { without } from "../hosts/without.js";
import { declarePair, overEngine, urn, type OverEngine } from "../handlers/ovirt/over-engine.js";

let over: OverEngine;
beforeEach(async () => {
  over = await overEngine();
});

const again = "99999999-2222-4333-8444-000000000050";

/** Its NICs are its own: those of the first went with it. */
function makeAgain(): string {
  const { id, ...vm } = over.vm("web");
  over.engine.model.vms.delete(id);
  over.engine.model.vms.set(again, { ...vm, id: again, nics: [], devices: [] });
  return id;
}

const sent = () => over.engine.received.filter(({ method }) => method !== "GET");

describe("X6: a VM that was made again under its name", () => {
  test("is told of by a refresh, refused by an update, left alone by a deletion, and declared by a replacement", async () => {
    const pair = await declarePair(over);
    const placed = await vmPlacement.create(over.context(), { vm: "web", host: "host1" });
    expect([pair.state.vmId, placed.state.vmId]).toEqual([over.vm("web").id, over.vm("web").id]);
    const old = makeAgain();
    over.engine.received.length = 0;
    const missing = [`VM "web" with id ${old}: the engine's VM of that name is another VM, with id ${again}`];
    const nic = await vmInterface.read(over.context(), pair.id, pair.state);
    expect(nic?.state).toEqual({ ...pair.state, missing });
    expect(over.warnings.at(-1)).toMatch(/run pulumi up with --replace and the resource's URN/);
    expect((await vmInterface.diff(over.context(), pair.id, nic?.state ?? pair.state, pair.inputs)).changes).toBe(true);
    const placement = await vmPlacement.read(over.context(), placed.id, placed.state);
    expect(placement?.state).toEqual({ ...placed.state, missing });
    const refused = { problem: { code: "vm-is-another" } };
    await expect(vmInterface.update(over.context(), pair.id, pair.state, pair.inputs)).rejects.toMatchObject(refused);
    const there = { vm: "web", host: "host2" };
    await expect(vmPlacement.update(over.context(), placed.id, placed.state, there)).rejects.toMatchObject(refused);
    await vmInterface.delete(over.context(), pair.id, pair.state);
    expect(over.warnings.at(-1)).toMatch(/^Nothing was deleted\. Unable to find VM "web" with id/);
    expect(sent()).toEqual([]);
    const at = over.context({ urn: urn("VmInterface", "nic"), command: {} });
    const made = await vmInterface.create(at, pair.inputs);
    expect(made.state).toMatchObject({ vmId: again, missing: [] });
    expect(made.id.split("/")[0]).toBe(again);
  });

  test("states of older versions take the id with the next read", async () => {
    const pair = await declarePair(over);
    const older = without(pair.state, "vmId") as typeof pair.state;
    expect((await vmInterface.read(over.context(), pair.id, older))?.state).toEqual(pair.state);
  });
});

test("X6: an interface that goes to another VM takes no NIC there for the one that it replaces", async () => {
  const pair = await declarePair(over);
  const command = {};
  const at = over.context({ urn: urn("VmInterface", "moved"), command });
  const other = await vmInterface.create(over.context({ urn: urn("VmInterface", "other") }), {
    ...pair.inputs,
    vm: "db",
    profile: pair.standby,
  });
  const before = { ...pair.inputs, profile: pair.standby };
  const news = { ...before, vm: "db" };
  await vmInterface.check(at, news, before);
  await vmInterface.create(at, news);
  expect(await vmInterface.read(over.context(), other.id, other.state)).toMatchObject({ id: other.id });
});
