/**
 * Which end-to-end tests each `npm test` runs, and which take turns, by the commit: all of them take more than half an hour.
 * `npm test -- --all` runs all. Data, and the choice.
 */

/** The pair and its move, and what runs on the hosts for it. */
export const always: readonly string[] = ["announcer", "failover-pair"];

export const inTurn: readonly string[] = [
  "drain",
  "faults",
  "other-user",
  "reboot",
  "restricted-account",
  "scenarios",
  "two-processes",
  "vf-stays",
];

/** Each of them at some commits, and the same one whenever that commit is tested. Undefined: there is none. */
export function takingTurns<Item>(items: readonly Item[], commit: string): Item | undefined {
  return items[Number(BigInt(`0x${commit.slice(0, 12)}`) % BigInt(Math.max(items.length, 1)))];
}

/** How many of the quick faults a commit tries whose turn they are: one takes half a minute. The models' faults are always tried (test/migration). */
const faultsAtOnce = 3;

/** Set by `npm test` to the commit where tests take turns. */
export const turnsAt = "VNIC_TESTS_TAKE_TURNS_AT";

/** Some of them, one after another in their order; all where the tests do not take turns. */
export function faultsInTurn<Item>(items: readonly Item[], commit: string | undefined): readonly Item[] {
  if (commit === undefined) return items;
  const groups = items.flatMap((_, at) => (at % faultsAtOnce === 0 ? [items.slice(at, at + faultsAtOnce)] : []));
  // By other digits than the tests: else some of them would never meet.
  return takingTurns(groups, commit.slice(12)) ?? [];
}

/** The files to run at that commit. */
export function filesAt(commit: string): readonly string[] {
  const turn = takingTurns(inTurn, commit);
  return [...always, ...(turn === undefined ? [] : [turn])].map(fileOf);
}

export function fileOf(name: string): string {
  return `test/e2e/${name}.test.ts`;
}
