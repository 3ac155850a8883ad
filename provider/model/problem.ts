import { foreignText, printable } from "./foreign-text.js";

/** What is wrong, where, and what to do about it. */
export interface Problem {
  /** Stable and machine-readable: `kebab-case`. */
  readonly code: string;
  /** One sentence: what could not be done, or what is wrong. Form: `Unable to <action> <kind> "<id>"`. */
  readonly what: string;
  /** The host, VM, profile, file or property that it is about. */
  readonly where?: string;
  /** What the reader can do about it. */
  readonly remedy?: string;
}

/**
 * The one class of error that leaves this package. Rooms derive their own from it, so that callers can tell them apart
 * by class, and machines by `problem.code`.
 */
export class ProblemError extends Error {
  override readonly name: string = "ProblemError";

  constructor(
    readonly problem: Problem,
    /** `causeIsTold`: `what` has the cause's words already. */
    options?: { cause?: unknown; causeIsTold?: boolean },
  ) {
    super(printable(describeProblem(problem, options?.causeIsTold === true ? undefined : options?.cause)), options);
  }
}

/** The problem as one paragraph for a person: what, where unless that says it, why (the cause's own words), what to do. */
export function describeProblem(problem: Problem, cause?: unknown): string {
  const { what } = problem;
  const where = problem.where === undefined || saysWhere(what, problem.where) ? "" : ` (${problem.where})`;
  const why = cause instanceof Error ? `: ${wordsOf(cause)}` : "";
  // Below a list the remedy has a line of its own.
  const remedy = problem.remedy === undefined ? "" : `${what.includes("\n") ? "\n" : " "}${problem.remedy}`;
  return endSentence(`${what}${where}${why}`) + remedy;
}

function saysWhere(what: string, where: string): boolean {
  return what.includes(`"${where}"`) || what.includes(`${where}:`);
}

/** What is wrong and why, without what to do and without a full stop: for the sentence of another problem. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return foreignText(String(error));
  if (!(error instanceof ProblemError)) return wordsOf(error);
  const { remedy: _, ...problem } = error.problem;
  return printable(describeProblem(problem, error.cause)).replace(/\.$/, "");
}

/** An error that is not this package's may quote a host. */
function wordsOf(error: Error): string {
  return error instanceof ProblemError ? error.message : foreignText(error.message);
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
