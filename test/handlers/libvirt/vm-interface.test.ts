import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Affect } from "../../../provider/backends/libvirt/constants.js";
import { HostUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import { reserveVf } from "../../../provider/backends/libvirt/inventory.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import type { VmInterfaceInputs } from "../../../provider/handlers/inputs/vm-interface.js";
import { vmInterface } from "../../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../../provider/handlers/libvirt/vnic-profile.js";
import type { Journal } from "../../../provider/migration/journal.js";
import { moverOf } from "../../../provider/migration/mover.js";
import { parsePciAddress } from "../../../provider/backends/libvirt/xml/pci-address.js";
import { buildPrimary, pairs } from "../../../provider/backends/libvirt/xml/teaming.js";
import { bridgeProfile, declarePair, declareProfiles, vfProfile } from "../../hosts/declared.js";
import { domainXml, twoHosts, type LabLike, vfs, vm, occupy } from "../../hosts/two-hosts.js";
import { journalOf, leave } from "../../hosts/left-journal.js";
import { refusals } from "../../hosts/refusals.js";
import { expectedState, clusterState } from "../../hosts/cluster-state.js";
import { without } from "../../hosts/without.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const urn = (type: string, name: string) => `urn:pulumi:dev::demo::vnic:${type}::${name}`;
const callCounts = () => lab.hosts.map(({ callCount }) => callCount);
const inputs = (profile: string, more: Partial<VmInterfaceInputs> = {}): VmInterfaceInputs => ({
  vm: "web",
  profile,
  mac: vm.mac,
  ...more,
});

async function failuresOf(news: unknown, more: Parameters<LabLike["context"]>[0] = {}, olds?: VmInterfaceInputs) {
  return (await vmInterface.check(lab.context(more), news, olds)).failures;
}

describe("check", () => {
  it("leaves what is so by default withoutDefaults and spells the MAC as libvirt does", async () => {
    const { profile } = await declareProfiles(lab);
    const said = { vm: "web", profile, mac: "52-54-00-AA-00-50", plugged: true, linked: true };
    for (const news of [said, without(without(said, "plugged"), "linked")]) {
      const checked = await vmInterface.check(lab.context(), news);
      expect(checked).toEqual({ inputs: inputs(profile), failures: [] });
      expect(JSON.parse(JSON.stringify(checked.inputs))).toEqual(inputs(profile));
    }
  });

  it.each([
    ["vm", { profile: "x" }],
    ["profile", { vm: "web" }],
    ["mac", { vm: "web", profile: "x", mac: "52:54:00" }],
    ["plugged", { vm: "web", profile: "x", plugged: 1 }],
  ])("names the property at fault: %s", async (property, news) => {
    expect((await failuresOf(news)).map((failure) => failure.property)).toEqual([property]);
  });

  it("is deleted just after it was made, when the guest is still busy with its slot", async () => {
    const { id, state } = await declarePair(lab);
    lab.host1.refuse("domain_detach_device_alias", refusals.guestBusy(), { times: 2 });
    await vmInterface.delete(lab.context(), id, state);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("runs the rules", async () => {
    const { profile, standbyProfile } = await declareProfiles(lab);
    expect(await failuresOf(inputs("00000000-0000-4000-8000-000000000000"))).toMatchObject([{ property: "profile" }]);
    expect(await failuresOf(inputs(profile, { mac: "53:54:00:aa:00:50" }))).toMatchObject([
      { property: "mac", reason: expect.stringContaining("multicast") as string },
    ]);
    expect(await failuresOf(inputs(profile, { linked: false }))).toMatchObject([{ property: "linked" }]);
    expect(await failuresOf(inputs(standbyProfile, { linked: false }))).toEqual([]);
  });

  it("refuses where the VM's host has no free VF, or the VM no root port, or a machine without PCI Express", async () => {
    const { profile } = await declareProfiles(lab);
    for (const vf of lab.host1.devices.virtualFunctions()) occupy(vf);
    expect(await failuresOf(inputs(profile))).toMatchObject([{ property: "profile" }]);
    lab.host1.domains.define(
      domainXml({ name: "old", uuid: "11111111-2222-4333-8444-000000000097" }, "", { machine: "pc-i440fx-10.0" }),
    );
    expect(await failuresOf(inputs(profile, { vm: "old", mac: "52:54:00:aa:00:51" }))).toMatchObject([
      { property: "profile" },
      { property: "vm", reason: expect.stringContaining("PCI Express") as string },
    ]);
  });

  it("has nothing to say of what is not known yet", async () => {
    expect(await failuresOf({ vm: UNKNOWN, profile: UNKNOWN, mac: UNKNOWN, plugged: UNKNOWN })).toEqual([]);
    expect(await failuresOf({ vm: "web", profile: UNKNOWN })).toEqual([]);
  });

  it("refuses two VFs with one failover profile on one VM, although nothing of all that exists yet", async () => {
    const standby = urn("VnicProfile", "data");
    const profile = urn("VnicProfile", "data-vf");
    const command = {};
    await vnicProfile.check(lab.context({ command, urn: standby }), bridgeProfile);
    await vnicProfile.check(lab.context({ command, urn: profile, references: { failover: standby } }), {
      ...vfProfile,
      failover: UNKNOWN,
    });
    const news = { vm: "web", profile: UNKNOWN };
    const of = (name: string) => ({ command, urn: urn("VmInterface", name), references: { profile } });
    expect(await failuresOf(news, of("one"))).toEqual([]);
    expect(await failuresOf({ ...news, vm: "db" }, of("db"))).toEqual([]);
    expect(await failuresOf(news, of("two"))).toMatchObject([
      { property: "profile", reason: expect.stringContaining("have the same failover") as string },
    ]);
  });

  it("refuses it of two profiles with one failover, one of them made by another stack", async () => {
    const { profile, standbyProfile } = await declarePair(lab);
    const other = await vnicProfile.create(lab.context(), { ...vfProfile, name: "other", failover: standbyProfile });
    expect(profile).not.toBe(other.id);
    expect(await failuresOf(inputs(other.id, { mac: "52:54:00:aa:00:51" }))).toMatchObject([
      { property: "profile", reason: expect.stringContaining("have the same failover") as string },
    ]);
  });

  it("raises nothing for an unreachable host, and warns", async () => {
    const { profile } = await declareProfiles(lab);
    lab.host2.close();
    expect(await failuresOf(inputs(profile))).toEqual([]);
    expect(lab.progress.warnings).toEqual([expect.stringContaining("were skipped")]);
  });

  it("warns of an unreachable host once in a command, however many resources cannot ask it", async () => {
    const { profile } = await declareProfiles(lab);
    lab.host2.close();
    const command = {};
    for (const mac of ["52:54:00:aa:00:51", "52:54:00:aa:00:52"])
      await failuresOf(inputs(profile, { mac }), { command });
    expect(lab.progress.warnings).toHaveLength(1);
    await failuresOf(inputs(profile), { command: {} });
    expect(lab.progress.warnings).toHaveLength(2);
  });

  it("asks no host when nothing has changed", async () => {
    const { profile } = await declarePair(lab);
    const before = callCounts();
    expect(await failuresOf({ ...inputs(profile), mac: "52-54-00-AA-00-50" }, {}, inputs(profile))).toEqual([]);
    expect(callCounts()).toEqual(before);
  });
});

describe("create", () => {
  it("plugs the pair, and says what came of it", async () => {
    const { id, state, profile } = await declarePair(lab);
    expect(id).toMatch(/^web\/[0-9a-f-]{36}$/);
    expect(state).toMatchObject({
      ...inputs(profile),
      host: "host1",
      vf: vfs[0],
      mac: vm.mac,
      missing: [],
    });
    expect(state.aliases).toHaveLength(2);
    expect(clusterState(lab)).toMatchObject({ vfs: [vfs[0]], definedVfs: [vfs[0]], bound: [`host1 ${vfs[0]}`] });
  });

  it("makes up a MAC where none is declared", async () => {
    const { profile } = await declareProfiles(lab);
    const undeclared = without(inputs(profile), "mac");
    const { state } = await vmInterface.create(lab.context(), undeclared);
    expect(state.mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
    expect(state.macMadeUp).toBe(true);
    expect((await vmInterface.diff(lab.context(), "id", state, undeclared)).changes).toBe(false);
  });

  it("only records it where it is not to be plugged", async () => {
    const { profile } = await declareProfiles(lab);
    const { id, state } = await vmInterface.create(lab.context(), inputs(profile, { plugged: false }));
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
    expect(state).toMatchObject({ plugged: false, missing: [] });
    expect((await vmInterface.read(lab.context(), id, state))?.inputs.plugged).toBe(false);
  });

  it("leaves nothing where it fails", async () => {
    const { profile } = await declareProfiles(lab);
    lab.host1.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { skip: 1 });
    await expect(vmInterface.create(lab.context(), inputs(profile))).rejects.toThrow(/PF is not online/);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("refuses one that exists, a VM that no host has, and what the rules refuse", async () => {
    const { profile } = await declarePair(lab);
    await expect(vmInterface.create(lab.context(), inputs(profile))).rejects.toMatchObject({
      problem: { code: "interface-exists" },
    });
    await expect(vmInterface.create(lab.context(), inputs(profile, { vm: "absent" }))).rejects.toMatchObject({
      problem: { code: "vm-unknown" },
    });
    await expect(
      vmInterface.create(lab.context(), inputs(profile, { mac: "52:54:00:aa:00:51" })),
    ).rejects.toMatchObject({ problem: { code: "interface-failover-once-per-vm" } });
  });

  it("takes over what exists with adopt: nothing is plugged again, and there is no diff afterwards", async () => {
    const { id, profile, state } = await declarePair(lab);
    const attached = lab.host1.calls.get("domain_attach_device_flags");
    const news = inputs(profile, { adopt: true });
    expect(await failuresOf(news)).toEqual([]);
    const adopted = await vmInterface.create(lab.context(), news);
    expect(adopted).toEqual({ id, state: { ...state, adopt: true } });
    expect(lab.host1.calls.get("domain_attach_device_flags")).toBe(attached);
    expect((await vmInterface.diff(lab.context(), id, adopted.state, news)).changes).toBe(false);
  });
});

describe("diff", () => {
  it("replaces, the old one first, for another VM, profile or MAC, and updates the rest", async () => {
    const { id, state, profile } = await declarePair(lab);
    const diff = (more: Partial<VmInterfaceInputs>) =>
      vmInterface.diff(lab.context(), id, state, inputs(profile, more));
    expect(await diff({})).toEqual({ changes: false, replaces: [], deleteBeforeReplace: true });
    expect((await diff({ vm: "db" })).replaces).toEqual(["vm"]);
    expect((await diff({ profile: "x" })).replaces).toEqual(["profile"]);
    expect((await diff({ mac: "52:54:00:aa:00:51" })).replaces).toEqual(["mac"]);
    expect(await diff({ plugged: false })).toMatchObject({ changes: undefined, replaces: [] });
    expect((await vmInterface.diff(lab.context(), id, { ...state, missing: ["VF"] }, inputs(profile))).changes).toBe(
      true,
    );
  });

  it("replaces it where a MAC that was declared is left out now", async () => {
    const { id, state, profile } = await declarePair(lab);
    const undeclared = without(inputs(profile), "mac");
    expect((await vmInterface.diff(lab.context(), id, state, undeclared)).replaces).toEqual(["mac"]);
  });
});

describe("read", () => {
  it("brings no change where nothing has", async () => {
    const { id, state, profile } = await declarePair(lab);
    expect(await vmInterface.read(lab.context(), id, state)).toEqual({ id, state, inputs: inputs(profile) });
  });

  it.each([
    ["the running VM", Affect.LIVE],
    ["the running VM and its definition", Affect.LIVE | Affect.CONFIG],
  ])("sees that another tool took the VF from %s, and an update repairs it beside its standby", async (_, where) => {
    const { id, state, profile } = await declarePair(lab);
    const web = lab.host1.domains.requireNamed("web");
    lab.host1.domains.remove(web, state.aliases[1] ?? "", where);
    const detached = lab.host1.calls.get("domain_detach_device_alias");
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state.missing).toEqual([`primary ${state.aliases[1] ?? ""}`]);
    expect(found?.state.vf).toBeUndefined();
    if (found === undefined) throw new Error("gone");
    expect((await vmInterface.diff(lab.context(), id, found.state, inputs(profile))).changes).toBe(true);
    const { state: repaired } = await vmInterface.update(lab.context(), id, found.state, inputs(profile));
    expect(repaired).toMatchObject({ missing: [], vf: expect.any(String) as string });
    expect(lab.host1.calls.get("domain_detach_device_alias")).toBe(detached);
    const now = clusterState(lab);
    expect(now.vfs).toHaveLength(1);
    expect(now.vfs).toEqual(now.definedVfs);
    expect(now.bound).toContain(`host1 ${now.vfs[0] ?? ""}`);
  });

  it("sees that another tool swapped the VF, which needs no repair", async () => {
    const { id, state, profile } = await declarePair(lab);
    const [standbyAlias = "", alias = ""] = state.aliases;
    const [host, address] = [lab.cluster.host("host1"), parsePciAddress(vfs[1])];
    const web = lab.host1.domains.requireNamed("web");
    const dom = await host.findDomain("web");
    if (dom === undefined || address === undefined) throw new Error("no VM");
    lab.host1.guestReleases(web, alias);
    await reserveVf(host, address);
    await host.attach(dom, buildPrimary({ mac: vm.mac, vf: address, alias, standbyAlias }), Affect.LIVE);
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state).toMatchObject({ vf: vfs[1], missing: [] });
    expect(found?.state.xml).not.toBe(state.xml);
    if (found === undefined) throw new Error("gone");
    expect((await vmInterface.diff(lab.context(), id, found.state, inputs(profile))).changes).toBe(false);
  });

  it("sees that both were detached, and an update repairs it or removes the rest", async () => {
    const { id, state, profile } = await declarePair(lab);
    const web = lab.host1.domains.requireNamed("web");
    for (const alias of state.aliases) lab.host1.guestReleases(web, alias);
    expect((await vmInterface.read(lab.context(), id, state))?.state.missing).toHaveLength(2);
    const { state: repaired } = await vmInterface.update(lab.context(), id, state, inputs(profile));
    expect(repaired).toMatchObject({ missing: [], vf: vfs[0] });
    for (const alias of state.aliases) lab.host1.guestReleases(web, alias);
    await vmInterface.update(lab.context(), id, state, inputs(profile, { plugged: false }));
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("is undefined where the VM or the interface is gone, and an error while a host is unreachable", async () => {
    const { state } = await declarePair(lab);
    expect(await vmInterface.read(lab.context(), "web/00000000-0000-4000-8000-000000000000", state)).toBeUndefined();
    expect(
      await vmInterface.read(lab.context(), "absent/x", {
        ...state,
        vm: "absent",
        vmId: "99999999-2222-4333-8444-000000000050",
      }),
    ).toBeUndefined();
    const { stackConfig } = await lab.entrance();
    lab.host1.close();
    await expect(vmInterface.read(lab.context({ config: stackConfig }), "web/x", state)).rejects.toThrow(
      HostUnreachable,
    );
  });
});

describe("update", () => {
  it("unplugs both devices, keeps the record, and plugs both again", async () => {
    const { id, state, profile } = await declarePair(lab);
    const { state: unplugged } = await vmInterface.update(
      lab.context(),
      id,
      state,
      inputs(profile, { plugged: false }),
    );
    expect(unplugged).toMatchObject({ plugged: false, missing: [], mac: vm.mac });
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
    const { state: plugged } = await vmInterface.update(lab.context(), id, unplugged, inputs(profile));
    expect(plugged).toMatchObject({ missing: [], vf: vfs[0], aliases: state.aliases });
    expect(plugged).not.toHaveProperty("plugged");
    const host = lab.cluster.host("host1");
    const dom = await host.findDomain("web");
    expect(dom && pairs(await host.liveDomain(dom)).pairs).toHaveLength(1);
  });

  it("keeps the pair as it was where the guest does not release the VF", async () => {
    const { id, state, profile } = await declarePair(lab);
    lab.host1.guest.unplug = "refuses";
    await expect(vmInterface.update(lab.context(), id, state, inputs(profile, { plugged: false }))).rejects.toThrow(
      /rejected the unplug request/,
    );
    expect(clusterState(lab)).toMatchObject({ vfs: [vfs[0]], definedVfs: [vfs[0]] });
  });
});

describe("delete", () => {
  it("takes both devices and the record, and is done where they are gone", async () => {
    const { id, state } = await declarePair(lab);
    await vmInterface.delete(lab.context(), id, state);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
    expect(await vmInterface.read(lab.context(), id, state)).toBeUndefined();
    await vmInterface.delete(lab.context(), id, state);
    await vmInterface.delete(lab.context(), id, { ...state, vm: "absent" });
  });

  it("also of an interface of which another tool removed one half", async () => {
    const { id, state } = await declarePair(lab);
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), state.aliases[1] ?? "");
    await vmInterface.delete(lab.context(), id, state);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("is an error while the VM's host is unreachable", async () => {
    const { id, state } = await declarePair(lab);
    const { stackConfig } = await lab.entrance();
    lab.host1.close();
    await expect(vmInterface.delete(lab.context({ config: stackConfig }), id, state)).rejects.toThrow(HostUnreachable);
  });
});

describe("an interface of a VM that is being moved", () => {
  /** A mover has come so far that the guest has released its VF. */
  const begun = async (parts?: Partial<Journal>) => {
    const pair = await declarePair(lab);
    leave(lab, journalOf(pair, parts));
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), pair.state.aliases[1] ?? "");
    return pair;
  };
  const alive = { mover: moverOf(process.ppid), until: Date.now() + 60_000 };

  it("is left alone, and not taken for one without its VF", async () => {
    const { id, state, profile } = await begun(alive);
    const before = clusterState(lab);
    const refused = { problem: { code: "move-under-way" } };
    expect((await vmInterface.read(lab.context(), id, state))?.state).toEqual(state);
    expect(lab.progress.warnings).toEqual([expect.stringContaining("is in progress")]);
    const news = inputs(profile, { plugged: false });
    await expect(vmInterface.update(lab.context(), id, state, news)).rejects.toMatchObject(refused);
    await expect(vmInterface.delete(lab.context(), id, state)).rejects.toMatchObject(refused);
    expect(clusterState(lab)).toEqual(before);
  });

  it("is read as it is after an interrupted move, without a change, and fixed by the next update", async () => {
    const { id, state, profile } = await begun();
    const before = clusterState(lab);
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state.missing).toContainEqual(
      expect.stringContaining('completion or rollback of the interrupted move of VM "web"'),
    );
    expect(lab.progress.warnings).toEqual([
      expect.stringContaining("vnic-failover recover web to complete it or roll it back"),
    ]);
    expect(clusterState(lab)).toEqual(before);
    const news = inputs(profile);
    expect((await vmInterface.diff(lab.context(), id, found?.state ?? state, news)).changes).toBe(true);
    await vmInterface.update(lab.context(), id, found?.state ?? state, news);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect((await vmInterface.read(lab.context(), id, state))?.state).toEqual(state);
  });

  it("is removed once the interrupted move is rolled back", async () => {
    const { id, state } = await begun();
    await vmInterface.delete(lab.context(), id, state);
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], vfs: [], bound: [], journals: [] });
  });
});
