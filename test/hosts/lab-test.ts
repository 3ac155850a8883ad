/** Tests that each have two hosts of their own, so that they can run side by side. None waits for real time. */
import { test } from "vitest";
import { type DeclaredPair, declarePair } from "./declared.js";
import { twoHosts, type LabLike } from "./two-hosts.js";
import { TestClock } from "./test-clock.js";

interface Fixtures {
  /** Two hosts, VM `web` with its pair on host1. */
  readonly lab: LabLike;
  /** What the quickstart program has declared there. */
  readonly pair: DeclaredPair;
}

export const pairedTest = test.extend<Fixtures & { readonly made: Fixtures }>({
  // vitest reads from this pattern which fixtures a fixture needs.
  made: async ({}, use) => {
    const lab = await twoHosts({ clock: new TestClock() });
    try {
      const pair = await declarePair(lab);
      lab.progress.steps.splice(0);
      await use({ lab, pair });
    } finally {
      await lab.close();
    }
  },
  lab: async ({ made }, use) => use(made.lab),
  pair: async ({ made }, use) => use(made.pair),
});
