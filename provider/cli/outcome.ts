/** How a command ended that threw. It knows the errors of both backends, and so loads them. */
import { EngineMoveFailed } from "../handlers/ovirt/move.js";
import { MoveFailed } from "../migration/move.js";
import type { MoveReport } from "../migration/report/report.js";
import { ProblemError } from "../model/problem.js";
import type { Outcome } from "./exit-codes.js";

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
