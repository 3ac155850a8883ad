/** What `npm test` counts over its runs of vitest, each of which leaves its part in a file. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Further tries of tests that vitest has made. */
  readonly retried: number;
}
const summarySchema = z.strictObject({
  passed: z.number(),
  failed: z.number(),
  skipped: z.number(),
  retried: z.number(),
});

/** Names of environment variables: the files that a run of vitest leaves its summary in, and what was done again. */
export const summaryFile = "VNIC_TEST_SUMMARY";
const repeatsFile = "VNIC_TEST_REPEATS";

/** What is done again without a word in the tests' own results, in singular and plural. */
const repeats = {
  test: ["test", "tests"],
  boot: ["guest boot", "guest boots"],
  run: ["run on new hosts", "runs on new hosts"],
} as const;
export type Repeat = keyof typeof repeats;

/** Notes that something is done again; without effect where it is not counted. */
export function countRepeat(repeat: Repeat): void {
  const file = process.env[repeatsFile];
  if (file !== undefined) appendFileSync(file, `${repeat}\n`);
}

/** Counts from here on, in this process and those that it starts. */
export function countRepeatsIn(file: string): void {
  process.env[repeatsFile] = file;
}

export function readRepeats(file: string): readonly Repeat[] {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  return lines.filter((line): line is Repeat => line in repeats);
}

export function writeSummary(file: string, summary: Summary): void {
  writeFileSync(file, JSON.stringify(summary));
}

/** A run that has left none has failed. */
export function readSummary(file: string): Summary {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, retried: 0 };
  return summarySchema.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** `N passed, N failed, N skipped`: what CI reads. */
export function describeSummary({ passed, failed, skipped }: Omit<Summary, "retried">): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The last lines of all: what was done again, and the sum. */
export function closingLines(summaries: readonly Summary[], repeated: readonly Repeat[]): readonly string[] {
  const sum = (of: (summary: Summary) => number) => summaries.reduce((total, summary) => total + of(summary), 0);
  const count = (repeat: Repeat) =>
    repeated.filter((each) => each === repeat).length + (repeat === "test" ? sum(({ retried }) => retried) : 0);
  const parts = (Object.keys(repeats) as Repeat[])
    .map((repeat) => ({ number: count(repeat), words: repeats[repeat] }))
    .filter(({ number }) => number > 0)
    .map(({ number, words: [one, many] }) => `${number} ${number === 1 ? one : many}`);
  return [
    `retries: ${parts.length === 0 ? "none" : parts.join(", ")}`,
    describeSummary({
      passed: sum(({ passed }) => passed),
      failed: sum(({ failed }) => failed),
      skipped: sum(({ skipped }) => skipped),
    }),
  ];
}
