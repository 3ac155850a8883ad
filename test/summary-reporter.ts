import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";
import { describeSummary, summaryFile, writeSummary } from "./summary.js";

/**
 * Ends vitest's output with `N passed, N failed, N skipped` on a line of its own; under `npm test`, which makes two runs,
 * leaves it in a file instead.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, retried: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
        count.retried += test.diagnostic()?.retryCount ?? 0;
      }
      // A module that does not load has no tests, yet it has failed.
      if (module.errors().length > 0) count.failed += 1;
    }
    // Errors outside of any test fail the run.
    if (unhandled.length > 0) count.failed += 1;
    const file = process.env[summaryFile];
    if (file !== undefined) writeSummary(file, count);
    // After the default reporter's own summary, which is written in the same hook.
    else setImmediate(() => console.log(describeSummary(count)));
  }
}
