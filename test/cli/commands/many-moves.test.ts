import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carryOut, type ManyMoves, type Mover } from "../../../provider/cli/commands/many-moves.js";
import { readDrainReport } from "../../../provider/drain/report.js";
import { MoveFailed } from "../../../provider/migration/move.js";
import { MoveRefused } from "../../../provider/migration/plan.js";
import { contextWith, reportWith, stepFailed } from "../command-context.js";

let reportDir: string;
beforeAll(async () => {
  reportDir = await mkdtemp(join(tmpdir(), "vnic-failover-drain-"));
});
afterAll(() => rm(reportDir, { recursive: true }));

const request = (over = {}) => ({ concurrency: 1, confirmed: true, reportDir, ...over });

const uuid = "11111111-2222-4333-8444-000000000050";

function planOf(...moves: (readonly [vm: string, to: string])[]): ManyMoves {
  return {
    kind: "drain",
    host: "host1",
    vms: moves.map(([name]) => ({ name, uuid, from: "host1" })),
    plan: { moves: moves.map(([vm, to]) => ({ vm, to, physicalFunctions: ["pf0"] })), stuck: [] },
    unreachable: [],
    next: { maintenance: false, configuration: undefined },
  };
}

const moved: Mover = ({ vm, to }) => Promise.resolve(reportWith({ vm, to }));
const never: Mover = () => expect.fail("nothing may be moved");

/** Moves that wait until the test lets them go on, phase by phase. */
function heldMoves() {
  const begun: string[] = [];
  const held = new Map<string, { report: (phase: string) => void; end: () => void }>();
  const mover: Mover = ({ vm, to }, progress) =>
    new Promise((resolve) => {
      begun.push(vm);
      held.set(vm, {
        report: (phase) => progress.report({ phase }),
        end: () => resolve(reportWith({ vm, to })),
      });
    });
  return { begun, mover, of: (vm: string) => held.get(vm) ?? expect.fail(`${vm} was not begun`) };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("confirming", () => {
  test("without a terminal and without --yes it only shows the plan", async () => {
    const context = contextWith();
    const { outcome, errors } = await carryOut(context, request({ confirmed: false }), planOf(["web", "host2"]), never);
    expect(outcome).toBe("refused");
    expect(context.shown.join()).toMatch(/web +host2 +pf0/);
    expect(errors).toMatchObject([{ problem: { code: "drain-not-confirmed" } }]);
  });

  test("a no moves nothing", async () => {
    const context = contextWith({ confirm: () => Promise.resolve(false) });
    const { outcome } = await carryOut(context, request({ confirmed: false }), planOf(["web", "host2"]), never);
    expect(outcome).toBe("refused");
  });

  test("a yes moves, and the question says how many stay", async () => {
    const asked: string[] = [];
    const context = contextWith({
      confirm: (question) => {
        asked.push(question);
        return Promise.resolve(true);
      },
    });
    const moves = planOf(["web", "host2"], ["db", "host2"]);
    const stuck = [{ vm: "big", reasons: new Map([["host2", "too little memory"]]) }];
    const plan = { ...moves.plan, stuck };
    const answer = await carryOut(context, request({ confirmed: false }), { ...moves, plan }, moved);
    expect(asked).toEqual(["Move these 2 VMs, and leave 1 where it is?"]);
    expect(answer.outcome).toBe("refused");
    expect(answer.text).toContain("big cannot be moved:\n  host2: too little memory");
    expect(answer.document["results"]).toMatchObject([{ outcome: "moved" }, { outcome: "moved" }]);
  });
});

describe("moving", () => {
  test("an empty host is done", async () => {
    const { outcome, text } = await carryOut(contextWith(), request({ confirmed: false }), planOf(), never);
    expect(outcome).toBe("ok");
    expect(text).toBe('Nothing to do: no VM runs on "host1".');
  });

  test("a failure stops none of the others, and the worst one is the outcome", async () => {
    const mover: Mover = ({ vm, to }) => {
      if (vm === "a") return Promise.reject(new MoveRefused("a", to, []));
      if (vm !== "b") return moved({ vm, to, physicalFunctions: [] }, contextWith().progress.of(vm));
      return Promise.reject(
        new MoveFailed(stepFailed("b", "no"), reportWith({ vm: "b", outcome: "failed-on-source" })),
      );
    };
    const plan = planOf(["a", "host2"], ["b", "host2"], ["c", "host2"]);
    const { outcome, document, errors, text } = await carryOut(contextWith(), request(), plan, mover);
    expect(outcome).toBe("failed-on-source");
    expect(document["results"]).toMatchObject([
      { vm: "a", outcome: "refused" },
      { vm: "b", outcome: "failed-on-source" },
      { vm: "c", outcome: "moved" },
    ]);
    expect(errors).toHaveLength(2);
    expect(text).toMatch(/^c +host2 +moved$/m);
  });

  test("no more at a time than allowed", async () => {
    const { begun, mover, of } = heldMoves();
    const plan = planOf(["a", "host2"], ["b", "host3"], ["c", "host4"]);
    const answer = carryOut(contextWith(), request({ concurrency: 2 }), plan, mover);
    await settled();
    expect(begun).toEqual(["a", "b"]);
    of("b").end();
    await expect.poll(() => begun).toEqual(["a", "b", "c"]);
    of("a").end();
    of("c").end();
    expect((await answer).document["results"]).toMatchObject([{ vm: "a" }, { vm: "b" }, { vm: "c" }]);
  });

  test("two for one destination choose their VFs one after the other, then run side by side", async () => {
    const { begun, mover, of } = heldMoves();
    const answer = carryOut(contextWith(), request({ concurrency: 2 }), planOf(["a", "host2"], ["b", "host2"]), mover);
    await settled();
    for (const phase of ["preflight", "journal", "reserve"]) of("a").report(phase);
    await settled();
    expect(begun).toEqual(["a"]);
    of("a").report("unplug");
    await settled();
    expect(begun).toEqual(["a", "b"]);
    of("a").end();
    of("b").end();
    expect((await answer).outcome).toBe("moved");
  });

  test("a move that ends before it reserves anything does not hold up the next one", async () => {
    const mover: Mover = ({ vm, to }, progress) =>
      vm === "a" ? Promise.reject(new MoveRefused(vm, to, [])) : moved({ vm, to, physicalFunctions: [] }, progress);
    const plan = planOf(["a", "host2"], ["b", "host2"]);
    const { document } = await carryOut(contextWith(), request({ concurrency: 2 }), plan, mover);
    expect(document["results"]).toMatchObject([{ outcome: "refused" }, { outcome: "moved" }]);
  });

  test("Ctrl-C begins no more of them", async () => {
    const controller = new AbortController();
    const mover: Mover = (move, progress) => {
      controller.abort();
      return moved(move, progress);
    };
    const context = contextWith({ signal: controller.signal });
    const { document, outcome } = await carryOut(context, request(), planOf(["a", "host2"], ["b", "host2"]), mover);
    expect(document["results"]).toMatchObject([
      { vm: "a", outcome: "moved" },
      { vm: "b", outcome: "refused", error: expect.stringContaining("was not started") as string },
    ]);
    expect(outcome).toBe("refused");
  });

  test("no more at a time to one destination than allowed, whatever else waits", async () => {
    const { begun, mover, of } = heldMoves();
    const plan = planOf(["a", "host2"], ["b", "host2"], ["c", "host3"]);
    const answer = carryOut(contextWith(), request({ concurrency: 3, incoming: 1 }), plan, mover);
    await settled();
    of("a").report("unplug");
    await settled();
    expect(begun).toEqual(["a", "c"]);
    of("a").end();
    await expect.poll(() => begun).toEqual(["a", "c", "b"]);
    of("b").end();
    of("c").end();
    expect((await answer).outcome).toBe("moved");
  });

  test("what came to nothing is tried again elsewhere, and the plan for it is shown", async () => {
    const context = contextWith();
    const mover: Mover = (move, progress) =>
      move.to === "host2" ? Promise.reject(new MoveRefused(move.vm, move.to, [])) : moved(move, progress);
    const asked: unknown[] = [];
    const { outcome, document } = await carryOut(
      context,
      request(),
      planOf(["a", "host2"], ["b", "host3"]),
      mover,
      (failed) => {
        asked.push(failed);
        return Promise.resolve(planOf(["a", "host3"]).plan);
      },
    );
    expect(asked).toEqual([new Map([["a", "host2"]])]);
    expect(context.shown.at(-1)).toMatch(/^Retrying on other hosts\.[^]*a +host3/);
    expect(document["results"]).toMatchObject([
      { vm: "a", to: "host3", outcome: "moved" },
      { vm: "b", to: "host3", outcome: "moved" },
    ]);
    expect(outcome).toBe("moved");
  });

  test("where the hosts cannot be looked at again, what was done is told all the same", async () => {
    const mover: Mover = ({ vm, to }) => Promise.reject(new MoveRefused(vm, to, []));
    const { outcome, document, errors } = await carryOut(contextWith(), request(), planOf(["a", "host2"]), mover, () =>
      Promise.reject(new Error("host1 does not answer")),
    );
    expect(outcome).toBe("refused");
    expect(document["results"]).toMatchObject([{ vm: "a", to: "host2", outcome: "refused" }]);
    expect(errors?.map(String)).toContain("Error: host1 does not answer");
  });

  test("after Ctrl-C nothing is tried again", async () => {
    const controller = new AbortController();
    const mover: Mover = ({ vm, to }) => {
      controller.abort();
      return Promise.reject(new MoveRefused(vm, to, []));
    };
    const context = contextWith({ signal: controller.signal });
    const again = () => expect.fail("nothing may be planned");
    expect((await carryOut(context, request(), planOf(["a", "host2"]), mover, again)).outcome).toBe("refused");
  });
});

describe("a dry run", () => {
  const stuck = [{ vm: "big", reasons: new Map([["host2", "too little memory"]]) }];

  test("prints the plan, moves and asks nothing, and is no failure", async () => {
    const before = await readdir(reportDir);
    const context = contextWith({ confirm: () => expect.fail("nothing is to be asked") });
    const moves = planOf(["web", "host2"]);
    const asked = { ...moves, plan: { ...moves.plan, stuck } };
    const { outcome, text, document, errors } = await carryOut(
      context,
      request({ confirmed: false, dryRun: true }),
      asked,
      never,
    );
    expect({ outcome, errors, shown: context.shown }).toEqual({ outcome: "ok", errors: [], shown: [] });
    expect(text).toMatch(/web +host2 +pf0\n\nbig cannot be moved:\n {2}host2: too little memory/);
    expect(document).toMatchObject({
      dryRun: true,
      plan: { moves: [{ vm: "web", uuid, from: "host1", to: "host2" }], stuck: [{ vm: "big" }] },
      results: [],
      drainReport: null,
    });
    expect(await readdir(reportDir)).toEqual(before);
  });

  test("of an empty host says so", async () => {
    const { outcome, text } = await carryOut(contextWith(), request({ dryRun: true }), planOf(), never);
    expect({ outcome, text }).toEqual({ outcome: "ok", text: 'Nothing to do: no VM runs on "host1".' });
  });

  test("is named where there is no terminal to ask", async () => {
    const { errors } = await carryOut(contextWith(), request({ confirmed: false }), planOf(["web", "host2"]), never);
    expect(String(errors?.[0])).toContain("--dry-run to print the plan only");
  });
});

describe("the drain's own report", () => {
  test("has every move in the order in which it began, with what became of it", async () => {
    const mover: Mover = (move, progress) =>
      move.vm === "a" ? Promise.reject(new MoveRefused("a", move.to, [])) : moved(move, progress);
    const { document, text } = await carryOut(contextWith(), request(), planOf(["a", "host2"], ["b", "host2"]), mover);
    const file = String(document["drainReport"]);
    expect(text).toContain(`The drain's report: ${file}`);
    expect(text).toContain(`To move the VMs back: vnic-failover drain --undo ${file}`);
    const { vms, ...report } = await readDrainReport(file);
    expect(report).toMatchObject({
      schemaVersion: 1,
      kind: "drain",
      host: "host1",
      ended: expect.any(Number) as number,
    });
    expect(vms).toEqual([
      { order: 1, vm: "a", uuid, from: "host1", to: "host2", outcome: "refused", error: expect.any(String) as string },
      {
        order: 2,
        vm: "b",
        uuid,
        from: "host1",
        to: "host2",
        outcome: "moved",
        report: expect.stringMatching(/b-.*json$/) as string,
      },
    ]);
  });

  test("is there while moves are under way, and so after a crash", async () => {
    const folder = await mkdtemp(join(reportDir, "crash-"));
    const { mover, of } = heldMoves();
    const answer = carryOut(contextWith(), request({ reportDir: folder }), planOf(["a", "host2"]), mover);
    await expect.poll(() => readdir(folder)).toEqual([expect.stringMatching(/^drain-host1-.*\.json$/)]);
    const [name = ""] = await readdir(folder);
    expect(await readDrainReport(join(folder, name))).toMatchObject({
      ended: null,
      vms: [{ vm: "a", outcome: "under-way" }],
    });
    of("a").end();
    await answer;
    expect(await readDrainReport(join(folder, name))).toMatchObject({ vms: [{ vm: "a", outcome: "moved" }] });
  });

  test("has a second try as the one that counts", async () => {
    const mover: Mover = (move, progress) =>
      move.to === "host2" ? Promise.reject(new MoveRefused(move.vm, move.to, [])) : moved(move, progress);
    const { document } = await carryOut(contextWith(), request(), planOf(["a", "host2"]), mover, () =>
      Promise.resolve(planOf(["a", "host3"]).plan),
    );
    const { vms } = await readDrainReport(String(document["drainReport"]));
    expect(vms).toMatchObject([{ order: 2, vm: "a", to: "host3", outcome: "moved" }]);
  });

  test("that cannot be written costs the report, and not the drain", async () => {
    const folder = join(reportDir, "a-file");
    await writeFile(folder, "");
    const { outcome, document, errors, text } = await carryOut(
      contextWith(),
      request({ reportDir: folder }),
      planOf(["a", "host2"]),
      moved,
    );
    expect(outcome).toBe("moved");
    expect(document["drainReport"]).toBeNull();
    expect(errors).toMatchObject([{ problem: { code: "drain-report-unwritable" } }]);
    expect(text).not.toContain("--undo");
  });
});

describe("a file that is no drain's report", () => {
  const written = async (text: string) => {
    const file = join(await mkdtemp(join(reportDir, "wrong-")), "report.json");
    await writeFile(file, text);
    return readDrainReport(file);
  };

  test("is refused, and told from one that is not there", async () => {
    await expect(readDrainReport(join(reportDir, "nowhere.json"))).rejects.toMatchObject({
      problem: { code: "drain-report-unreadable", where: join(reportDir, "nowhere.json") },
    });
    for (const text of [
      "",
      "{",
      "[]",
      JSON.stringify(reportWith()),
      '{"schemaVersion":2,"kind":"drain","host":"host1"}',
    ]) {
      await expect(written(text)).rejects.toMatchObject({ problem: { code: "drain-report-invalid" } });
    }
  });

  test("is refused with the place of what is wrong", async () => {
    const { document } = await carryOut(contextWith(), request(), planOf(["a", "host2"]), moved);
    const good = await readFile(String(document["drainReport"]), "utf8");
    await expect(written(good)).resolves.toMatchObject({ host: "host1" });
    await expect(written(good.replace(uuid, "web"))).rejects.toThrow(/vms\[0\]\.uuid has an invalid format/);
  });
});
