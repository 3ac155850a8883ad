/**
 * Placements at rest: the host that one names is under maintenance, so its VM stays where it is. There is no diff, and the
 * user is told. Once the maintenance is over, the placement takes effect again.
 */
import { sayOnce } from "./notices.js";
import type { HandlerContext } from "./handler.js";

export interface Rest {
  readonly vm: string;
  /** The host that the VM is on. */
  readonly on: string;
  /** The host that the placement names. */
  readonly named: string;
  readonly runs: boolean;
}

/** Once a resource and command. Not where the VM is on the host that its placement names. */
export function tellOfRest(ctx: Pick<HandlerContext, "command" | "urn" | "progress">, rest: Rest): void {
  const { vm, on, named, runs } = rest;
  if (on === named) return;
  const sentence = `VM "${vm}" ${runs ? "runs" : "is shut off"} on "${on}" while "${named}" is under maintenance; it stays there. Its placement names "${named}".`;
  sayOnce(ctx, sentence, () => ctx.progress.warn(sentence));
}

/**
 * The host that stands in the inputs of a placement at rest: one that makes no diff, and to which nothing is moved.
 *
 * The one before, unless the VM would have to move there; for a new placement the one that the VM is on. So the next preview
 * after the maintenance shows the move as any other.
 * @param before the host in the inputs so far; undefined: the placement is new, or was of another VM.
 * @param on the host that the VM is on; undefined: unknown.
 * @param isAtRest whether a host is under maintenance.
 */
export function hostAtRest(
  {
    named,
    before,
    on,
  }: { readonly named: string; readonly before: string | undefined; readonly on: string | undefined },
  isAtRest: (host: string) => boolean,
): string {
  if (before === undefined) return on ?? named;
  return before === on || isAtRest(before) ? before : named;
}
