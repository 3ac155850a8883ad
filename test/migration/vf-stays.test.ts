/** A VF stays what its owner made it: of a move nothing is seen in the VM's XML but the VF of the host behind it. */
import { describe, expect, it as base } from "vitest";
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { MoveFailed, moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { errorsOf, MoveRefused, planMove } from "../../provider/migration/plan.js";
import { recover } from "../../provider/migration/recover.js";
import { plugMissingVfs } from "../../provider/migration/repair.js";
import { attribute, child, formatXml, parseXml, withChildren } from "../../provider/xml/element.js";
import type { NetworkConfig } from "../../provider/config/index.js";
import { flat, giveDevices, ownSettings, pciAttributesOf, standbyByHand, vfByHand } from "../hosts/by-hand.js";
import { runsCommands } from "../hosts/commands.js";
import { declarePair } from "../hosts/declared.js";
import { withTwoHosts, labNetworks, vfs, vm, type LabLike, occupy } from "../hosts/two-hosts.js";
import { disown } from "../hosts/left-journal.js";
import { refusals } from "../hosts/refusals.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { TestClock } from "../hosts/test-clock.js";

type Networks = Readonly<Record<string, NetworkConfig>>;

const it = base.extend<{
  readonly within: (act: (lab: LabLike) => Promise<void>, networks?: Networks) => Promise<void>;
}>({
  within: async ({}, use) => {
    await use((act, networks = labNetworks) =>
      withTwoHosts({ networks, clock: new TestClock() }, async (lab) => {
        // The VFs of the two hosts can be told apart: host2's first one is not free.
        const [first] = lab.host2.devices.virtualFunctions();
        if (first !== undefined) occupy(first);
        runsCommands(lab, lab.cluster);
        await act(lab);
      }),
    );
  },
});

/** Both sides' devices, and how they look with another VF. */
function devices(lab: LabLike, host: "host1" | "host2"): { live: string; defined: string } {
  const { live, config } = lab[host].domains.requireNamed(vm.name);
  const shown = (root: typeof live) => formatXml(child(root, "devices") ?? raise());
  return { live: shown(live), defined: shown(config) };
}

function raise(): never {
  throw new Error("no devices");
}

/** Nothing differs but the VF; the order of the devices means nothing. */
function expectOnlyVfChanged(
  before: ReturnType<typeof devices>,
  after: ReturnType<typeof devices>,
  [from, to]: readonly [string, string],
): void {
  for (const side of ["live", "defined"] as const)
    expect(flattened(after[side])).toEqual(
      flattened(before[side]).map((each) => each.replaceAll(flatAddress(from), flatAddress(to))),
    );
}

/** Each device in one line. */
function flattened(xml: string): readonly string[] {
  return parseXml(xml).children.map(flat).toSorted();
}

function flatAddress(address: string): string {
  return flat(parseXml(`<address ${pciAttributesOf(address)}/>`)).slice("address[".length, -"]()".length);
}

const move = (lab: LabLike, to = "host2") => moveVm(lab.cluster, { vm: vm.name, to, progress: lab.progress });

const vlanNetworks: Networks = {
  data: { bridge: "br0", mtu: 1500 },
  tenant10: { physicalFunctions: ["pf0"], vlan: 10 },
  tenant20: { physicalFunctions: ["pf0"], vlan: 20 },
};

const tag = (id: number) => `<vlan><tag id='${id}'/></vlan>`;
const place = (bus: string) => `<address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/>`;

/** Each by its definition, its live devices where they differ, and the networks of the configuration. */
const pairs: Readonly<Record<string, { defined: string[]; live?: string[]; networks?: Networks }>> = {
  "all that its owner can write": {
    defined: [standbyByHand, vfByHand(vfs[0], ownSettings, " trustGuestRxFilters='yes'")],
  },
  "a variant driver": {
    defined: [
      standbyByHand,
      vfByHand(vfs[0], `<driver name='vfio' model='mlx5_vfio_pci'/><alias name='ua-vf0'/>${place("0x04")}`),
    ],
  },
  "the second of two VLANs on one PF": {
    defined: [standbyByHand, vfByHand(vfs[0], `${tag(20)}${ownSettings}`)],
    networks: vlanNetworks,
  },
  "no alias": { defined: [standbyByHand, vfByHand(vfs[0], place("0x05"))] },
  "both halves by libvirt's networks": {
    defined: [
      standbyByHand.replace("type='bridge'", "type='network'").replace("bridge='br0'", "network='host_bridge'"),
      `<interface type='network'><mac address='${vm.mac}'/><source network='hostdev_net'/><teaming type='transient' persistent='ua-backup0'/><alias name='ua-vf0'/>${place("0x05")}</interface>`,
    ],
    live: [
      standbyByHand.replace(
        "bridge='br0'",
        "network='host_bridge' portid='2c1a3f0e-6c0b-4d7f-9a53-3d1f5d4c0a11' bridge='br0'",
      ),
      vfByHand(vfs[0], `<driver name='vfio'/><alias name='ua-vf0'/>${place("0x05")}`),
    ],
  },
  "the form of a <hostdev>": {
    defined: [
      standbyByHand,
      `<hostdev mode='subsystem' type='pci'><driver name='vfio'/><source writeFiltering='no'><address ${pciAttributesOf(vfs[0])}/></source><teaming type='transient' persistent='ua-backup0'/><rom bar='off'/>${place("0x05")}</hostdev>`,
    ],
  },
};

describe.concurrent("a pair that was made by hand, with", () => {
  it.for(Object.entries(pairs))("%s, goes there and back and is what it was", async ([, pair], { within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, pair.defined, pair.live);
      const before = devices(lab, "host1");
      expect(errorsOf(await planMove(lab.cluster, vm.name, "host2"))).toEqual([]);
      expect((await move(lab))?.outcome).toBe("moved");
      expectOnlyVfChanged(before, devices(lab, "host2"), [vfs[0], vfs[1]]);
      expect(clusterState(lab).vfs).toEqual([vfs[1]]);
      expect((await move(lab, "host1"))?.outcome).toBe("moved");
      expectOnlyVfChanged(before, devices(lab, "host1"), [vfs[0], vfs[0]]);
    }, pair.networks);
  });

  it.for(Object.entries(pairs))("%s, keeps it where QEMU unplugs the VF", async ([, pair], { within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, pair.defined, pair.live);
      const before = devices(lab, "host1");
      const options = { ...defaultMigrationOptions, unplug: "late" } as const;
      expect((await moveVm(lab.cluster, { vm: vm.name, to: "host2", options }))?.outcome).toBe("moved");
      expectOnlyVfChanged(before, devices(lab, "host2"), [vfs[0], vfs[1]]);
    }, pair.networks);
  });

  it.for(Object.entries(pairs))(
    "%s, is what it was where the move is rolled back",
    async ([, pair], { within, expect }) => {
      await within(async (lab) => {
        giveDevices(lab, pair.defined, pair.live);
        const before = devices(lab, "host1");
        lab.host2.refuse("domain_migrate_prepare3_params", refusals.noMemory());
        await expect(move(lab)).rejects.toThrow(MoveFailed);
        expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], vfs: [vfs[0]], journals: [] });
        expectOnlyVfChanged(before, devices(lab, "host1"), [vfs[0], vfs[0]]);
      }, pair.networks);
    },
  );

  it.for(Object.entries(pairs))(
    "%s, is what it was once an interrupted move is recovered",
    async ([, pair], { within, expect }) => {
      await within(async (lab) => {
        giveDevices(lab, pair.defined, pair.live);
        const before = devices(lab, "host1");
        const mover = await lab.entrance();
        runsCommands(lab, mover.cluster);
        lab.host1.before("domain_migrate_perform3_params", () => mover.die());
        await expect(moveVm(mover.cluster, { vm: vm.name, to: "host2" })).rejects.toThrow();
        expect(clusterState(lab)).toMatchObject({ vfs: [], journals: ["host1"] });
        disown(lab);
        expect((await recover(lab.cluster, vm.name)).outcome).toBe("undone");
        expectOnlyVfChanged(before, devices(lab, "host1"), [vfs[0], vfs[0]]);
      }, pair.networks);
    },
  );
});

describe.concurrent("our own pair", () => {
  it("keeps its place in the guest, though a root port before it became free since", async ({ within }) => {
    await within(async (lab) => {
      const plain = `<interface type='bridge'><mac address='52:54:00:aa:00:51'/><source bridge='br0'/><model type='virtio'/><alias name='ua-plain'/></interface>`;
      giveDevices(lab, [plain]);
      await declarePair(lab);
      lab.host1.domains.remove(lab.host1.domains.requireNamed(vm.name), "ua-plain", Affect.LIVE | Affect.CONFIG);
      const before = devices(lab, "host1");
      await move(lab);
      expectOnlyVfChanged(before, devices(lab, "host2"), [vfs[0], vfs[1]]);
    });
  });

  it("gets another place where something else was plugged at its own meanwhile, and says so", async ({
    within,
    expect,
  }) => {
    await within(async (lab) => {
      giveDevices(lab, pairs["no alias"]?.defined ?? []);
      lab.host2.before("domain_attach_device_flags", () => {
        const intruder = parseXml(
          `<disk type='file'><target dev='vdz'/><alias name='ua-disk'/>${place("0x05")}</disk>`,
        );
        lab.host2.domains.attach(lab.host2.domains.requireNamed(vm.name), intruder, Affect.LIVE);
      });
      expect((await move(lab))?.outcome).toBe("moved");
      expect(clusterState(lab).vfs).toEqual([vfs[1]]);
      expect(lab.progress.warnings).toContainEqual(
        expect.stringMatching(/^The PCI address of VF .* in the guest of VM "web" has changed/),
      );
    });
  });

  it("gets another place where its missing VF is plugged and something else is at its own, and says so", async ({
    within,
    expect,
  }) => {
    await within(async (lab) => {
      const pair = await declarePair(lab);
      const [, alias = ""] = pair.state.aliases;
      const web = lab.host1.domains.requireNamed(vm.name);
      const { children } = parseXml(devices(lab, "host1").defined);
      const own = children.find((each) => attribute(child(each, "alias"), "name") === alias);
      const address = child(own, "address") ?? raise();
      lab.host1.domains.remove(web, alias, Affect.LIVE);
      const intruder = parseXml(`<disk type='file'><target dev='vdz'/><alias name='ua-disk'/></disk>`);
      lab.host1.domains.attach(web, withChildren(intruder, [...intruder.children, address]), Affect.LIVE);
      await plugMissingVfs(lab.cluster, vm.name, lab.progress);
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      expect(lab.progress.warnings).toEqual([
        expect.stringMatching(/^The PCI address of VF .* in the guest of VM "web" has changed/),
      ]);
    });
  });

  it("gets the VLAN that its network has on the other host", async ({ within, expect }) => {
    await within(async (lab) => {
      const networks = { ...labNetworks, "data-vf": { physicalFunctions: ["pf0"], vlan: 7 } };
      expect(Object.keys(networks)).toContain("data-vf");
      giveDevices(lab, [standbyByHand, vfByHand(vfs[0], `${tag(7)}<alias name='ua-vf0'/>`)]);
      const { cluster } = await lab.entrance();
      Object.assign(cluster.config.networks, networks);
      Object.assign(cluster.config.hosts["host2"] ?? {}, { networks: { "data-vf": { vlan: 8 } } });
      await moveVm(cluster, { vm: vm.name, to: "host2" });
      const after = devices(lab, "host2");
      for (const xml of Object.values(after)) expect(xml).toContain('<vlan><tag id="8"/></vlan>');
      await moveVm(cluster, { vm: vm.name, to: "host1" });
      for (const xml of Object.values(devices(lab, "host1"))) expect(xml).toContain('<vlan><tag id="7"/></vlan>');
    });
  });
});

describe.concurrent("a VF whose network is not known is refused, and nothing has changed", () => {
  const tagged = (id: number) => [standbyByHand, vfByHand(vfs[0], `${tag(id)}<alias name='ua-vf0'/>`)];
  const reasons: readonly [string, string[], Networks, string, RegExp][] = [
    [
      "no network has its PF",
      [standbyByHand, vfByHand(vfs[0])],
      { data: { bridge: "br0" }, "data-vf": { physicalFunctions: ["pf0np0"] } },
      "move-vf-of-known-network",
      /0000:01:10\.0.*belongs to no network/,
    ],
    [
      "its VLAN is not its network's",
      tagged(42),
      labNetworks,
      "move-vf-vlan-of-network",
      /has VLAN 42, but network "data-vf" has no VLAN/,
    ],
    [
      "no network of its PF has its VLAN",
      tagged(30),
      vlanNetworks,
      "move-vf-vlan-of-network",
      /"tenant10" has VLAN 10, network "tenant20" has VLAN 20/,
    ],
    [
      "two networks have its PF and its VLAN",
      [standbyByHand, vfByHand(vfs[0])],
      { ...labNetworks, more: { physicalFunctions: ["pf0"] } },
      "move-vf-of-one-network",
      /fits networks "data-vf" and "more"/,
    ],
  ];
  it.for(reasons)("%s", async ([, defined, networks, rule, words], { within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, defined);
      const before = clusterState(lab);
      const errors = errorsOf(await planMove(lab.cluster, vm.name, "host2"));
      expect(errors.map(({ rule: id }) => id)).toEqual([rule]);
      expect(errors[0]?.message).toMatch(words);
      await expect(move(lab)).rejects.toThrow(MoveRefused);
      expect(clusterState(lab)).toEqual(before);
    }, networks);
  });

  it("the VF of a recorded pair has another VLAN than its profile's network", async ({ within, expect }) => {
    await within(async (lab) => {
      await declarePair(lab);
      const { cluster } = await lab.entrance();
      Object.assign(cluster.config.networks, { "data-vf": { physicalFunctions: ["pf0"], vlan: 9 } });
      const errors = errorsOf(await planMove(cluster, vm.name, "host2"));
      expect(errors.map(({ message }) => message)).toEqual([
        expect.stringMatching(/has no VLAN, but network "data-vf" has VLAN 9\./),
      ]);
    });
  });
});

describe.concurrent("two pairs of one VM", () => {
  it("do not change places, though both are plugged at once", async ({ within, expect }) => {
    await within(async (lab) => {
      const [mac, other] = [vm.mac, "52:54:00:aa:00:51"];
      const second = [standbyByHand, vfByHand(vfs[1], `<alias name='ua-vf1'/>${place("0x04")}`)].map((xml) =>
        xml.replaceAll(mac, other).replaceAll("ua-backup0", "ua-backup1"),
      );
      giveDevices(lab, [standbyByHand, vfByHand(vfs[0], `<alias name='ua-vf0'/>${place("0x06")}`), ...second]);
      await move(lab);
      const { live } = devices(lab, "host2");
      for (const [alias, bus] of [
        ["ua-vf0", "0x06"],
        ["ua-vf1", "0x04"],
      ])
        expect(live).toMatch(new RegExp(`<alias name="${alias}"/><address type="pci" domain="0x0000" bus="${bus}"`));
    });
  });

  it("without aliases are told apart by MAC and teaming", async ({ within, expect }) => {
    await within(async (lab) => {
      const second = [standbyByHand, vfByHand(vfs[1], place("0x04"))].map((xml) =>
        xml.replaceAll(vm.mac, "52:54:00:aa:00:51").replaceAll("ua-backup0", "ua-backup1"),
      );
      giveDevices(lab, [standbyByHand, vfByHand(vfs[0], place("0x06")), ...second]);
      const report = await move(lab);
      expect(report?.interfaces.map(({ mac, vfAfter }) => [mac, vfAfter])).toEqual([
        [vm.mac, vfs[1]],
        ["52:54:00:aa:00:51", vfs[2]],
      ]);
      const { vfs: live, definedVfs } = clusterState(lab);
      expect([...live].sort()).toEqual([vfs[1], vfs[2]]);
      expect([...definedVfs].sort()).toEqual([vfs[1], vfs[2]]);
    });
  });
});

describe.concurrent("a VF that is a <hostdev>", () => {
  const hostdev = pairs["the form of a <hostdev>"]?.defined ?? [];
  it("gets MAC and VLAN by the hosts, and leaves none behind", async ({ within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, hostdev);
      vfAt(lab.host1, 0).settings = { mac: vm.mac, vlan: 20 };
      const plan = await planMove(lab.cluster, vm.name, "host2");
      expect(plan.interfaces.map(({ network }) => network)).toEqual(["tenant20"]);
      await move(lab);
      expect(vfAt(lab.host2, 1).settings).toEqual({ mac: vm.mac, vlan: 20 });
      expect(vfAt(lab.host1, 0).settings).toEqual({ mac: "00:00:00:00:00:00", vlan: 0 });
    }, vlanNetworks);
  });

  it("gets them before QEMU plugs it by itself, and loses them where that fails", async ({ within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, hostdev);
      vfAt(lab.host1, 0).settings = { mac: vm.mac, vlan: 0 };
      const options = { ...defaultMigrationOptions, unplug: "late" } as const;
      lab.host2.refuse("domain_migrate_prepare3_params", refusals.noMemory());
      const late = () => moveVm(lab.cluster, { vm: vm.name, to: "host2", options });
      await expect(late()).rejects.toThrow(MoveFailed);
      expect(vfAt(lab.host2, 1).settings).toEqual({ mac: "00:00:00:00:00:00", vlan: 0 });
      expect(vfAt(lab.host1, 0).settings).toEqual({ mac: vm.mac, vlan: 0 });
      await late();
      expect(vfAt(lab.host2, 1).settings).toEqual({ mac: vm.mac, vlan: 0 });
    });
  });

  it("is refused where a host runs no commands, and where no network has its VLAN", async ({ within, expect }) => {
    await within(async (lab) => {
      giveDevices(lab, hostdev);
      vfAt(lab.host1, 0).settings = { mac: vm.mac, vlan: 30 };
      const rulesBroken = async (cluster: LabLike["cluster"]) =>
        errorsOf(await planMove(cluster, vm.name, "host2")).map(({ rule, message }) => [rule, message]);
      expect(await rulesBroken(lab.cluster)).toEqual([
        ["move-vf-vlan-of-network", expect.stringContaining("has VLAN 30, but")],
      ]);
      const { cluster } = await lab.entrance();
      expect(await rulesBroken(cluster)).toEqual([
        ["move-hostdev-settings", expect.stringContaining('cannot be run on "host1" and "host2"')],
      ]);
    }, vlanNetworks);
  });
});

function vfAt(host: LabLike["host1"], index: number) {
  return host.devices.virtualFunctions()[index] ?? raise();
}
