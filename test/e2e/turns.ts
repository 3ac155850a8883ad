/**
 * Which end-to-end tests each `npm test` runs, and which take turns, by the commit: all of them take more than half an hour.
 * `npm test -- --all` runs all. Data, and the choice.
 */

/** The pair and its move, what runs on the hosts for it, and the faults that are quick. */
export const always: readonly string[] = ["announcer", "failover-pair", "faults"];

export const inTurn: readonly string[] = [
  "drain",
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

/** The files to run at that commit. */
export function filesAt(commit: string): readonly string[] {
  const turn = takingTurns(inTurn, commit);
  return [...always, ...(turn === undefined ? [] : [turn])].map(fileOf);
}

export function fileOf(name: string): string {
  return `test/e2e/${name}.test.ts`;
}
