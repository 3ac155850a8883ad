import { beforeEach, describe, expect, it } from "vitest";
import {
  activateNic,
  addNic,
  addProfile,
  eventCodes,
  eventsAfter,
  findNic,
  findVm,
  freeVirtualFunctions,
  listNics,
  migrateVm,
  migrationProgress,
  removeNic,
  updateNic,
  type EngineClient,
  type EngineProfile,
} from "../../provider/backends/ovirt/rest/index.js";
import { element } from "../../provider/xml/element.js";
import { idOf, startEngine } from "./engine.js";
import type { Host } from "./model.js";
import { refusal } from "./refusal.js";
import type { TestEngine } from "./server.js";

/** Of a migration: five of progress, of which the last is the arrival, and the replug. More do nothing. */
const allSteps = 6;

let engine: TestEngine;
let client: EngineClient;
let standby: EngineProfile;
let fast: EngineProfile;
let vm: string;
let nic: string;

beforeEach(async () => {
  ({ engine, client } = await startEngine());
  vm = idOf(engine, "vms", "web");
  standby = await addProfile(client, { name: "data", network: idOf(engine, "networks", "data") });
  fast = await addProfile(client, {
    name: "fast",
    network: idOf(engine, "networks", "data-vf"),
    passThrough: "enabled",
    migratable: true,
    failover: standby.id,
  });
  nic = (await addNic(client, vm, { name: "nic1", interface: "pci_passthrough", profile: fast.id })).id;
});

function host(name: string): Host {
  const found = engine.model.hosts.get(idOf(engine, "hosts", name));
  if (found === undefined) throw new Error(name);
  return found;
}

async function freeVfs(name: string): Promise<number> {
  return (await freeVirtualFunctions(client, host(name).id, fast.network)).length;
}

/** All that the engine has told since the NIC was added. */
async function codes(): Promise<readonly number[]> {
  const all = (await eventsAfter(client, 0)).map(({ code }) => code);
  return all.slice(all.indexOf(932) + 1);
}

/** Those of the migration itself, without its NICs'. */
async function migrationEvents(): Promise<readonly number[]> {
  const { nicPlugged: _, plugFailed: __, nicUnplugged: ___, ...ofMigrations } = eventCodes;
  const codes = new Set<number>(Object.values(ofMigrations));
  return (await eventsAfter(client, 0)).map(({ code }) => code).filter((code) => codes.has(code));
}

function kinds(): readonly string[] {
  return engine.devices("web").map(({ kind }) => kind);
}

describe("a migration", () => {
  it("unplugs only the VF, moves, is up, and then plugs a VF of the destination", async () => {
    const job = await migrateVm(client, vm, host("host2").id, { correlationId: "move-1" });
    expect(await findVm(client, vm)).toMatchObject({ status: "migrating", host: host("host1").id });
    expect(kinds()).toEqual(["bridge"]);
    expect((await findNic(client, vm, nic))?.plugged).toBe(false);
    expect([await freeVfs("host1"), await freeVfs("host2")]).toEqual([4, 3]);
    expect(engine.model.jobs.get(job ?? "")).toMatchObject({
      status: "finished",
      description: "Migrating VM web to Host host2",
    });

    const progress = [];
    for (let step = 0; step < 5; step += 1) {
      progress.push(await migrationProgress(client, vm));
      engine.advance();
    }
    expect(progress).toEqual([0, 24, 49, 74, 99]);
    expect(await findVm(client, vm)).toMatchObject({ status: "up", host: host("host2").id });
    expect(kinds()).toEqual(["bridge"]);
    // Nothing has told that it is over, and no NIC is locked.
    expect(await migrationEvents()).toEqual([eventCodes.migrationStarted]);

    engine.advance();
    expect(kinds()).toEqual(["bridge", "hostdev"]);
    expect((await findNic(client, vm, nic))?.plugged).toBe(true);
    expect([await freeVfs("host1"), await freeVfs("host2")]).toEqual([4, 3]);
    expect(engine.model.jobs.get(job ?? "")).toMatchObject({ status: "finished" });
    expect(await migrationEvents()).toEqual([eventCodes.migrationStarted, eventCodes.migrationDone]);
    const mine = (await eventsAfter(client, 0)).filter(({ correlationId }) => correlationId === "move-1");
    expect(mine.map(({ vm: about }) => about)).toEqual([
      { id: vm, name: "web" },
      { id: vm, name: "web" },
    ]);
    expect(await codes()).toEqual([1014, 606, 62, 1012, 606, 63]);
  });

  it("goes where the engine wants when no host is named, and to one of a name", async () => {
    await migrateVm(client, vm, undefined);
    engine.advance(allSteps);
    expect((await findVm(client, vm))?.host).toBe(host("host2").id);
    const named = element("action", {}, [element("host", {}, [element("name", {}, "host1")])]);
    await client.post(`/vms/${vm}/migrate`, named);
    engine.advance(allSteps);
    expect((await findVm(client, vm))?.host).toBe(host("host1").id);
  });
});

describe("a migration is refused, and nothing is changed,", () => {
  const scheduling =
    "Cannot migrate VM. There is no host that satisfies current scheduling constraints. See below for details:, The host";

  it.each<[string, { prepare: () => unknown; to?: string; status: number; detail: string; id: string }]>([
    [
      "of a VF whose profile is not migratable",
      {
        prepare: () => Object.assign(engine.model.profiles.get(fast.id) ?? {}, { migratable: false }),
        status: 400,
        detail:
          "Cannot migrate VM. Migration is not supported for VMs containing 'non migratable' 'passthrough' VM Network Interfaces (VM: web, problematic interfaces: \tnic1). You can mark VM Network Interfaces as migratable or unplug it to be able to migrate.",
        id: "ACTION_TYPE_FAILED_MIGRATION_OF_NON_MIGRATABLE_PASSTHROUGH_VNICS_IS_NOT_SUPPORTED",
      },
    ],
    [
      "to a host without the failover's network",
      {
        prepare: () => host("host2").nics.forEach((each) => (each.network = undefined)),
        status: 409,
        detail: `${scheduling} host2 did not satisfy internal filter Network because network(s) data are missing.`,
        id: "VAR__DETAIL__NETWORK_MISSING",
      },
    ],
    [
      "to a host without a free VF",
      {
        prepare: () => host("host2").nics.forEach((each) => (each.usedBy = "another VM")),
        status: 409,
        detail: `${scheduling} host2 did not satisfy internal filter Network because there are no free virtual functions which are suitable for virtual nic(s) nic1. A virtual function is considered as suitable if the VF's configuration of its physical function contains the virtual nic's network/network label.`,
        id: "VAR__DETAIL__NO_SUITABLE_VF",
      },
    ],
    [
      "to the host where it is",
      {
        prepare: () => undefined,
        to: "host1",
        status: 400,
        detail: "There are no hosts to use. Check that the cluster contains at least one host in Up state.",
        id: "SCHEDULING_NO_HOSTS",
      },
    ],
    [
      "to a host in maintenance",
      {
        prepare: () => (host("host2").status = "maintenance"),
        status: 409,
        detail: "Cannot migrate VM. Operation can be performed only when Host status is Up.",
        id: "ACTION_TYPE_FAILED_VDS_STATUS_ILLEGAL",
      },
    ],
    [
      "when the failover's network is not in the cluster, which nothing forbids",
      {
        prepare: () => engine.model.clusters.get(idOf(engine, "clusters", "lab"))?.networks.delete(standby.network),
        status: 500,
        detail: "General command validation failure.",
        id: "CAN_DO_ACTION_GENERAL_FAILURE",
      },
    ],
  ])("%s", async (_, { prepare, to = "host2", status, detail, id }) => {
    prepare();
    expect(await refusal(migrateVm(client, vm, host(to).id))).toMatchObject({ status, detail, messageId: id });
    expect(await findVm(client, vm)).toMatchObject({ status: "up", host: host("host1").id });
    expect(kinds()).toEqual(["hostdev", "bridge"]);
  });

  it("of a paused VM with a VF, which can't be unplugged then", async () => {
    Object.assign(engine.model.vms.get(vm) ?? {}, { status: "paused" });
    expect(await refusal(migrateVm(client, vm, host("host2").id))).toMatchObject({
      status: 409,
      messageId: "ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL",
    });
    expect(await freeVfs("host2")).toBe(4);
    expect(kinds()).toEqual(["hostdev", "bridge"]);
  });

  it("to a host that does not exist, or of a VM that is down", async () => {
    expect(await refusal(migrateVm(client, vm, "00000000-0000-0000-0000-000000000000"))).toMatchObject({
      status: 400,
      detail: "Cannot migrate VM. Invalid Host Id.",
    });
    expect(await refusal(migrateVm(client, idOf(engine, "vms", "db"), host("host2").id))).toMatchObject({
      status: 409,
      detail: "Cannot migrate VM. VM is not running.",
    });
  });
});

describe("a migration that is", () => {
  it("begun twice is refused while the VM migrates, with an event and a failed job of its own", async () => {
    await migrateVm(client, vm, host("host2").id);
    expect(await refusal(migrateVm(client, vm, host("host1").id))).toMatchObject({
      status: 409,
      detail: "Cannot migrate VM. VM migration is in progress",
    });
    const last = (await eventsAfter(client, 0)).at(-1);
    expect(last).toMatchObject({
      code: 65,
      description:
        "Migration failed due to a failed validation: [Cannot migrate VM. VM migration is in progress] (VM: web, Source: host1).",
    });
    expect([...engine.model.jobs.values()].map(({ status }) => status)).toEqual(["finished", "failed"]);
  });

  it("cancelled leaves the VM on the source without its VF", async () => {
    await migrateVm(client, vm, host("host2").id);
    engine.advance();
    await client.post(`/vms/${vm}/cancelmigration`, element("action"), { correlationId: "cancel" });
    engine.advance(allSteps);
    expect(await findVm(client, vm)).toMatchObject({ status: "up", host: host("host1").id });
    expect(kinds()).toEqual(["bridge"]);
    expect((await eventsAfter(client, 0)).at(-1)).toMatchObject({
      code: eventCodes.migrationCancelled,
      severity: "normal",
      correlationId: "cancel",
      description: "Migration cancelled (VM: web, Source: host1, User: admin@internal-authz).",
    });
    expect(await refusal(client.post(`/vms/${vm}/cancelmigration`, element("action")))).toMatchObject({
      status: 409,
      detail: "Cannot cancel migration for non migrating VM.",
    });
  });

  it("given up since the guest keeps the VF has no reason in the fault, and three events", async () => {
    engine.disruptions.add({ kind: "unplug-fails" });
    const fault = await refusal(migrateVm(client, vm, host("host2").id));
    expect(fault).toMatchObject({ status: 400, reason: "Operation Failed", detail: undefined });
    expect(await codes()).toEqual([10802, 1015, 120]);
    expect(kinds()).toEqual(["hostdev", "bridge"]);
    expect(await freeVfs("host2")).toBe(4);
  });

  it("to a host of a name that none has is not found", async () => {
    const nowhere = element("action", {}, [element("host", {}, [element("name", {}, "nope")])]);
    expect(await refusal(client.post(`/vms/${vm}/migrate`, nowhere))).toMatchObject({
      status: 404,
      detail: "Entity not found: nope",
    });
  });
});

it(
  "as slow as an engine, a migration's answer comes after the unplug, and its VF after the VM",
  { timeout: 60_000 },
  async () => {
    const slow = await startEngine({ stepMillis: undefined });
    const web = idOf(slow.engine, "vms", "web");
    const profile = await addProfile(slow.client, {
      name: "vf",
      network: idOf(slow.engine, "networks", "data-vf"),
      passThrough: "enabled",
      migratable: true,
    });
    await addNic(slow.client, web, { name: "nic1", interface: "pci_passthrough", profile: profile.id });
    const began = Date.now();
    await migrateVm(slow.client, web, idOf(slow.engine, "hosts", "host2"));
    expect(Date.now() - began).toBeGreaterThanOrEqual(300);
    const vm = slow.engine.model.vms.get(web);
    const ended = () => slow.engine.model.events.filter(({ code }) => code === 63).length;
    /** ms from `up` to the end of the replug. */
    const replugged = async (before: number): Promise<number> => {
      await expect.poll(() => vm?.status, { timeout: 10_000, interval: 20 }).toBe("up");
      const up = Date.now();
      expect(vm?.nics[0]?.plugged).toBe(false);
      expect(ended()).toBe(before);
      await expect.poll(ended, { timeout: 8000, interval: 20 }).toBe(before + 1);
      expect(vm?.nics[0]?.plugged).toBe(true);
      return Date.now() - up;
    };
    // The first one since the engine was started takes longest.
    const first = await replugged(0);
    expect(first).toBeGreaterThan(3400);
    await migrateVm(slow.client, web, idOf(slow.engine, "hosts", "host1"));
    const second = await replugged(1);
    expect(second).toBeGreaterThan(300);
    expect(second).toBeLessThan(first);
  },
);

describe("the engine's defects", () => {
  it("D1: a migration that fails leaves the VM on the source without its VF", async () => {
    engine.disruptions.add({ kind: "migration-fails" });
    const job = await migrateVm(client, vm, host("host2").id);
    engine.advance(allSteps);
    expect(await findVm(client, vm)).toMatchObject({ status: "up", host: host("host1").id });
    expect(kinds()).toEqual(["bridge"]);
    expect((await findNic(client, vm, nic))?.plugged).toBe(false);
    expect([await freeVfs("host1"), await freeVfs("host2")]).toEqual([4, 4]);
    // The job says that all is well.
    expect(engine.model.jobs.get(job ?? "")).toMatchObject({ status: "finished" });
    expect(await migrationEvents()).toEqual([eventCodes.migrationStarted, eventCodes.migrationToServerFailed]);
  });

  it("D2: then the NIC can't be plugged before a power cycle", async () => {
    engine.disruptions.add({ kind: "migration-fails" });
    await migrateVm(client, vm, host("host2").id);
    engine.advance(allSteps);
    for (const attempt of [activateNic(client, vm, nic), updateNic(client, vm, nic, { plugged: true })]) {
      expect(await refusal(attempt)).toMatchObject({ detail: "Failed to activate VM Network Interface." });
    }
    expect(kinds()).toEqual(["bridge"]);
    expect(await freeVfs("host1")).toBe(4);

    await client.post(`/vms/${vm}/stop`, element("action"));
    await client.post(`/vms/${vm}/start`, element("action"));
    await activateNic(client, vm, nic);
    expect(kinds()).toEqual(["hostdev", "bridge"]);
  });

  it("D3: the NIC can be removed then, and its MAC is free while the standby still has it", async () => {
    engine.disruptions.add({ kind: "migration-fails" });
    await migrateVm(client, vm, host("host2").id);
    engine.advance(allSteps);
    const [{ mac } = { mac: "" }] = await listNics(client, vm);
    await removeNic(client, vm, nic);
    expect(engine.devices("web")).toMatchObject([{ kind: "bridge", mac }]);
    expect(await addNic(client, idOf(engine, "vms", "db"), { name: "nic1", mac, profile: standby.id })).toMatchObject({
      mac,
    });
  });

  it("a VF that is not plugged again is told in an event only", async () => {
    engine.disruptions.add({ kind: "vf-not-replugged", nic: "nic1" });
    const job = await migrateVm(client, vm, host("host2").id);
    engine.advance(allSteps);
    expect(kinds()).toEqual(["bridge"]);
    expect(engine.model.jobs.get(job ?? "")).toMatchObject({ status: "finished" });
    expect(await freeVfs("host2")).toBe(4);
    expect(await codes()).toEqual([1014, 606, 62, 10802, 1013, 12003, 63]);
    const told = (await eventsAfter(client, 0)).find(({ code }) => code === 12003);
    expect(told).toMatchObject({
      code: eventCodes.notAllNicsPluggedBack,
      severity: "error",
      description: "After migration of web, following vm nics failed to be plugged back: nic1.",
    });
  });

  it("D4: a second host is not asked for VFs", async () => {
    // It fits when the engine schedules, and has no VF any more when the first attempt has failed.
    const nics = host("host2").nics.map((each) => ({
      ...each,
      id: `3-${each.id}`,
      physicalFunction: each.physicalFunction && `3-${each.physicalFunction}`,
    }));
    engine.model.hosts.set("host3", { ...host("host2"), id: "host3", name: "host3", nics });
    engine.disruptions.add({ kind: "migration-fails" });
    await migrateVm(client, vm, undefined);
    for (const each of nics) each.usedBy = "another VM";
    engine.advance(2 * allSteps);
    expect(await findVm(client, vm)).toMatchObject({ status: "up", host: "host3" });
    expect(kinds()).toEqual(["bridge"]);
    expect(await migrationEvents()).toEqual([
      eventCodes.migrationStarted,
      eventCodes.migrationTriesAnotherHost,
      eventCodes.migrationStarted,
      eventCodes.pluggingNicsFailed,
      eventCodes.migrationDone,
    ]);
  });
});
