/**
 * Runs a list of steps so that nothing is lost: each knows how it is done, how it is undone and how to see whether it
 * is so. The same list serves a first run, the way back after a failure, and a recovery after a crash.
 */
import { ProblemError, reasonOf } from "../model/problem.js";

export interface Step<Context, Name extends string = string> {
  /** The step's name in reports and in the journal: one word. */
  readonly name: Name;
  /** What a person reads while it runs. */
  readonly title: string;
  /**
   * From here on there is only forward: once this step is done, a failure of a later one undoes nothing.
   * Default: false.
   */
  readonly pointOfNoReturn?: boolean;
  /**
   * It only marks that the others are under way, so it is undone only when all of them are: what is left of a run that
   * could not be rolled back must stay findable. Default: false.
   */
  readonly undoLast?: boolean;
  /**
   * Whether the steps before it may be undone hangs on its own undoing: where that fails, nothing else is undone, since
   * it is unknown what is true. Default: false.
   */
  readonly decisive?: boolean;
  /** Makes it so. Harmless where it is so already. */
  do(context: Context): Promise<void>;
  /** Rolls it back. Harmless where there is nothing to roll back. Default: nothing to do. */
  undo?(context: Context): Promise<void>;
  /** Whether it is so, asked of the hosts and not of memory. */
  isDone(context: Context): Promise<boolean>;
}

export interface StepObserver<Name extends string = string> {
  /** Whether the failure means that the run is in other hands: then nothing more is done. Default: never. */
  isOvertaken?(error: unknown): boolean;
  started(step: Name, title: string, direction: Direction): Promise<void> | void;
  ended(step: Name, direction: Direction, error?: unknown): void;
}

export type Direction = "forward" | "back";

/** What the steps are done for, in the words of messages. */
export interface RunWords {
  /** What could not be done where a step fails: `move VM "web" from "host1" to "host2"`. */
  readonly action: string;
  /** How things stand when all was rolled back, in a sentence. */
  readonly rolledBack: string;
  /** How things stand once the point of no return is passed, in a sentence. */
  readonly committed: string;
  /** What settles a run that was neither finished nor rolled back, in a sentence. */
  readonly remedy: string;
}

/** A step failed. What was done before is undone, except for what `notUndone` names. */
export class StepFailed extends ProblemError {
  override readonly name: string = "StepFailed";

  constructor(
    readonly step: string,
    readonly committed: boolean,
    readonly notUndone: readonly { readonly step: string; readonly error: unknown }[],
    readonly words: RunWords,
    cause: unknown,
    /** Another process has taken the run over: nothing was undone. */
    readonly overtaken = false,
  ) {
    const left = notUndone.map(({ step, error }) => `${step} (${reasonOf(error)})`).join(", ");
    const settled = left === "" && !committed && !overtaken;
    super(
      {
        code: `step-${step}-failed`,
        what: `Unable to ${words.action}`,
        state: overtaken
          ? "Another process has taken over the move; this process stopped."
          : committed
            ? words.committed
            : settled
              ? words.rolledBack
              : `The VM was left as it is now, possibly without a VF. These steps were not rolled back: ${left}.`,
        remedy: settled ? "Fix the reported problem, then retry." : words.remedy,
      },
      { cause, remedyFirst: !settled },
    );
  }
}

/**
 * Does each step in turn. A failure undoes the failed step and those before it, last first, unless a point of no return
 * has been passed.
 * @throws StepFailed
 */
export async function runSteps<Context, Name extends string>(
  steps: readonly Step<Context, Name>[],
  context: Context,
  observer: StepObserver<Name>,
  words: RunWords,
): Promise<void> {
  let committed = false;
  for (const [index, step] of steps.entries()) {
    try {
      await observed(step, "forward", observer, () => step.do(context));
    } catch (error) {
      if (observer.isOvertaken?.(error) === true) throw new StepFailed(step.name, committed, [], words, error, true);
      if (committed || (step.pointOfNoReturn === true && (await step.isDone(context).catch(() => false)))) {
        throw new StepFailed(step.name, true, [], words, error);
      }
      throw new StepFailed(
        step.name,
        false,
        await undoSteps(steps.slice(0, index + 1), context, observer),
        words,
        error,
      );
    }
    committed ||= step.pointOfNoReturn === true;
  }
}

/** Does what does not hold yet, in order: how another process finishes a run that got past its point of no return. */
export async function finishSteps<Context, Name extends string>(
  steps: readonly Step<Context, Name>[],
  context: Context,
  observer: StepObserver<Name>,
): Promise<void> {
  for (const step of steps) {
    if (!(await step.isDone(context))) await observed(step, "forward", observer, () => step.do(context));
  }
}

/**
 * Undoes the steps, last first; goes on past a failure, so that as much as possible is as it was, unless the step is a
 * decisive one. Returns the failures.
 */
export async function undoSteps<Context, Name extends string>(
  steps: readonly Step<Context, Name>[],
  context: Context,
  observer: StepObserver<Name>,
): Promise<{ step: string; error: unknown }[]> {
  const failures: { step: string; error: unknown }[] = [];
  for (const step of steps.toReversed()) {
    if (step.undo === undefined || (step.undoLast === true && failures.length > 0)) continue;
    try {
      await observed(step, "back", observer, () => step.undo?.(context) ?? Promise.resolve());
    } catch (error) {
      failures.push({ step: step.name, error });
      if (step.decisive === true || observer.isOvertaken?.(error) === true) break;
    }
  }
  return failures;
}

async function observed<Context, Name extends string>(
  step: Step<Context, Name>,
  direction: Direction,
  observer: StepObserver<Name>,
  act: () => Promise<void>,
): Promise<void> {
  await observer.started(step.name, step.title, direction);
  try {
    await act();
  } catch (error) {
    observer.ended(step.name, direction, error);
    throw error;
  }
  observer.ended(step.name, direction);
}
