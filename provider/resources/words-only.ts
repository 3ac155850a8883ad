import * as pulumi from "@pulumi/pulumi";
import { ProblemError } from "../model/problem.js";

/** Runs it; of a problem the user gets the words alone, where the engine would print the stack trace of any other error. */
export function wordsOnly<T>(operation: () => T, before = ""): T {
  try {
    return operation();
  } catch (error) {
    throw inWords(error, before);
  }
}

/** Of a problem the error that ends a program with its words; any other error as it is. */
export function inWords(error: unknown, before = ""): unknown {
  if (!(error instanceof ProblemError)) return error;
  const { problem, message } = error;
  return wordsOf(`${before}${message}`, { problem });
}

/**
 * It has no stack trace, nor a cause with one: the SDK formats it for its log, and Node.js 20.20 never ends formatting a line
 * such as `node_modules/@pulumi/output.ts`, which each error in an `apply` has.
 */
export function wordsOf(message: string, more: object = {}): pulumi.RunError {
  return Object.assign(new pulumi.RunError(message), more, { stack: message });
}
