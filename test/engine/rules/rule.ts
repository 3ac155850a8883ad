/** A validation of a command of the engine's. */
import { commandFault } from "../fault.js";
import type { MessageId, Variables } from "../messages.js";

export interface Refusal {
  readonly id: MessageId;
  readonly variables?: Variables;
}

export interface EngineRule<Facts> {
  /** The method's name in the engine's sources. */
  readonly name: string;
  /** Undefined: valid. */
  readonly refuse: (facts: Facts) => Refusal | undefined;
}

/** What `${action}` and `${type}` stand for in a command's messages (`setActionMessageParameters`). */
export type Command = Readonly<Record<"action" | "type", string>>;

/** @throws EngineFault of the first rule that is broken: later ones are not looked at. */
export function validate<Facts>(rules: readonly EngineRule<Facts>[], facts: Facts, command: Command): void {
  for (const { refuse } of rules) {
    const refusal = refuse(facts);
    if (refusal !== undefined) throw commandFault([refusal.id], { ...command, ...refusal.variables });
  }
}

/** A rule with one message and nothing to fill in. */
export function rule<Facts>(name: string, id: MessageId, broken: (facts: Facts) => boolean): EngineRule<Facts> {
  return { name, refuse: (facts) => (broken(facts) ? { id } : undefined) };
}
