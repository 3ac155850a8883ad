/** A host whose libvirt answers pings, and a call that changes something never. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { recover } from "../../provider/migration/recover.js";
import { ProblemError } from "../../provider/model/problem.js";
import { declarePair, type DeclaredPair } from "../hosts/declared.js";
import { clusterState, expectedState } from "../hosts/cluster-state.js";
import { DomainState, PausedReason } from "../../provider/backends/libvirt/constants.js";
import { refusals } from "../hosts/refusals.js";
import { journalOf, leave } from "../hosts/left-journal.js";
import { TestClock } from "../hosts/test-clock.js";
import { twoHosts, type LabLike, vfs } from "../hosts/two-hosts.js";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts({ clock: new TestClock() });
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

const never = () => new Promise<void>(() => undefined);
const interrupted = () =>
  new ProblemError({ code: "interrupted", what: "Interrupted by SIGINT", remedy: "Run it again." });

describe("the destination does not come to an end with Prepare", () => {
  it("the signal ends the wait, and the move is rolled back", async () => {
    const controller = new AbortController();
    lab.host2.before("domain_migrate_prepare3_params", () => {
      lab.clock.after(100, () => controller.abort(interrupted()));
      return never();
    });
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2", signal: controller.signal })).rejects.toMatchObject({
      message: expect.stringContaining("Interrupted by SIGINT. The move was rolled back") as string,
      report: { outcome: "failed-on-source" },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("the copy that it still makes keeps its journal to itself, which no client can change", async () => {
    const controller = new AbortController();
    lab.host2.before("domain_migrate_prepare3_params", () => {
      const { live } = lab.host1.domains.requireNamed("web");
      const copy = lab.host2.domains.load({ live, config: undefined, paused: true, autostart: false });
      Object.assign(copy, { state: DomainState.PAUSED, reason: PausedReason.MIGRATION });
      lab.host2.refuse("domain_set_metadata", refusals.jobHeld(), { times: Infinity });
      lab.clock.after(100, () => controller.abort(interrupted()));
      return never();
    });
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2", signal: controller.signal })).rejects.toMatchObject({
      report: { outcome: "failed-on-source" },
    });
    expect(clusterState(lab)).toMatchObject({ runsOn: ["host1"] });
    expect(lab.host1.calls.get("domain_set_metadata")).toBeGreaterThan(1);
  });

  it("the time limit of the migration ends it, too", async () => {
    lab.host2.before("domain_migrate_prepare3_params", never);
    await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
      message: expect.stringContaining("within 1800 s") as string,
      report: { outcome: "failed-on-source" },
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });
});

it("the source does not answer when the guest is to be asked for its VF: the time limit ends the wait", async () => {
  lab.host1.before("domain_detach_device_alias", never);
  await expect(moveVm(lab.cluster, { vm: "web", to: "host2" })).rejects.toMatchObject({
    message: expect.stringContaining("did not release VF 0000:01:10.0 within 30 s") as string,
    report: { outcome: "failed-on-source" },
  });
  expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
});

it("the signal ends the wait for a mover on another machine, and nothing is changed", async () => {
  const until = lab.clock.now() + 1_860_000;
  leave(lab, journalOf(pair, { mover: { machine: "elsewhere", pid: 1 }, until }));
  const before = clusterState(lab);
  const controller = new AbortController();
  lab.clock.after(1000, () => controller.abort(interrupted()));
  const { signal } = controller;
  await expect(recover(lab.cluster, "web", { signal })).rejects.toThrow("Interrupted by SIGINT");
  await expect(moveVm(lab.cluster, { vm: "web", to: "host2", signal })).rejects.toThrow("Interrupted by SIGINT");
  expect(lab.clock.now()).toBeLessThan(until);
  expect(clusterState(lab)).toEqual(before);
});
