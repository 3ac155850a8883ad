import { describe, expect, it } from "vitest";
import {
  type Disk,
  type Guest,
  type HostFacts,
  type MovingInterface,
  type MovingVm,
  type NetworkOnHost,
  type PlacementFacts,
  type VfOfInterface,
  evaluate,
  placementRules,
} from "../../provider/rules/index.js";
import { examplesOf } from "./examples.js";

const rule = examplesOf(placementRules);

const nic: MovingInterface = { name: "nic", vfNetwork: "data-vf", standbyNetwork: "data" };
const data: NetworkOnHost = {
  name: "data",
  bridge: "br0",
  bridgeExists: true,
  bridgeUplinks: ["eth1"],
  mtu: 1500,
  physicalFunctions: [],
};
const dataVf: NetworkOnHost = { name: "data-vf", physicalFunctions: [{ name: "eth2", up: true, freeVfs: 1 }] };

const goodVm: MovingVm = {
  name: "web",
  exists: true,
  state: "running",
  activeOn: ["host1"],
  job: "none",
  memoryKiB: 2048,
  interfaces: [nic],
  blockingDevices: [],
  disks: [{ target: "vda", type: "file", source: "/shared/web.qcow2", shared: true }],
  guest: { agent: true, os: "linux", kernel: "6.1.0-13-amd64" },
};
const host1: HostFacts = {
  name: "host1",
  configured: true,
  answers: true,
  uuid: "1111",
  libvirtVersion: 7_000_000,
  qemuVersion: 5_002_000,
  freeMemoryKiB: 0,
  passthrough: true,
  networks: [data, dataVf],
};
const host2: HostFacts = { ...host1, name: "host2", uuid: "2222", freeMemoryKiB: 2048 };

function move(
  vm: Partial<MovingVm> = {},
  destination: Partial<HostFacts> = {},
  facts: Partial<PlacementFacts> = {},
): PlacementFacts {
  return {
    vm: { ...goodVm, ...vm },
    source: host1,
    destination: { ...host2, ...destination },
    cpu: "identical",
    ...facts,
  };
}

const good = move();
/** To the host where it is, which could not take the VM once more. */
const nowhere = (vm: Partial<MovingVm> = {}, destination: Partial<HostFacts> = {}): PlacementFacts =>
  move(vm, { ...host1, ...destination });

describe("placement rules", () => {
  it("let a good move through", () => {
    expect(evaluate(placementRules, good)).toEqual([]);
  });

  it("find nothing where nothing is known", () => {
    expect(evaluate(placementRules, { vm: { name: "web" }, destination: { name: "host2" } })).toEqual([]);
    expect(evaluate(placementRules, { vm: goodVm, source: { name: "host1" }, destination: { name: "host2" } })).toEqual(
      [],
    );
  });

  it("find one thing where a host does not answer", () => {
    const found = evaluate(placementRules, {
      vm: goodVm,
      source: host1,
      destination: { name: "host2", answers: false },
    });
    expect(found.map((violation) => violation.rule)).toEqual(["move-hosts-answer"]);
  });

  it("find nothing where the VM is there already", () => {
    expect(evaluate(placementRules, nowhere({}, { networks: [] }))).toEqual([]);
  });

  it("find everything at once, in order", () => {
    const found = evaluate(placementRules, move({ state: "paused" }, { freeMemoryKiB: 0, networks: [] }));
    expect(found.map((violation) => violation.rule)).toEqual([
      "move-vm-not-paused",
      "move-memory",
      "move-standby-network",
      "move-vf-network",
    ]);
  });
});

rule("move-vm-exists", {
  breaks: [[move({ exists: false }), { property: "vm", message: 'No host of the cluster has a VM "web".' }]],
  keeps: [good, move({ exists: undefined })],
});

rule("move-vm-runs", {
  breaks: [[move({ state: "shutoff" }), { property: "vm", message: 'VM "web" is shut off.' }]],
  keeps: [good, move({ state: "paused" }), move({ state: undefined })],
});

rule("move-vm-not-paused", {
  breaks: [
    [move({ state: "paused" }), { property: "vm", message: 'VM "web" is paused, so its guest cannot release a VF.' }],
  ],
  keeps: [good, move({ state: "shutoff" }), move({ state: undefined })],
});

rule("move-vm-once", {
  breaks: [
    [
      move({ activeOn: ["host1", "host3"] }),
      { property: "vm", message: 'VM "web" is active on 2 hosts: "host1" and "host3".' },
    ],
  ],
  keeps: [good, move({ activeOn: [] }), move({ activeOn: undefined })],
});

const namesake = { host: "host2", uuid: "2222", active: false };
rule("move-vm-name-once", {
  breaks: [
    [
      move({ namesakes: [namesake] }),
      { property: "vm", message: 'Host "host2" has another VM named "web" (UUID 2222).' },
    ],
    [
      move({ namesakes: [{ ...namesake, host: "host3", active: true }] }),
      { property: "vm", message: 'Host "host3" has another VM named "web" (UUID 2222).' },
    ],
  ],
  keeps: [good, move({ namesakes: [{ ...namesake, host: "host3" }] }), move({ namesakes: undefined })],
});

rule("move-no-other-migration", {
  breaks: [
    [move({ job: "migration out" }), { property: "vm", message: 'VM "web" is already migrating (migration out).' }],
    [move({ job: "migration in" }), { property: "vm", message: 'VM "web" is already migrating (migration in).' }],
  ],
  keeps: [good, move({ job: "snapshot" }), move({ job: undefined })],
});

rule("move-no-other-job", {
  breaks: [
    [move({ job: "snapshot" }), { property: "vm", message: 'VM "web" is busy with another job (snapshot).' }],
    [move({ job: "save" }), { property: "vm", message: 'VM "web" is busy with another job (save).' }],
  ],
  keeps: [good, move({ job: "migration out" }), move({ job: undefined })],
});

rule("move-no-other-mover", {
  breaks: [
    [
      move({ moveBegunBy: "process 4242 on ops1" }),
      { property: "vm", message: 'VM "web" is being moved by process 4242 on ops1.' },
    ],
  ],
  keeps: [good],
});

rule("move-vm-status", {
  breaks: [
    [
      move({ unmovableStatus: "suspended" }),
      { property: "vm", message: 'VM "web" is in status suspended, in which the engine cannot migrate it.' },
    ],
  ],
  keeps: [good],
});

rule("move-destination-known", {
  breaks: [[move({}, { configured: false }), { property: "host", message: 'The cluster has no host "host2".' }]],
  keeps: [good, move({}, { configured: undefined })],
});

rule("move-destination-not-in-maintenance", {
  breaks: [
    [
      move({}, { maintenance: true }),
      { property: "host", message: 'Host "host2" is under maintenance, so no VM is moved to it.' },
    ],
    [
      move({}, { maintenance: true }, { source: undefined }),
      { property: "host", message: 'Host "host2" is under maintenance, so no VM is moved to it.' },
    ],
  ],
  // Away from it, and where the VM is there already.
  keeps: [
    good,
    move({}, { maintenance: false }),
    move({}, {}, { source: { ...host1, maintenance: true } }),
    nowhere({}, { maintenance: true }),
  ],
});

rule("move-hosts-answer", {
  breaks: [
    [
      move(
        {},
        { answers: false, unreachable: { why: 'Unable to reach host "host2": Connection refused', remedy: undefined } },
      ),
      { property: "host", message: 'Unable to reach host "host2": Connection refused.' },
    ],
    [
      move(
        {},
        {
          answers: false,
          unreachable: { why: 'Unable to reach host "host2": no route (10.0.0.2)', remedy: "Fix the route." },
        },
        { source: { ...host1, answers: false } },
      ),
      { property: "host", message: 'Host "host1" does not answer.' },
      { property: "host", message: 'Unable to reach host "host2": no route (10.0.0.2).', remedy: "Fix the route." },
    ],
    [nowhere({}, { answers: false }), { property: "host", message: 'Host "host1" does not answer.' }],
    [
      move({}, { answers: false }, { source: undefined }),
      { property: "host", message: 'Host "host2" does not answer.' },
    ],
  ],
  keeps: [good, move({}, { answers: undefined })],
});

rule("move-host-up", {
  breaks: [
    [
      move({}, { status: "non_operational" }),
      {
        property: "host",
        message: 'Host "host2" is in status non_operational, and the engine migrates only to hosts that are up.',
      },
    ],
  ],
  keeps: [good, move({}, { status: "up" })],
});

rule("move-host-uuids-differ", {
  breaks: [
    [
      move({}, { uuid: "1111" }),
      {
        property: "host",
        message: 'Hosts "host1" and "host2" have the same UUID, 1111: libvirt treats them as the same host.',
      },
    ],
  ],
  keeps: [
    good,
    nowhere(),
    move({}, { uuid: undefined }, { source: { ...host1, uuid: undefined } }),
    move({}, { uuid: undefined }, { source: undefined }),
  ],
});

rule("move-tls-forced", {
  breaks: [
    [
      { ...good, source: { ...host1, tlsForced: true } },
      {
        property: "migration",
        message: 'Host "host1" takes and sends VMs by TLS alone (migrate_tls_force in its qemu.conf).',
      },
    ],
    [
      move({}, { tlsForced: true }),
      {
        property: "migration",
        message: 'Host "host2" takes and sends VMs by TLS alone (migrate_tls_force in its qemu.conf).',
      },
    ],
    [
      { ...move({}, { tlsForced: true }), source: { ...host1, tlsForced: true } },
      {
        property: "migration",
        message: 'Hosts "host1" and "host2" take and send VMs by TLS alone (migrate_tls_force in their qemu.conf).',
      },
    ],
  ],
  keeps: [good, move({}, { tlsForced: false })],
});

rule("move-libvirt-version", {
  breaks: [
    [
      move({}, { libvirtVersion: 6_999_999 }, { source: { ...host1, libvirtVersion: 6_010_003 } }),
      { property: "host", message: 'Host "host1" has libvirt 6.10.3, but failover needs 7.0.0.' },
      {
        property: "host",
        message: 'Host "host2" has libvirt 6.999.999, but failover needs 7.0.0.',
        remedy: "Upgrade libvirt on that host.",
      },
    ],
  ],
  keeps: [good, move({}, { libvirtVersion: undefined })],
});

rule("move-qemu-version", {
  breaks: [
    [
      move({}, { qemuVersion: 5_001_999 }),
      {
        property: "host",
        message: 'Host "host2" has QEMU 5.1.999, but failover needs 5.2.0.',
        remedy: "Upgrade QEMU on that host.",
      },
    ],
  ],
  keeps: [good, move({}, { qemuVersion: undefined, libvirtVersion: 1 })],
});

rule("move-cpu-compatible", {
  breaks: [
    [
      move({}, {}, { cpu: "incompatible" }),
      {
        property: "host",
        message: `The CPU of host "host2" lacks features that VM "web" has, by libvirt's comparison.`,
      },
    ],
  ],
  keeps: [good, move({}, {}, { cpu: "superset" }), move({}, {}, { cpu: undefined })],
});

rule("move-memory", {
  breaks: [
    [
      move({ memoryKiB: 4096 }, { freeMemoryKiB: 4095 }),
      {
        property: "host",
        message: 'Host "host2" has 3 MiB of free memory, caches included, but VM "web" needs 4 MiB.',
      },
    ],
  ],
  keeps: [
    move({ memoryKiB: 4096 }, { freeMemoryKiB: 4096 }),
    move({ memoryKiB: undefined }, { freeMemoryKiB: 0 }),
    move({}, { freeMemoryKiB: undefined }),
    nowhere(),
  ],
});

rule("move-memory-certain", {
  breaks: [
    [
      move({ memoryKiB: 4096 }, { freeMemoryKiB: 8192, certainMemoryKiB: 4095 }),
      {
        property: "host",
        message:
          'Host "host2" has 3 MiB of free memory, but VM "web" needs 4 MiB. Caches hold 4 MiB more, but shared memory that cannot be freed may be a part of them.',
      },
    ],
  ],
  keeps: [
    move({ memoryKiB: 4096 }, { freeMemoryKiB: 8192, certainMemoryKiB: 4096 }),
    move({ memoryKiB: 4096 }, { freeMemoryKiB: 4096 }),
    move({ memoryKiB: undefined }, { freeMemoryKiB: 8192, certainMemoryKiB: 0 }),
  ],
});

const huge = { sizeKiB: 1_048_576, memoryKiB: 4_194_304 };

rule("move-hugepages", {
  breaks: [
    [
      move({ hugepages: [huge] }, { freeHugepages: [{ sizeKiB: 1_048_576, free: 3 }] }),
      {
        property: "host",
        message: 'Host "host2" has 3 free huge pages of 1 GiB, but VM "web" needs 4.',
      },
    ],
    [
      move(
        { hugepages: [{ ...huge, hostNodes: [1] }] },
        {
          freeHugepages: [
            { sizeKiB: 1_048_576, node: 0, free: 9 },
            { sizeKiB: 1_048_576, node: 1, free: 1 },
          ],
        },
      ),
      {
        property: "host",
        message: 'Host "host2" has 1 free huge page of 1 GiB on NUMA node 1, but VM "web" needs 4.',
      },
    ],
    [
      move({ hugepages: [huge, { sizeKiB: 2048, memoryKiB: 4096 }] }, { freeHugepages: [] }),
      { property: "host", message: 'Host "host2" has 0 free huge pages of 1 GiB, but VM "web" needs 4.' },
      { property: "host", message: 'Host "host2" has 0 free huge pages of 2 MiB, but VM "web" needs 2.' },
    ],
  ],
  keeps: [
    good,
    move({ hugepages: [huge] }, { freeHugepages: undefined }),
    move({ hugepages: [huge] }, { freeHugepages: [{ sizeKiB: 1_048_576, free: 4 }], freeMemoryKiB: 4096 }),
    move(
      { hugepages: [huge] },
      {
        freeHugepages: [
          { sizeKiB: 1_048_576, node: 0, free: 2 },
          { sizeKiB: 1_048_576, node: 1, free: 2 },
        ],
      },
    ),
    move({ hugepages: [{ ...huge, hostNodes: [1] }] }, { freeHugepages: [{ sizeKiB: 1_048_576, free: 4 }] }),
  ],
});

rule("move-passthrough-ready", {
  breaks: [
    [
      move({}, { passthrough: false }),
      {
        property: "host",
        message: 'Host "host2" can\'t assign VFs to VM "web": it has no IOMMU groups, or no /dev/vfio/vfio.',
      },
    ],
  ],
  keeps: [
    good,
    move({}, { passthrough: undefined }),
    move({ interfaces: [] }, { passthrough: false }),
    move({ interfaces: [{ name: "nic", standbyNetwork: "data" }] }, { passthrough: false }),
    move({ interfaces: undefined }, { passthrough: false }),
  ],
});

rule("move-standby-network-in-cluster", {
  breaks: [
    [
      move({}, {}, { clusterNetworks: ["data-vf"] }),
      {
        property: "vm",
        message:
          'Network "data", which a standby of VM "web" uses, is not attached to the VM\'s cluster, so the engine cannot migrate the VM.',
      },
    ],
  ],
  keeps: [good, move({}, {}, { clusterNetworks: ["data"] })],
});

rule("move-standby-network", {
  breaks: [
    [
      move({ interfaces: [nic, { ...nic, name: "second" }] }, { networks: [dataVf] }),
      {
        property: "host",
        message: 'Host "host2" has no bridge for network "data", which a virtio interface of VM "web" needs.',
      },
    ],
    [
      move({}, { networks: [{ ...data, bridge: undefined }] }),
      {
        property: "host",
        message: 'Host "host2" has no bridge for network "data", which a virtio interface of VM "web" needs.',
      },
    ],
    [
      move({}, { networks: [{ ...data, bridgeExists: false }] }),
      {
        property: "host",
        message: 'Host "host2" has no bridge "br0" (network "data"), which a virtio interface of VM "web" needs.',
      },
    ],
  ],
  keeps: [
    good,
    move({}, { networks: undefined }),
    move({}, { networks: [{ ...data, bridgeExists: undefined }] }),
    move({ interfaces: [{ name: "vf", vfNetwork: "data-vf" }] }, { networks: [] }),
    nowhere({}, { networks: [] }),
  ],
});

/** The VM with a VF of which this is known. */
function withVf(
  vf: Partial<VfOfInterface>,
  source: Partial<HostFacts> = {},
  destination: Partial<HostFacts> = {},
): PlacementFacts {
  const known = { address: "0000:3b:02.1", networks: [{ name: "data-vf" }], fitting: ["data-vf"], ...vf };
  const facts = move({ interfaces: [{ name: "first", standbyNetwork: "data", vfNetwork: "data-vf", vf: known }] });
  return { ...facts, source: { name: "host1", ...source }, destination: { ...facts.destination, ...destination } };
}
const theVf = 'VF 0000:3b:02.1 of interface "first" of VM "web"';

rule("move-vf-of-known-network", {
  breaks: [
    [
      withVf({ networks: [], fitting: [] }),
      {
        property: "vm",
        message: `${theVf} belongs to no network of vnic-failover:cluster: no network lists its PF on host "host1" in physicalFunctions.`,
      },
    ],
  ],
  keeps: [good, withVf({}), withVf({ fitting: [] }), move({ interfaces: undefined })],
});

rule("move-hostdev-settings", {
  breaks: [
    [
      withVf({ setByHosts: true, settingsRead: false }, {}, { runsCommands: false }),
      {
        property: "vm",
        message: `${theVf} is a <hostdev>, whose MAC and VLAN libvirt does not set; setting them needs commands, which cannot be run on "host1" and "host2".`,
      },
    ],
    [
      withVf({ setByHosts: true, settingsRead: true }, {}, { runsCommands: false }),
      {
        property: "vm",
        message: `${theVf} is a <hostdev>, whose MAC and VLAN libvirt does not set; setting them needs commands, which cannot be run on "host2".`,
      },
    ],
  ],
  keeps: [
    good,
    withVf({ setByHosts: true, settingsRead: true }, {}, { runsCommands: true }),
    withVf({ setByHosts: true, settingsRead: true }),
    withVf({}, {}, { runsCommands: false }),
  ],
});

rule("move-vf-vlan-of-network", {
  breaks: [
    [
      withVf({ vlans: [42], fitting: [] }),
      { property: "vm", message: `${theVf} has VLAN 42, but network "data-vf" has no VLAN.` },
    ],
    [
      withVf({
        networks: [
          { name: "a", vlan: 10 },
          { name: "b", vlan: 20 },
        ],
        vlans: [1, 2],
        fitting: [],
      }),
      { property: "vm", message: `${theVf} has VLANs 1, 2, but network "a" has VLAN 10, network "b" has VLAN 20.` },
    ],
  ],
  keeps: [good, withVf({}), withVf({ networks: [], fitting: [] }), withVf({ settingsRead: false, fitting: [] })],
});

rule("move-vf-of-one-network", {
  breaks: [
    [
      withVf({ networks: [{ name: "a" }, { name: "b" }], fitting: ["a", "b"] }),
      {
        property: "vm",
        message: `${theVf} fits networks "a" and "b": its PF and VLAN do not identify one of them.`,
      },
    ],
  ],
  keeps: [good, withVf({}), withVf({ fitting: [] })],
});

const noDevices = { why: 'Unable to ask "host1" for its devices', remedy: "Install it" };
rule("move-vfs-known", {
  breaks: [
    [
      { ...good, source: { name: "host1", devicesUnknown: noDevices } },
      { property: "vm", message: 'Unable to ask "host1" for its devices.' },
    ],
    [
      move({}, { devicesUnknown: { why: 'Unable to ask "host2" for its devices', remedy: "Install it." } }),
      { property: "host", message: 'Unable to ask "host2" for its devices.' },
    ],
  ],
  keeps: [good, move({}, { devicesUnknown: undefined })],
});

rule("move-vf-network", {
  breaks: [
    [
      move({}, { networks: [data] }),
      {
        property: "host",
        message: 'Host "host2" has no physical function for network "data-vf" of VM "web".',
      },
    ],
    [
      move({}, { networks: [data, { ...dataVf, physicalFunctions: [] }] }),
      {
        property: "host",
        message: 'Host "host2" has no physical function for network "data-vf" of VM "web".',
      },
    ],
  ],
  keeps: [good, move({}, { networks: undefined }), move({ interfaces: undefined }, { networks: [] })],
});

/** The VFs' network with these physical functions. */
function functions(
  ...physicalFunctions: NonNullable<NetworkOnHost["physicalFunctions"]>[number][]
): Partial<HostFacts> {
  return { networks: [data, { ...dataVf, physicalFunctions }] };
}

rule("move-pf-up", {
  breaks: [
    [
      move({}, functions({ name: "eth2", up: false })),
      { property: "host", message: 'On host "host2", PF "eth2" of network "data-vf" is down.' },
    ],
    [
      move({}, functions({ name: "eth2", up: false }, { name: "eth3", up: false })),
      { property: "host", message: 'On host "host2", PFs "eth2" and "eth3" of network "data-vf" are down.' },
    ],
  ],
  keeps: [
    good,
    move({}, functions({ name: "eth2", up: false }, { name: "eth3", up: true })),
    move({}, functions({ name: "eth2" })),
    move({}, functions()),
    move({}, { networks: [] }),
  ],
});

const second: MovingInterface = { name: "second", vfNetwork: "data-vf", standbyNetwork: "data" };
const third: MovingInterface = { name: "third", vfNetwork: "store-vf" };

/** Both networks' VFs are on eth2, data-vf's on eth3 as well. */
function sharing(onEth2: number, onEth3: number): Partial<HostFacts> {
  const eth2 = { name: "eth2", freeVfs: onEth2 };
  return {
    networks: [
      data,
      { name: "data-vf", physicalFunctions: [eth2, { name: "eth3", freeVfs: onEth3 }] },
      { name: "store-vf", physicalFunctions: [eth2] },
    ],
  };
}

rule("move-free-vfs", {
  breaks: [
    [
      move({ interfaces: [nic, second] }),
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "data-vf" for VM "web": none is left for "second".',
      },
    ],
    [
      move({ interfaces: [nic, second] }, functions({ name: "eth2", freeVfs: 0 })),
      {
        property: "host",
        message:
          'Host "host2" has too few free VFs of network "data-vf" for VM "web": none is left for "nic" and "second".',
      },
    ],
    [
      move(
        { interfaces: [nic, second] },
        functions({ name: "eth2", up: true, freeVfs: 1 }, { name: "eth3", up: false, freeVfs: 1 }),
      ),
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "data-vf" for VM "web": none is left for "second".',
      },
    ],
    [
      // Both networks hang on eth2, which has one.
      move(
        { interfaces: [nic, third] },
        { networks: [data, dataVf, { name: "store-vf", physicalFunctions: [{ name: "eth2", freeVfs: 1 }] }] },
      ),
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "store-vf" for VM "web": none is left for "third".',
      },
    ],
    [
      // "nic" makes room on eth2, and must not be counted there any more.
      move({ interfaces: [nic, third, { ...third, name: "fourth" }] }, sharing(1, 2)),
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "store-vf" for VM "web": none is left for "fourth".',
      },
    ],
    [
      // "stays" remains on eth2 when "nic" makes room there.
      move({ interfaces: [{ ...third, name: "stays" }, nic, third, { ...third, name: "fourth" }] }, sharing(2, 1)),
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "store-vf" for VM "web": none is left for "fourth".',
      },
    ],
    [
      move(
        { interfaces: [nic, second, third] },
        {
          networks: [
            data,
            { name: "data-vf", physicalFunctions: [{ name: "eth2", freeVfs: 0 }] },
            { name: "store-vf", physicalFunctions: [{ name: "eth3", freeVfs: 0 }] },
          ],
        },
      ),
      {
        property: "host",
        message:
          'Host "host2" has too few free VFs of network "data-vf" for VM "web": none is left for "nic" and "second".',
      },
      {
        property: "host",
        message: 'Host "host2" has too few free VFs of network "store-vf" for VM "web": none is left for "third".',
      },
    ],
  ],
  keeps: [
    good,
    move({ interfaces: [nic, second] }, functions({ name: "eth2", freeVfs: 2 })),
    move({ interfaces: [nic, second] }, functions({ name: "eth2", freeVfs: 1 }, { name: "eth3", freeVfs: 1 })),
    move({ interfaces: [nic, second] }, functions({ name: "eth2" })),
    move({}, functions({ name: "eth2", up: false, freeVfs: 0 })),
    move({}, functions()),
    move({ interfaces: [{ name: "nic", standbyNetwork: "data" }] }, functions({ name: "eth2", freeVfs: 0 })),
    nowhere({}, functions({ name: "eth2", freeVfs: 0 })),
    // "nic" took eth2 first, and has to make room for "third", which has no other.
    move({ interfaces: [nic, third] }, sharing(1, 1)),
    // Two are on eth2 already, and the first of them can't leave.
    move({ interfaces: [{ ...third, name: "stays" }, nic, third] }, sharing(2, 1)),
  ],
});

const jumbo: MovingInterface = { ...nic, mtu: 9000 };

rule("move-mtu", {
  breaks: [
    [
      move({}, { networks: [{ ...data, mtu: 1400 }] }),
      {
        property: "host",
        message: 'Network "data" has MTU 1500 on host "host1", but network "data" has MTU 1400 on host "host2".',
      },
    ],
    [
      move({ interfaces: [jumbo] }),
      {
        property: "host",
        message: 'Interface "nic" of VM "web" has MTU 9000, but network "data" has MTU 1500 on host "host2".',
      },
    ],
  ],
  keeps: [
    good,
    // A larger one loses nothing, and what the guest has is what counts.
    move({}, { networks: [{ ...data, mtu: 9000 }] }),
    move(
      { interfaces: [{ ...nic, mtu: 1500 }] },
      {},
      { source: { ...host1, networks: [{ ...data, mtu: 9000 }, dataVf] } },
    ),
    move({}, { networks: [{ ...data, mtu: undefined }] }),
    move({}, { networks: [{ ...data, mtu: 1400 }] }, { source: undefined }),
    move({}, { networks: [{ ...data, mtu: 1400 }] }, { source: { ...host1, networks: [dataVf] } }),
    move({ interfaces: undefined }, { networks: [{ ...data, mtu: 1400 }] }),
  ],
});

const withPfs = (...mtus: readonly (number | undefined)[]): Partial<HostFacts> => ({
  networks: [
    { ...data, mtu: 9000 },
    {
      ...dataVf,
      physicalFunctions: mtus.map((mtu, index) => ({ name: `eth${index + 2}`, up: true, freeVfs: 1, mtu })),
    },
  ],
});

rule("move-pf-mtu", {
  breaks: [
    [
      move({ interfaces: [jumbo] }, withPfs(1500)),
      {
        property: "host",
        message:
          'Interface "nic" of VM "web" has MTU 9000, but on host "host2" PF "eth2" of network "data-vf" has MTU 1500: the guest may refuse the VF.',
      },
    ],
  ],
  keeps: [
    move({}, withPfs(1500)),
    move({ interfaces: [jumbo] }, withPfs(9000)),
    move({ interfaces: [jumbo] }, withPfs(1500, 9000)),
    move({ interfaces: [jumbo] }, withPfs(undefined)),
  ],
});

rule("move-nic-attachments", {
  breaks: [
    [
      move(
        {},
        {
          attachments: [
            { nic: "net0", kind: "bridge", name: "br9", state: "absent" },
            { nic: "net1", kind: "network", name: "lan", state: "inactive" },
            { nic: "net2", kind: "network", name: "wan", state: "absent" },
          ],
        },
      ),
      { property: "host", message: 'Host "host2" has no bridge "br9", which NIC "net0" of VM "web" needs.' },
      {
        property: "host",
        message: 'On host "host2", libvirt network "lan" is not started, which NIC "net1" of VM "web" needs.',
      },
      { property: "host", message: 'Host "host2" has no libvirt network "wan", which NIC "net2" of VM "web" needs.' },
    ],
  ],
  keeps: [good, move({}, { attachments: [{ nic: "net0", kind: "bridge", name: "br0", state: "there" }] })],
});

rule("move-bridge-network-known", {
  breaks: [
    [
      move({}, { unclearBridges: [{ nic: "net0", bridge: "br0", networks: ["data", "mgmt"] }] }),
      {
        property: "vm",
        message:
          'NIC "net0" of VM "web" is on bridge "br0", which is that of networks "data" and "mgmt" on host "host1". These have different bridges on host "host2", and it is not known which of them the NIC is of.',
      },
    ],
  ],
  keeps: [good, move({}, { unclearBridges: [] })],
});

const port = { address: "10.0.0.2", port: 49_152 } as const;

rule("move-migration-port", {
  breaks: [
    [
      move({}, { migrationPort: { ...port, outcome: "no answer", why: "no answer within 2 s" } }),
      {
        property: "host",
        message: 'Host "host1" cannot reach host "host2" for the migration at 10.0.0.2:49152: no answer within 2 s.',
      },
    ],
    [
      move({}, { migrationPort: { ...port, address: "fe80::1", outcome: "no route", why: "No route to host" } }),
      {
        property: "host",
        message: 'Host "host1" cannot reach host "host2" for the migration at [fe80::1]:49152: No route to host.',
      },
    ],
    [
      move(
        {},
        { migrationPort: { ...port, address: "host2", outcome: "not resolved", why: "Name or service not known" } },
      ),
      {
        property: "host",
        message: 'Host "host1" cannot reach host "host2" for the migration at host2:49152: Name or service not known.',
        remedy: "Set hosts.host2.migrationAddress of vnic-failover:cluster to an address that the other hosts reach.",
      },
    ],
  ],
  keeps: [
    good,
    move({}, { migrationPort: { ...port, outcome: "reached", why: "connected" } }),
    move({}, { migrationPort: { ...port, outcome: "not tried" } }),
  ],
});

rule("move-migration-port-tried", {
  breaks: [
    [
      move(
        {},
        { migrationPort: { ...port, outcome: "not tried", why: "hostCommands of vnic-failover:cluster is false" } },
      ),
      {
        property: "host",
        message:
          'It was not tried whether host "host1" reaches host "host2" at its migration port 49152: hostCommands of vnic-failover:cluster is false.',
      },
    ],
  ],
  keeps: [good, move({}, { migrationPort: { ...port, outcome: "no answer" } })],
});

rule("move-ignored-rules", {
  breaks: [
    [
      move({}, {}, { ignoredRules: ["move-memory", "move-memori", "move-vm-once"] }),
      {
        property: "migration",
        message: 'Rule "move-memori" of ignoreRules is not one that can be ignored.',
        remedy: expect.stringContaining('Did you mean "move-memory"?') as string,
      },
      { property: "migration", message: 'Rule "move-vm-once" of ignoreRules is not one that can be ignored.' },
    ],
  ],
  keeps: [good, move({}, {}, { ignoredRules: ["move-memory"] })],
});

rule("move-standby-uplink-apart", {
  breaks: [
    [
      move({}, { networks: [{ ...data, bridgeUplinks: ["eth1", "eth2"] }, dataVf] }),
      {
        property: "host",
        message:
          'On host "host2" the VF of interface "nic" and its standby share PF "eth2": traffic to the guest is lost from the plugging of the VF until the guest\'s driver is up.',
      },
    ],
  ],
  keeps: [
    good,
    move({}, { networks: [{ ...data, bridgeUplinks: undefined }, dataVf] }),
    move({}, { networks: [{ ...data, bridgeUplinks: ["eth2"] }] }),
    move({}, { networks: [dataVf] }),
    move(
      {
        interfaces: [
          { name: "vf", vfNetwork: "data-vf" },
          { name: "virtio", standbyNetwork: "data" },
        ],
      },
      { networks: [{ ...data, bridgeUplinks: ["eth2"] }, dataVf] },
    ),
    move({ interfaces: undefined }, { networks: [{ ...data, bridgeUplinks: ["eth2"] }, dataVf] }),
  ],
});

rule("move-passthrough-migratable", {
  breaks: [
    [
      move({ interfaces: [nic, { ...nic, name: "a", migratable: false }, { ...nic, name: "b", migratable: false }] }),
      {
        property: "vm",
        message: 'VM "web" has passthrough interfaces that are not migratable: "a" and "b".',
      },
    ],
  ],
  keeps: [
    good,
    move({ interfaces: [{ ...nic, migratable: true }] }),
    move({ interfaces: [{ name: "virtio", standbyNetwork: "data", migratable: false }] }),
  ],
});

rule("move-vf-has-standby", {
  breaks: [
    [
      move({ interfaces: [nic, { name: "vf", vfNetwork: "data-vf" }] }),
      {
        property: "vm",
        message: 'VM "web" has VFs without a standby, which will have no network during the move: "vf".',
      },
    ],
  ],
  keeps: [good, move({ interfaces: [{ name: "none" }] })],
});

rule("move-standby-link-up", {
  breaks: [
    [
      move({ interfaces: [nic, { ...nic, name: "down", standbyLinkUp: false }] }),
      { property: "vm", message: 'VM "web" has standbys whose link is down: "down".' },
    ],
  ],
  keeps: [
    good,
    move({ interfaces: [{ ...nic, standbyLinkUp: true }] }),
    move({ interfaces: [{ ...nic, standbyNetwork: undefined, standbyLinkUp: false }] }),
    move({ interfaces: [{ ...nic, vfNetwork: undefined, standbyLinkUp: false }] }),
  ],
});

rule("move-no-other-host-device", {
  breaks: [
    [
      move({ blockingDevices: ["hostdev0", "hostdev1"] }),
      { property: "vm", message: 'VM "web" has host devices that can\'t migrate: "hostdev0" and "hostdev1".' },
    ],
  ],
  keeps: [good, move({ blockingDevices: undefined })],
});

const local: Disk = { target: "vdb", type: "file", source: "/var/lib/web.qcow2" };

const refusal = (why: string, unsafe = false) => ({ verdict: "refused", why, unsafe }) as const;
const notAsked = { verdict: "not asked", why: "vnic-failover:readOnly is true" } as const;

rule("move-libvirt-accepts", {
  breaks: [
    [
      move({ judgement: refusal("Requested operation is not valid: cannot migrate domain with 3 snapshots") }),
      {
        property: "vm",
        message:
          'VM "web" cannot migrate. libvirt on host "host1" says: Requested operation is not valid: cannot migrate domain with 3 snapshots.',
        remedy: "Delete its snapshots (virsh snapshot-list web), then retry.",
      },
    ],
    [
      move({
        disks: [local],
        judgement: refusal("Unsafe migration: Migration without shared storage is unsafe", true),
      }),
      {
        property: "vm",
        message:
          'VM "web" cannot migrate. libvirt on host "host1" says: Unsafe migration: Migration without shared storage is unsafe. It writes to "vdb: /var/lib/web.qcow2".',
      },
    ],
    [
      move({ judgement: refusal("a word of its own.") }, {}, { source: undefined }),
      { property: "vm", message: 'VM "web" cannot migrate. libvirt says: a word of its own.' },
    ],
  ],
  keeps: [
    good,
    move({ judgement: { verdict: "accepted", copiedDisks: [] } }),
    move({ judgement: notAsked }),
    // Another rule says so.
    move({ judgement: { ...refusal("allows migration only with VIR_MIGRATE_TLS flag"), tlsForced: true } }),
    move({ blockingDevices: ["0000:01:10.2"], judgement: refusal("cannot migrate domain: 0000:01:10.2: VFIO") }),
  ],
});

rule("move-libvirt-asked", {
  breaks: [
    [
      move({ judgement: notAsked }),
      {
        property: "vm",
        message: 'Whether libvirt accepts the migration of VM "web" was not asked: vnic-failover:readOnly is true.',
      },
    ],
  ],
  keeps: [good, move({ judgement: { verdict: "accepted", copiedDisks: [] } })],
});

rule("move-disks-shared", {
  breaks: [
    [
      move({ disks: [local, { target: "vdc", type: "file" }], judgement: notAsked }),
      {
        property: "vm",
        message:
          'VM "web" has disks that are files, which must be on a file system that both hosts share: "vdb: /var/lib/web.qcow2" and "vdc".',
      },
    ],
  ],
  keeps: [
    good,
    // libvirt judges.
    move({ disks: [local], judgement: { verdict: "accepted", copiedDisks: [] } }),
    move({ disks: [local], judgement: refusal("Unsafe migration", true) }),
    move({ disks: undefined, judgement: notAsked }),
    move({ disks: [{ ...local, readonly: true }], judgement: notAsked }),
    move({ disks: [{ ...local, type: "network" }], judgement: notAsked }),
    move({ disks: [{ ...local, shared: true }], judgement: notAsked }),
  ],
});

rule("move-disks-copied", {
  breaks: [
    [
      move({ disks: [local], judgement: { verdict: "accepted", copiedDisks: ["vdb"] } }),
      {
        property: "vm",
        message:
          'Disks of VM "web" are copied to host "host2": "vdb: /var/lib/web.qcow2". Their files stay on host "host1" and are not used any more.',
      },
    ],
  ],
  keeps: [good, move({ disks: [local], judgement: { verdict: "accepted", copiedDisks: [] } })],
});

rule("move-readonly-disks-there", {
  breaks: [
    [
      move({ disks: [local, { ...local, target: "sda", readonly: true }] }),
      {
        property: "vm",
        message: 'VM "web" reads disks that must be on host "host2" under the same path: "sda: /var/lib/web.qcow2".',
      },
    ],
  ],
  keeps: [
    good,
    move({ disks: undefined }),
    move({ disks: [local] }),
    move({ disks: [{ ...local, readonly: true, shared: true }] }),
    move({ disks: [{ ...local, readonly: true, type: "block" }] }),
  ],
});

function guest(facts: Guest, interfaces: MovingInterface[] = [nic]): PlacementFacts {
  return move({ guest: facts, interfaces });
}

const noPair: MovingInterface[] = [
  { name: "vf", vfNetwork: "data-vf" },
  { name: "virtio", standbyNetwork: "data" },
];

rule("move-guest-kernel", {
  breaks: [
    [
      guest({ kernel: "4.17.19" }),
      { property: "vm", message: 'The guest of VM "web" has kernel 4.17.19, which has no net_failover.' },
    ],
    [
      guest({ os: "linux", kernel: "3.10.0-1160.el7.x86_64" }),
      {
        property: "vm",
        message: 'The guest of VM "web" has kernel 3.10.0-1160.el7.x86_64, which has no net_failover.',
      },
    ],
    [
      guest({ kernel: "4.17.19" }, [{ name: "vf", vfNetwork: "data-vf" }, nic]),
      { property: "vm", message: 'The guest of VM "web" has kernel 4.17.19, which has no net_failover.' },
    ],
    [
      guest({ kernel: "4" }),
      { property: "vm", message: 'The guest of VM "web" has kernel 4, which has no net_failover.' },
    ],
  ],
  keeps: [
    good,
    guest({ kernel: "4.18.0-553.el8_10.x86_64" }),
    guest({ kernel: "5" }),
    guest({ os: "windows", kernel: "4.0" }),
    guest({ kernel: "unheard of" }),
    guest({ kernel: "Linux 3.10" }),
    guest({ kernel: "10.1.0" }),
    guest({}),
    guest({ kernel: "3.10" }, noPair),
    move({ guest: undefined }),
  ],
});

rule("move-guest-kernel-tested", {
  breaks: [
    [
      guest({ kernel: "5.9.16" }),
      {
        property: "vm",
        message: 'The guest of VM "web" has kernel 5.9.16, for which net_failover is not known to work.',
      },
    ],
    [
      guest({ kernel: "4.18.0-generic" }),
      {
        property: "vm",
        message: 'The guest of VM "web" has kernel 4.18.0-generic, for which net_failover is not known to work.',
      },
    ],
  ],
  keeps: [
    good,
    guest({ kernel: "5.10.0" }),
    guest({ kernel: "4.18.0-553.el8_10.x86_64" }),
    guest({ kernel: "4.17.0" }),
    guest({ os: "windows", kernel: "5.0" }),
    guest({ kernel: "unheard of" }),
    guest({}),
    guest({ kernel: "5.4" }, noPair),
    move({ guest: undefined }),
  ],
});

rule("move-guest-virtio-drivers", {
  breaks: [
    [
      guest({ os: "windows", virtioDrivers: "0.1.188" }),
      { property: "vm", message: 'The guest of VM "web" has VirtIO drivers 0.1.188, which do not support failover.' },
    ],
  ],
  keeps: [
    good,
    guest({ os: "windows", virtioDrivers: "0.1.189" }),
    guest({ os: "windows", virtioDrivers: "0.2.1" }),
    guest({ os: "windows" }),
    guest({ virtioDrivers: "0.1.1" }, noPair),
    move({ guest: undefined }),
  ],
});

rule("move-guest-agent", {
  breaks: [
    [
      guest({ agent: false }),
      {
        property: "vm",
        message: 'VM "web" has no guest agent that answers, so it is unknown whether its guest supports failover.',
      },
    ],
  ],
  keeps: [good, guest({ agent: undefined }), guest({ agent: false }, noPair), move({ guest: undefined })],
});
