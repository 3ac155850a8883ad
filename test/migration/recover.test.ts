import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmOnSeveralHosts } from "../../provider/backends/libvirt/cluster.js";
import { DomainState, PausedReason } from "../../provider/backends/libvirt/constants.js";
import { HostUnreachable } from "../../provider/backends/libvirt/host-errors.js";
import { moveVm } from "../../provider/migration/move.js";
import type { Journal } from "../../provider/migration/journal.js";
import { moverOf } from "../../provider/migration/mover.js";
import { recover } from "../../provider/migration/recover.js";
import { parseXml } from "../../provider/xml/element.js";
import { type DeclaredPair, declarePair } from "../hosts/declared.js";
import { domainXml, twoHosts, type LabLike, vfs, vm } from "../hosts/two-hosts.js";
import { disown, journalOf, leave as leaveJournal, pci } from "../hosts/left-journal.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { TestClock } from "../hosts/test-clock.js";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

const journal = (parts: Partial<Journal> = {}) => journalOf(pair, parts);
const leave = (text: Journal | string) => leaveJournal(lab, text);

/** The VM has come to that host, with its definition and all that stands in it. */
const arrive = (host: LabLike["host1"]) => {
  const web = lab.host1.domains.requireNamed("web");
  lab.host1.guestReleases(web, pair.state.aliases[1] ?? "");
  host.domains.start(host.domains.define(lab.host1.domains.xml(web, 0)));
  return Object.assign(host.domains.requireNamed("web"), { config: web.config });
};
const leaveHost1 = () => {
  const web = lab.host1.domains.requireNamed("web");
  lab.host1.domains.stop(web);
  lab.host1.domains.undefine(web);
};

describe("recover", () => {
  it("has nothing to do where nothing was interrupted", async () => {
    expect(await recover(lab.cluster, "web")).toEqual({
      vm: "web",
      uuid: vm.uuid,
      outcome: "none",
      host: "host1",
      journal: undefined,
      settled: [],
      owed: [],
    });
  });

  it("rolls back what a dead process of this machine had begun", async () => {
    leave(journal());
    const { outcome, host, journal: found } = await recover(lab.cluster, "web");
    expect({ outcome, host, id: found?.id }).toEqual({ outcome: "undone", host: "host1", id: journal().id });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("leaves alone what a process of this machine is at", async () => {
    leave(journal({ mover: moverOf(process.ppid), until: lab.clock.now() + 60_000 }));
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({ problem: { code: "move-under-way" } });
    expect(clusterState(lab)).toEqual(before);
  });

  it("waits for a mover on another machine until its watchdogs have ended", async () => {
    leave(journal({ mover: { machine: "elsewhere", pid: 1 }, until: lab.clock.now() + 300 }));
    await recover(lab.cluster, "web", { progress: lab.progress });
    expect(lab.progress.steps).toContain("recover");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("does not wait for it when told so", async () => {
    leave(journal({ mover: { machine: "elsewhere", pid: 1 }, until: lab.clock.now() + 600_000 }));
    expect((await recover(lab.cluster, "web", { now: true })).outcome).toBe("undone");
  });

  it("guesses at no journal that it does not understand", async () => {
    leave("<journal version='9'/>");
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({ problem: { code: "journal-unreadable" } });
    expect(clusterState(lab)).toEqual(before);
  });

  it("does nothing to a VM that was not found, while a host is unreachable", async () => {
    lab.host1.close();
    await expect(recover(lab.cluster, "web")).rejects.toThrow(HostUnreachable);
  });

  it("is done before the next move begins", async () => {
    leave(journal());
    expect((await moveVm(lab.cluster, { vm: "web", to: "host2" }))?.outcome).toBe("moved");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("keeps the journal as long as not everything could be rolled back, and ends the work later", async () => {
    leave(journal());
    const alias = pair.state.aliases[1] ?? "";
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), alias);
    const pf = lab.host1.devices.physicalFunctions[0];
    if (pf !== undefined) pf.linkUp = false;
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({ problem: { code: "recovery-incomplete" } });
    expect(clusterState(lab)).toMatchObject({ vfs: [], journals: ["host1"] });
    if (pf !== undefined) pf.linkUp = true;
    expect((await recover(lab.cluster, "web")).outcome).toBe("undone");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("ends the source's stopped copy where the destination has taken over", async () => {
    leave(journal({ step: "migrate" }));
    arrive(lab.host2);
    Object.assign(lab.host1.domains.requireNamed("web"), { state: DomainState.PAUSED, reason: PausedReason.MIGRATION });
    expect((await recover(lab.cluster, "web")).outcome).toBe("finished");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it.each([
    ["paused by an operator", DomainState.PAUSED, PausedReason.USER],
    ["asleep", DomainState.PMSUSPENDED, 0],
    ["still to be started, without a source", DomainState.PAUSED, PausedReason.MIGRATION],
  ])("never ends a VM that is on its destination, and %s", async (_, state, reason) => {
    leave(journal({ step: "plug" }));
    const there = arrive(lab.host2);
    leaveHost1();
    Object.assign(there, { state, reason });
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({
      problem: { code: "vm-stopped-there", where: "host2" },
    });
    expect(clusterState(lab)).toEqual(before);
    Object.assign(there, { state: DomainState.RUNNING, reason: 1 });
    expect((await recover(lab.cluster, "web")).outcome).toBe("finished");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });

  it("ends the copy that waits for a source that runs", async () => {
    leave(journal({ step: "migrate" }));
    Object.assign(arrive(lab.host2), { config: undefined, state: DomainState.PAUSED, reason: PausedReason.MIGRATION });
    expect((await recover(lab.cluster, "web")).outcome).toBe("undone");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("goes on where that copy has just ended by itself", async () => {
    leave(journal({ step: "migrate" }));
    Object.assign(arrive(lab.host2), { config: undefined, state: DomainState.PAUSED, reason: PausedReason.MIGRATION });
    lab.host2.before("domain_destroy_flags", () => lab.host2.domains.stop(lab.host2.domains.requireNamed("web")));
    expect((await recover(lab.cluster, "web")).outcome).toBe("undone");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("returns what it had reserved where another tool moved the VM to a third host", async () => {
    await lab.close();
    lab = await twoHosts({ more: 1, clock: new TestClock() });
    pair = await declarePair(lab);
    const [, , host3 = lab.host1] = lab.hosts;
    leave(journal());
    arrive(host3);
    leaveHost1();
    expect(await recover(lab.cluster, "web")).toMatchObject({ outcome: "overtaken", host: "host3" });
    expect(clusterState(lab)).toMatchObject({ activeOn: ["host3"], vfs: [], bound: [], journals: [] });
    expect((await recover(lab.cluster, "web")).outcome).toBe("none");
  });

  it("chooses neither of two that run", async () => {
    leave(journal({ step: "migrate" }));
    lab.host2.domains.start(lab.host2.domains.define(domainXml(vm)));
    const before = clusterState(lab);
    const error: unknown = await recover(lab.cluster, "web").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VmOnSeveralHosts);
    expect(String(error)).toContain("run `virsh destroy web` on the other host");
    expect(clusterState(lab)).toEqual(before);
  });

  it("chooses neither of two that run and that no move has left", async () => {
    lab.host2.domains.start(lab.host2.domains.define(domainXml(vm)));
    await expect(recover(lab.cluster, "web")).rejects.toThrow("run `virsh destroy web` on the other host");
  });

  it("waits for libvirt's own job, an incoming one too, to end", async () => {
    const mover = await lab.entrance();
    Object.assign(lab.host1.memory, { passes: 1, milliseconds: 700 });
    const moving = moveVm(mover.cluster, { vm: "web", to: "host2" });
    await new Promise<void>((resolve) => lab.host1.before("domain_migrate_perform3_params", () => resolve()));
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({ problem: { code: "move-under-way" } });
    // What leads the migration still runs, but no longer counts as alive.
    disown(lab);
    expect((await recover(lab.cluster, "web", { progress: lab.progress })).outcome).not.toBe("undone");
    await moving.catch(() => undefined);
    await recover(lab.cluster, "web");
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    expect(lab.progress.steps).toContain("recover");
    await mover.cluster.close();
  });

  it("takes no device from a host that a forged journal names", async () => {
    const [nic] = journal().interfaces;
    if (nic === undefined) throw new Error("the journal has an interface");
    const disk = pci("0000:03:00.0");
    leave(journal({ interfaces: [{ ...nic, sourceVf: disk }] }));
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({
      problem: {
        code: "journal-foreign-device",
        where: "host1",
        what: expect.stringContaining("0000:03:00.0") as string,
      },
    });
    expect(lab.host1.calls.get("node_device_detach_flags")).toBe(1);
    expect(clusterState(lab)).toEqual(before);
  });

  const named = (more: string, mac: string = vm.mac) =>
    `<interface type='hostdev'><mac address='${mac}'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source>${more}<teaming type='transient' persistent='${pair.state.aliases[0] ?? ""}'/></interface>`;
  it.each([
    ["VLAN", () => named("<vlan><tag id='666'/></vlan>")],
    ["MAC address", () => named("", "52:54:00:de:ad:01")],
    ["standby", () => named("").replace(pair.state.aliases[0] ?? "", "ua-other")],
    ["/etc/shadow", () => named("<rom file='/etc/shadow'/>")],
  ])("plugs no device that a forged journal has made up: %s", async (what, device) => {
    const [nic] = journal().interfaces;
    if (nic === undefined) throw new Error("the journal has an interface");
    leave(journal({ interfaces: [{ ...nic, device: parseXml(device()) }] }));
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), nic.primaryAlias);
    const before = clusterState(lab);
    await expect(recover(lab.cluster, "web")).rejects.toMatchObject({
      problem: { code: "journal-foreign-device", what: expect.stringContaining(what) as string },
    });
    expect(clusterState(lab)).toEqual(before);
  });

  it("plugs the VF as an older version's journal has it, which kept no device", async () => {
    leave(journal());
    lab.host1.guestReleases(lab.host1.domains.requireNamed("web"), pair.state.aliases[1] ?? "");
    expect((await recover(lab.cluster, "web")).outcome).toBe("undone");
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });
});
