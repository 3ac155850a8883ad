import { parseJournal, type Journal } from "../../provider/migration/journal.js";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { describe, expect } from "vitest";
import { VmOnSeveralHosts } from "../../provider/backends/libvirt/cluster.js";
import { CpuCompare, DomainState, DomainXml, PausedReason } from "../../provider/backends/libvirt/constants.js";
import { MoveFailed, moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../provider/migration/options.js";
import { ProblemError } from "../../provider/model/problem.js";
import { MoveRefused } from "../../provider/migration/plan.js";
import { missingVfsOf, plugMissingVfs } from "../../provider/migration/repair.js";
import { formatXml, parseXml } from "../../provider/xml/element.js";
import { refusals } from "../hosts/refusals.js";
import { domainXml, type LabLike, occupy, vfs, vm } from "../hosts/two-hosts.js";
import { disguise } from "../hosts/left-journal.js";
import { pairedTest } from "../hosts/lab-test.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";

const it = pairedTest.extend<{ readonly lab: LabLike }>({
  lab: async ({ made }, use) => {
    // So that the two hosts' VFs can be told apart: host2's first one is another's.
    occupy(vfOf(made.lab.host2, 0));
    await use(made.lab);
  },
});

const there = expectedState("host2", vfs[1]);
const here = expectedState("host1", vfs[0]);

function vfOf(host: LabLike["host1"], index: number) {
  const vf = host.devices.virtualFunctions()[index];
  if (vf === undefined) throw new Error(`${host.name} has no VF ${index}`);
  return vf;
}

function move(lab: LabLike, options: Partial<MigrationOptions> = {}, signal?: AbortSignal) {
  return moveVm(lab.cluster, {
    vm: "web",
    to: "host2",
    progress: lab.progress,
    options: { ...defaultMigrationOptions, ...options },
    ...(signal !== undefined && { signal }),
  });
}

async function failure(run: Promise<unknown>): Promise<MoveFailed> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MoveFailed);
  return error as MoveFailed;
}

describe.concurrent("a move that goes well", () => {
  it("leaves the VM on the destination alone, live and defined with the destination's VF, and no journal", async ({
    lab,
  }) => {
    expect(clusterState(lab)).toEqual(here);
    const report = await move(lab);
    expect(clusterState(lab)).toEqual(there);
    expect(vfOf(lab.host1, 0).driver).toBe("igbvf");
    expect(report).toMatchObject({
      outcome: "moved",
      from: "host1",
      to: "host2",
      interfaces: [{ mac: vm.mac, network: "data-vf", vfBefore: vfs[0], vfAfter: vfs[1] }],
      job: { downtime: 42, transferred: 268_435_456 },
      announced: { by: "qemu" },
    });
    expect(report?.phases.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      ["preflight", "journal", "reserve", "unplug", "migrate", "plug", "verify", "release"].map(
        (name) => `${name} done`,
      ),
    );
  });

  it("announces the standby through QEMU once the guest has released the VF, and not at all when told so", async ({
    lab,
  }) => {
    await move(lab);
    expect(lab.host1.monitorCommands).toMatchObject([{ execute: "announce-self" }]);
    await moveVm(lab.cluster, { vm: "web", to: "host1", options: { ...defaultMigrationOptions, announce: "none" } });
    expect(lab.host2.monitorCommands).toEqual([]);
  });

  it("brings the journal that counts from the arrival on, however long the steps until then have taken", async ({
    lab,
  }) => {
    const seen: (Journal | undefined)[] = [];
    lab.host2.after("domain_migrate_finish3_params", () => {
      const { domains } = lab.host2;
      const text = domains.metadata(domains.requireNamed("web"), metadataNamespace("journal"), 0);
      seen.push(parseJournal(parseXml(text)));
    });
    expect((await move(lab))?.outcome).toBe("moved");
    expect(seen).toMatchObject([{ step: "migrate", from: "host1", to: "host2" }]);
    // Both limits, and the lease.
    expect(seen[0]?.until).toBeGreaterThan(lab.clock.now() + 1_800_000);
  });

  it("that can't be cleaned up after is not told as one without a VF", async ({ lab }) => {
    lab.host1.refuse("node_device_re_attach", refusals.noMemory(), { times: Infinity });
    const { report } = await failure(move(lab));
    expect(report).toMatchObject({ outcome: "unclear", interfaces: [{ vfAfter: vfs[1] }] });
  });

  it("is nothing where the VM is already", async ({ lab }) => {
    expect(await moveVm(lab.cluster, { vm: "web", to: "host1" })).toBeUndefined();
    expect(clusterState(lab)).toEqual(here);
  });

  it("leaves the unplug to QEMU when it is to be late: the migration's own XML names the destination's VF", async ({
    lab,
  }) => {
    const report = await move(lab, { unplug: "late" });
    expect(lab.host1.calls.get("domain_detach_device_alias")).toBeUndefined();
    expect(clusterState(lab)).toEqual(there);
    expect(report?.outcome).toBe("moved");
  });

  it("moves back as well", async ({ lab }) => {
    await move(lab);
    await moveVm(lab.cluster, { vm: "web", to: "host1" });
    expect(clusterState(lab)).toEqual(here);
  });

  it("tells what is going on, step by step", async ({ lab }) => {
    lab.host1.memory.milliseconds = 300;
    lab.host1.memory.passes = 3;
    const report = await move(lab);
    expect(lab.progress.steps).toEqual([
      "preflight",
      "journal",
      "reserve",
      "unplug",
      "migrate",
      "plug",
      "verify",
      "release",
    ]);
    expect(report?.samples.length).toBeGreaterThan(0);
  });
});

it("a CPU that lacks features by libvirt's comparison is a warning: libvirt judges when the VM arrives", async ({
  lab,
}) => {
  lab.host2.cpu = CpuCompare.INCOMPATIBLE;
  expect((await move(lab))?.outcome).toBe("moved");
  expect(lab.progress.warnings).toContainEqual(expect.stringContaining('The CPU of host "host2" lacks features'));
});

describe.concurrent("a move that cannot be is refused, and nothing has changed", () => {
  const reasons: readonly [string, (lab: LabLike) => void, RegExp][] = [
    ["no VF free", (lab) => lab.host2.devices.virtualFunctions().forEach(occupy), /free VF/],
    ["PF down", (lab) => lab.host2.devices.physicalFunctions.forEach((pf) => (pf.linkUp = false)), /down/],
    ["no bridge", (lab) => lab.host2.devices.bridges.splice(0), /bridge/],
    ["too little memory", (lab) => (lab.host2.freeMemoryKiB = 1024), /memory/],
    ["hosts of one UUID", (lab) => (lab.host2.uuid = lab.host1.uuid), /same UUID/],
    ["paused", (lab) => Object.assign(lab.host1.domains.requireNamed("web"), { state: DomainState.PAUSED }), /paused/],
    ["destination unreachable", (lab) => lab.host2.close(), /unable to reach host host2: /],
  ];
  it.for(reasons)("%s", async ([, arrange, why], { lab }) => {
    arrange(lab);
    const before = clusterState(lab);
    const changes = () =>
      lab.hosts.map(({ calls }) => [calls.get("domain_set_metadata"), calls.get("node_device_detach_flags")]);
    const made = changes();
    await expect(move(lab)).rejects.toThrow(MoveRefused);
    await expect(move(lab)).rejects.toThrow(why);
    expect(clusterState(lab)).toEqual(before);
    expect(changes()).toEqual(made);
  });

  it("a VM that no host has", async ({ lab }) => {
    await expect(moveVm(lab.cluster, { vm: "absent", to: "host2" })).rejects.toThrow(/absent/);
  });

  it("a host that the cluster has not", async ({ lab }) => {
    await expect(moveVm(lab.cluster, { vm: "web", to: "host3" })).rejects.toMatchObject({
      problem: { code: "host-unknown" },
    });
  });

  it("tells everything that is in the way at once", async ({ lab }) => {
    lab.host2.devices.bridges.splice(0);
    lab.host2.freeMemoryKiB = 1024;
    const error = await move(lab).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MoveRefused);
    expect((error as MoveRefused).findings.map(({ rule }) => rule)).toEqual(["move-memory", "move-standby-network"]);
  });
});

describe.concurrent("a definition that another tool edits while the VM is being moved", () => {
  /** Just before the move reads it in that step: while VFs are reserved the journal still tells of the step before. */
  function edit({ host1 }: LabLike, step: "reserve" | "migrate", from: string, to: string): void {
    const domain = host1.domains.requireNamed("web");
    const told = `step="${step === "reserve" ? "journal" : step}"`;
    const isInStep = () => domain.live !== undefined && formatXml(domain.live).includes(told);
    const act = () => {
      domain.config &&= parseXml(formatXml(domain.config).replace(from, to));
    };
    host1.before("domain_get_xml_desc", act, { when: ({ flags }) => (flags & DomainXml.INACTIVE) !== 0 && isInStep() });
  }

  it.for(["reserve", "migrate"] as const)(
    "is refused in step %s where it is an interface, and the VM has its VF",
    async (step, { lab }) => {
      edit(lab, step, `<mac address="${vm.mac}"/>`, '<mac address="52:54:00:aa:00:99"/>');
      const { report, message, step: failed } = await failure(move(lab));
      expect(message).toContain("52:54:00:aa:00:99 in the destination's XML");
      expect({ failed, outcome: report.outcome }).toEqual({ failed: step, outcome: "failed-on-source" });
      expect(lab.host1.calls.get("domain_detach_device_alias") ?? 0).toBe(step === "reserve" ? 0 : 1);
      expect(lab.host2.calls.get("domain_migrate_perform3_params")).toBeUndefined();
      expect(lab.host2.domains.named("web")).toBeUndefined();
      expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], vfs: [vfs[0]], journals: [] });
    },
  );

  it("goes along where it is anything else", async ({ lab }) => {
    edit(lab, "migrate", "</name>", "</name><title>edited</title>");
    expect((await move(lab))?.outcome).toBe("moved");
    const { config } = lab.host2.domains.requireNamed("web");
    expect(config && formatXml(config)).toContain("<title>edited</title>");
  });
});

describe.concurrent("two movers of one VM", () => {
  it("the second is refused while the first is at work, and does not disturb it", async ({ lab }) => {
    const other = await lab.entrance();
    let finishPerforming: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (finishPerforming = resolve));
    const performing = new Promise<void>((resolve) => {
      lab.host1.before("domain_migrate_perform3_params", () => {
        resolve();
        return held;
      });
    });
    const first = move(lab);
    await performing;
    // Another process of this machine: ours would take its own journal for a dead one's.
    disguise(lab);
    await expect(moveVm(other.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
      problem: { code: "move-under-way" },
    });
    finishPerforming();
    expect((await first)?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(there);
  });

  it("of two that begin at once, one moves the VM and the other is refused", async ({ lab }) => {
    const other = await lab.entrance();
    const results = await Promise.allSettled([move(lab), moveVm(other.cluster, { vm: "web", to: "host2" })]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(clusterState(lab)).toEqual(there);
  });
});

describe.concurrent("a VF that another process takes between preflight and plug", () => {
  it("on the destination, after it was reserved: another one is plugged, and defined", async ({ lab }) => {
    lab.host2.refuse("domain_attach_device_flags", refusals.deviceInUse(vfs[1], "other"), {
      when: ({ xml }) => xml.includes('function="0x2"'),
    });
    const report = await move(lab);
    expect(report).toMatchObject({ outcome: "moved", interfaces: [{ vfAfter: vfs[2] }] });
    expect(clusterState(lab)).toMatchObject({ vfs: [vfs[2]], definedVfs: [vfs[2]], journals: [] });
    expect(vfOf(lab.host2, 1).driver).toBe("igbvf");
  });

  it("all of them: the VM goes on with its standby, and the report says so", async ({ lab }) => {
    lab.host2.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { times: Infinity });
    const report = await move(lab);
    expect(report).toMatchObject({ outcome: "moved-without-vf", interfaces: [{ vfAfter: null }] });
    expect(report?.error).toContain("PF is not online");
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], activeOn: ["host2"], vfs: [], journals: [] });
    expect(vfOf(lab.host1, 0).driver).toBe("igbvf");
    expect(await missingVfsOf(lab.cluster, "web")).toEqual([`the VF of ${vm.mac}`]);

    await expect(plugMissingVfs(lab.cluster, "web", lab.progress)).rejects.toThrow(/PF is not online/);
    // The one that its definition names is kept for it: a VM with managed='no' starts only where that is bound.
    expect(clusterState(lab)).toMatchObject({ definedVfs: [vfs[1]], bound: [`host2 ${vfs[1]}`] });
  });

  it("all of them, for a while: the VM gets its own back once it is to be had", async ({ lab }) => {
    lab.host2.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { times: 3 });
    expect((await move(lab))?.outcome).toBe("moved-without-vf");
    await plugMissingVfs(lab.cluster, "web", lab.progress);
    expect(await missingVfsOf(lab.cluster, "web")).toEqual([]);
    expect(clusterState(lab)).toEqual(there);
  });

  it("in other hands before it is reserved: rolled back, the VM keeps its own", async ({ lab }) => {
    const other = domainXml(
      { name: "other", uuid: "11111111-2222-4333-8444-000000000099" },
      `<interface type='hostdev'><mac address='52:54:00:00:00:99'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/></source></interface>`,
    );
    lab.host2.before("node_device_detach_flags", () => {
      vfOf(lab.host2, 1).driver = "vfio-pci";
      lab.host2.domains.start(lab.host2.domains.define(other));
    });
    const { report, message } = await failure(move(lab));
    expect(report.outcome).toBe("failed-on-source");
    expect(message).toContain("in use by driver QEMU, domain other");
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], vfs: [vfs[0]], journals: [] });
    expect(lab.host2.domains.userOf(vfs[1])).toBe("other");
    expect(vfOf(lab.host2, 1).driver).toBe("vfio-pci");
  });
});

describe.concurrent("a VF that QEMU has and libvirt does not know of", () => {
  it("is taken away, and the VM gets its VF", async ({ lab, pair }) => {
    const alias = pair.state.aliases[1] ?? "";
    lab.host2.strays.set(alias, vfs[1]);
    Object.assign(vfOf(lab.host2, 1), { driver: "vfio-pci" });
    expect((await move(lab))?.outcome).toBe("moved");
    expect(lab.host2.strays.size).toBe(0);
    // It stays on VFIO, as it was found.
    const bound = [`host2 ${vfs[1]}`];
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], vfs: [vfs[1]], journals: [], bound });
  });
});

describe.concurrent("a guest that does not release its VF", () => {
  it("refuses: the move ends at once, and the VM has its VF", async ({ lab }) => {
    lab.host1.guest.unplug = "refuses";
    const { report, message, step } = await failure(move(lab));
    expect(step).toBe("unplug");
    expect(message).toBe(
      'Unable to move VM "web" from "host1" to "host2": the guest of the VM rejected the unplug request for VF 0000:01:10.0 (host1). The move was rolled back: the VM is on the source, as it was. Check what uses the device in the guest (a bond, a DPDK application) and that the guest is not hung, then retry.',
    );
    expect(report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(here);
  });

  it("refuses while libvirt's call still waits: the call's own error says so", async ({ lab }) => {
    Object.assign(lab.host1.guest, { unplug: "refuses", callWaits: 50 });
    expect((await failure(move(lab))).message).toContain("rejected the unplug request for VF 0000:01:10.0");
    expect(clusterState(lab)).toEqual(here);
  });

  it("never answers: the move ends after its own time", async ({ lab }) => {
    lab.host1.guest.unplug = "ignores";
    const { message, report } = await failure(move(lab, { unplugTimeout: 0.05 }));
    expect(message).toContain("did not release VF 0000:01:10.0 within 0.05 s");
    expect(report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(here);
  });

  it("is busy with the slot when it is asked again on the way back: it has kept its VF", async ({ lab }) => {
    lab.host1.guest.unplug = "ignores";
    lab.host1.refuse("domain_detach_device_alias", refusals.guestBusy(), { skip: 1, times: Infinity });
    const { report } = await failure(move(lab, { unplugTimeout: 0.05 }));
    expect(report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(here);
  });

  it("is busy with the slot just after the plug: it is asked again, and the VM moves", async ({ lab }) => {
    lab.host1.refuse("domain_detach_device_alias", refusals.guestBusy(), { times: 2 });
    expect((await move(lab))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(there);
  });

  it("answers after the signal, within its own time: the VF comes back to it on the way back", async ({ lab }) => {
    Object.assign(lab.host1.guest, { after: 20_000 });
    const controller = new AbortController();
    lab.host1.after("domain_detach_device_alias", () => void lab.clock.after(1000, () => controller.abort()));
    const { report } = await failure(move(lab, {}, controller.signal));
    expect(report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(here);
    await lab.clock.sleep(60_000);
    expect(clusterState(lab)).toEqual(here);
  });

  it("answers after the time was over: the VF comes back to it when it is looked for", async ({ lab, pair }) => {
    lab.host1.guest.unplug = "ignores";
    await failure(move(lab, { unplugTimeout: 0.05 }));
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), pair.state.aliases[1] ?? "");
    expect(await missingVfsOf(lab.cluster, "web")).toHaveLength(1);
    await plugMissingVfs(lab.cluster, "web", lab.progress);
    expect(clusterState(lab)).toEqual(here);
  });
});

describe.concurrent("a migration that does not come off", () => {
  const phases = [
    ["domain_migrate_begin3_params", "host1", refusals.jobHeld()],
    ["domain_migrate_prepare3_params", "host2", refusals.noMemory()],
    ["domain_migrate_perform3_params", "host1", refusals.jobFailed()],
    ["domain_migrate_finish3_params", "host2", refusals.guestQuit()],
  ] as const;
  it.for(phases)("%s refused on %s", async ([procedure, host, refusal], { lab }) => {
    // The first Begin is the rehearsal's.
    const isBegin = procedure === "domain_migrate_begin3_params";
    lab[host].refuse(procedure, refusal, isBegin ? { when: () => true, skip: 1 } : {});
    const { report, message } = await failure(move(lab));
    expect(message).toContain(refusal.message.replace(/^[^:]+: /, ""));
    expect(report).toMatchObject({ outcome: "failed-on-source", interfaces: [{ vfAfter: vfs[0] }] });
    expect(clusterState(lab)).toEqual(here);
  });

  it("the network between the hosts is cut", async ({ lab }) => {
    lab.host1.memory.milliseconds = 20;
    lab.host1.before("domain_migrate_perform3_params", () => {
      lab.clock.after(5, () => (lab.network.cut = true));
    });
    expect((await failure(move(lab))).report.outcome).toBe("failed-on-source");
    expect(clusterState(lab)).toEqual(here);
  });

  it("another client cancels the job", async ({ lab }) => {
    lab.host1.memory.milliseconds = 20;
    lab.host1.before("domain_migrate_perform3_params", () => {
      lab.clock.after(5, () => {
        const { job } = lab.host1.domains.requireNamed("web");
        if (job !== undefined) job.cancelled = true;
      });
    });
    expect((await failure(move(lab))).message).toContain("canceled by client");
    expect(clusterState(lab)).toEqual(here);
  });

  it("is not told as one that has stopped the VM", async ({ lab }) => {
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    const { report } = await failure(move(lab));
    expect(report.moments.map(({ kind }) => kind)).not.toContain("vm-stopped");
  });

  it("the signal aborts the job and takes everything back", async ({ lab }) => {
    Object.assign(lab.host1.memory, { passes: 1000, milliseconds: 5 });
    const controller = new AbortController();
    lab.host1.before("domain_migrate_perform3_params", () => {
      lab.clock.after(5, () =>
        controller.abort(
          new ProblemError({ code: "interrupted", what: "Interrupted by SIGINT", remedy: "Run it again." }),
        ),
      );
    });
    const { message, report } = await failure(move(lab, {}, controller.signal));
    expect(report.outcome).toBe("failed-on-source");
    expect(message).toBe(
      'Unable to move VM "web" from "host1" to "host2": Interrupted by SIGINT. The move was rolled back: the VM is on the source, as it was. Run it again.',
    );
    expect(lab.host1.calls.get("domain_abort_job")).toBeGreaterThan(0);
    expect(clusterState(lab)).toEqual(here);
  });

  it("it takes longer than it may", async ({ lab }) => {
    Object.assign(lab.host1.memory, { passes: 1000, milliseconds: 5 });
    expect((await failure(move(lab, { migrateTimeout: 0.05 }))).message).toContain("within 0.05 s");
    expect(clusterState(lab)).toEqual(here);
  });
});

describe.concurrent("a VM that runs on both hosts", () => {
  const bothRun = (lab: LabLike) => lab.host2.domains.start(lab.host2.domains.define(domainXml(vm)));

  it("is found so, and is not moved", async ({ lab }) => {
    bothRun(lab);
    await expect(lab.cluster.locate("web")).rejects.toThrow(VmOnSeveralHosts);
    await expect(move(lab)).rejects.toThrow(/active on 2 hosts/);
  });

  it("also while one of the two is paused by a migration", async ({ lab }) => {
    bothRun(lab);
    Object.assign(lab.host2.domains.requireNamed("web"), {
      state: DomainState.PAUSED,
      reason: PausedReason.MIGRATION,
    });
    await expect(lab.cluster.locate("web")).rejects.toThrow(VmOnSeveralHosts);
  });
});
