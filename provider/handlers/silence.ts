/** A host or an engine that does not answer, as the user hears of it. */
import type { ProblemError } from "../problem.js";
import type { HandlerContext } from "./handler.js";

const warned = new WeakMap<object, Set<string>>();

/** Warns once in a command, on the resource that noticed first: a thousand that could not be checked have one cause. */
export function warnOfSilence(
  { command = {}, progress }: Pick<HandlerContext, "command" | "progress">,
  { message, problem: { where = message } }: ProblemError,
  unchecked: string,
): void {
  // Its words differ: it was lost at first, and then could not be reached.
  const silent = `${where} ${unchecked}`;
  const before = warned.get(command) ?? new Set();
  if (before.has(silent)) return;
  warned.set(command, before.add(silent));
  progress.warn(`${message} ${unchecked}`);
}
