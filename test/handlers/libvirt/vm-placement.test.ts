import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { placementRecordOf } from "../../../provider/backends/libvirt/placement-records.js";
import { release } from "../../../provider/cli/commands/libvirt/release.js";
import { metadataNamespace, metadataPrefix } from "../../../provider/backends/libvirt/xml/metadata.js";
import { HostUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import { PartialFailure } from "../../../provider/handlers/handler.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { vmPlacement, type VmPlacementState } from "../../../provider/handlers/libvirt/vm-placement.js";
import { moveVm } from "../../../provider/migration/move.js";
import { contextWith } from "../../cli/command-context.js";
import { declarePair } from "../../hosts/declared.js";
import { twoHosts, type LabLike, vfs, vm, occupy } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";
import { expectedState, clusterState } from "../../hosts/cluster-state.js";

let lab: LabLike;
let reports: string;
beforeEach(async () => {
  lab = await twoHosts();
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  vi.stubEnv("VNIC_FAILOVER_REPORTS", reports);
  await declarePair(lab);
});
afterEach(async () => {
  await lab.close();
  await rm(reports, { recursive: true });
  vi.unstubAllEnvs();
});

const at = (host: string): VmPlacementState => ({ vm: "web", vmId: vm.uuid, host, missing: [] });
const callCounts = () => lab.hosts.map(({ callCount }) => callCount);

async function failuresOf(news: unknown, olds?: { vm: string; host: string }) {
  return (await vmPlacement.check(lab.context(), news, olds)).failures;
}

async function partialFailureOf(run: Promise<unknown>): Promise<PartialFailure> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PartialFailure);
  return error as PartialFailure;
}

describe("check", () => {
  it.each([
    ["vm", { host: "host1" }],
    ["host", { vm: "web" }],
    ["migration.unplugTimeout", { vm: "web", host: "host1", migration: { unplugTimeout: -1 } }],
    ["migration.announce", { vm: "web", host: "host1", migration: { announce: "loud" } }],
  ])("names the property at fault: %s", async (property, news) => {
    expect((await failuresOf(news)).map((failure) => failure.property)).toEqual([property]);
  });

  it("fills in no defaults: a new default is no diff", async () => {
    const news = { vm: "web", host: "host2", migration: { bandwidth: 100 } };
    expect((await vmPlacement.check(lab.context(), news)).inputs).toEqual(news);
  });

  it("refuses a move that cannot be, at preview, with all its reasons", async () => {
    for (const vf of lab.host2.devices.virtualFunctions()) occupy(vf);
    lab.host2.freeMemoryKiB = 1;
    const failures = await failuresOf({ vm: "web", host: "host2" });
    expect(failures.map(({ property }) => property)).toEqual(["host", "host"]);
    expect(failures.map(({ reason }) => reason).join(" ")).toMatch(/free memory.*too few free VFs/);
  });

  it("refuses a host and a VM that do not exist", async () => {
    expect(await failuresOf({ vm: "web", host: "host3" })).toMatchObject([{ property: "host" }]);
    expect(await failuresOf({ vm: "absent", host: "host2" })).toMatchObject([{ property: "vm" }]);
  });

  it("says what up would move, once in a command, and nothing of a VM that is there or of a move that is refused", async () => {
    const context = lab.context({ command: {}, urn: "urn:pulumi:dev::test::VmPlacement::web" });
    const olds = { vm: "web", host: "host2" };
    const news = { ...olds, migration: { bandwidth: 5 } };
    await vmPlacement.check(context, olds);
    await vmPlacement.check(context, news, olds);
    await vmPlacement.diff(context, "web", { ...at("host2"), missing: ["VF"] }, news);
    const sentences = [
      `VM "web" is running on "host1": pulumi up will live-migrate it to "host2"; its VF leaves the guest before the migration: fewer packets are lost so than with QEMU's own unplug`,
    ];
    expect(lab.progress.infos).toEqual(sentences);
    await vmPlacement.check(lab.context({ command: {} }), { vm: "web", host: "host1" });
    lab.host2.freeMemoryKiB = 1;
    expect((await vmPlacement.check(lab.context({ command: {} }), olds)).failures).toHaveLength(1);
    expect(lab.progress.infos).toEqual(sentences);
  });

  it("says when the VF leaves the guest, and why, as the placement's options have it", async () => {
    await vmPlacement.check(lab.context(), { vm: "web", host: "host2", migration: { unplug: "late" } });
    expect(lab.progress.infos[0]).toMatch(
      /to "host2"; its VF leaves the guest as the migration's first act, by QEMU: migration\.unplug says so$/,
    );
  });

  it("says so where only a VF is missing: up would move a VM home that was moved by hand", async () => {
    await vmPlacement.diff(lab.context(), "web", at("host2"), { vm: "web", host: "host2" });
    expect(lab.progress.infos).toEqual([]);
    await vmPlacement.diff(lab.context(), "web", { ...at("host2"), missing: ["VF"] }, { vm: "web", host: "host2" });
    expect(lab.progress.infos).toHaveLength(1);
  });

  it("only warns of what is no hindrance", async () => {
    lab.host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 1500, ports: ["pf0"] });
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    expect(lab.progress.warnings).toEqual([expect.stringContaining("share")]);
  });

  it("asks whether a host or a VM of a similar name was meant", async () => {
    expect(await failuresOf({ vm: "web", host: "hots1" })).toEqual([
      { property: "host", reason: 'The cluster has no host "hots1". Did you mean "host1"? Hosts: host1, host2.' },
    ]);
    expect(await failuresOf({ vm: "wbe", host: "host2" })).toMatchObject([
      { property: "vm", reason: expect.stringMatching(/^No host .* VM "wbe"\..* Did you mean "web"\?$/) as string },
    ]);
  });

  it("raises nothing for an unreachable host, and warns", async () => {
    lab.host2.close();
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    expect(lab.progress.warnings.join(" ")).toContain("host2");
    lab.host1.close();
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
  });

  it("has nothing to say of what is not known yet, and asks no host for it", async () => {
    const before = callCounts();
    expect(await failuresOf({ vm: UNKNOWN, host: "host2" })).toEqual([]);
    expect(await failuresOf({ vm: "web", host: UNKNOWN, migration: UNKNOWN })).toEqual([]);
    expect(callCounts()).toEqual(before);
  });

  it("asks no host when nothing has changed", async () => {
    const before = callCounts();
    expect(await failuresOf({ vm: "web", host: "host1" }, { vm: "web", host: "host1" })).toEqual([]);
    expect(callCounts()).toEqual(before);
  });
});

describe("diff", () => {
  it("is an update for another host, and a replacement for another VM", async () => {
    const diff = (state: VmPlacementState, news: object) =>
      vmPlacement.diff(lab.context(), "web", state, { vm: "web", host: "host1", ...news });
    expect((await diff(at("host1"), {})).changes).toBe(false);
    expect(await diff(at("host1"), { host: "host2" })).toMatchObject({ changes: undefined, replaces: [] });
    expect((await diff(at("host1"), { vm: "db" })).replaces).toEqual(["vm"]);
    expect((await diff({ ...at("host1"), missing: ["VF"] }, {})).changes).toBe(true);
    expect((await diff(at("host1"), { migration: { bandwidth: 1 } })).changes).toBeUndefined();
  });
});

describe("create and update", () => {
  it("leave a VM alone that is there already", async () => {
    const { id, state } = await vmPlacement.create(lab.context(), { vm: "web", host: "host1" });
    expect({ id, state }).toEqual({ id: "web", state: at("host1") });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(await readdir(reports)).toEqual([]);
  });

  it("move the VM, keep the report in the state and write it to its files", async () => {
    const { state } = await vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" });
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    expect(state).toMatchObject({ host: "host2", missing: [], lastMove: { outcome: "moved", to: "host2" } });
    expect((await readdir(reports)).map((name) => name.replace(/^.*\./, "")).sort()).toEqual(["html", "json"]);
    const { state: again } = await vmPlacement.update(lab.context(), "web", state, { vm: "web", host: "host2" });
    expect(again.lastMove).toEqual(state.lastMove);
  });

  it("tell what a move did, and warn of what could not be done for the network", async () => {
    await vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" });
    const [html = ""] = (await readdir(reports)).filter((name) => name.endsWith(".html"));
    expect(lab.progress.infos).toEqual([
      expect.stringMatching(
        /^VM "web" moved from "host1" to "host2" in \d+\.\d s: .*VF 0000:01:10\.0 → 0000:01:10\.0\. Report: /,
      ),
    ]);
    expect(lab.progress.infos[0]).toContain(join(reports, html));
    expect(lab.progress.warnings).toContainEqual(expect.stringContaining("has no SSH connection"));
  });

  it("warn where the report cannot be written, and the move counts all the same", async () => {
    vi.stubEnv("VNIC_FAILOVER_REPORTS", "/dev/null/reports");
    const { state } = await vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" });
    expect(state.host).toBe("host2");
    expect(lab.progress.warnings).toContainEqual(expect.stringContaining("Unable to write the report"));
    expect(lab.progress.infos[0]).not.toContain("Report:");
  });

  it("shrink what an older version has left in the state, at the next write and not before", async () => {
    const { state } = await vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" });
    const { lastMove } = state;
    if (lastMove === undefined) throw new Error("no move");
    const samples = Array.from({ length: 4000 }, (_, at) => ({ at, percent: 1, remaining: 2, rate: 3 }));
    const old: VmPlacementState = { ...state, lastMove: { ...lastMove, samples } };
    const inputs = { vm: "web", host: "host2" };
    expect((await vmPlacement.diff(lab.context(), "web", old, inputs)).changes).toBe(false);
    expect((await vmPlacement.read(lab.context(), "web", old))?.state.lastMove?.samples).toHaveLength(4000);
    const { state: next } = await vmPlacement.update(lab.context(), "web", old, { ...inputs, migration: {} });
    expect(Buffer.byteLength(JSON.stringify(next.lastMove))).toBeLessThanOrEqual(4096);
    expect(next.lastMove).toMatchObject({ outcome: "moved", interfaces: lastMove.interfaces });
  });

  it("refuse what cannot be, and have changed nothing", async () => {
    lab.host2.freeMemoryKiB = 1;
    await expect(
      vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" }),
    ).rejects.toMatchObject({ name: "MoveRefused" });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("fail with the state as it is: still on the source", async () => {
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    const failure = await partialFailureOf(
      vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" }),
    );
    expect(failure).toMatchObject({
      id: "web",
      state: { host: "host1", lastMove: { outcome: "failed-on-source" }, missing: [] },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    const [html = ""] = (await readdir(reports)).filter((name) => name.endsWith(".html"));
    expect(await readdir(reports)).toHaveLength(2);
    expect(failure.message).toContain(`Report: ${join(reports, html)}`);
  });

  it("fail where the VM has moved without its VF, and the next up plugs it", async () => {
    lab.host2.refuse("domain_attach_device_flags", refusals.functionOffline("pf0"), { times: 4 });
    const failure = await partialFailureOf(
      vmPlacement.update(lab.context(), "web", at("host1"), { vm: "web", host: "host2" }),
    );
    expect(failure.problem.code).toBe("moved-without-vf");
    const state = failure.state as VmPlacementState;
    expect(state).toMatchObject({ host: "host2", lastMove: { outcome: "moved-without-vf" } });
    expect(state.missing).toHaveLength(1);
    expect((await vmPlacement.diff(lab.context(), "web", state, { vm: "web", host: "host2" })).changes).toBe(true);
    const { state: repaired } = await vmPlacement.update(lab.context(), "web", state, { vm: "web", host: "host2" });
    expect(repaired.missing).toEqual([]);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
  });
});

describe("read", () => {
  it("sees where the VM runs now", async () => {
    expect(await vmPlacement.read(lab.context(), "web", at("host1"))).toEqual({
      id: "web",
      state: at("host1"),
      inputs: { vm: "web", host: "host1" },
    });
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect((await vmPlacement.read(lab.context(), "web", at("host1")))?.inputs.host).toBe("host2");
  });

  it.each([
    ["before", "host1"],
    ["after", "host2"],
  ] as const)(
    "tells of a move that was interrupted %s the VM was started on the destination, and leaves its end to an update",
    async (moment, host) => {
      const mover = await lab.entrance();
      lab.host2[moment]("domain_migrate_finish3_params", () => mover.die());
      await moveVm(mover.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
      const found = await vmPlacement.read(lab.context(), "web", at("host1"));
      const state = found?.state ?? at(host);
      expect(state).toMatchObject({
        host,
        missing: [expect.stringContaining("completion or rollback of the interrupted move")],
      });
      expect(lab.progress.warnings).toEqual([
        expect.stringContaining("vnic-failover recover web to complete it or roll it back"),
      ]);
      expect(clusterState(lab).journals).not.toEqual([]);
      const news = { vm: "web", host };
      expect((await vmPlacement.diff(lab.context(), "web", state, news)).changes).toBe(true);
      expect((await vmPlacement.update(lab.context(), "web", state, news)).state).toMatchObject({ host, missing: [] });
      expect(clusterState(lab)).toEqual(expectedState(host, vfs[0]));
      await mover.cluster.close();
    },
  );

  it("is undefined where no host has the VM, and an error while one is unreachable", async () => {
    expect(
      await vmPlacement.read(lab.context(), "absent", {
        ...at("host1"),
        vm: "absent",
        vmId: "99999999-2222-4333-8444-000000000050",
      }),
    ).toBeUndefined();
    const { stackConfig } = await lab.entrance();
    lab.host1.close();
    await expect(vmPlacement.read(lab.context({ config: stackConfig }), "web", at("host1"))).rejects.toThrow(
      HostUnreachable,
    );
  });
});

describe("one placement a VM", () => {
  const urn = (name: string, stack = "dev") => `urn:pulumi:${stack}::test::vnic-failover:index:VmPlacement::${name}`;
  const row = (name: string, stack = "dev", command: object = {}) => lab.context({ urn: urn(name, stack), command });
  const here = { vm: "web", host: "host1" };
  const there = { vm: "web", host: "host2" };
  const noteOn = (host: LabLike["host1"]) => {
    const web = host.domains.requireNamed("web");
    return [web.live, web.config].map((xml) => xml && placementRecordOf({ raw: xml, uuid: web.uuid }));
  };

  it("refuses a second one in the program, whichever comes first, also where nothing changes", async () => {
    const command = {};
    expect((await vmPlacement.check(row("a", "dev", command), here, here)).failures).toEqual([]);
    for (const host of ["host1", "host2", UNKNOWN])
      expect((await vmPlacement.check(row("b", "dev", command), { vm: "web", host })).failures).toEqual([
        { property: "vm", reason: 'Resources "b" and "a" both place VM "web". Remove one of the two placements.' },
      ]);
    // The engine asks once more of a resource that is to be replaced.
    expect((await vmPlacement.check(row("b", "dev", command), { vm: "db", host: UNKNOWN })).failures).toEqual([]);
    expect((await vmPlacement.check(row("a", "dev", command), there)).failures).toEqual([]);
    // Another command is another program.
    expect((await vmPlacement.check(row("b"), there)).failures).toEqual([]);
  });

  it("is noted in the VM, travels with it, and is refused to other stacks at preview and before a move", async () => {
    const { state } = await vmPlacement.create(row("a"), here);
    const note = { id: state.claim, stack: "dev", project: "test", resource: "a", vmId: vm.uuid };
    expect(noteOn(lab.host1)).toEqual([note, note]);
    const { state: moved } = await vmPlacement.update(row("a"), "web", state, there);
    expect(moved.claim).toBe(state.claim);
    expect(noteOn(lab.host2)).toEqual([note, note]);

    const refused =
      'VM "web" already has a placement: resource "a" of stack "dev" (project "test"). Remove one of the two placements. If that stack no longer has it, or was renamed, run vnic-failover release web.';
    for (const news of [here, there, { vm: "web", host: UNKNOWN }])
      expect((await vmPlacement.check(row("b", "prod"), news)).failures).toEqual([{ property: "vm", reason: refused }]);
    await expect(vmPlacement.create(row("b", "prod"), here)).rejects.toThrow(refused);
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));

    await vmPlacement.delete(row("a"), "web", moved);
    expect(noteOn(lab.host2)).toEqual([undefined, undefined]);
    expect((await vmPlacement.check(row("b", "prod"), here)).failures).toEqual([]);
  });

  it("takes the note of a renamed or replaced resource over, which then takes none away", async () => {
    const { state: before } = await vmPlacement.create(row("a"), here);
    const { state: after } = await vmPlacement.create(row("renamed"), here);
    await vmPlacement.delete(row("a"), "web", before);
    expect(noteOn(lab.host1)[0]).toMatchObject({ resource: "renamed" });
    // Replaced under its own URN, and the old one deleted by a later command.
    const { state: replaced } = await vmPlacement.create(row("renamed"), here);
    await vmPlacement.delete(row("renamed"), "web", after);
    expect(noteOn(lab.host1)[0]).toMatchObject({ id: replaced.claim });
  });

  it("of a state from before is noted at its next update, and not by a look at it", async () => {
    await vmPlacement.read(row("a"), "web", at("host1"));
    await vmPlacement.check(row("a"), here, here);
    expect(noteOn(lab.host1)).toEqual([undefined, undefined]);
    const { state } = await vmPlacement.update(row("a"), "web", at("host1"), { ...here, migration: { bandwidth: 1 } });
    expect(noteOn(lab.host1)[0]).toMatchObject({ id: state.claim, resource: "a" });
  });

  it("is noted of a move that failed, too: the resource exists", async () => {
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    const failure = await partialFailureOf(vmPlacement.create(row("a"), there));
    expect(noteOn(lab.host1)[0]).toMatchObject({ id: (failure.state as VmPlacementState).claim });
  });

  it("is not noted of a move that was refused", async () => {
    lab.host2.freeMemoryKiB = 1;
    await expect(vmPlacement.create(row("a"), there)).rejects.toMatchObject({ name: "MoveRefused" });
    expect(noteOn(lab.host1)).toEqual([undefined, undefined]);
  });

  it("goes although its note cannot be taken away, with a warning; and is made although it cannot be noted", async () => {
    const { state } = await vmPlacement.create(row("a"), here);
    const { stackConfig } = await lab.entrance();
    lab.host1.refuse("domain_set_metadata", refusals.jobFailed(), { times: 1 });
    const { state: other } = await vmPlacement.update(row("a"), "web", { ...at("host1"), claim: "another" }, here);
    expect(other.host).toBe("host1");
    expect(lab.progress.warnings).toEqual([expect.stringMatching(/^Unable to record in VM "web"/)]);
    lab.host1.close();
    await vmPlacement.delete({ ...row("a"), config: stackConfig }, "web", state);
    expect(lab.progress.warnings).toContainEqual(expect.stringContaining("vnic-failover release web"));
  });

  it("is taken away by vnic-failover release, and another stack may have the VM", async () => {
    await vmPlacement.create(row("a"), here);
    const context = contextWith({ cluster: lab.cluster });
    expect(await release(context, "web")).toMatchObject({
      outcome: "ok",
      document: { vm: "web", released: { stack: "dev", resource: "a" } },
      text: expect.stringContaining('resource "a" of stack "dev"') as string,
    });
    expect((await vmPlacement.check(row("b", "prod"), there)).failures).toEqual([]);
    expect((await release(context, "web")).text).toBe(
      'Nothing to release: no stack is recorded as the owner of the placement of VM "web".',
    );
    const web = lab.host1.domains.requireNamed("web");
    lab.host1.domains.setMetadata(web, metadataNamespace("placement"), metadataPrefix, "<placement/>", 3);
    expect(await vmPlacement.check(row("b", "prod"), there).catch((error: unknown) => error)).toMatchObject({
      message: expect.stringContaining("vnic-failover release") as string,
    });
    expect(await release(context, "web")).toMatchObject({ document: { released: "unreadable" } });
    expect((await vmPlacement.check(row("b", "prod"), there)).failures).toEqual([]);
  });
});

describe("delete", () => {
  it("leaves the VM where it is, and asks no host", async () => {
    const before = callCounts();
    await vmPlacement.delete(lab.context(), "web", at("host1"));
    expect(callCounts()).toEqual(before);
  });
});
