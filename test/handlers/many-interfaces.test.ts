import { afterEach, beforeEach, expect, it } from "vitest";
import type { VmInterfaceInputs } from "../../provider/handlers/inputs/vm-interface.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { recordsOf } from "../../provider/backends/libvirt/interfaces.js";
import { declareProfiles } from "../hosts/declared.js";
import { domainXml, twoHosts, type LabLike, occupy } from "../hosts/two-hosts.js";

// The engine makes resources that do not depend on each other at once, and asks one process for all of them.

const names = ["web", "db"] as const;
let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ define: [domainXml({ name: "db", uuid: "11111111-2222-4333-8444-000000000051" })] });
  lab.host1.domains.start(lab.host1.domains.requireNamed("db"));
});
afterEach(() => lab.close());

const inputs = (vm: string, profile: string, index: number): VmInterfaceInputs => ({
  vm,
  profile,
  mac: `52:54:00:aa:01:0${index}`,
  plugged: true,
  linked: true,
});

/** What domain calls a host has had since. */
function domainCalls(): number {
  return lab.hosts.flatMap(({ journal }) => journal).filter((procedure) => procedure.startsWith("domain_")).length;
}

it("records every interface that one VM gets at once", async () => {
  const { standbyProfile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  const made = await Promise.all(
    [1, 2, 3, 4].map((index) => vmInterface.create(context, inputs("web", standbyProfile, index))),
  );
  expect(made.map(({ state }) => state.missing)).toEqual([[], [], [], []]);
  const instance = await lab.cluster.require("web");
  for (const domain of [
    await instance.host.liveDomain(instance.dom),
    await instance.host.inactiveDomain(instance.dom),
  ]) {
    const ids = recordsOf(domain).map(({ id }) => `web/${id}`);
    expect(ids.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
  }
});

it("gives every VM a VF of its own where they ask at once", async () => {
  const { profile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  const made = await Promise.all(names.map((vm, index) => vmInterface.create(context, inputs(vm, profile, index))));
  expect(new Set(made.map(({ state }) => state.vf)).size).toBe(2);
});

it("forgets all but one of several that go at once", async () => {
  const { standbyProfile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  const made = [];
  for (const index of [1, 2, 3]) made.push(await vmInterface.create(context, inputs("web", standbyProfile, index)));
  await Promise.all(made.slice(1).map(({ id, state }) => vmInterface.delete(context, id, state)));
  for (const { id, state } of made)
    expect((await vmInterface.read(lab.context(), id, state)) !== undefined).toBe(id === made[0]?.id);
});

it("reads a VM once for all its interfaces, and its hosts as often however many there are", async () => {
  const { standbyProfile, profile } = await declareProfiles(lab);
  const made: Awaited<ReturnType<typeof vmInterface.create>>[] = [];
  for (const [index, [vm, id]] of [
    ["web", standbyProfile] as const,
    ["web", standbyProfile] as const,
    ["web", profile] as const,
    ["db", standbyProfile] as const,
    ["db", profile] as const,
  ].entries())
    made.push(await vmInterface.create(lab.context(), inputs(vm, id, index)));
  const refresh = async (some: typeof made) => {
    for (const { journal } of lab.hosts) journal.length = 0;
    const context = lab.context({ command: {} });
    const found = await Promise.all(some.map(({ id, state }) => vmInterface.read(context, id, state)));
    expect(found.map((each) => each?.state)).toEqual(some.map(({ state }) => state));
    return { ofDomains: domainCalls(), all: lab.hosts.flatMap(({ journal }) => journal).length };
  };
  const one = await refresh(made.slice(0, 1));
  const five = await refresh(made);
  expect(one.ofDomains).toBe(1);
  expect(five.ofDomains).toBe(2);
  expect(five.all - five.ofDomains).toBe(one.all - one.ofDomains);
});

it("checks many interfaces with what the hosts have said once", async () => {
  const { standbyProfile, profile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  const check = (vm: string, id: string, index: number) =>
    vmInterface.check({ ...context, urn: `urn:pulumi:dev::demo::vnic::${index}` }, inputs(vm, id, index));
  await check("web", profile, 0);
  const before = lab.hosts.map(({ callCount }) => callCount);
  for (const index of [1, 2, 3]) expect((await check("db", standbyProfile, index)).failures).toEqual([]);
  expect(lab.hosts.map(({ callCount }) => callCount)).toEqual(before);
});

it("sees in one command what that command has made", async () => {
  const { profile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  expect((await vmInterface.check(context, inputs("web", profile, 1))).failures).toEqual([]);
  await vmInterface.create(context, inputs("web", profile, 1));
  expect((await vmInterface.check(context, inputs("web", profile, 2))).failures).toMatchObject([
    { reason: expect.stringContaining("have the same failover") as string },
  ]);
  for (const vf of lab.host1.devices.virtualFunctions().slice(1)) occupy(vf);
  await expect(vmInterface.create(context, inputs("db", profile, 3))).rejects.toThrow(/none free|free VF/);
});

it("looks again before a change: a VM that has moved meanwhile gets its interface where it is", async () => {
  const { standbyProfile } = await declareProfiles(lab);
  const context = lab.context({ command: {} });
  await vmInterface.check(context, inputs("db", standbyProfile, 1));
  const db = lab.host1.domains.requireNamed("db");
  lab.host1.domains.stop(db);
  lab.host1.domains.undefine(db);
  lab.host2.domains.start(
    lab.host2.domains.define(domainXml({ name: "db", uuid: "11111111-2222-4333-8444-000000000051" })),
  );
  const { state } = await vmInterface.create(context, inputs("db", standbyProfile, 1));
  expect(state).toMatchObject({ host: "host2", missing: [] });
});

it("sees a profile that the same command has changed", async () => {
  const context = lab.context({ command: {} });
  const declared = { name: "data", network: "data", passThrough: "disabled", migratable: false } as const;
  const more = { portMirroring: false, customProperties: {} };
  const { id, state } = await vnicProfile.create(context, { ...declared, ...more });
  await vnicProfile.update(context, id, state, { ...declared, ...more, description: "of the guests" });
  expect((await vnicProfile.read(context, id, state))?.state.description).toBe("of the guests");
  await vnicProfile.delete(context, id, state);
  expect(await vnicProfile.read(context, id, state)).toBeUndefined();
});
