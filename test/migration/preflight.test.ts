/** What is asked before a move, of hosts that answer as libvirt does: its own judgement, storage, memory, networks, the way there. */
import { describe, expect } from "vitest";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { Affect, DomainState, Migrate } from "../../provider/backends/libvirt/constants.js";
import type { TypedParameter } from "../../provider/backends/libvirt/rpc/datatypes.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { drainFacts } from "../../provider/drain/facts.js";
import { planDrain } from "../../provider/drain/plan.js";
import { moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../provider/migration/options.js";
import { errorsOf, MoveRefused, planMove, warningsOf, type MovePlan } from "../../provider/migration/plan.js";
import { child, parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { giveDevices, standbyByHand, vfByHand } from "../hosts/by-hand.js";
import { runsCommands } from "../hosts/commands.js";
import { pairedTest as it } from "../hosts/lab-test.js";
import { domainXml, twoHosts, vfs, type LabLike } from "../hosts/two-hosts.js";
import type { Call } from "../hosts/rpc-endpoint.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";

const here = expectedState("host1", vfs[0]);
const there = expectedState("host2", vfs[0]);

const web = ({ host1 }: LabLike) => host1.domains.requireNamed("web");
const attach = (lab: LabLike, xml: string) => lab.host1.domains.attach(web(lab), parseXml(xml), Affect.LIVE);
const disk = (target: string, file: string, more = "") =>
  `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${file}'/><target dev='${target}' bus='virtio'/>${more}</disk>`;

/** The running VM has these elements besides. */
function give(lab: LabLike, ...elements: readonly string[]): void {
  const domain = web(lab);
  const given = elements.map((xml) => parseXml(xml));
  const names = new Set(given.map(({ name }) => name));
  const live = domain.live ?? expect.fail("it does not run");
  domain.live = withChildren(live, [...live.children.filter(({ name }) => !names.has(name)), ...given]);
}

const planned = (lab: Pick<LabLike, "cluster">, options: Partial<MigrationOptions> = {}) =>
  planMove(lab.cluster, "web", "host2", { ...defaultMigrationOptions, ...options });
const moved = (lab: LabLike, options: Partial<MigrationOptions> = {}) =>
  moveVm(lab.cluster, { vm: "web", to: "host2", options: { ...defaultMigrationOptions, ...options } });
const said = (plan: MovePlan) => errorsOf(plan).map(({ rule, message }) => `${rule}: ${message}`);
const warned = (plan: MovePlan) => warningsOf(plan).map(({ rule }) => rule);

/** What Begin was called with, in order. */
function begins(lab: LabLike): { readonly flags: number; readonly disks: readonly string[] }[] {
  const seen: { flags: number; disks: readonly string[] }[] = [];
  const others = lab.host1.onCall;
  lab.host1.onCall = (call: Call) => {
    if (call.procedure === "domain_migrate_begin3_params") {
      const { flags, params } = call.args as { flags: number; params: TypedParameter[] };
      seen.push({
        flags,
        disks: params.flatMap(({ field, value }) => (field === "migrate_disks" ? String(value.value) : [])),
      });
    }
    return others(call);
  };
  return seen;
}

describe("libvirt is asked before anything changes", () => {
  const device = (xml: string) => (lab: LabLike) => {
    const live = web(lab).live ?? expect.fail("it does not run");
    const devices = child(live, "devices") ?? expect.fail("it has no devices");
    const more: Element = withChildren(devices, [...devices.children, parseXml(xml)]);
    web(lab).live = withChildren(
      live,
      live.children.map((each) => (each.name === "devices" ? more : each)),
    );
  };
  const refusals: readonly (readonly [string, (lab: LabLike) => void, string])[] = [
    [
      "snapshots",
      (lab) => {
        web(lab).kept.snapshots = 3;
      },
      "cannot migrate domain with 3 snapshots",
    ],
    [
      "a block job",
      (lab) => {
        web(lab).blockJob = true;
      },
      "domain has active block job",
    ],
    [
      "QEMU's own reasons",
      (lab) => {
        web(lab).blockers = ["SEV is not migratable", "Migration is disabled when using feature x"];
      },
      "cannot migrate domain: SEV is not migratable; Migration is disabled when using feature x",
    ],
    [
      "a mediated device",
      device(
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
      ),
      "cannot migrate domain: c2177883-f1bb-47f0-914d-32a22e3a8804: VFIO migration is not supported in kernel",
    ],
    [
      "virtiofs",
      device("<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='srv'/></filesystem>"),
      "migration with virtiofs device is not supported",
    ],
    [
      "shared memory of others",
      device("<shmem name='ring' role='peer'><model type='ivshmem-plain'/></shmem>"),
      "shmem device 'ring' cannot be migrated, only shmem with role='master' can be migrated",
    ],
    [
      "invariant TSC",
      (lab) => give(lab, "<cpu mode='custom'><feature policy='require' name='invtsc'/></cpu>"),
      "domain has 'invtsc' CPU feature but TSC frequency is not specified",
    ],
    [
      "a disk that is a file of its own host",
      (lab) => attach(lab, disk("vda", "/var/lib/libvirt/images/web.qcow2")),
      "Unsafe migration: Migration without shared storage is unsafe",
    ],
  ];
  it.for(refusals)("and refuses %s: the VM keeps its VF", async ([, make, words], { lab }) => {
    make(lab);
    const calls = lab.host1.callCount;
    const error = await moved(lab).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MoveRefused);
    expect((error as MoveRefused).findings.map(({ rule, message }) => [rule, message.includes(words)])).toEqual([
      ["move-libvirt-accepts", true],
    ]);
    const since = lab.host1.journal.slice(calls);
    expect(since).not.toContain("domain_detach_device_alias");
    expect(since).not.toContain("domain_set_metadata");
    expect(web(lab).job).toBeUndefined();
    expect(clusterState(lab)).toEqual(here);
  });

  it("with the flags of the real one, and without a job that would stay", async ({ lab }) => {
    const seen = begins(lab);
    await moved(lab, { autoConverge: true });
    const flags = Migrate.LIVE | Migrate.PERSIST_DEST | Migrate.UNDEFINE_SOURCE | Migrate.AUTO_CONVERGE;
    expect(seen.map((each) => each.flags)).toEqual([flags, flags]);
    expect(clusterState(lab)).toEqual(there);
  });

  it("and has nothing to undo where the mover dies meanwhile", async ({ lab }) => {
    const mover = await lab.entrance();
    lab.host1.after("domain_migrate_begin3_params", () => mover.die(), { when: () => true });
    await expect(moveVm(mover.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    expect(web(lab)).toMatchObject({ job: undefined, state: DomainState.RUNNING });
    expect(clusterState(lab)).toEqual(here);
  });

  it("of a VM that runs and has no job alone", async ({ lab }) => {
    const seen = begins(lab);
    lab.host1.otherJob(web(lab), 6);
    await planned(lab);
    Object.assign(web(lab), { job: undefined, state: DomainState.PAUSED });
    await planned(lab);
    lab.host1.domains.stop(web(lab));
    await planned(lab);
    expect(seen).toEqual([]);
  });

  it("and is not where the account may only read: a warning says so", async ({ lab }) => {
    const seen = begins(lab);
    attach(lab, disk("vda", "/var/lib/libvirt/images/web.qcow2"));
    const cluster: unknown = JSON.parse(String(lab.stackConfig.cluster));
    const cautious = new LibvirtCluster(parseConfiguration({ cluster, readOnly: true }));
    try {
      const plan = await planned({ cluster: cautious });
      expect(said(plan)).toEqual([]);
      expect(warned(plan)).toEqual(expect.arrayContaining(["move-libvirt-asked", "move-disks-shared"]));
      expect(seen).toEqual([]);
    } finally {
      await cautious.close();
    }
  });
});

describe("storage is judged by libvirt", () => {
  it("a file on a shared file system moves", async ({ lab }) => {
    lab.host1.sharedFolders = ["/nfs"];
    attach(lab, disk("vda", "/nfs/web.qcow2"));
    expect(await planned(lab)).toMatchObject({ findings: [] });
    expect((await moved(lab))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(there);
  });

  it("copy: only files that libvirt does not take for shared are copied, and the plan and the report name them", async ({
    lab,
  }) => {
    lab.host1.sharedFolders = ["/nfs"];
    attach(lab, disk("vda", "/nfs/web.qcow2"));
    attach(lab, disk("vdb", "/srv/data.qcow2"));
    attach(lab, disk("vdc", "/srv/more.qcow2"));
    attach(lab, disk("sda", "/srv/cd.iso", "<readonly/>"));
    const copy = { nonSharedStorage: "copy" } as const;
    const plan = await planned(lab, copy);
    expect(said(plan)).toEqual([]);
    expect(plan.copiedDisks).toEqual(["vdb", "vdc"]);
    const seen = begins(lab);
    const report = await moved(lab, copy);
    expect(seen.at(-1)).toMatchObject({ disks: ["vdb", "vdc"] });
    expect((seen.at(-1)?.flags ?? 0) & Migrate.NON_SHARED_DISK).not.toBe(0);
    expect(report?.warnings.find(({ rule }) => rule === "move-disks-copied")?.message).toContain(
      '"vdb: /srv/data.qcow2" and "vdc: /srv/more.qcow2"',
    );
    expect(clusterState(lab)).toEqual(there);
  });

  it("copy: the only disk", async ({ lab }) => {
    attach(lab, disk("vda", "/srv/web.qcow2"));
    expect((await planned(lab, { nonSharedStorage: "copy" })).copiedDisks).toEqual(["vda"]);
  });

  it("copy: nothing is where everything is shared", async ({ lab }) => {
    lab.host1.sharedFolders = ["/nfs"];
    attach(lab, disk("vda", "/nfs/web.qcow2"));
    expect((await planned(lab, { nonSharedStorage: "copy" })).copiedDisks).toBeUndefined();
  });
});

const hugepages = (page: string) => `<memoryBacking><hugepages>${page}</hugepages></memoryBacking>`;

describe("memory", () => {
  it("counts what the kernel would give up", async ({ lab }) => {
    Object.assign(lab.host2, { freeMemoryKiB: 65_536, cachedMemoryKiB: 262_144 });
    runsCommands(lab, lab.cluster);
    expect(said(await planned(lab))).toEqual([]);
    expect((await moved(lab))?.outcome).toBe("moved");
  });

  it("that is shared counts as caches, but the kernel cannot give it up", async ({ lab }) => {
    Object.assign(lab.host2, { freeMemoryKiB: 65_536, cachedMemoryKiB: 1_048_576, sharedMemoryKiB: 1_048_576 });
    // libvirt does not tell it from caches; a command on the host does.
    const unsure = await planned(lab);
    expect(said(unsure)).toEqual([]);
    expect(warned(unsure)).toContain("move-memory-certain");
    runsCommands(lab, lab.cluster);
    expect(said(await planned(lab))).toEqual([
      'move-memory: Host "host2" has 64 MiB of free memory, caches included, but VM "web" needs 256 MiB.',
    ]);
  });

  it("of huge pages is not the host's ordinary memory", async ({ lab }) => {
    give(lab, hugepages("<page size='2048' unit='KiB'/>"));
    lab.host2.hugepages = [{ sizeKiB: 2048, free: 128 }];
    lab.host2.freeMemoryKiB = 1024;
    expect(said(await planned(lab))).toEqual([]);
    expect((await moved(lab))?.outcome).toBe("moved");
  });

  it("of huge pages is counted by their size", async ({ lab }) => {
    give(lab, hugepages("<page size='1' unit='GiB'/>"), "<memory unit='GiB'>4</memory>");
    lab.host2.hugepages = [
      { sizeKiB: 2048, free: 100_000 },
      { sizeKiB: 1_048_576, free: 3 },
    ];
    expect(said(await planned(lab))).toEqual([
      'move-hugepages: Host "host2" has 3 free huge pages of 1 GiB, but VM "web" needs 4.',
    ]);
  });

  it("of huge pages is counted on the NUMA nodes that it must come from", async ({ lab }) => {
    give(lab, hugepages("<page size='2048' unit='KiB'/>"), "<numatune><memory mode='strict' nodeset='1'/></numatune>");
    lab.host2.nodes = 2;
    lab.host2.hugepages = [
      { sizeKiB: 2048, free: 1000, node: 0 },
      { sizeKiB: 2048, free: 100, node: 1 },
    ];
    expect(said(await planned(lab))).toEqual([
      'move-hugepages: Host "host2" has 100 free huge pages of 2 MiB on NUMA node 1, but VM "web" needs 128.',
    ]);
    give(lab, "<numatune><memory mode='preferred' nodeset='1'/></numatune>");
    expect(said(await planned(lab))).toEqual([]);
  });

  it("is planned for in a drain with the same numbers: huge pages are not given out twice", async ({ lab }) => {
    give(lab, hugepages("<page size='2048' unit='KiB'/>"));
    const other = domainXml({ name: "db", uuid: "11111111-2222-4333-8444-000000000051" }).replace(
      "<memory ",
      `${hugepages("<page size='2048' unit='KiB'/>")}<memory `,
    );
    lab.host1.domains.start(lab.host1.domains.define(other));
    lab.host2.hugepages = [{ sizeKiB: 2048, free: 200 }];
    lab.host2.freeMemoryKiB = 1024;
    const { vms, destinations } = await drainFacts(lab.cluster, "host1", ["host2"]);
    const { moves, stuck } = planDrain(vms, destinations);
    expect(moves).toHaveLength(1);
    expect(stuck.map(({ reasons }) => [...reasons.values()])).toEqual([
      ["insufficient capacity together with the other planned moves: 72 free huge pages of 2 MiB, 128 needed"],
    ]);
  });
});

describe("a rule that estimates", () => {
  it("is set aside by name, and the report says so", async ({ lab }) => {
    lab.host2.freeMemoryKiB = 1024;
    expect(said(await planned(lab))).toEqual([
      'move-memory: Host "host2" has 1 MiB of free memory, caches included, but VM "web" needs 256 MiB.',
    ]);
    // It was wrong: the host finds the memory after all.
    lab.host2.before("domain_migrate_prepare3_params", () => {
      lab.host2.freeMemoryKiB = 1_048_576;
    });
    const report = await moved(lab, { ignoreRules: ["move-memory"] });
    expect(report?.outcome).toBe("moved");
    expect(report?.warnings).toMatchObject([
      { rule: "move-memory", message: expect.stringContaining('Rule "move-memory" is ignored') as string },
    ]);
  });

  it("is set aside in a drain, too", async ({ lab }) => {
    lab.host2.freeMemoryKiB = 1024;
    const options = { ...defaultMigrationOptions, ignoreRules: ["move-memory"] };
    const { vms, destinations } = await drainFacts(lab.cluster, "host1", ["host2"], options);
    expect(planDrain(vms, destinations).moves).toMatchObject([{ vm: "web", to: "host2" }]);
  });

  it("and no other", async ({ lab }) => {
    web(lab).kept.snapshots = 1;
    const plan = await planned(lab, { ignoreRules: ["move-libvirt-accepts"] });
    expect(errorsOf(plan).map(({ rule }) => rule)).toEqual(["move-ignored-rules", "move-libvirt-accepts"]);
  });
});

describe("networks", () => {
  it("what other NICs are attached to is looked for, whatever the configuration names", async ({ lab }) => {
    lab.host1.devices.bridges.push({ name: "br9", mtu: 1500, ports: ["uplink9"] });
    const nics = [
      "<interface type='bridge'><source bridge='br9'/><alias name='ua-lan'/></interface>",
      "<interface type='network'><source network='default' bridge='virbr0'/><alias name='ua-nat'/></interface>",
      "<interface type='direct'><source dev='uplink9' mode='bridge'/><alias name='ua-tap'/></interface>",
    ];
    for (const nic of nics) {
      const live = web(lab).live ?? expect.fail("it does not run");
      web(lab).live = withChildren(
        live,
        live.children.map((each) =>
          each.name === "devices" ? withChildren(each, [...each.children, parseXml(nic)]) : each,
        ),
      );
    }
    expect(said(await planned(lab))).toEqual([
      'move-nic-attachments: Host "host2" has no bridge "br9", which NIC "ua-lan" of VM "web" needs.',
      'move-nic-attachments: Host "host2" has no libvirt network "default", which NIC "ua-nat" of VM "web" needs.',
      'move-nic-attachments: Host "host2" has no interface "uplink9", which NIC "ua-tap" of VM "web" needs.',
    ]);
    lab.host2.devices.bridges.push({ name: "br9", mtu: 1500, ports: ["uplink9"] });
    lab.host2.networks.define("<network><name>default</name></network>");
    expect(said(await planned(lab))).toEqual([
      'move-nic-attachments: On host "host2", libvirt network "default" is not started, which NIC "ua-nat" of VM "web" needs.',
    ]);
    lab.host2.networks.started.add("default");
    expect(said(await planned(lab))).toEqual([]);
  });

  it("a larger MTU on the destination is none of the guest's business", async ({ lab }) => {
    lab.host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 9000, ports: ["uplink0"] });
    expect(said(await planned(lab))).toEqual([]);
    expect((await moved(lab))?.outcome).toBe("moved");
  });

  it("what the guest has is compared, and not what its bridge has", async () => {
    const lab = await twoHosts();
    for (const { devices } of lab.hosts) devices.bridges.splice(0, 1, { name: "br0", mtu: 9000, ports: ["uplink0"] });
    const standby = standbyByHand.replace("<teaming", "<mtu size='9000'/><teaming");
    giveDevices(lab, [standby, vfByHand(vfs[0])]);
    // The PFs have 1500.
    expect(warned(await planned(lab))).toContain("move-pf-mtu");
    lab.host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 1500, ports: ["uplink0"] });
    expect(said(await planned(lab))).toEqual([
      'move-mtu: Interface "ua-vf0" of VM "web" has MTU 9000, but network "data" has MTU 1500 on host "host2".',
    ]);
    await lab.close();
  });
});

describe("the migration port", () => {
  it("is tried from the source, and a firewall is found before the VF leaves", async ({ lab }) => {
    runsCommands(lab, lab.cluster);
    expect(said(await planned(lab))).toEqual([]);
    lab.network.blocked.add("host1>host2");
    expect(said(await planned(lab))).toEqual([
      'move-migration-port: Host "host1" cannot reach host "host2" for the migration at host2:49215: no answer within 2 s.',
    ]);
    await expect(moved(lab)).rejects.toBeInstanceOf(MoveRefused);
    expect(clusterState(lab)).toEqual(here);
    expect((await moved(lab, { ignoreRules: ["move-migration-port"] }))?.outcome).toBe("moved");
  });

  it("is tried at the configured address", async ({ lab }) => {
    const cluster = {
      ...lab.configuration.cluster,
      hosts: Object.fromEntries(
        Object.entries(lab.configuration.cluster.hosts).map(([name, host]) => [
          name,
          { ...host, migrationAddress: "10.9.0.2" },
        ]),
      ),
    };
    const own = new LibvirtCluster({ ...lab.configuration, cluster });
    runsCommands(lab, own);
    try {
      expect(said(await planned({ cluster: own }))).toEqual([
        'move-migration-port: Host "host1" cannot reach host "host2" for the migration at 10.9.0.2:49215: Name or service not known.',
      ]);
    } finally {
      await own.close();
    }
  });
});
