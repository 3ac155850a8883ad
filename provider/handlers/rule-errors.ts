/** A broken rule, as the user hears of it. */
import { ProblemError } from "../model/problem.js";
import { problemOf, type Violation } from "../rules/index.js";
import { sayOnce } from "./notices.js";
import type { CheckFailure, HandlerContext } from "./handler.js";

/** Of a check. @param otherwise the input at fault where the rule names none; empty: the resource as a whole. */
export function failureOf({ property, message, remedy }: Violation, otherwise = ""): CheckFailure {
  return { property: property ?? otherwise, reason: `${message} ${remedy}` };
}

/**
 * Of a check: the errors, which are its failures. Warnings are said on the resource's row, each once in a command: they
 * hinder nothing.
 */
export function errorsAtCheck(
  ctx: Pick<HandlerContext, "command" | "urn" | "progress">,
  violations: readonly Violation[],
): readonly Violation[] {
  for (const { severity, message, remedy } of violations) {
    const sentence = `${message} ${remedy}`;
    if (severity === "warning") sayOnce(ctx, sentence, () => ctx.progress.warn(sentence));
  }
  return violations.filter(({ severity }) => severity === "error");
}

/** Of any other operation. @throws ProblemError of the first one, if there is any. */
export function refuse([first]: readonly Violation[]): void {
  if (first !== undefined) throw new ProblemError(problemOf(first));
}
