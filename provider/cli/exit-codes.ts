/** How a command ended, and the exit code that says so to scripts. */
import type { MoveOutcome } from "../migration/report/report.js";

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
  1  refused, and nothing has been changed; of several VMs: one was not moved, others may have been
  2  failed: the VM is on the source, with its VF
  3  moved, but a VF is missing
  4  unclear: run vnic-failover recover
Stopped at once by a signal: 128 and its number, 130 for Ctrl-C.`;

/** Of no outcomes: `ok`. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  const severity = Object.keys(exitCodes) as Outcome[];
  return severity.findLast((outcome) => outcomes.includes(outcome)) ?? "ok";
}
