import { beforeEach, describe, expect, it } from "vitest";
import { PartialFailure } from "../../../provider/handlers/handler.js";
import { vmInterface } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vmPlacement, type VmPlacementState } from "../../../provider/handlers/ovirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import type { ProgressStep } from "../../../provider/model/progress.js";
import { migrateVm } from "../../../provider/backends/ovirt/rest/index.js";
import { start, stop } from "../../engine/commands/power.js";
import { idOf } from "../../engine/engine.js";
import {
  administrator,
  declarePair,
  declareProfiles,
  fastInputs,
  overEngine,
  standbyInputs,
  urn,
  type OverEngine,
} from "./over-engine.js";

let over: OverEngine;
beforeEach(async () => {
  over = await overEngine();
});

const hostOf = (vm: string) => over.engine.model.hosts.get(over.vm(vm).host ?? "")?.name;

async function failuresOf(news: unknown, olds?: { vm: string; host: string }) {
  return (await vmPlacement.check(over.context(), news, olds)).failures;
}

async function failed(promise: Promise<unknown>): Promise<PartialFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PartialFailure);
  return error as PartialFailure;
}

const at = (host: string): VmPlacementState => ({
  backend: "ovirt",
  vm: "web",
  vmId: over.vm("web").id,
  host,
  missing: [],
  unplugged: [],
});

describe("check", () => {
  it("lets a VM move whose pair can", async () => {
    await declarePair(over);
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    expect(over.warnings).toEqual([]);
    expect(over.infos).toEqual(['VM "web" is running on "host1": pulumi up will live-migrate it to "host2"']);
  });

  it("tells a standby's network that the cluster lacks from one that the host lacks, each with what helps", async () => {
    await declarePair(over);
    const { model } = over.engine;
    const data = idOf(over.engine, "networks", "data");
    const { networks } = model.clusters.get(over.vm("web").cluster) ?? expect.fail();
    networks.delete(data);
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([
      {
        property: "vm",
        reason:
          'Network "data", which a standby of VM "web" uses, is not attached to the VM\'s cluster, so the engine cannot migrate the VM. Attach the network to the cluster and to its hosts in the Administration Portal.',
      },
    ]);
    // Where it is missed at preview, the engine's own failure names nothing.
    const host2 = idOf(over.engine, "hosts", "host2");
    await expect(migrateVm(over.client, over.vm("web").id, host2)).rejects.toThrow(
      /General command validation failure.*a standby's network is not attached to the VM's cluster/,
    );
    networks.add(data);
    for (const nic of model.hosts.get(host2)?.nics ?? []) if (nic.network === data) nic.network = undefined;
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([
      {
        property: "host",
        reason:
          'Host "host2" has no bridge for network "data", which a virtio interface of VM "web" needs. Attach the network to the host in the Administration Portal (Setup Host Networks), or choose another host.',
      },
    ]);
  });

  it("refuses a second placement of a VM, by its name or by its id", async () => {
    const command = {};
    const row = (name: string) =>
      over.context({ command, urn: `urn:pulumi:dev::test::vnic-failover:index:VmPlacement::${name}` });
    const id = over.vm("web").id;
    expect((await vmPlacement.check(row("a"), { vm: "web", host: "host1" })).failures).toEqual([]);
    expect((await vmPlacement.check(row("c"), { vm: over.vm("db").id, host: "host1" })).failures).not.toContainEqual(
      expect.objectContaining({ reason: expect.stringContaining("both place") as string }),
    );
    expect((await vmPlacement.check(row("b"), { vm: id, host: "host2" })).failures).toEqual([
      { property: "vm", reason: `Resources "b" and "a" both place VM "${id}". Remove one of the two placements.` },
    ]);
    const olds = { vm: "web", host: "host1" };
    expect((await vmPlacement.check(row("a"), olds, olds)).failures).toHaveLength(1);
  });

  it("refuses hosts that are none, of another cluster, or not up", async () => {
    expect(await failuresOf({ vm: "web", host: "host9" })).toMatchObject([
      { property: "host", reason: expect.stringContaining('find host "host9"') as string },
    ]);
    const host2 = over.engine.model.hosts.get(idOf(over.engine, "hosts", "host2"));
    if (host2 !== undefined) host2.status = "non_operational";
    expect(await failuresOf({ vm: "web", host: "host2" })).toMatchObject([
      { property: "host", reason: expect.stringContaining("in status non_operational") as string },
    ]);
  });

  it("refuses a cluster that the engine has not, and does not take its VMs for absent", async () => {
    over = await overEngine({}, { cluster: "lap" });
    const [failure] = await failuresOf({ vm: "web", host: "host2" });
    expect(failure?.reason).toContain('find cluster "lap"');
  });

  it("refuses a VM that is down, and one whose VF may not migrate", async () => {
    expect(await failuresOf({ vm: "db", host: "host2" })).toMatchObject([{ property: "vm" }]);
    const { fast } = await declarePair(over);
    const profile = over.engine.model.profiles.get(fast);
    if (profile !== undefined) Object.assign(profile, { migratable: false, failover: undefined });
    expect(await failuresOf({ vm: "web", host: "host2" })).toMatchObject([
      { property: "vm", reason: expect.stringContaining("not migratable") as string },
    ]);
  });

  it("refuses a host without the standby's network, which the engine's scheduler looks at too", async () => {
    await declarePair(over);
    const host2 = over.engine.model.hosts.get(idOf(over.engine, "hosts", "host2"));
    for (const nic of host2?.nics ?? []) nic.network = undefined;
    expect(await failuresOf({ vm: "web", host: "host2" })).toMatchObject([
      { property: "host", reason: expect.stringContaining('network "data"') as string },
    ]);
  });

  it.each(["suspended", "powering_down"] as const)("refuses a VM in status %s", async (status) => {
    over.vm("web").status = status;
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([
      { property: "vm", reason: expect.stringContaining(`in status ${status}`) as string },
    ]);
  });

  it("refuses a paused VM with a VF only, and lets one that comes up be", async () => {
    over.vm("web").status = "paused";
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    over.vm("web").status = "up";
    await declarePair(over);
    over.vm("web").status = "powering_up";
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    over.vm("web").status = "paused";
    expect(await failuresOf({ vm: "web", host: "host2" })).toMatchObject([{ property: "vm" }]);
  });

  it("refuses a host without the standby's network of a NIC that is unplugged, which the engine looks at too", async () => {
    await declarePair(over, { plugged: false });
    const host2 = over.engine.model.hosts.get(idOf(over.engine, "hosts", "host2"));
    for (const nic of host2?.nics ?? []) nic.network = undefined;
    expect(await failuresOf({ vm: "web", host: "host2" })).toMatchObject([
      { property: "host", reason: expect.stringContaining('network "data"') as string },
    ]);
  });

  it("only warns where no VF is seen to be free, and says which options the engine does not take", async () => {
    await declarePair(over);
    const host2 = over.engine.model.hosts.get(idOf(over.engine, "hosts", "host2"));
    for (const nic of host2?.nics ?? []) if (nic.physicalFunction !== undefined) nic.usedBy = "db";
    expect(await failuresOf({ vm: "web", host: "host2", migration: { bandwidth: 5, migrateTimeout: 9 } })).toEqual([]);
    expect(over.warnings.join()).toMatch(/migration\.bandwidth has no effect on oVirt.*too few free VFs/);
  });

  it("refuses nothing for an engine that does not answer, and warns", async () => {
    over.engine.disruptions.add({ kind: "unavailable", times: 100, retryAfter: 0 });
    expect(await failuresOf({ vm: "web", host: "host2" })).toEqual([]);
    expect(over.warnings[0]).toContain("were skipped");
  });
});

describe("a placement", () => {
  it("takes over a VM that is there, moves it, and has its VF again", async () => {
    await declarePair(over);
    const { id, state } = await vmPlacement.create(over.context(), { vm: "web", host: "host1" });
    expect(id).toBe(over.vm("web").id);
    expect(state).toEqual(at("host1"));
    expect(over.engine.received.filter(({ method, path }) => method === "POST" && path.endsWith("/migrate"))).toEqual(
      [],
    );

    const moved = await vmPlacement.update(over.context(), id, state, { vm: "web", host: "host2" });
    expect(moved.state).toEqual(at("host2"));
    expect(over.infos).toEqual([expect.stringMatching(/^VM "web" moved from "host1" to "host2" in \d+\.\d s\.$/)]);
    expect(hostOf("web")).toBe("host2");
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    expect(over.steps[1]).toBe("migrate 0");
    expect(over.steps.at(-1)).toBe("plug");
  });

  it("tells a slow migration's progress, and lets a lost token be", async () => {
    over = await overEngine({ stepMillis: "manual" });
    await declarePair(over);
    over.engine.disruptions.add({ kind: "token-expired", method: "GET", path: "/vms" });
    const { progress } = over.context();
    // The engine takes its next step whenever we have told of the last one.
    const report = (step: ProgressStep) => {
      progress.report(step);
      over.engine.advance();
    };
    over.steps.length = 0;
    await vmPlacement.create(over.context({ progress: { ...progress, report } }), { vm: "web", host: "host2" });
    expect(over.steps).toEqual([
      "migrate 0",
      "migrate 0",
      "migrate 24",
      "migrate 49",
      "migrate 74",
      "migrate 99",
      "plug",
    ]);
  });

  it("goes on after a 503 and a reset in the middle, and after a lost answer to the request itself", async () => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "cut", method: "POST", path: "/vms" });
    over.engine.disruptions.add({ kind: "unavailable", method: "GET", path: "/events", retryAfter: 0 });
    over.engine.disruptions.add({ kind: "reset", method: "GET", path: "/vms" });
    const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host2" });
    expect(state).toEqual(at("host2"));
    expect(
      over.engine.received.filter(({ method, path }) => method === "POST" && path.endsWith("/migrate")),
    ).toHaveLength(1);
  });

  it("gives the ids that were returned, and moves by them", async () => {
    const [vm, host] = [idOf(over.engine, "vms", "web"), idOf(over.engine, "hosts", "host2")];
    const { state } = await vmPlacement.create(over.context(), { vm, host });
    expect(state).toMatchObject({ vm, host });
  });

  it("does not begin what the engine refuses, and is as before", async () => {
    await declarePair(over);
    const host2 = over.engine.model.hosts.get(idOf(over.engine, "hosts", "host2"));
    for (const nic of host2?.nics ?? []) if (nic.physicalFunction !== undefined) nic.usedBy = "db";
    const refused = vmPlacement.update(over.context(), over.vm("web").id, at("host1"), { vm: "web", host: "host2" });
    await expect(refused).rejects.toThrow(/no free virtual functions.*VAR__DETAIL__NO_SUITABLE_VF/s);
    await expect(refused).rejects.not.toBeInstanceOf(PartialFailure);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("says that a VF was not plugged again, and is repaired by a power cycle and another up", async () => {
    const { id: nicId, state: nic } = await declarePair(over);
    over.engine.disruptions.add({ kind: "vf-not-replugged" });
    const failure = await failed(vmPlacement.create(over.context(), { vm: "web", host: "host2" }));
    expect(failure.problem.code).toBe("moved-without-vf");
    expect(failure.message).toMatch(
      /runs on "host2" without the VF of NIC "nic".*failed to be plugged back.*power cycle/s,
    );
    const state = failure.state as VmPlacementState;
    expect(state).toMatchObject({ host: "host2", unplugged: [over.nic("web", "nic").id] });
    expect((await vmPlacement.diff(over.context(), failure.id, state, { vm: "web", host: "host2" })).changes).toBe(
      true,
    );

    // What REST allows has been tried, and the standby is as it was.
    expect(over.kinds("web")).toEqual(["bridge"]);
    const again = await failed(vmPlacement.update(over.context(), failure.id, state, { vm: "web", host: "host2" }));
    expect(again.problem.code).toBe("moved-without-vf");

    stop(over.engine.model, over.vm("web"), administrator);
    start(over.engine.model, over.vm("web"), administrator);
    const started = await vmPlacement.read(over.context(), failure.id, state);
    const repaired = await vmPlacement.update(over.context(), failure.id, started?.state ?? state, {
      vm: "web",
      host: "host2",
    });
    expect(repaired.state).toEqual(at("host2"));
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    expect((await vmInterface.read(over.context(), nicId, nic))?.state).not.toHaveProperty("plugged");
  });

  it("plugs a lost VF without standby itself, which the engine could have done", async () => {
    const { fast } = await declareProfiles(over);
    const profile = over.engine.model.profiles.get(fast);
    if (profile !== undefined) profile.failover = undefined;
    await vmInterface.create(over.context(), { vm: "web", profile: fast, plugged: true, linked: true });
    over.engine.disruptions.add({ kind: "vf-not-replugged" });
    const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host2" });
    expect(state).toEqual(at("host2"));
    expect(over.warnings.join()).toContain("was plugged again");
    expect(over.kinds("web")).toEqual(["hostdev"]);
  });

  it("says that a migration failed, and that the VM is on its source without its VF", async () => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "migration-fails" });
    const failure = await failed(
      vmPlacement.update(over.context(), over.vm("web").id, at("host1"), { vm: "web", host: "host2" }),
    );
    expect(failure.problem.code).toBe("move-failed");
    // While it is down it could not be moved.
    expect(failure.message).toMatch(
      /: Migration failed.*The VM is still on its former host without the VF.*power cycle.*down and start it, then/s,
    );
    expect(failure.state).toMatchObject({ host: "host1", missing: [expect.stringContaining('"nic"')] });
  });

  it("saves what it knows where the engine stops answering in the middle, and the engine's end is read later", async () => {
    over = await overEngine({ stepMillis: "manual" });
    await declarePair(over);
    const failing = failed(vmPlacement.create(over.context(), { vm: "web", host: "host2" }));
    await expect.poll(() => over.vm("web").status, { timeout: 10_000 }).toBe("migrating");
    over.engine.disruptions.add({ kind: "unavailable", method: "GET", path: "/vms", times: 1000, retryAfter: 0 });
    const failure = await failing;
    expect(failure.id).toBe(over.vm("web").id);
    over.engine.disruptions.clear();
    over.engine.advance(7);
    expect((await vmPlacement.read(over.context(), failure.id, failure.state as VmPlacementState))?.state).toEqual(
      at("host2"),
    );
  });

  it("goes on where only its progress can't be read", async () => {
    await declarePair(over);
    const path = `/vms/${over.vm("web").id}/statistics`;
    over.engine.disruptions.add({ kind: "unavailable", method: "GET", path, times: 1000, retryAfter: 0 });
    expect((await vmPlacement.create(over.context(), { vm: "web", host: "host2" })).state).toEqual(at("host2"));
  });

  it.each([502, 504] as const)("is followed where a proxy answers %d to its request", async (status) => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "proxy-error", method: "POST", path: "/vms", status });
    expect((await vmPlacement.create(over.context(), { vm: "web", host: "host2" })).state).toEqual(at("host2"));
  });

  it("ends where the VM crashes, and its VF is there after its next start", async () => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "vm-crashes" });
    const news = { vm: "web", host: "host2" };
    const failure = await failed(vmPlacement.update(over.context(), over.vm("web").id, at("host1"), news));
    expect(failure.message).toMatch(
      /Unable to move VM "web" to "host2": Migration failed: Lost.*The VM is down\. Start it/s,
    );
    expect(failure.problem.remedy).toBe("Start it, then run pulumi up again.");
    start(over.engine.model, over.vm("web"), administrator);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("keeps what it is without while the VM is down, and plugs it for the next start", async () => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "vf-not-replugged" });
    const news = { vm: "web", host: "host2" };
    const failure = await failed(vmPlacement.create(over.context(), news));
    stop(over.engine.model, over.vm("web"), administrator);
    const refreshed = await vmPlacement.read(over.context(), failure.id, failure.state as VmPlacementState);
    expect(refreshed?.state).toMatchObject({ host: "host2", unplugged: [over.nic("web", "nic").id] });
    const state = refreshed?.state ?? expect.fail();
    expect((await vmPlacement.update(over.context(), failure.id, state, news)).state).toEqual(at("host2"));
    expect(over.warnings.join()).toContain("for the VM's next start");
    start(over.engine.model, over.vm("web"), administrator);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("that begins by losing one VF of two says what brings back the other", async () => {
    await declarePair(over);
    const { id: other } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "other" });
    const { id: second } = await vnicProfile.create(over.context(), { ...fastInputs, name: "second", failover: other });
    const more = { vm: "web", profile: second, plugged: true, linked: true };
    await vmInterface.create(over.context({ urn: urn("VmInterface", "more") }), more);
    over.engine.disruptions.add({ kind: "unplug-fails", nic: "more" });
    const failure = await failed(
      vmPlacement.update(over.context(), over.vm("web").id, at("host1"), { vm: "web", host: "host2" }),
    );
    expect(failure.message).toMatch(
      /without the VF of NIC "nic".*until a power cycle\. Check what uses the VF in the guest.*Then shut VM "web" down/s,
    );
    expect(failure.state).toMatchObject({ host: "host1", unplugged: [over.nic("web", "nic").id] });
  });

  it("does not wait for ever", async () => {
    over = await overEngine({ stepMillis: "manual" });
    const failure = await failed(
      vmPlacement.create(over.context(), { vm: "web", host: "host2", migration: { migrateTimeout: 0.001 } }),
    );
    expect(failure.problem.code).toBe("migration-not-finished");
    expect(failure.state).toMatchObject({ host: "host1" });
  });
});

describe("read", () => {
  it("does not trust an engine that has no host under a running VM", async () => {
    const { id } = over.vm("web");
    over.engine.model.hosts.clear();
    await expect(vmPlacement.read(over.context(), id, at("host1"))).rejects.toMatchObject({
      problem: { code: "engine-list-empty", remedy: expect.stringContaining("ClusterAdmin") as string },
    });
  });

  it("tells where the VM is, of a VM that is down where it was, and of none that it is gone", async () => {
    const { id } = over.vm("web");
    expect((await vmPlacement.read(over.context(), id, at("host2")))?.inputs).toEqual({ vm: "web", host: "host1" });
    expect((await vmPlacement.read(over.context(), id, {} as VmPlacementState))?.inputs).toEqual({
      vm: "web",
      host: "host1",
    });
    stop(over.engine.model, over.vm("web"), administrator);
    expect((await vmPlacement.read(over.context(), id, at("host2")))?.inputs.host).toBe("host2");
    const before = at("host2");
    over.engine.model.vms.delete(id);
    expect(await vmPlacement.read(over.context(), id, before)).toBeUndefined();
  });

  it("is an error where the engine does not answer", async () => {
    const { id } = over.vm("web");
    over.engine.disruptions.add({ kind: "unavailable", times: 100, retryAfter: 0 });
    await expect(vmPlacement.read(over.context(), id, at("host1"))).rejects.toThrow(/503/);
  });
});

describe.each(["maintenance", "preparing_for_maintenance"] as const)(
  "a placement whose host is in status %s",
  (status) => {
    const rests =
      'VM "web" runs on "host1" while "host2" is under maintenance; it stays there. Its placement names "host2".';
    const setStatus = (name: string, now: "up" | typeof status) => {
      const host = over.engine.model.hosts.get(idOf(over.engine, "hosts", name));
      if (host !== undefined) host.status = now;
    };
    const migrations = () =>
      over.engine.received.filter(({ method, path }) => method === "POST" && path.endsWith("/migrate"));

    it("is made without a move, and says so", async () => {
      await declarePair(over);
      setStatus("host2", status);
      const { inputs, failures } = await vmPlacement.check(over.context(), { vm: "web", host: "host2" });
      expect({ inputs, failures }).toEqual({ inputs: { vm: "web", host: "host1" }, failures: [] });
      expect({ warnings: over.warnings, infos: over.infos }).toEqual({ warnings: [rests], infos: [] });
      const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host2" });
      expect(state).toEqual(at("host2"));
      expect(migrations()).toEqual([]);
    });

    it("rests where its VM is: no diff, also after a refresh, and no move by an update", async () => {
      await declarePair(over);
      setStatus("host2", status);
      const { id, state, inputs } =
        (await vmPlacement.read(over.context(), over.vm("web").id, at("host2"))) ?? expect.fail();
      expect({ state, inputs }).toEqual({ state: at("host2"), inputs: { vm: "web", host: "host2" } });
      expect(over.warnings).toEqual([rests]);
      const news = { vm: "web", host: "host2" };
      expect((await vmPlacement.diff(over.context(), id, state, news)).changes).toBe(false);
      // Of a state that was refreshed before the maintenance began, too.
      expect((await vmPlacement.diff(over.context(), id, at("host1"), news)).changes).toBe(false);
      const changed = { ...news, migration: { migrateTimeout: 9 } };
      expect((await vmPlacement.update(over.context(), id, state, changed)).state).toEqual({
        ...at("host2"),
        ...changed,
      });
      expect(migrations()).toEqual([]);
      expect(over.infos).toEqual([]);

      setStatus("host2", "up");
      expect((await vmPlacement.read(over.context(), id, state))?.inputs.host).toBe("host1");
    });

    it("lets its VM move away", async () => {
      await declarePair(over);
      setStatus("host1", status);
      const { state } = await vmPlacement.update(over.context(), over.vm("web").id, at("host1"), {
        vm: "web",
        host: "host2",
      });
      expect(state).toEqual(at("host2"));
      expect(over.warnings).toEqual([]);
    });
  },
);
