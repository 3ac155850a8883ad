import { foreignText, printable, withoutFullStop } from "./foreign-text.js";

/** What is wrong, where, how things stand, and what to do about it. {@link describeProblem} makes one paragraph of it. */
export interface Problem {
  /** Stable and machine-readable: `kebab-case`. */
  readonly code: string;
  /** One sentence: what could not be done, or what is wrong. Form: `Unable to <action> <kind> "<id>"`. */
  readonly what: string;
  /** The host, VM, profile, file or property that it is about. */
  readonly where?: string;
  /** How things stand now, in sentences: what was changed, and what runs. */
  readonly state?: string;
  /** What the reader can do about it, in sentences. */
  readonly remedy?: string;
}

export interface ProblemOptions {
  readonly cause?: unknown;
  /** `what` has the cause's words already. Default: false. */
  readonly causeIsTold?: boolean;
  /** Its remedy goes before its cause's: what the cause advises is not the next thing to do. Default: false. */
  readonly remedyFirst?: boolean;
}

/**
 * The one class of error that leaves this package. Rooms derive their own from it, so that callers can tell them apart
 * by class, and machines by `problem.code`.
 */
export class ProblemError extends Error {
  override readonly name: string = "ProblemError";
  private readonly causeIsTold: boolean;
  private readonly remedyFirst: boolean;

  constructor(
    readonly problem: Problem,
    options: ProblemOptions = {},
  ) {
    super(printable(describeProblem(problem, options)), options);
    this.causeIsTold = options.causeIsTold ?? false;
    this.remedyFirst = options.remedyFirst ?? false;
  }

  /** What another program said: the problem that it caused says what could not be done. Default: none. */
  get quote(): string | undefined {
    return undefined;
  }

  get options(): ProblemOptions {
    const { cause, causeIsTold, remedyFirst } = this;
    return { cause, causeIsTold, remedyFirst };
  }
}

/**
 * The problem as one paragraph for a person. Of a chain of problems it tells what the outermost could not do, what the innermost
 * says is wrong, the outermost's state, and one remedy: the innermost's, since it knows what is wrong.
 */
export function describeProblem(problem: Problem, options: ProblemOptions = {}): string {
  const layers = [{ problem, options }, ...causesOf(options)];
  const state = layers.find((each) => each.problem.state !== undefined)?.problem.state;
  // Below a list each has a line of its own.
  const separator = problem.what.includes("\n") ? "\n" : " ";
  return [endSentence(reasonFor(problem, options)), state, remedyOf(layers)]
    .filter((part) => part !== undefined && part !== "")
    .join(separator);
}

type Layer = Pick<ProblemError, "problem" | "options">;

/** The problems that caused it, the nearest first. */
function causesOf({ cause }: ProblemOptions): readonly ProblemError[] {
  return cause instanceof ProblemError ? [cause, ...causesOf(cause.options)] : [];
}

/** The errors that caused it, and that its own words do not tell. */
function untoldCausesOf({ cause, causeIsTold }: ProblemOptions): readonly Error[] {
  if (causeIsTold === true || !(cause instanceof Error)) return [];
  return [cause, ...(cause instanceof ProblemError ? untoldCausesOf(cause.options) : [])];
}

/** The innermost one; what lies below a problem whose remedy goes first does not count. */
function remedyOf(layers: readonly Layer[]): string | undefined {
  const last = layers.findIndex(({ problem, options }) => options.remedyFirst === true && problem.remedy !== undefined);
  return layers
    .slice(0, last < 0 ? undefined : last + 1)
    .map(({ problem }) => problem.remedy)
    .findLast((remedy) => remedy !== undefined);
}

/** What the error's message says can be done about it. */
export function remedyFor(error: ProblemError): string | undefined {
  return remedyOf([error, ...causesOf(error.options)]);
}

/** What is wrong and why, without what to do. */
function reasonFor(problem: Problem, options: ProblemOptions): string {
  const causes = untoldCausesOf(options);
  const [described, last] = [causes.findLast(isDescribed), causes.at(-1)];
  const why = [
    ...(described === undefined ? [] : [withWhere(described.problem)]),
    ...(last === undefined || last === described ? [] : [wordsOf(last)]),
  ];
  return [withWhere(problem), ...why].reduce(
    (text, part) => `${withoutFullStop(text)}: ${uncapitalized(withoutNamesOf(text, part))}`,
  );
}

function isDescribed(error: Error): error is ProblemError {
  return error instanceof ProblemError && error.quote === undefined;
}

function withWhere({ what, where }: Problem): string {
  return where === undefined || saysWhere(what, where) ? what : `${withoutFullStop(what)} (${where})`;
}

function saysWhere(what: string, where: string): boolean {
  return what.includes(`"${where}"`) || what.includes(`${where}:`) || what.includes(`(${where})`);
}

/** The reason behind a sentence's colon, without the quotes of names that the sentence has quoted: each is quoted once. */
function withoutNamesOf(sentence: string, reason: string): string {
  const named = [...sentence.matchAll(/"([\w.-]+)"/g)].map(([, name = ""]) => name);
  return named.reduce((text, name) => text.replaceAll(`VM "${name}"`, "the VM").replaceAll(`"${name}"`, name), reason);
}

/** Behind a colon a sentence begins in lower case; a name keeps its capital. */
function uncapitalized(sentence: string): string {
  return /^(?:Unable|The|A|An|No|On|Another|Hosts?|Networks?|Interfaces?|Profiles?) /.test(sentence)
    ? sentence.charAt(0).toLowerCase() + sentence.slice(1)
    : sentence;
}

/** What is wrong and why, without what to do and without a full stop: for the sentence of another problem. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return foreignText(String(error));
  if (!(error instanceof ProblemError)) return foreignText(error.message);
  return withoutFullStop(printable(reasonFor(error.problem, error.options)));
}

/** Of an error that only says what another program said, which may be a host. */
function wordsOf(error: Error): string {
  return error instanceof ProblemError ? (error.quote ?? error.problem.what) : foreignText(error.message);
}

function endSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
