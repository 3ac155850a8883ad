/** VmInterface and devices that it did not make, or whose record is lost. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NetworkConfig } from "../../provider/config/index.js";
import type { VmInterfaceInputs } from "../../provider/handlers/inputs/vm-interface.js";
import { UNKNOWN } from "../../provider/model/unknown.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { vnicProfile } from "../../provider/handlers/libvirt/vnic-profile.js";
import { recordsOf, unplugInterface } from "../../provider/backends/libvirt/interfaces.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { errorsOf, planMove } from "../../provider/migration/plan.js";
import { moveVm } from "../../provider/migration/move.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { child, formatXml, parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { flat, giveDevices, ownSettings, pciAttributesOf, standbyByHand, vfByHand } from "../hosts/by-hand.js";
import { runsCommands } from "../hosts/commands.js";
import { bridgeProfile, declarePair, declareProfiles, vfProfile } from "../hosts/declared.js";
import { twoHosts, labNetworks, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { clusterState } from "../hosts/cluster-state.js";

type Networks = Readonly<Record<string, NetworkConfig>>;

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const inputs = (profile: string, more: Partial<VmInterfaceInputs> = {}): VmInterfaceInputs => ({
  vm: vm.name,
  profile,
  mac: vm.mac,
  ...more,
});
const web = () => lab.host1.domains.requireNamed(vm.name);

async function reasons(news: VmInterfaceInputs): Promise<readonly string[]> {
  const { failures } = await vmInterface.check(lab.context(), news, undefined);
  return failures.map(({ property, reason }) => `${property}: ${reason}`);
}

/** The network devices of either definition. */
function nics(of: "live" | "config"): readonly string[] {
  const root = web()[of];
  return root === undefined ? [] : parseDomain(formatXml(root)).interfaces.map(({ raw }) => formatXml(raw));
}

const plainNic = `<interface type='bridge'><mac address='${vm.mac}'/><source bridge='br0'/><model type='virtio'/></interface>`;
const plainVf = `<interface type='hostdev'><mac address='${vm.mac}'/><source><address type='pci' ${pciAttributesOf(vfs[0])}/></source></interface>`;
const plainHostdevPair = [
  standbyByHand,
  `<hostdev mode='subsystem' type='pci'><source><address ${pciAttributesOf(vfs[0])}/></source><teaming type='transient' persistent='ua-backup0'/></hostdev>`,
];

describe("a VM that has a device with the declared MAC already", () => {
  it.each([
    ["a bridged NIC", [plainNic], /bridge NIC net0 on bridge "br0"/],
    ["a VF", [plainVf], /VF 0000:01:10\.0 \(hostdev0\)/],
    ["a standby without its VF", [standbyByHand], /standby ua-backup0 on bridge "br0"/],
  ] as const)("is refused at preview: %s, with and without adopt", async (_, devices, words) => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, devices);
    const before = clusterState(lab);
    for (const adopt of [false, true]) {
      expect(await reasons(inputs(profile, { adopt }))).toEqual([expect.stringMatching(words)]);
      await expect(vmInterface.create(lab.context(), inputs(profile, { adopt }))).rejects.toMatchObject({
        problem: { code: "interface-devices-free-on-vm" },
      });
    }
    expect(clusterState(lab)).toEqual(before);
    expect(nics("live")).toHaveLength(1);
  });

  it.each([
    ["a pair", [standbyByHand, vfByHand(vfs[0])]],
    ["a pair by <hostdev>", plainHostdevPair],
  ])("is refused without adopt, which the message names: %s", async (_, devices) => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, devices);
    expect(await reasons(inputs(profile))).toEqual([
      expect.stringMatching(/^mac: .*the pair of standby ua-backup0 on bridge "br0" and VF .*adopt: true/s),
    ]);
    expect(await reasons(inputs(profile, { adopt: true }))).toEqual([]);
    const { state } = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    expect(state).toMatchObject({ missing: [], vf: vfs[0] });
    expect(nics("live")).toHaveLength(2);
  });

  it("is left alone where the MAC is another", async () => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [plainNic]);
    expect(await reasons(inputs(profile, { mac: "52:54:00:aa:00:51" }))).toEqual([]);
  });
});

describe("a pair on other networks than the profile's is not taken over", () => {
  const pair = (bridge: string, more = "") => [
    standbyByHand.replace("br0", bridge),
    vfByHand(vfs[0], `${more}<alias name='ua-vf0'/>`),
  ];

  it.each([
    [
      "another bridge",
      pair("br9"),
      {},
      /its standby is on bridge "br9", and network "data" of profile "data" has bridge "br0"/,
    ],
    [
      "another PF",
      pair("br0"),
      { "data-vf": { physicalFunctions: ["pf1"] } },
      /VF 0000:01:10\.0 does not belong to a PF of network "data-vf"/,
    ],
    [
      "another VLAN",
      pair("br0", "<vlan><tag id='42'/></vlan>"),
      {},
      /its VF has VLAN 42, and network "data-vf" has no VLAN/,
    ],
    [
      "no VLAN",
      pair("br0"),
      { "data-vf": { physicalFunctions: ["pf0"], vlan: 7 } },
      /its VF has no VLAN, and network "data-vf" has VLAN 7/,
    ],
  ] satisfies [string, string[], Networks, RegExp][])("%s", async (_, devices, networks, words) => {
    await lab.close();
    lab = await twoHosts({ networks: { ...labNetworks, ...networks } });
    lab.host1.devices.bridges.push({ name: "br9", mtu: 1500, ports: [] });
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, devices);
    expect(await reasons(inputs(profile, { adopt: true }))).toEqual([expect.stringMatching(words)]);
    await expect(vmInterface.create(lab.context(), inputs(profile, { adopt: true }))).rejects.toThrow(words);
    expect(lab.host1.calls.get("domain_set_metadata")).toBeUndefined();
  });

  it("nor by a profile that is of no pair", async () => {
    const { standbyProfile } = await declareProfiles(lab);
    giveDevices(lab, pair("br0"));
    expect(await reasons(inputs(standbyProfile, { adopt: true }))).toEqual([
      expect.stringMatching(/profile "data" does not describe a failover pair/),
    ]);
  });
});

describe("a pair whose VF has no alias of its own, taken over", () => {
  const adopted = async (place = "") => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [standbyByHand, vfByHand(vfs[0], place)]);
    const { id, state } = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    return { id, state, profile };
  };

  it("is told by MAC and teaming, whatever libvirt calls it", async () => {
    const { id, state } = await adopted();
    expect(state).toMatchObject({ vf: vfs[0], missing: [] });
    expect(JSON.stringify(state)).not.toContain("hostdev0");
    const config = web().config;
    lab.host1.domains.stop(web());
    // At the next start libvirt gives the alias to another device.
    lab.host1.domains.start(web());
    expect(web().config).toBe(config);
    expect((await vmInterface.read(lab.context(), id, state))?.state).toMatchObject({ vf: vfs[0], missing: [] });
  });

  it("has one VF for its standby, also where it was lost and plugged again", async () => {
    const { id, state, profile } = await adopted("<rom bar='off'/>");
    lab.host1.guestReleases(web(), "hostdev0");
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state.missing).toHaveLength(1);
    const { state: repaired } = await vmInterface.update(lab.context(), id, found?.state ?? state, inputs(profile));
    expect(repaired).toMatchObject({ missing: [] });
    expect(nics("config")).toHaveLength(2);
    expect(nics("live")).toHaveLength(2);
    expect(nics("live").at(-1)).toContain('<rom bar="off"/>');
    const { vfs: live, definedVfs } = clusterState(lab);
    expect(live).toEqual(definedVfs);
  });

  it("goes with both halves when it is removed", async () => {
    const { id, state } = await adopted();
    await vmInterface.delete(lab.context(), id, state);
    expect(nics("live")).toEqual([]);
    expect(nics("config")).toEqual([]);
    expect(clusterState(lab)).toMatchObject({ vfs: [], definedVfs: [], bound: [] });
  });

  it("keeps both halves where the standby cannot go", async () => {
    const { id, state } = await adopted("<rom bar='off'/>");
    const before = [nics("live"), nics("config")].map(flattened);
    lab.host1.before("domain_detach_device_alias", () => void (lab.host1.guest.unplug = "refuses"), { skip: 1 });
    await expect(vmInterface.delete(lab.context(), id, state)).rejects.toThrow(/rejected the unplug request/);
    expect([nics("live"), nics("config")].map(flattened)).toEqual(before);
  });
});

describe("a pair by <hostdev>, taken over", () => {
  const adopted = async () => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, plainHostdevPair);
    const { id, state } = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    return { id, state, profile };
  };

  it("gets its VF back with the pair's MAC, which libvirt does not set", async () => {
    await adopted();
    runsCommands(lab, lab.cluster);
    lab.host1.guestReleases(web(), "hostdev0");
    await plugMissingVfs(lab.cluster, vm.name, lab.progress);
    expect(nics("live")).toContainEqual(expect.stringMatching(/^<hostdev/));
    expect(lab.host1.devices.virtualFunctions()[0]?.settings).toEqual({ mac: vm.mac, vlan: 0 });
  });

  it("goes as a whole, and the VF's MAC with it", async () => {
    const { profile } = await adopted();
    runsCommands(lab, lab.cluster);
    const [vf] = lab.host1.devices.virtualFunctions();
    if (vf === undefined) throw new Error("host1 has no VF");
    vf.settings = { mac: vm.mac, vlan: 0 };
    const instance = await lab.cluster.require(vm.name);
    const [record] = recordsOf(await instance.host.inactiveDomain(instance.dom));
    const [data, fast] = [bridgeProfile.name, vfProfile.name].map(named);
    const [standby, own] = [await data, await fast];
    if (record === undefined || standby === undefined || own === undefined) throw new Error("no record");
    expect(own.id).toBe(profile);
    await unplugInterface(lab.cluster, instance, { record, profile: own, standby }, { forget: true });
    expect([...nics("live"), ...nics("config")]).toEqual([]);
    expect(vf).toMatchObject({ driver: "igbvf", settings: { mac: "00:00:00:00:00:00", vlan: 0 } });
  });

  it("goes as a whole also where a host runs no commands", async () => {
    const { id, state } = await adopted();
    await vmInterface.delete(lab.context(), id, state);
    expect([...nics("live"), ...nics("config")]).toEqual([]);
  });

  async function named(name: string) {
    return (await lab.cluster.profiles.all()).find(({ profile }) => profile.name === name)?.profile;
  }
});

it("a pair of another VLAN is refused at preview although its profile is yet to be made", async () => {
  giveDevices(lab, [standbyByHand, vfByHand(vfs[0], "<vlan><tag id='42'/></vlan>")]);
  const urn = (type: string, name: string) => `urn:pulumi:dev::demo::vnic:${type}::${name}`;
  const [data, fast] = [urn("VnicProfile", "data"), urn("VnicProfile", "data-vf")];
  const command = {};
  await vnicProfile.check(lab.context({ command, urn: data }), bridgeProfile);
  await vnicProfile.check(lab.context({ command, urn: fast, references: { failover: data } }), {
    ...vfProfile,
    failover: UNKNOWN,
  });
  const context = lab.context({ command, urn: urn("VmInterface", "nic"), references: { profile: fast } });
  const news = { vm: vm.name, profile: UNKNOWN, mac: vm.mac, adopt: true };
  expect((await vmInterface.check(context, news, undefined)).failures).toMatchObject([
    {
      property: "profile",
      reason: expect.stringMatching(/its VF has VLAN 42, and network "data-vf" has no VLAN/) as string,
    },
  ]);
});

describe("a VF that is repaired", () => {
  it("is what its owner made it, as the definition has it", async () => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [standbyByHand, vfByHand(vfs[0], ownSettings)]);
    const { id, state } = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    const before = flattened(nics("live"));
    lab.host1.guestReleases(web(), "ua-vf0");
    await vmInterface.update(lab.context(), id, { ...state, missing: ["primary"] }, inputs(profile));
    expect(flattened(nics("live"))).toEqual(before);
  });
});

function flattened(xmls: readonly string[]): readonly string[] {
  return xmls.map((xml) => flat(parseXml(xml))).toSorted();
}

describe("an interface whose record was wiped by virsh define of a file without metadata", () => {
  const withoutMetadata = (root: Element | undefined) =>
    root &&
    withChildren(
      root,
      root.children.filter(({ name }) => name !== "metadata"),
    );
  /** And then the VM was stopped and started. */
  const wiped = (sides: readonly ("live" | "config")[] = ["config", "live"]) => {
    for (const side of sides) Object.assign(web(), { [side]: withoutMetadata(web()[side]) });
  };

  it("is found again, with its made-up MAC, and gets its record back by an update", async () => {
    const { profile } = await declareProfiles(lab);
    const { mac: _, ...undeclared } = inputs(profile);
    const { id, state } = await vmInterface.create(lab.context(), undeclared);
    wiped();
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state).toMatchObject({ mac: state.mac, vf: vfs[0], missing: [expect.stringContaining("record")] });
    if (found === undefined) throw new Error("gone");
    expect((await vmInterface.diff(lab.context(), id, found.state, undeclared)).changes).toBe(true);
    const { state: repaired } = await vmInterface.update(lab.context(), id, found.state, undeclared);
    expect(repaired).toEqual(state);
    expect(nics("live")).toHaveLength(2);
    expect(child(web().config, "metadata")).toBeDefined();
  });

  it("is found again where it was taken over from another", async () => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [standbyByHand, vfByHand(vfs[0])]);
    const { id, state } = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    wiped();
    const found = await vmInterface.read(lab.context(), id, state);
    expect(found?.state).toMatchObject({ vf: vfs[0], aliases: ["ua-backup0", "ua-vf0"] });
    await vmInterface.delete(lab.context(), id, found?.state ?? state);
    expect(nics("config")).toEqual([]);
  });

  it("and whose VF is lost besides gets both back, beside its standby", async () => {
    const { id, state, profile } = await declarePair(lab);
    wiped();
    lab.host1.guestReleases(web(), state.aliases[1] ?? "");
    const detached = lab.host1.calls.get("domain_detach_device_alias");
    const { state: repaired } = await vmInterface.update(lab.context(), id, state, inputs(profile));
    expect(repaired.missing).toEqual([]);
    expect(nics("live")).toHaveLength(2);
    expect(lab.host1.calls.get("domain_detach_device_alias")).toBe(detached);
  });

  it("is refused where another would be made beside it: without a MAC too", async () => {
    const { profile } = await declarePair(lab);
    wiped();
    const { mac: _, ...undeclared } = inputs(profile);
    for (const news of [inputs(profile), undeclared]) {
      expect(await reasons(news)).toEqual([expect.stringMatching(/the pair of standby.*adopt: true/s)]);
      await expect(vmInterface.create(lab.context(), news)).rejects.toMatchObject({
        problem: { code: "mac" in news ? "interface-exists" : "interface-devices-free-on-vm" },
      });
    }
    expect(nics("live")).toHaveLength(2);
  });

  it("is taken over under the id that its alias has", async () => {
    const { id, profile, state } = await declarePair(lab);
    wiped();
    const again = await vmInterface.create(lab.context(), inputs(profile, { adopt: true }));
    expect(again.id).toBe(id);
    expect(again.state).toMatchObject({ vf: state.vf, aliases: state.aliases, missing: [] });
  });

  it("in the definition alone loses no other interface's record by the next change", async () => {
    const { standbyProfile, id, state, profile } = await declarePair(lab);
    const other = await vmInterface.create(lab.context(), inputs(standbyProfile, { mac: "52:54:00:aa:00:51" }));
    wiped(["config"]);
    await vmInterface.update(
      lab.context(),
      other.id,
      other.state,
      inputs(standbyProfile, { mac: "52:54:00:aa:00:51", linked: false }),
    );
    expect((await vmInterface.read(lab.context(), id, state))?.state).toEqual(state);
    expect(formatXml(child(web().config, "metadata") ?? raise())).toContain(profile);
  });

  it("moves all the same", async () => {
    await declarePair(lab);
    wiped();
    expect(errorsOf(await planMove(lab.cluster, vm.name, "host2"))).toEqual([]);
    expect((await moveVm(lab.cluster, { vm: vm.name, to: "host2" }))?.outcome).toBe("moved");
  });
});

function raise(): never {
  throw new Error("it has no metadata");
}
