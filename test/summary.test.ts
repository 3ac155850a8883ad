import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { closingLines, readRepeats, readSummary, writeSummary } from "./summary.js";

const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-summary-"));
afterAll(() => rmSync(scratch, { recursive: true }));

test("the last lines are the sum of the runs, and what was done again", () => {
  const unit = { passed: 10, failed: 0, skipped: 1, retried: 0 };
  const e2e = { passed: 3, failed: 1, skipped: 2, retried: 1 };
  expect(closingLines([unit, e2e], ["boot", "run", "boot"])).toEqual([
    "retries: 1 test, 2 guest boots, 1 run on new hosts",
    "13 passed, 1 failed, 3 skipped",
  ]);
  expect(closingLines([unit], [])).toEqual(["retries: none", "10 passed, 0 failed, 1 skipped"]);
});

test("a run that ended without a summary has failed", () => {
  const file = join(scratch, "unit.json");
  expect(readSummary(file)).toEqual({ passed: 0, failed: 1, skipped: 0, retried: 0 });
  const written = { passed: 1, failed: 0, skipped: 0, retried: 2 };
  writeSummary(file, written);
  expect(readSummary(file)).toEqual(written);
  expect(readRepeats(join(scratch, "none"))).toEqual([]);
});
