import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DomainState, PausedReason } from "../../../provider/backends/libvirt/constants.js";
import type { DomainRef, JobNow } from "../../../provider/backends/libvirt/host.js";
import {
  migrate,
  MigrationFailed,
  openEnds,
  type MigrationOptions,
} from "../../../provider/backends/libvirt/live-migration.js";
import { attribute, child, parseXml, textOf } from "../../../provider/xml/element.js";
import type { DomainModel } from "../../hosts/domains.js";
import { twoHosts, type LabLike } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";
import { clusterState } from "../../hosts/cluster-state.js";
import { TestClock } from "../../hosts/test-clock.js";

let lab: LabLike;
let dom: DomainRef;
beforeEach(async () => {
  lab = await twoHosts();
  dom = (await lab.cluster.host("host1").findDomain("web")) ?? { name: "", uuid: "", id: -1 };
});
afterEach(() => lab.close());

async function run(options: Partial<MigrationOptions> = {}): Promise<void> {
  const ends = await openEnds(lab.cluster.host("host1"), lab.cluster.host("host2"));
  try {
    const { confirmed } = await migrate(ends, dom, { persistent: true, timeout: 30, ...options });
    await confirmed;
  } finally {
    await ends.close();
  }
}

const where = () => {
  const { runsOn, activeOn, definedOn } = clusterState(lab);
  return { runsOn, activeOn, definedOn };
};
const here = { runsOn: ["host1"], activeOn: ["host1"], definedOn: ["host1"] };
const there = { runsOn: ["host2"], activeOn: ["host2"], definedOn: ["host2"] };

async function failureOf(running: Promise<void>): Promise<MigrationFailed> {
  const error: unknown = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MigrationFailed);
  return error as MigrationFailed;
}

describe("a migration", () => {
  it("goes through its five phases, and ends with the domain on the destination alone", async () => {
    const phases: string[] = [];
    await run({ onPhase: (phase) => phases.push(phase) });
    expect(phases).toEqual(["begin", "prepare", "perform", "finish", "confirm"]);
    expect(where()).toEqual(there);
  });

  it("leaves the source its definition, where that is asked for", async () => {
    await run({ keepsDefinition: true });
    expect(where()).toEqual({ ...there, definedOn: ["host1", "host2"] });
  });

  it("keeps the definition that it is given", async () => {
    const xml = lab.host1.domains.xml(lab.host1.domains.requireNamed("web"), 2).replace("262144", "131072");
    await run({ persistentXml: () => Promise.resolve(xml) });
    const kept = parseXml(lab.host2.domains.xml(lab.host2.domains.requireNamed("web"), 2));
    expect(textOf(child(kept, "memory"))).toBe("131072");
    expect(textOf(child(parseXml(lab.host2.domains.xml(lab.host2.domains.requireNamed("web"), 0)), "memory"))).toBe(
      "262144",
    );
  });

  it("of a transient domain leaves no definition anywhere", async () => {
    lab.host1.domains.requireNamed("web").config = undefined;
    await run({ persistent: false });
    expect(where()).toEqual({ ...there, definedOn: [] });
  });

  it("sends the destination the live definition that it is given", async () => {
    const xml = lab.host1.domains
      .xml(lab.host1.domains.requireNamed("web"), 0)
      .replace("<vcpu", "<title>x</title><vcpu");
    await run({ destinationXml: xml });
    const live = parseXml(lab.host2.domains.xml(lab.host2.domains.requireNamed("web"), 0));
    expect(textOf(child(live, "title"))).toBe("x");
    expect(attribute(live, "id")).toBe("1");
  });

  it("goes to the address that it is given", async () => {
    await expect(run({ migrationUri: "tcp://nowhere" })).rejects.toThrow(
      /unable to connect to server at 'tcp:\/\/nowhere:49152'/,
    );
    expect(where()).toEqual(here);
    await run({ migrationUri: "tcp://host2" });
    expect(where()).toEqual(there);
  });

  it("uses connections of its own, and closes them", async () => {
    const opened = lab.host1.calls.get("connect_open") ?? 0;
    await run();
    expect(lab.host1.calls.get("connect_open")).toBe(opened + 1);
    expect(lab.host1.calls.get("connect_close")).toBe(1);
    expect(lab.host2.calls.get("connect_close")).toBe(1);
  });

  it("tells of its job as it goes", async () => {
    Object.assign(lab.host1.memory, { passes: 2, milliseconds: 450 });
    const jobs: JobNow[] = [];
    await run({ onJob: (job) => jobs.push(job) });
    expect(jobs[0]?.values).toMatchObject({ memory_total: 268_435_456n, memory_iteration: 1n });
  });
});

describe("a migration that fails leaves the domain running where it was", () => {
  it.each([
    ["host2", "domain_migrate_prepare3_params", refusals.noMemory()],
    ["host1", "domain_migrate_perform3_params", refusals.jobFailed()],
    ["host2", "domain_migrate_finish3_params", refusals.guestQuit()],
  ] as const)("%s refuses %s", async (host, procedure, refusal) => {
    lab[host].refuse(procedure, refusal);
    const { message } = await failureOf(run());
    expect(message).toContain(refusal.message);
    expect(message).toContain("The VM is still running on the source.");
    expect(where()).toEqual(here);
    expect(lab.host1.domains.requireNamed("web").job).toBeUndefined();
    await run();
    expect(where()).toEqual(there);
  });

  it("tells what the destination has to say as well", async () => {
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    lab.host2.refuse("domain_migrate_finish3_params", refusals.guestQuit());
    expect((await failureOf(run())).message).toMatch(
      /the source says: .*unexpectedly failed; the destination says: .*quit/,
    );
  });

  it("its time is over, or its signal says so", async () => {
    Object.assign(lab.host1.memory, { passes: 1000, milliseconds: 5 });
    expect((await failureOf(run({ timeout: 0.03 }))).message).toContain("within 0.03 s");
    expect(where()).toEqual(here);
    const controller = new AbortController();
    lab.host1.before("domain_migrate_perform3_params", () => {
      setTimeout(() => controller.abort(new Error("Ctrl-C")), 5);
    });
    // And not what both hosts say of it.
    await expect(run({ signal: controller.signal })).rejects.toThrow(/^Ctrl-C$/);
    expect(lab.host1.calls.get("domain_abort_job")).toBe(2);
    expect(where()).toEqual(here);
  });

  it("it is told to stop before it begins", async () => {
    await expect(run({ signal: AbortSignal.abort(new Error("Ctrl-C")) })).rejects.toThrow("Ctrl-C");
    expect(lab.host1.calls.get("domain_migrate_begin3_params")).toBeUndefined();
  });

  it("the network between the hosts is cut, or the destination's daemon dies", async () => {
    Object.assign(lab.host1.memory, { passes: 5, milliseconds: 10 });
    lab.host1.before("domain_migrate_perform3_params", () => {
      setTimeout(() => lab.host2.dropConnections(), 15);
    });
    await failureOf(run());
    expect(where()).toEqual(here);
  });
});

describe("an answer that gets lost at the switch-over", () => {
  it("of Finish: the destination is asked what it did", async () => {
    lab.host2.dropAt("domain_migrate_finish3_params", "after");
    await run();
    expect(where()).toEqual(there);
  });

  it("of Finish, and the destination does not answer: nothing is guessed, the source stays stopped", async () => {
    lab.host2.after("domain_migrate_finish3_params", () => lab.host2.close());
    expect((await failureOf(run())).message).toContain("it is unknown whether the destination runs it");
    const web = lab.host1.domains.requireNamed("web");
    expect([web.state, web.reason]).toEqual([DomainState.PAUSED, PausedReason.MIGRATION]);
  });

  /** The connection breaks before Finish, and the copy does not end with it. */
  const breakBeforeFinish = (then: (copy: DomainModel) => void = () => undefined) =>
    lab.host2.before("domain_migrate_finish3_params", ({ peer }) => {
      const copy = lab.host2.domains.requireNamed("web");
      copy.preparedBy = undefined;
      peer.drop();
      setTimeout(() => then(copy), 300);
    });

  it("of Finish, and the destination's copy still waits: neither is ended nor let run", async () => {
    breakBeforeFinish();
    expect((await failureOf(run({ settleTimeout: 0.5 }))).message).toContain(
      "it is unknown whether the destination runs it",
    );
    expect(where()).toMatchObject({ runsOn: [], activeOn: ["host1", "host2"] });
  });

  it("of Finish, which is carried out a little later", async () => {
    breakBeforeFinish((copy) => Object.assign(copy, { state: DomainState.RUNNING, job: undefined, config: copy.live }));
    await run();
    expect(where()).toEqual(there);
  });

  it("of Finish, and the destination's copy ends a little later", async () => {
    breakBeforeFinish((copy) => lab.host2.domains.stop(copy));
    await failureOf(run());
    expect(where()).toEqual(here);
  });

  it("of Confirm: the destination has the domain all the same", async () => {
    lab.host1.refuse("domain_migrate_confirm3_params", refusals.jobHeld());
    await run();
    expect(where().runsOn).toEqual(["host2"]);
  });
});

describe("a destination that is gone while the source's QEMU is stuck", () => {
  beforeEach(async () => {
    await lab.close();
    lab = await twoHosts({ clock: new TestClock() });
    dom = (await lab.cluster.host("host1").domainOf(dom.uuid)) ?? dom;
  });

  const stuck = (milliseconds: number) => {
    Object.assign(lab.host1.memory, { passes: 1, milliseconds });
    lab.host1.refuse("domain_abort_job", refusals.jobHeld(), { times: 100 });
    lab.host1.before("domain_migrate_perform3_params", () => void lab.clock.after(100, () => lab.host2.losePower()));
  };

  it("has the stream to it ended, once the migration was to be aborted and was not", async () => {
    stuck(20_000);
    const ended: string[] = [];
    await failureOf(run({ endStream: (uri) => Promise.resolve(ended.push(uri)) }));
    expect(ended).toEqual(["tcp:host2:49152"]);
    expect(where()).toEqual(here);
  });

  it("has not where the migration ends by itself", async () => {
    stuck(2000);
    const ended: string[] = [];
    await failureOf(run({ endStream: (uri) => Promise.resolve(ended.push(uri)) }));
    expect(ended).toEqual([]);
  });
});
