/** Resources of one program and one VM, without `dependsOn`: the engine begins them side by side. */
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { handlers } from "../../provider/handlers/registry.js";
import type { HandlerContext } from "../../provider/handlers/handler.js";
import { keyOfVm } from "../../provider/handlers/ovirt/vm.js";
import { moveVm } from "../../provider/migration/move.js";
import { declarePair, declareProfiles } from "../hosts/declared.js";
import { twoHosts, recordedProgress, vfs, vm, type LabLike } from "../hosts/two-hosts.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { declarePair as declareOvirtPair, overEngine } from "../handlers/ovirt/over-engine.js";

let lab: LabLike;
let reports: string;
beforeEach(async () => {
  lab = await twoHosts();
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  vi.stubEnv("VNIC_FAILOVER_REPORTS", reports);
});
afterEach(async () => {
  await lab.close();
  await rm(reports, { recursive: true });
  vi.unstubAllEnvs();
});

const { VmInterface, VmPlacement } = handlers;
const there = { vm: "web", host: "host2" };
const urnOf = (kind: string, name: string) => `urn:pulumi:dev::test::vnic-failover:index:${kind}::${name}`;

/** The contexts of one command's operations, each with a row of its own. */
function command(config = lab.stackConfig) {
  const shared = {};
  return (kind: string, name: string): HandlerContext & { readonly lines: string[] } => {
    const lines: string[] = [];
    const progress = { ...recordedProgress(), report: ({ message = "" }) => void lines.push(message) };
    return { config, command: shared, progress, urn: urnOf(kind, name), lines };
  };
}

/** The hosts' migration takes a while. */
function slowly({ host1 }: LabLike): void {
  Object.assign(host1.memory, { passes: 20, milliseconds: 10 });
}

describe("with libvirt", () => {
  it("an interface is made before or after the move, and not in its midst, whichever begins first", async () => {
    const { standbyProfile, profile } = await declareProfiles(lab);
    slowly(lab);
    const row = command();
    const first = row("VmInterface", "first");
    const second = row("VmInterface", "second");
    const placement = row("VmPlacement", "placement");
    const [one, { state: placed }, two] = await Promise.all([
      VmInterface.create(first, { vm: "web", profile, mac: vm.mac }),
      VmPlacement.create(placement, there),
      VmInterface.create(second, { vm: "web", profile: standbyProfile, mac: "52:54:00:aa:00:51" }),
    ]);
    expect(placed).toMatchObject({ host: "host2", missing: [] });
    // The first one was there before the move and travelled, the other came after it.
    expect(placed).toMatchObject({ lastMove: { interfaces: [{ mac: vm.mac }] } });
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    expect(placement.lines).toContain('waiting for resource "first" to finish with VM "web"');
    expect(second.lines).toContain('waiting for the move of VM "web" by resource "placement"');
    expect(one.state.missing).toEqual([]);
    expect(two.state).toMatchObject({ host: "host2", missing: [] });
  });

  it("an interface is deleted, looked at and checked after the move that is under way", async () => {
    const { id, state, profile } = await declarePair(lab);
    slowly(lab);
    const row = command();
    let moved = false;
    const move = VmPlacement.create(row("VmPlacement", "placement"), there).then((made) => {
      moved = true;
      return made;
    });
    const found = VmInterface.read(row("VmInterface", "nic"), id, state).then((read) => ({ read, moved }));
    const news = { vm: "web", profile, mac: vm.mac, linked: true };
    const check = VmInterface.check(row("VmInterface", "nic"), news, { ...news, plugged: true });
    await found.then(({ read, moved }) => {
      expect(moved).toBe(true);
      expect(read?.state).toMatchObject({ host: "host2", missing: [] });
    });
    expect((await check).failures).toEqual([]);
    await VmInterface.delete(row("VmInterface", "nic"), id, state);
    expect((await move).state).toMatchObject({ host: "host2" });
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host2"], bound: [] });
  });

  it("who waits is cancelled like any other, and the move goes on", async () => {
    const { profile } = await declareProfiles(lab);
    slowly(lab);
    const row = command();
    const move = VmPlacement.create(row("VmPlacement", "placement"), there);
    const cancelled = new AbortController();
    const nic = VmInterface.create(
      { ...row("VmInterface", "nic"), signal: cancelled.signal },
      { vm: "web", profile, mac: vm.mac },
    );
    setTimeout(() => cancelled.abort(new Error("cancelled")), 20);
    await expect(nic).rejects.toThrow("cancelled");
    expect((await move).state).toMatchObject({ host: "host2" });
  });

  it("another process's move is refused, and named", async () => {
    const { id, state } = await declarePair(lab);
    slowly(lab);
    const row = command();
    let refusal: Promise<unknown> | undefined;
    lab.host1.before("domain_migrate_perform3_params", () => {
      refusal = VmInterface.delete(row("VmInterface", "nic"), id, state).then(
        () => undefined,
        (error: unknown) => error,
      );
    });
    await moveVm(lab.cluster, { ...{ vm: "web", to: "host2" }, command: "vnic-failover migrate" });
    expect(await refusal).toMatchObject({
      problem: {
        code: "move-under-way",
        what: `Another move of VM "web" is in progress, by vnic-failover migrate (process ${process.pid} on ${hostname()})`,
      },
    });
  });
});

describe("on oVirt", () => {
  it("an interface waits for the move, whether the VM is called by its name or by its id", async () => {
    const over = await overEngine();
    const nic = await declareOvirtPair(over);
    const row = command(over.config);
    const id = over.vm("web").id;
    // Who is first to know the VM's id is first.
    const context = row("VmPlacement", "placement");
    await Promise.all([keyOfVm(context, id), keyOfVm(context, "web")]);
    const placement = VmPlacement.create(context, { vm: id, host: "host2" });
    const deleted = row("VmInterface", "nic");
    await VmInterface.delete(deleted, nic.id, nic.state);
    expect(deleted.lines).toContain(`waiting for the move of VM "${id}" by resource "placement"`);
    expect((await placement).state).toMatchObject({ host: "host2" });
  });
});
