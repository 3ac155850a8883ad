/** What the exhaustive fault tests share: where a move changes something, and how many runs were made of it. */
import { afterAll } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { defaultMigrationOptions, type MigrationOptions } from "../../provider/migration/options.js";
import { changing, changingCalls, type ChangingCall } from "../hosts/changing-calls.js";
import { isRehearsal } from "../hosts/migration.js";
import { withPair } from "../hosts/lab-test.js";
import { type Entrance, type LabLike, vfs } from "../hosts/two-hosts.js";
import { expectedState } from "../hosts/cluster-state.js";

/** Either outcome; host2's first VF is reserved for the VM in every run. */
export const onSource = expectedState("host1", vfs[0]);
export const onDestination = expectedState("host2", vfs[0]);

export const moments = ["before", "after"] as const;

/** Where a move that goes well changes something. */
export function placesOfMove(options = defaultMigrationOptions): Promise<readonly ChangingCall[]> {
  return withPair(async (lab) => {
    const from = [lab.host1.callCount, lab.host2.callCount] as const;
    await moveVm(lab.cluster, { vm: "web", to: "host2", options });
    return changingCalls(lab, from);
  });
}

export function named(places: readonly ChangingCall[]): readonly (readonly [string, ChangingCall])[] {
  return places.map((place) => [`${place.host} ${place.procedure} ${place.occurrence + 1}`, place] as const);
}

/** Every fault happens with both. */
export const strategies = await Promise.all(
  (["early", "late"] as const).map(async (unplug) => {
    const options: MigrationOptions = { ...defaultMigrationOptions, unplug };
    return { unplug, options, places: named(await placesOfMove(options)) };
  }),
);

/** Counts the runs of a file, and prints their number at its end. */
export function countedRuns(of: string): (act: (lab: LabLike) => Promise<void>) => Promise<void> {
  let runs = 0;
  afterAll(() => {
    process.stdout.write(`${of}: ${runs} runs\n`);
  });
  return async (act) => {
    runs += 1;
    await withPair(act);
  };
}

/** Acts at the nth call, counted from 1, by which that process changes something. Gives the number of such calls so far. */
export function atChange(
  lab: LabLike,
  { isDoorOf }: Pick<Entrance, "isDoorOf">,
  nth: number,
  act: () => void,
): () => number {
  let made = 0;
  for (const host of lab.hosts) {
    const others = host.onCall;
    host.onCall = (call) => {
      if (changing.has(call.procedure) && !isRehearsal(call) && isDoorOf(call)) {
        made += 1;
        if (made === nth) act();
      }
      return others(call);
    };
  }
  return () => made;
}

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
