/** Tests that each have two hosts of their own, so that they can run side by side. None waits for real time. */
import { test } from "vitest";
import { type DeclaredPair, declarePair } from "./declared.js";
import { withTwoHosts, type LabLike } from "./two-hosts.js";
import { TestClock } from "./test-clock.js";

interface Fixtures {
  /** Two hosts, VM `web` with its pair on host1. */
  readonly lab: LabLike;
  /** What the quickstart program has declared there. */
  readonly pair: DeclaredPair;
}

/** Two hosts, VM `web` with its pair on host1, and no real time. */
export function withPair<T>(act: (lab: LabLike, pair: DeclaredPair) => Promise<T>): Promise<T> {
  return withTwoHosts({ clock: new TestClock() }, async (lab) => act(lab, await declarePair(lab)));
}

export const pairedTest = test.extend<Fixtures & { readonly made: Fixtures }>({
  // vitest reads from this pattern which fixtures a fixture needs.
  made: async ({}, use) =>
    withPair(async (lab, pair) => {
      lab.progress.steps.splice(0);
      await use({ lab, pair });
    }),
  lab: async ({ made }, use) => use(made.lab),
  pair: async ({ made }, use) => use(made.pair),
});
