import type { Reporter, TestModule } from "vitest/node";

/** Ends vitest's output with `N passed, N failed, N skipped` on a line of its own: what CI reads. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
      }
      // A module that does not load has no tests, yet it has failed.
      if (module.errors().length > 0) count.failed += 1;
    }
    // After the default reporter's own summary, which is written in the same hook.
    setImmediate(() => console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`));
  }
}
