/** What the engine asks of a handler when it replaces a resource; through the engine itself: test/pulumi/replacement.test.ts. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HandlerContext } from "../../provider/handlers/handler.js";
import type { VmInterfaceInputs } from "../../provider/handlers/inputs/vm-interface.js";
import type { VnicProfileInputs } from "../../provider/handlers/inputs/vnic-profile.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { bridgeProfile, declareProfiles, vfProfile } from "../hosts/declared.js";
import { domainXml, twoHosts, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { refusals } from "../hosts/refusals.js";
import { formatXml } from "../../provider/xml/element.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ networks });
});
afterEach(() => lab.close());

const networks = {
  data: { bridge: "br0" },
  "data-vf": { physicalFunctions: ["pf0"] },
  vf2: { physicalFunctions: ["pf0"] },
};
const urn = "urn:pulumi:dev::demo::vnic:VmInterface::nic";
const otherMac = "52:54:00:aa:00:51";
/** Of one command of the engine. */
const command = (of = urn): HandlerContext => lab.context({ urn: of, command: {} });
const inputs = (profile: string, more: Partial<VmInterfaceInputs> = {}): VmInterfaceInputs => ({
  vm: "web",
  profile,
  mac: vm.mac,
  ...more,
});

/** Of what the VM has now. */
const macsOf = (name: string): readonly string[] => {
  const { live } = lab.host1.domains.requireNamed(name);
  const all = [...(live === undefined ? "" : formatXml(live)).matchAll(/<mac address="([^"]+)"/g)];
  return [...new Set(all.map(([, mac = ""]) => mac.toLowerCase()))];
};

describe("an interface", () => {
  async function made(at = command()) {
    const { profile } = await declareProfiles(lab);
    const { id, state } = await vmInterface.create(at, inputs(profile));
    return { profile, id, state };
  }

  it("is no clash with itself where a change replaces it: the second check is without old inputs", async () => {
    // A record of an older version says of no resource that it is its own.
    const { profile } = await made(lab.context());
    const news = inputs(profile, { mac: otherMac });
    const at = command();
    expect((await vmInterface.check(at, news, inputs(profile))).failures).toEqual([]);
    expect((await vmInterface.check(at, news)).failures).toEqual([]);
    // In another command it is another interface's.
    expect((await vmInterface.check(command(), news)).failures).toEqual([
      expect.objectContaining({ property: "profile" }),
    ]);
  });

  it("is no clash with itself where the user asks for it: no check is told of old inputs", async () => {
    const { profile } = await made();
    expect((await vmInterface.check(command(), inputs(profile))).failures).toEqual([]);
    expect(lab.progress.warnings).toEqual([expect.stringMatching(/^VM "web" has interface .* of this resource/)]);
    expect((await vmInterface.check(command(), inputs(profile, { mac: otherMac }))).failures).toEqual([]);
    const foreign = command("urn:pulumi:prod::demo::vnic:VmInterface::nic");
    expect((await vmInterface.check(foreign, inputs(profile))).failures).not.toEqual([]);
    await expect(vmInterface.create(foreign, inputs(profile))).rejects.toMatchObject({
      problem: { code: "interface-exists" },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("needs no port and no VF beyond those that it has", async () => {
    await lab.close();
    lab = await twoHosts({
      networks,
      define: [domainXml({ ...vm, name: "db", uuid: vm.uuid.replace(/50$/, "51") }, "", { rootPorts: 2 })],
    });
    lab.host1.domains.start(lab.host1.domains.requireNamed("db"));
    const { profile } = await declareProfiles(lab);
    const at = command();
    const declared = inputs(profile, { vm: "db" });
    await vmInterface.create(at, declared);
    const again = { ...declared, mac: otherMac };
    expect((await vmInterface.check(command(), again)).failures).toEqual([]);
    await vmInterface.create(command(), again);
    expect(clusterState(lab, "db").vfs).toHaveLength(1);
  });

  it.each([vm.mac, otherMac])("that is made before the old one goes takes its place: MAC %s", async (mac) => {
    const { profile, id, state } = await made();
    const at = command();
    const next = await vmInterface.create(at, inputs(profile, { mac }));
    expect(next.id).not.toBe(id);
    expect(next.state).toMatchObject({ mac, missing: [] });
    const now = clusterState(lab);
    await vmInterface.delete(at, id, state);
    expect(clusterState(lab)).toEqual(now);
    expect(now).toMatchObject({ vfs: [vfs[0]], definedVfs: [vfs[0]], bound: [`host1 ${vfs[0]}`] });
    expect(await vmInterface.read(command(), next.id, next.state)).toMatchObject({ id: next.id, state: next.state });
  });

  it("comes back where the new one cannot be made", async () => {
    const { profile, id, state } = await made();
    lab.host1.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { skip: 1 });
    await expect(vmInterface.create(command(), inputs(profile, { mac: otherMac }))).rejects.toThrow(/Unable to plug/);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(await vmInterface.read(command(), id, state)).toMatchObject({ state: { mac: vm.mac, missing: [] } });
  });

  it("stays plugged with adopt, under another id, so that the deletion of the old one is not for it", async () => {
    const { profile, id, state } = await made();
    const attached = lab.host1.calls.get("domain_attach_device_flags");
    const next = await vmInterface.create(command(), inputs(profile, { adopt: true }));
    // The next command may have to do it.
    await vmInterface.delete(command(), id, state);
    expect(next.id).not.toBe(id);
    expect(lab.host1.calls.get("domain_attach_device_flags")).toBe(attached);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(await vmInterface.read(command(), next.id, next.state)).toMatchObject({
      state: { aliases: state.aliases, missing: [] },
    });
    await vmInterface.delete(command(), next.id, next.state);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("that was deleted before its replacement is made takes no other resource's place", async () => {
    const { standbyProfile: profile } = await declareProfiles(lab);
    const undeclared = { vm: "web", profile };
    const { id, state } = await vmInterface.create(command(), undeclared);
    const sibling = "urn:pulumi:dev::demo::vnic:VmInterface::sibling";
    const { state: other } = await vmInterface.create(command(sibling), undeclared);
    const at = command();
    const news = { ...undeclared, mac: otherMac };
    expect((await vmInterface.check(at, news, undeclared)).failures).toEqual([]);
    await vmInterface.delete(at, id, state);
    expect((await vmInterface.check(at, news)).failures).toEqual([]);
    await vmInterface.create(at, news);
    expect(macsOf("web").toSorted()).toEqual([other.mac, otherMac].toSorted());
  });

  it("takes no other resource's place that has its name in another component", async () => {
    const { profile: fast, standbyProfile: standby } = await declareProfiles(lab);
    const [of, twin] = ["DataNet", "StorageNet"].map(
      (name) => `urn:pulumi:dev::demo::my:${name}$vnic:VmInterface::nic`,
    );
    const before = command(of);
    expect((await vmInterface.check(before, inputs(fast))).failures).toEqual([]);
    await vmInterface.create(before, inputs(fast));
    const at = command(twin);
    expect((await vmInterface.check({ ...at, urn: of ?? "" }, inputs(fast), inputs(fast))).failures).toEqual([]);
    const news = inputs(standby, { mac: otherMac });
    expect((await vmInterface.check(at, news)).failures).toEqual([]);
    await vmInterface.create(at, news);
    expect(macsOf("web")).toEqual(expect.arrayContaining([vm.mac, otherMac]));
  });

  it("that another resource takes over stays when the one that it was of is deleted in that command", async () => {
    const { profile, id, state } = await made();
    const renamed = command("urn:pulumi:dev::demo::vnic:VmInterface::renamed");
    expect((await vmInterface.create(renamed, inputs(profile, { adopt: true }))).id).toBe(id);
    await vmInterface.delete({ ...renamed, urn }, id, state);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });
});

describe("a profile", () => {
  const profileUrn = "urn:pulumi:dev::demo::vnic:VnicProfile::data";
  const at = () => command(profileUrn);

  it("that the user asks to replace is no clash with itself, and is another one then", async () => {
    const { id, state } = await vnicProfile.create(at(), bridgeProfile);
    expect((await vnicProfile.check(at(), bridgeProfile)).failures).toEqual([]);
    const next = await vnicProfile.create(at(), bridgeProfile);
    expect(next.id).not.toBe(id);
    expect(next.state).toEqual(state);
    await vnicProfile.delete(at(), id, state);
    expect((await lab.cluster.profiles.all()).map(({ profile }) => profile.id)).toEqual([next.id]);
    const foreign = await vnicProfile.check(command("urn:pulumi:prod::demo::vnic:VnicProfile::data"), bridgeProfile);
    expect(foreign.failures).toEqual([expect.objectContaining({ property: "name" })]);
  });

  it("comes back where the new one cannot be saved", async () => {
    const { id } = await vnicProfile.create(at(), bridgeProfile);
    lab.host2.refuse("network_define_xml_flags", refusals.functionOffline("pf0"));
    await expect(vnicProfile.create(at(), bridgeProfile)).rejects.toThrow(/Unable to save/);
    expect(await lab.cluster.profiles.all()).toEqual([
      { profile: expect.objectContaining({ id }) as object, differsOn: [] },
    ]);
  });

  it("is refused where an interface of another stack uses it, and where it would go under one of this stack", async () => {
    const { id: failover } = await vnicProfile.create(lab.context(), bridgeProfile);
    const fast: VnicProfileInputs = { ...vfProfile, failover };
    const fastUrn = "urn:pulumi:dev::demo::vnic:VnicProfile::data-vf";
    const { id: profile } = await vnicProfile.create(command(fastUrn), fast);
    const other = command("urn:pulumi:prod::demo::vnic:VmInterface::nic");
    const { id, state } = await vmInterface.create(other, inputs(profile));
    const moved = { ...fast, network: "vf2" };
    for (const check of [vnicProfile.check(command(fastUrn), moved, fast), vnicProfile.check(command(fastUrn), fast)])
      expect((await check).failures).toEqual([
        expect.objectContaining({ reason: expect.stringContaining('VM, "web", and') as string }),
      ]);
    await vmInterface.delete(other, id, state);

    // The engine replaces those of this stack with it, if it deletes first.
    await vmInterface.create(command(), inputs(profile));
    expect((await vnicProfile.check(command(fastUrn), moved, fast)).failures).toEqual([]);
    await expect(vnicProfile.create(command(fastUrn), fast)).rejects.toMatchObject({
      problem: { remedy: expect.stringContaining("deleteBeforeReplace: true") as string },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("that was deleted before its replacement could be made is made by the next command", async () => {
    const old: VnicProfileInputs = { ...vfProfile };
    expect((await vnicProfile.check(at(), { ...old, network: "vf2" }, old)).failures).toEqual([]);
  });

  it("that is taken over stays when the one that it was of is deleted in that command", async () => {
    const { id, state } = await vnicProfile.create(at(), bridgeProfile);
    const again = at();
    expect((await vnicProfile.create(again, { ...bridgeProfile, adopt: true })).id).toBe(id);
    await vnicProfile.delete(again, id, state);
    expect(await lab.cluster.profiles.all()).toHaveLength(1);
  });
});
