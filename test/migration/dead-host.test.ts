import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LibvirtCluster, VmOnSeveralHosts } from "../../provider/backends/libvirt/cluster.js";
import { HostRefused } from "../../provider/backends/libvirt/host-errors.js";
import { DomainState, PausedReason } from "../../provider/backends/libvirt/constants.js";
import { parseConfiguration } from "../../provider/config/index.js";
import { vmInterface } from "../../provider/handlers/libvirt/vm-interface.js";
import { moveVm } from "../../provider/migration/move.js";
import { MoveRefused } from "../../provider/migration/plan.js";
import { recover } from "../../provider/migration/recover.js";
import { missingVfsOf, plugMissingVfs } from "../../provider/migration/repair.js";
import { ProblemError } from "../../provider/model/problem.js";
import { formatXml } from "../../provider/xml/element.js";
import { metadataNamespace } from "../../provider/backends/libvirt/xml/metadata.js";
import { type DeclaredPair, declarePair } from "../hosts/declared.js";
import { domainXml, twoHosts, type LabLike, physicalFunction, vfs, vm } from "../hosts/two-hosts.js";
import { disown, journalOf, leave } from "../hosts/left-journal.js";
import { refusals } from "../hosts/refusals.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { TestClock } from "../hosts/test-clock.js";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

const web = (host: LabLike["host1"]) => host.domains.requireNamed("web");
const owedOn = (host: LabLike["host1"]) => host.domains.allMetadata(web(host))[metadataNamespace("owed")];
/** host2 dies just as it is to take over: whether it did is not known. */
const dieAtSwitchOver = async () => {
  lab.host2.before("domain_migrate_finish3_params", () => lab.host2.losePower());
  await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
    report: { outcome: "unclear" },
  });
};

describe("a destination that vanishes", () => {
  it("in the middle: the migration is aborted at once, and all is as before", async () => {
    Object.assign(lab.host1.memory, { passes: 100, milliseconds: 1000 });
    lab.host1.before("domain_migrate_perform3_params", () => void lab.clock.after(100, () => lab.host2.losePower()));
    const began = lab.clock.now();
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
      message: expect.stringContaining("the connection to host2 was lost") as string,
      report: { outcome: "failed-on-source" },
    });
    expect(lab.clock.now() - began).toBeLessThan(10_000);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(owedOn(lab.host1)).toContain("host2");
    expect(lab.host1.calls.get("domain_abort_job")).toBe(1);
  });

  it("leaves nothing in its way once it is there again", async () => {
    lab.host2.after("node_device_detach_flags", () => lab.host2.close());
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
      report: { outcome: "failed-on-source" },
    });
    await lab.reopen(lab.host2);
    expect(clusterState(lab).bound).toEqual([`host1 ${vfs[0]}`, `host2 ${vfs[0]}`]);
    const { settled: done, owed } = await recover(lab.cluster, "web");
    expect(done).toEqual([`VF ${vfs[0]} was returned to host "host2"`]);
    expect(owed).toEqual([]);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(owedOn(lab.host1)).toBeUndefined();
  });

  it("is owed VFs of its networks, and no other device that a forged note names", async () => {
    const others = physicalFunction("pf1", 2, "02");
    const [vf] = others.virtualFunctions;
    Object.assign(vf ?? {}, { driver: "vfio-pci" });
    lab.host2.devices.physicalFunctions.push(others);
    const note = `<owed><host name="host2" move="x"><vf address="${vf?.address ?? ""}"/></host></owed>`;
    lab.host1.domains.setMetadata(web(lab.host1), metadataNamespace("owed"), "vnic", note, 3);
    expect(await recover(lab.cluster, "web")).toMatchObject({ settled: [], owed: [] });
    expect(vf?.driver).toBe("vfio-pci");
  });

  it("is settled by the next move, too", async () => {
    lab.host2.after("node_device_detach_flags", () => lab.host2.close());
    await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    await lab.reopen(lab.host2);
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("is settled by the next update of an interface, and told of by a read that changes nothing", async () => {
    lab.host2.after("node_device_detach_flags", () => lab.host2.close());
    await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    const news = { vm: "web", profile: pair.profile, mac: vm.mac };
    // While it is away.
    const { state } = await vmInterface.update(lab.context({ command: {} }), pair.id, pair.state, news);
    expect(state.missing).toEqual([]);
    expect(owedOn(lab.host1)).toBeDefined();
    await lab.reopen(lab.host2);
    await vmInterface.read(lab.context({ command: {} }), pair.id, state);
    expect(owedOn(lab.host1)).toBeDefined();
    await vmInterface.update(lab.context({ command: {} }), pair.id, state, news);
    expect(owedOn(lab.host1)).toBeUndefined();
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("at the switch-over: neither host is guessed at, and no VF is plugged into the stopped VM", async () => {
    await dieAtSwitchOver();
    const before = clusterState(lab);
    expect(before).toMatchObject({
      runsOn: [],
      activeOn: ["host1"],
      vfs: [],
      journals: ["host1", "host2"].slice(0, 1),
    });
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({
      problem: {
        code: "host-fate-unknown",
        remedy: expect.stringContaining("vnic-failover recover web --host-is-dead host2") as string,
      },
    });
    expect(clusterState(lab)).toEqual(before);
  });

  it("at the switch-over, and refuses the login then: that is said, and not that it is dead", async () => {
    await dieAtSwitchOver();
    const host2 = lab.cluster.host("host2");
    const why = new ProblemError({
      code: "ssh-host-key-changed",
      what: "its key has changed",
      remedy: "Check the key.",
    });
    host2.connection = () => Promise.reject(new HostRefused("host2", why));
    const error: unknown = await recover(lab.cluster, "web").catch((reason: unknown) => reason);
    expect(String(error)).toContain("its key has changed");
    expect(String(error)).toContain("Check the key. Then run `vnic-failover recover web`.");
    expect(String(error)).not.toContain("--host-is-dead");
  });

  it("at the switch-over, and said to be dead: the VM is reset, and runs with its VF", async () => {
    await dieAtSwitchOver();
    const recovery = await recover(lab.cluster, "web", { dead: "host2" });
    expect(recovery).toMatchObject({ outcome: "undone", host: "host1" });
    expect(recovery.owed).toEqual([expect.stringContaining('"host2": VF 0000:01:10.0 must be returned')]);
    expect(web(lab.host1).resets).toBe(1);
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  /** The file system of its disk has not come to it yet (virfile.c, virFileRewrite). */
  const dieWithTheDefinition = async () => {
    lab.host2.before("domain_set_metadata", () => lab.host2.losePower());
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
  };

  it("as soon as it runs the VM: the source has kept the definition", async () => {
    await dieWithTheDefinition();
    const before = clusterState(lab);
    expect(before).toMatchObject({ activeOn: [], definedOn: ["host1"], journals: ["host1"] });
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({
      problem: {
        code: "host-fate-unknown",
        remedy: expect.stringContaining('the VM can then be started from its disks on "host1"') as string,
      },
    });
    expect(clusterState(lab)).toEqual(before);
    const { owed } = await recover(lab.cluster, "web", { dead: "host2" });
    expect(owed).toEqual([expect.stringContaining('"host2": VF 0000:01:10.0 must be returned')]);
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host1"], journals: [] });
    await lab.reopen(lab.host2);
    expect(await recover(lab.cluster, "web")).toMatchObject({ owed: [] });
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host1"], journals: [] });
  });

  it("as soon as it runs the VM, and comes back without it: no one has to say that it was dead", async () => {
    await dieWithTheDefinition();
    await lab.reopen(lab.host2);
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host1"], journals: [] });
  });

  it("after the definition has reached its disk, and said to be dead: there is one definition in the end", async () => {
    lab.host2.after("domain_set_metadata", () => lab.host2.losePower());
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host1", "host2"] });
    await recover(lab.cluster, "web", { dead: "host2" });
    await lab.reopen(lab.host2);
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host1"], journals: [] });
  });

  it("after the definition has reached its disk, and its VM is started there by hand: the source keeps nothing of it", async () => {
    lab.host2.after("domain_set_metadata", () => lab.host2.losePower());
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    await recover(lab.cluster, "web", { dead: "host2" });
    await lab.reopen(lab.host2);
    lab.host2.domains.start(web(lab.host2));
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("says that it runs the VM, which ends before it is asked once more: the source does not run it again", async () => {
    lab.host2.dropAt("domain_migrate_finish3_params", "after");
    lab.host2.before("domain_migrate_finish3_params", () => {
      lab.host2.after("domain_get_state", () => lab.host2.domains.stop(web(lab.host2)));
    });
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    expect(lab.host1.calls.get("domain_resume")).toBeUndefined();
    expect(clusterState(lab)).toMatchObject({ runsOn: [], activeOn: [] });
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toMatchObject({ activeOn: [], definedOn: ["host2"], journals: [] });
  });

  it("is not dead while it answers", async () => {
    leave(lab, journalOf(pair));
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web", { dead: "host2" })).rejects.toMatchObject({
      problem: { code: "host-not-dead" },
    });
    expect(clusterState(lab)).toEqual(before);
  });
});

it("of a VM with a TPM libvirt itself removes the source's definition, and the TPM's state where that is not shared", async () => {
  const here = web(lab.host1);
  const config = formatXml(here.config ?? expect.fail());
  lab.host1.domains.define(
    config.replace("<devices>", '<devices><tpm model="tpm-crb"><backend type="emulator"/></tpm>'),
  );
  lab.host1.after("domain_migrate_confirm3_params", () => expect(here.config).toBeUndefined());
  expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
  expect(lab.host1.calls.get("domain_undefine_flags")).toBeUndefined();
});

describe("a destination that cannot write", () => {
  it("at first: the source's definition goes when the move ends", async () => {
    const here = web(lab.host1);
    lab.host2.refuse("domain_set_metadata", refusals.noMemory(), { times: 1 });
    lab.host1.after("domain_migrate_confirm3_params", () => expect(here.config).toBeDefined());
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("at all: the source keeps the definition, and does not start it with itself", async () => {
    lab.host1.domains.setAutostart(web(lab.host1), true);
    lab.host2.refuse("domain_set_metadata", refusals.noMemory(), { times: 1000 });
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], definedOn: ["host1", "host2"] });
    expect(web(lab.host1).autostart).toBe(false);
    expect(web(lab.host2).autostart).toBe(true);
  });

  it("because its definition was removed by another client: the source's is the last one, and stays", async () => {
    lab.host2.before("domain_set_metadata", () => lab.host2.domains.undefine(web(lab.host2), 0x7f));
    await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], activeOn: ["host2"], definedOn: ["host1"] });
  });

  it("and dies: what the source keeps starts with it again", async () => {
    lab.host1.domains.setAutostart(web(lab.host1), true);
    lab.host2.before("domain_set_metadata", () => lab.host2.losePower());
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toThrow();
    expect(web(lab.host1).autostart).toBe(false);
    await recover(lab.cluster, "web", { dead: "host2" });
    expect(web(lab.host1).autostart).toBe(true);
  });
});

describe("a source that vanishes after the switch-over", () => {
  /** Its daemon is gone, its QEMUs are not: the stopped copy stays. */
  const cutOffAfterFinish = () => lab.host2.after("domain_migrate_finish3_params", () => lab.host1.close());

  it("the VM goes on on the destination with a VF, and the source's copy is ended once it answers", async () => {
    cutOffAfterFinish();
    const report = await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(report?.outcome).toBe("moved");
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], activeOn: ["host1", "host2"], journals: ["host1"] });
    await lab.reopen(lab.host1);
    const { settled: done } = await recover(lab.cluster, "web");
    expect(done).toContain('the VM\'s stopped copy on "host1" was removed');
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("the mover dies as well: recovery finishes the move without the source", async () => {
    const mover = await lab.entrance();
    lab.host2.after("domain_migrate_finish3_params", () => {
      mover.die();
      lab.host1.close();
    });
    await moveVm(mover.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    disown(lab);
    expect(await recover(lab.cluster, "web")).toMatchObject({ outcome: "finished", host: "host2" });
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], vfs: [vfs[0]] });
    expect(await missingVfsOf(lab.cluster, "web")).toEqual([]);
    await lab.reopen(lab.host1);
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    await mover.cluster.close();
  });

  it("a VF is plugged while it is away", async () => {
    cutOffAfterFinish();
    lab.host2.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { times: 4 });
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved-without-vf");
    await plugMissingVfs(lab.cluster, "web", lab.progress);
    expect(clusterState(lab).vfs).toHaveLength(1);
  });

  it("a copy that was let run there meanwhile is left alone", async () => {
    cutOffAfterFinish();
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    Object.assign(web(lab.host1), { state: DomainState.RUNNING, reason: 1 });
    await lab.reopen(lab.host1);
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toThrow(VmOnSeveralHosts);
    expect(clusterState(lab)).toEqual(before);
  });

  it("a copy of another move is left alone", async () => {
    cutOffAfterFinish();
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    lab.host1.domains.stop(web(lab.host1));
    lab.host1.domains.setMetadata(web(lab.host1), metadataNamespace("journal"), "vnic", null, 2);
    await lab.reopen(lab.host1);
    await recover(lab.cluster, "web");
    expect(clusterState(lab).definedOn).toEqual(["host1", "host2"]);
  });
});

describe("a host that the configuration has no more", () => {
  const without = (name: string) => {
    const { [name]: _, ...hosts } = lab.configuration.cluster.hosts;
    const cluster = { ...lab.configuration.cluster, hosts };
    return new LibvirtCluster({ ...parseConfiguration({ cluster }) });
  };

  it("the destination: the move is rolled back", async () => {
    leave(lab, journalOf(pair));
    const cluster = without("host2");
    const { outcome, owed } = await recover(cluster, "web");
    expect(outcome).toBe("undone");
    expect(owed).toHaveLength(1);
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"], vfs: [vfs[0]], journals: [] });
    await cluster.close();
  });

  it("the source: the move is finished", async () => {
    const mover = await lab.entrance();
    lab.host2.after("domain_migrate_finish3_params", () => mover.die());
    await moveVm(mover.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
    await mover.cluster.close();
    disown(lab);
    const cluster = without("host1");
    expect(await recover(cluster, "web")).toMatchObject({ outcome: "finished", host: "host2" });
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], vfs: [vfs[0]], journals: ["host1"] });
    await cluster.close();
  });
});

describe("recovery does no harm", () => {
  const arrived = () => {
    leave(lab, journalOf(pair, { step: "migrate" }));
    const here = web(lab.host1);
    lab.host1.guestReleases(here, pair.state.aliases[1] ?? "");
    lab.host2.domains.start(lab.host2.domains.define(lab.host1.domains.xml(here, 0)));
    Object.assign(web(lab.host2), { config: here.config });
    Object.assign(here, { state: DomainState.PAUSED, reason: PausedReason.MIGRATION });
    return here;
  };

  it.each([
    ["by a Confirm, which leaves the images to the VM", 0, 0],
    ["by a destroy, where libvirt lets no migration begin", 1, 1],
  ])("ends the source's copy %s", async (_, refused, destroyed) => {
    arrived();
    if (refused > 0) lab.host1.refuse("domain_migrate_begin3_params", refusals.jobHeld());
    expect((await recover(lab.cluster, "web")).outcome).toBe("finished");
    expect(lab.host1.calls.get("domain_destroy_flags") ?? 0).toBe(destroyed);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it.each([
    ["libvirt 8.9 and later", 0x7f, "there"],
    ["an older libvirt", 0x1f, "deleted"],
  ] as const)(
    "undefines a VM with NVRAM, TPM, snapshots, checkpoints and a managed save: %s",
    async (_, flags, tpm) => {
      const here = arrived();
      lab.host1.refuse("domain_migrate_begin3_params", refusals.jobHeld());
      const config = formatXml(here.config ?? here.live ?? expect.fail());
      lab.host1.domains.define(
        config
          .replace("<os>", "<os><nvram>/var/lib/libvirt/qemu/nvram/web.fd</nvram>")
          .replace("<devices>", '<devices><tpm model="tpm-crb"><backend type="emulator"/></tpm>'),
      );
      Object.assign(here.kept, { snapshots: 2, checkpoints: 1, managedSave: true, tpm: "there" });
      lab.host1.undefineFlags = flags;
      expect((await recover(lab.cluster, "web")).outcome).toBe("finished");
      expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
      expect(here.kept.tpm).toBe(tpm);
    },
  );

  it("rolls back nothing where the VM ran on the destination, and was shut down there", async () => {
    arrived();
    lab.host2.domains.stop(web(lab.host2));
    expect(await recover(lab.cluster, "web")).toMatchObject({ outcome: "finished" });
    expect(clusterState(lab)).toMatchObject({ runsOn: [], activeOn: [], definedOn: ["host2"], journals: [] });
  });

  it.each([
    ["a backup", 9],
    ["a snapshot", 6],
    ["a migration by another tool", 5],
  ])("aborts no job that is another's: %s", async (_, operation) => {
    leave(lab, journalOf(pair));
    lab.host1.otherJob(web(lab.host1), operation);
    const outcome = await recover(lab.cluster, "web").then(
      (recovery) => recovery.outcome,
      (error: unknown) => (error instanceof ProblemError ? error.problem.code : error),
    );
    expect(outcome).toBe(operation === 5 ? "vm-migrating" : "undone");
    expect(lab.host1.calls.get("domain_abort_job")).toBeUndefined();
  });

  it("takes no VM that only shares the name for the VM", async () => {
    leave(lab, journalOf(pair, { step: "migrate" }));
    const namesake = { name: "web", uuid: "99999999-2222-4333-8444-000000000050" };
    lab.host2.domains.start(lab.host2.domains.define(domainXml(namesake)));
    expect(await recover(lab.cluster, "web")).toMatchObject({ outcome: "undone", host: "host1" });
    expect(lab.host2.domains.requireNamed("web")).toMatchObject({ uuid: namesake.uuid, state: DomainState.RUNNING });
    expect(lab.host1.domains.requireNamed("web").state).toBe(DomainState.RUNNING);
    await expect(lab.cluster.locate("web")).rejects.toMatchObject({
      problem: { code: "vm-name-not-unique", remedy: expect.not.stringMatching(/destroy|recover/) as string },
    });
  });

  it("moves no VM to a host that has another of its name", async () => {
    const namesake = { name: "web", uuid: "99999999-2222-4333-8444-000000000050" };
    lab.host2.domains.define(domainXml(namesake));
    const before = clusterState(lab);
    const error: unknown = await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MoveRefused);
    expect((error as MoveRefused).findings.map(({ rule }) => rule)).toEqual(["move-vm-name-once"]);
    expect(clusterState(lab)).toEqual(before);
  });

  it("leaves alone a journal that came with a copy of another VM's definition", async () => {
    leave(lab, journalOf(pair, { uuid: "99999999-2222-4333-8444-000000000050" }));
    const before = clusterState(lab);
    expect((await recover(lab.cluster, "web")).outcome).toBe("none");
    expect(clusterState(lab)).toEqual(before);
  });

  it("of two recoveries at once one works", async () => {
    leave(lab, journalOf(pair));
    const other = await lab.entrance();
    const results = await Promise.allSettled([recover(lab.cluster, "web"), recover(other.cluster, "web")]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { problem: { code: "move-under-way" } },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    await other.cluster.close();
  });
});
