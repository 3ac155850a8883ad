/** What the user sees of one `pulumi` command. */
import { expect } from "vitest";
import type { Run } from "../pulumi/stack.js";
import type { BackendKind } from "./backend.js";

/** It is refused, by the resource and the input that are named. */
export interface Refusal {
  readonly resource: string;
  /** Absent: no input is at fault. */
  readonly property?: string;
  readonly words: RegExp;
}

/** It succeeds. */
export interface Success {
  /** The resources that change, or would: `{ nic: "create" }`. */
  readonly changes: Readonly<Record<string, string>>;
  /** What is said of a resource beside that. */
  readonly warning?: Omit<Refusal, "property">;
}

export type Outcome = { readonly refused: Refusal } | Success;

/** Where backends differ by nature. */
export interface Difference extends Readonly<Record<BackendKind, Outcome>> {
  readonly because: string;
}

export function expectOutcome(run: Run, outcome: Outcome): void {
  if ("refused" in outcome) {
    expectRefused(run, outcome.refused);
    return;
  }
  const { changes, warning } = outcome;
  expect({ exitCode: run.exitCode, changes: run.changes }, run.text).toEqual({ exitCode: 0, changes });
  if (warning !== undefined) expect(saidOf(run, warning.resource, "warning"), run.text).toMatch(warning.words);
}

export function expectChanges(run: Run, changes: Success["changes"]): void {
  expectOutcome(run, { changes });
}

export function expectRefused(run: Run, { resource, property, words }: Refusal): void {
  expect(run.exitCode, run.text).not.toBe(0);
  const said = saidOf(run, resource, "error");
  expect(said, run.text).toMatch(words);
  if (property !== undefined) expect(said, run.text).toMatch(new RegExp(`\\b${property}: `));
}

function saidOf({ diagnostics }: Run, resource: string, severity: string): string {
  return diagnostics
    .filter((each) => each.name === resource && each.severity === severity)
    .map(({ message }) => message)
    .join("\n");
}
