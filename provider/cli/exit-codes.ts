/** How a command ended, and the exit code that says so to scripts. */
import { ProblemError } from "../model/problem.js";
import { EngineMoveFailed } from "../handlers/ovirt/move.js";
import { MoveFailed } from "../migration/move.js";
import type { MoveOutcome, MoveReport } from "../migration/report/report.js";

export type Outcome =
  /** Nothing was to be moved, and all is well. */
  | "ok"
  /** Nothing has been changed: bad usage, bad configuration, or a rule that forbids it. */
  | "refused"
  | MoveOutcome;

/** The later, the worse: of several moves, the worst one's outcome is the command's. */
export const exitCodes: Readonly<Record<Outcome, number>> = {
  ok: 0,
  moved: 0,
  refused: 1,
  "failed-on-source": 2,
  "moved-without-vf": 3,
  unclear: 4,
};

/** As the help shows them. */
export const exitCodesInWords = `Exit codes:
  0  done: moved, or nothing to do
  1  refused, and nothing has been changed
  2  failed: the VM is on the source, with its VF
  3  moved, but a VF is missing
  4  unclear: run vnic-failover recover`;

/** Problems after which it is not known how things stand, whatever the command. */
const unclearProblems: ReadonlySet<string> = new Set([
  "vm-on-several-hosts",
  "recovery-incomplete",
  "journal-unreadable",
  "libvirt-connection-lost",
]);

/**
 * How a command ended that threw `error`. What is unexpected leaves it unclear: whether anything was changed can
 * only be told of a problem that is known.
 */
export function outcomeOf(error: unknown): Outcome {
  const report = reportIn(error);
  if (report !== undefined) return report.outcome;
  if (!(error instanceof ProblemError)) return "unclear";
  return unclearProblems.has(error.problem.code) ? "unclear" : "refused";
}

/** The report of a move that began and failed. */
export function reportIn(error: unknown): MoveReport | undefined {
  return error instanceof MoveFailed || error instanceof EngineMoveFailed ? error.report : undefined;
}

/** Of no outcomes: `ok`. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  const severity = Object.keys(exitCodes) as Outcome[];
  return severity.findLast((outcome) => outcomes.includes(outcome)) ?? "ok";
}
