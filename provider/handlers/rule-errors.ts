/** A broken rule, as the user hears of it. */
import { ProblemError } from "../model/problem.js";
import { problemOf, type Violation } from "../rules/index.js";
import type { CheckFailure } from "./handler.js";

/** Of a check. @param otherwise the input at fault where the rule names none; empty: the resource as a whole. */
export function failureOf({ property, message, remedy }: Violation, otherwise = ""): CheckFailure {
  return { property: property ?? otherwise, reason: `${message} ${remedy}` };
}

/** Of any other operation. @throws ProblemError of the first one, if there is any. */
export function refuse([first]: readonly Violation[]): void {
  if (first !== undefined) throw new ProblemError(problemOf(first));
}
