/** The table of a move's steps, beside the steps themselves and the diagram in its head. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { isPastNoReturn, rowOf, stepNames, stepsBefore } from "../../provider/migration/step-table.js";
import { moveSteps } from "../../provider/migration/steps.js";

test("the steps are those of the table, in its order, with its traits", () => {
  expect(moveSteps.map(({ name }) => name)).toEqual(stepNames);
  for (const step of moveSteps) expect(step).toMatchObject({ ...rowOf(step.name) });
});

test("what changes only the source can be undone, and what follows the migration cannot", () => {
  const past = stepNames.filter(isPastNoReturn);
  expect(past).toEqual(["plug", "verify", "release"]);
  for (const name of stepNames) {
    const step = moveSteps.find((each) => each.name === name);
    expect(step?.undo !== undefined, name).toBe(!past.includes(name));
  }
  expect(stepsBefore("migrate")).toEqual(["journal", "reserve", "unplug"]);
});

test("limits are the options of a move", () => {
  const { unplugTimeout, migrateTimeout, plugTimeout } = defaultMigrationOptions;
  const limits = stepNames.map((name) => rowOf(name).limit?.(defaultMigrationOptions));
  expect(limits).toEqual([undefined, undefined, unplugTimeout, migrateTimeout, plugTimeout, undefined, undefined]);
});

test.each(["provider/migration/step-table.ts", "ARCHITECTURE.md"])(
  "the state diagram in %s follows the table",
  (file) => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", file), "utf8");
    const edges = [...text.matchAll(/(\w+|\[\*\]) --> (\w+)(?:: (.*))?/g)].map(([, from, to, why = ""]) => ({
      from,
      to,
      why,
    }));
    const back = ({ why }: { why: string }) => why.startsWith("roll back");
    for (const [index, name] of stepNames.entries()) {
      const next = stepNames[index + 1] ?? "moved";
      expect(edges, `${name} to ${next}`).toContainEqual(expect.objectContaining({ from: name, to: next }));
      const before = stepNames[index - 1];
      expect(
        edges.filter(back).some(({ from, to }) => from === name && to === before),
        `${name} back`,
      ).toBe(before !== undefined && !isPastNoReturn(name));
    }
    expect(edges.filter(({ from }) => from === "unclear").map(({ to }) => to)).toEqual([
      "plug",
      "failed_on_source",
      "overtaken",
    ]);
  },
);
