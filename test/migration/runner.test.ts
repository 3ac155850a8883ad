import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  finishSteps,
  runSteps,
  type RunWords,
  type Step,
  StepFailed,
  type StepObserver,
  undoSteps,
} from "../../provider/migration/runner.js";

interface Trace {
  readonly events: string[];
  readonly doing: Set<string>;
  readonly undoing: Set<string>;
  readonly holding: Set<string>;
}

const quiet: StepObserver = { started: () => undefined, ended: () => undefined };

function trace(parts: Partial<Record<"doing" | "undoing" | "holding", readonly string[]>> = {}): Trace {
  return {
    events: [],
    doing: new Set(parts.doing),
    undoing: new Set(parts.undoing),
    holding: new Set(parts.holding),
  };
}

/** A step that notes what becomes of it, and fails where the trace says so. */
function step(name: string, traits: Partial<Pick<Step<Trace>, "pointOfNoReturn" | "undoLast">> = {}): Step<Trace> {
  const act = (what: string, failing: (trace: Trace) => Set<string>) => (trace: Trace) => {
    trace.events.push(`${what} ${name}`);
    return failing(trace).has(name) ? Promise.reject(new Error(`cannot ${what} ${name}`)) : Promise.resolve();
  };
  return {
    name,
    title: name,
    ...traits,
    do: act("do", ({ doing }) => doing),
    undo: act("undo", ({ undoing }) => undoing),
    isDone: ({ holding }) => Promise.resolve(holding.has(name)),
  };
}

async function failureOf(run: Promise<void>): Promise<StepFailed> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StepFailed);
  return error as StepFailed;
}

const words: RunWords = {
  action: "do all",
  rolledBack: "All was rolled back.",
  committed: "It is done.",
  remedy: "Settle it.",
};

describe("runSteps", () => {
  it("does each step once, in order", async () => {
    const context = trace();
    await runSteps([step("a"), step("b"), step("c")], context, quiet, words);
    expect(context.events).toEqual(["do a", "do b", "do c"]);
  });

  it("undoes the failed step and those before it, last first", async () => {
    const context = trace({ doing: ["c"] });
    const failure = await failureOf(runSteps([step("a"), step("b"), step("c"), step("d")], context, quiet, words));
    expect(context.events).toEqual(["do a", "do b", "do c", "undo c", "undo b", "undo a"]);
    expect(failure).toMatchObject({ step: "c", committed: false, notUndone: [] });
    expect(failure.message).toBe(
      "Unable to do all: cannot do c. All was rolled back. Fix the reported problem, then retry.",
    );
  });

  it("undoes nothing once the point of no return is passed", async () => {
    const context = trace({ doing: ["c"] });
    const failure = await failureOf(
      runSteps([step("a"), step("b", { pointOfNoReturn: true }), step("c")], context, quiet, words),
    );
    expect(context.events).toEqual(["do a", "do b", "do c"]);
    expect(failure).toMatchObject({ step: "c", committed: true });
  });

  it.each([
    [["b"], true, []],
    [[], false, ["undo b", "undo a"]],
  ])("asks whether the point of no return itself holds when it fails (%j)", async (holding, committed, undone) => {
    const context = trace({ doing: ["b"], holding });
    const failure = await failureOf(runSteps([step("a"), step("b", { pointOfNoReturn: true })], context, quiet, words));
    expect(failure.committed).toBe(committed);
    expect(context.events.slice(2)).toEqual(undone);
  });

  it("goes on past an undo that fails, names it, and keeps the mark", async () => {
    const context = trace({ doing: ["c"], undoing: ["b"] });
    const failure = await failureOf(
      runSteps([step("mark", { undoLast: true }), step("a"), step("b"), step("c")], context, quiet, words),
    );
    expect(context.events.slice(4)).toEqual(["undo c", "undo b", "undo a"]);
    expect(failure.notUndone.map(({ step: name }) => name)).toEqual(["b"]);
    expect(failure.message).toBe(
      "Unable to do all: cannot do c. The VM was left as it is now, possibly without a VF. These steps were not rolled back: b (cannot undo b). Settle it.",
    );
  });

  it("takes an observer's refusal for the step's own failure", async () => {
    const context = trace();
    const observer: StepObserver = {
      started: (name, _title, direction) =>
        name === "b" && direction === "forward" ? Promise.reject(new Error("stopped")) : undefined,
      ended: () => undefined,
    };
    await failureOf(runSteps([step("a"), step("b")], context, observer, words));
    expect(context.events).toEqual(["do a", "undo b", "undo a"]);
  });

  it("whatever step fails: every step before it was done once; up to the point of no return each is undone once, last first", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }).chain((count) =>
          fc.record({
            count: fc.constant(count),
            failing: fc.nat(count - 1),
            turning: fc.option(fc.nat(count - 1)),
            undoing: fc.subarray(Array.from({ length: count }, (_, index) => String(index))),
          }),
        ),
        async ({ count, failing, turning, undoing }) => {
          const steps = Array.from({ length: count }, (_, index) =>
            step(String(index), { ...(index === turning && { pointOfNoReturn: true }) }),
          );
          const context = trace({ doing: [String(failing)], undoing });
          const failure = await failureOf(runSteps(steps, context, quiet, words));
          const done = Array.from({ length: failing + 1 }, (_, index) => `do ${index}`);
          const committed = turning !== null && turning < failing;
          const undone = committed ? [] : Array.from({ length: failing + 1 }, (_, index) => `undo ${failing - index}`);
          expect(context.events).toEqual([...done, ...undone]);
          expect(failure.committed).toBe(committed);
          expect(failure.notUndone.map(({ step: name }) => Number(name))).toEqual(
            committed
              ? []
              : undoing
                  .map(Number)
                  .filter((index) => index <= failing)
                  .sort((a, b) => b - a),
          );
        },
      ),
    );
  });
});

describe("finishSteps", () => {
  it("does in order what does not hold, and skips what does", async () => {
    const context = trace({ holding: ["a", "c"] });
    await finishSteps([step("a"), step("b"), step("c"), step("d")], context, quiet);
    expect(context.events).toEqual(["do b", "do d"]);
  });

  it("stops at the first that fails", async () => {
    const context = trace({ doing: ["b"] });
    await expect(finishSteps([step("a"), step("b"), step("c")], context, quiet)).rejects.toThrow("cannot do b");
    expect(context.events).toEqual(["do a", "do b"]);
  });
});

describe("undoSteps", () => {
  it("keeps the mark as long as anything could not be undone", async () => {
    const steps = [step("mark", { undoLast: true }), step("a"), step("b")];
    const first = trace({ undoing: ["a"] });
    expect(await undoSteps(steps, first, quiet)).toMatchObject([{ step: "a" }]);
    expect(first.events).toEqual(["undo b", "undo a"]);
    const second = trace();
    expect(await undoSteps(steps, second, quiet)).toEqual([]);
    expect(second.events).toEqual(["undo b", "undo a", "undo mark"]);
  });

  it("tells the observer of each, and how it went", async () => {
    const heard: string[] = [];
    const observer: StepObserver = {
      started: (name, _title, direction) => void heard.push(`${direction} ${name}`),
      ended: (name, direction, error) =>
        void heard.push(`${direction} ${name} ${error === undefined ? "well" : "ill"}`),
    };
    await undoSteps([step("a"), step("b")], trace({ undoing: ["b"] }), observer);
    expect(heard).toEqual(["back b", "back b ill", "back a", "back a well"]);
  });
});
