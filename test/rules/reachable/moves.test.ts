/** Rules of a move with libvirt: of its plan, and of what the destination is given. */
import { vi } from "vitest";
import { Affect, CpuCompare, DomainState, DomainXml } from "../../../provider/backends/libvirt/constants.js";
import { plan } from "../../../provider/cli/commands/libvirt/plan.js";
import { LibvirtCluster } from "../../../provider/backends/libvirt/cluster.js";
import { VIR_ERR } from "../../../provider/backends/libvirt/rpc/errors.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../../provider/migration/options.js";
import { moveVm } from "../../../provider/migration/move.js";
import { moverOf } from "../../../provider/migration/mover.js";
import { child, formatXml, parseXml, withChildren, type Element } from "../../../provider/xml/element.js";
import { contextWith } from "../../cli/command-context.js";
import { giveDevices, pciAttributesOf, standbyByHand, vfByHand } from "../../hosts/by-hand.js";
import { declarePair, type DeclaredPair } from "../../hosts/declared.js";
import { runsCommands } from "../../hosts/commands.js";
import { Refusal } from "../../hosts/refusals.js";
import { withAgent } from "../../hosts/guest-agent.js";
import {
  domainXml,
  withTwoHosts,
  type HostsOptions,
  labNetworks,
  occupy,
  vfs,
  vm,
  type LabLike,
} from "../../hosts/two-hosts.js";
import { journalOf, leave } from "../../hosts/left-journal.js";
import { clusterState } from "../../hosts/cluster-state.js";
import { raises, refusalOf } from "./raises.js";

vi.mock("../../../provider/rules/rule.js", async (original) => {
  const { noting } = await import("./noting.js");
  return noting(await original());
});

const within = (act: (lab: LabLike) => Promise<string>, options: HostsOptions = {}) => withTwoHosts(options, act);

const planned = async (
  { cluster }: Pick<LabLike, "cluster">,
  of = "web",
  to = "host2",
  options: Partial<MigrationOptions> = {},
) => (await plan(contextWith({ cluster }), { vm: of, to, options: { ...defaultMigrationOptions, ...options } })).text;

/** The plan of moving `web` with its pair to host2, after something has happened to the hosts. */
const planOf = (happen: (lab: LabLike, pair: DeclaredPair) => void | Promise<void>, options: HostsOptions = {}) =>
  within(async (lab) => {
    const pair = await declarePair(lab);
    await happen(lab, pair);
    return planned(lab);
  }, options);

/** The same of a pair that another tool has made. */
const planByHand = (devices: readonly string[], networks = labNetworks, more: HostsOptions = {}) =>
  within(
    (lab) => {
      giveDevices(lab, devices);
      return planned(lab);
    },
    { networks, ...more },
  );

const web = ({ host1 }: LabLike) => host1.domains.requireNamed("web");
const attached = (lab: LabLike, xml: string) => lab.host1.domains.attach(web(lab), parseXml(xml), Affect.LIVE);

raises("move-bridge-network-known", () =>
  planByHand(
    [standbyByHand, vfByHand(vfs[0])],
    { ...labNetworks, office: { bridge: "br0" } },
    {
      hostNetworks: { host2: { office: { bridge: "br1" } } },
    },
  ),
);
raises("move-tls-forced", () => planOf(({ host2 }) => void (host2.tls.forced = true)));
raises("move-vfs-known", () => planOf(({ host2 }) => void host2.missingDaemons.add("nodedev")));
raises("move-vm-exists", () => within((lab) => planned(lab, "absent")));
raises("move-vm-runs", () => planOf((lab) => lab.host1.domains.stop(web(lab))));
raises("move-vm-not-paused", () =>
  planOf((lab) => {
    web(lab).state = DomainState.PAUSED;
  }),
);
raises("move-vm-once", () => planOf(({ host2 }) => host2.domains.start(host2.domains.define(domainXml(vm)))));
raises("move-vm-name-once", () =>
  planOf(({ host2 }) => void host2.domains.define(domainXml({ ...vm, uuid: "11111111-2222-4333-8444-000000000099" }))),
);
raises("move-no-other-migration", () =>
  planOf((lab) => {
    web(lab).job = { direction: "incoming", phase: "begun", cancelled: false, parameters: [] };
  }),
);
raises("move-no-other-job", () => planOf((lab) => lab.host1.otherJob(web(lab), 6)));
raises("move-no-other-mover", () =>
  planOf((lab, pair) => leave(lab, journalOf(pair, { mover: moverOf(process.ppid), until: Date.now() + 60_000 }))),
);
raises("move-destination-known", () => within((lab) => planned(lab, "web", "host9")));
raises("move-hosts-answer", () => planOf(({ host2 }) => host2.close()));
raises("move-host-uuids-differ", () =>
  planOf(({ host1, host2 }) => {
    host2.uuid = host1.uuid;
  }),
);
raises("move-libvirt-version", () =>
  planOf(({ host2 }) => {
    host2.libvirtVersion = 6_010_000;
  }),
);
raises("move-qemu-version", () =>
  planOf(({ host1 }) => {
    host1.qemuVersion = 5_001_000;
  }),
);
raises("move-destination-not-in-maintenance", () => planOf(() => undefined, { maintenance: ["host2"] }));
raises("move-cpu-compatible", () =>
  planOf(({ host2 }) => {
    host2.cpu = CpuCompare.INCOMPATIBLE;
  }),
);
raises("move-memory", () =>
  planOf(({ host2 }) => {
    host2.freeMemoryKiB = 1;
  }),
);
raises("move-memory-certain", () =>
  planOf(({ host2 }) => {
    Object.assign(host2, { freeMemoryKiB: 1, cachedMemoryKiB: 1_048_576 });
  }),
);
raises("move-hugepages", () =>
  planOf((lab) => {
    const backing = parseXml("<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>");
    const domain = web(lab);
    domain.live = domain.live && withChildren(domain.live, [...domain.live.children, backing]);
    lab.host2.hugepages = [{ sizeKiB: 2048, free: 127 }];
  }),
);
raises("move-passthrough-ready", () =>
  planOf(({ host2 }) => {
    host2.iommu = false;
  }),
);

const pairByHand = [standbyByHand, vfByHand(vfs[0])];

raises("move-vf-of-known-network", () =>
  planByHand(pairByHand, { ...labNetworks, "data-vf": { physicalFunctions: ["pf9"] } }),
);
raises("move-hostdev-settings", () =>
  planByHand([
    standbyByHand,
    `<hostdev mode='subsystem' type='pci'><source><address ${pciAttributesOf(vfs[0])}/></source><teaming type='transient' persistent='ua-backup0'/></hostdev>`,
  ]),
);
raises("move-vf-vlan-of-network", () =>
  planByHand([standbyByHand, vfByHand(vfs[0], "<vlan><tag id='42'/></vlan><alias name='ua-vf0'/>")]),
);
raises("move-vf-of-one-network", () =>
  planByHand(pairByHand, { ...labNetworks, "other-vf": { physicalFunctions: ["pf0"] } }),
);
raises("move-standby-network", () => planOf(({ host2 }) => void host2.devices.bridges.splice(0)));
raises("move-pf-up", () =>
  planOf(({ host2 }) => {
    for (const pf of host2.devices.physicalFunctions) pf.linkUp = false;
  }),
);
raises("move-free-vfs", () => planOf(({ host2 }) => host2.devices.virtualFunctions().forEach(occupy)));
raises("move-mtu", () =>
  planOf(({ host2 }) => void host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 1400, ports: ["uplink0"] })),
);
raises("move-pf-mtu", () =>
  within((lab) => {
    for (const { devices } of lab.hosts) devices.bridges.splice(0, 1, { name: "br0", mtu: 9000, ports: ["uplink0"] });
    giveDevices(lab, [standbyByHand.replace("<teaming", "<mtu size='9000'/><teaming"), vfByHand(vfs[0])]);
    return planned(lab);
  }),
);
raises("move-nic-attachments", () =>
  planOf((lab) => {
    lab.host1.devices.bridges.push({ name: "br9", mtu: 1500, ports: ["uplink9"] });
    attached(lab, "<interface type='bridge'><source bridge='br9'/><alias name='ua-lan'/></interface>");
  }),
);
raises("move-migration-port", () =>
  planOf((lab) => {
    runsCommands(lab, lab.cluster);
    lab.network.blocked.add("host1>host2");
  }),
);
raises("move-migration-port-tried", () =>
  within(async (lab) => {
    await declarePair(lab);
    const { configuration } = lab;
    const cluster = new LibvirtCluster({
      ...configuration,
      cluster: { ...configuration.cluster, hostCommands: false },
    });
    try {
      return await planned({ cluster });
    } finally {
      await cluster.close();
    }
  }),
);
raises("move-ignored-rules", () => within((lab) => planned(lab, "web", "host2", { ignoreRules: ["move-vm-once"] })));
raises("move-standby-uplink-apart", () =>
  planOf(({ host2 }) => void host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 1500, ports: ["pf0"] })),
);
raises("move-standby-link-up", () =>
  planByHand([standbyByHand.replace("<teaming", "<link state='down'/><teaming"), vfByHand(vfs[0])]),
);
raises("move-no-other-host-device", () =>
  planOf((lab) => {
    const [, second] = lab.host1.devices.virtualFunctions();
    if (second !== undefined) lab.host1.devices.detach(second);
    attached(
      lab,
      `<hostdev mode='subsystem' type='pci'><source><address ${pciAttributesOf(vfs[1])}/></source><alias name='ua-gpu'/></hostdev>`,
    );
  }),
);
const localDisk = "<disk type='file'><source file='/local.qcow2'/><target dev='vda'/></disk>";
const mayNotMigrate = new Refusal(VIR_ERR.ACCESS_DENIED, 0, "access denied: 'domain' denied access");

raises("move-libvirt-accepts", () =>
  planOf((lab) => {
    web(lab).kept.snapshots = 3;
  }),
);
raises("move-libvirt-asked", () =>
  planOf(({ host1 }) => host1.refuse("domain_migrate_begin3_params", mayNotMigrate, { when: () => true })),
);
raises("move-disks-shared", () =>
  planOf((lab) => {
    attached(lab, localDisk);
    lab.host1.refuse("domain_migrate_begin3_params", mayNotMigrate, { when: () => true });
  }),
);
raises("move-disks-copied", () =>
  within(async (lab) => {
    await declarePair(lab);
    attached(lab, localDisk);
    return planned(lab, "web", "host2", { nonSharedStorage: "copy" });
  }),
);
raises("move-readonly-disks-there", () =>
  planOf((lab) => attached(lab, "<disk type='file'><source file='/cd.iso'/><target dev='sda'/><readonly/></disk>")),
);

// --- the guest, as its agent tells of it

raises("move-guest-kernel", () =>
  planOf((lab) => {
    withAgent(web(lab), "connected");
    lab.host1.agent = { answers: true, os: "centos", kernel: "3.10.0-1160.el7.x86_64" };
  }),
);
raises("move-guest-kernel-tested", () =>
  planOf((lab) => {
    withAgent(web(lab), "connected");
    lab.host1.agent = { answers: true, os: "ubuntu", kernel: "5.4.0-100-generic" };
  }),
);
raises("move-guest-virtio-drivers", () =>
  planOf((lab) => {
    withAgent(web(lab), "connected");
    const card = { type: "pci", "vendor-id": 0x1af4, "device-id": 0x1041 };
    const devices = [
      { "driver-version": "10.0.1", id: { ...card, "vendor-id": 0x8086 } },
      { "driver-version": "100.77.104.17100", "driver-name": "Red Hat VirtIO Ethernet Adapter", id: card },
    ];
    lab.host1.agent = { answers: true, os: "mswindows", kernel: "17763", devices };
  }),
);
raises("move-guest-agent", () => planOf((lab) => withAgent(web(lab), "disconnected")));

// --- what the destination is given: another tool edits the definition while the VM is being moved

/** What the move says, in whose midst the devices of the VM's definition are edited. Nothing is left of it. */
function movedMeanwhile(
  edit: (devices: readonly Element[]) => readonly Element[],
  devices = pairByHand,
): Promise<string> {
  return within(async (lab) => {
    giveDevices(lab, devices);
    const domain = web(lab);
    const isMigrating = () => domain.live !== undefined && formatXml(domain.live).includes('step="migrate"');
    const isDefinition = ({ flags }: { readonly flags: number }) => (flags & DomainXml.INACTIVE) !== 0;
    lab.host1.before("domain_get_xml_desc", () => edited(domain), {
      when: (args) => isDefinition(args) && isMigrating(),
    });
    function edited(of: { config: Element | undefined }): void {
      const config = of.config ?? parseXml("<domain/>");
      const inner = child(config, "devices");
      const change = (each: Element) => (each === inner ? withChildren(each, edit(each.children)) : each);
      of.config = withChildren(config, config.children.map(change));
    }
    const said = await refusalOf(moveVm(lab.cluster, { vm: "web", to: "host2", progress: lab.progress }));
    const { runsOn, vfs: plugged, journals } = clusterState(lab);
    const sent = lab.host1.calls.get("domain_migrate_perform3_params") ?? 0;
    const left = { runsOn, plugged, journals, sent, copy: lab.host2.domains.named("web")?.name };
    const expected = { runsOn: ["host1"], plugged: [vfs[0]], journals: [], sent: 0, copy: undefined };
    if (JSON.stringify(left) !== JSON.stringify(expected)) throw new Error(`left: ${JSON.stringify(left)}\n${said}`);
    return said;
  });
}

const isVf = (device: Element) => formatXml(device).includes("transient");
const isStandby = (device: Element) => formatXml(device).includes('"persistent"');
const rewritten =
  (which: (device: Element) => boolean, from: string | RegExp, to: string) =>
  (devices: readonly Element[]): readonly Element[] =>
    devices.map((device) => (which(device) ? parseXml(formatXml(device).replace(from, to)) : device));
const hostdevPair = [
  standbyByHand,
  `<interface type='hostdev'><mac address='${vm.mac}'/><source><address type='pci' ${pciAttributesOf(vfs[0])}/></source><teaming type='transient' persistent='ua-backup0'/><alias name='ua-vf0'/><address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/></interface>`,
];

raises("migration-xml-nic-count", () => movedMeanwhile((devices) => devices.filter((device) => !isStandby(device))));
// Of any other VF the move says that the VM did not have it when the move began.
raises("migration-xml-hostdev-count", () =>
  movedMeanwhile((devices) => [
    ...devices,
    parseXml(
      `<hostdev mode='subsystem' type='pci'><source><address ${pciAttributesOf(vfs[0])}/></source><teaming type='transient' persistent='ua-backup1'/></hostdev>`,
    ),
  ]),
);
raises("migration-xml-mac", () => movedMeanwhile(rewritten(isStandby, vm.mac, "52:54:00:aa:00:99")));
raises("migration-xml-model", () => movedMeanwhile(rewritten(isStandby, /"virtio"/, '"e1000e"')));
raises("migration-xml-mtu", () => movedMeanwhile(rewritten(isStandby, "<teaming", '<mtu size="9000"/><teaming')));
raises("migration-xml-guest-address", () => movedMeanwhile(rewritten(isVf, 'bus="0x05"', 'bus="0x06"'), hostdevPair));
raises("migration-xml-alias", () => movedMeanwhile(rewritten(isVf, "ua-vf0", "ua-vf9")));
raises("migration-xml-teaming", () => movedMeanwhile(rewritten(isStandby, /<teaming[^>]*\/>/, "")));
