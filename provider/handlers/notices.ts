/** What the user is told once of a resource: above all, before it happens, that a VM will be moved. */
import { PerCommand } from "./command-scope.js";
import type { HandlerContext } from "./handler.js";

const said = new PerCommand(() => new Set<string>());

/**
 * Says that `up` would move a running VM: once a resource and command, whichever of the engine's calls sees it first. The
 * engine checks a resource in `up` as it does in a preview, and tells no check which of the two it is: the sentence is true in both.
 * @param unplug when the VFs leave the guest, in words after "leaves the guest ". Default: it is not told.
 */
export function announceMove(
  ctx: Pick<HandlerContext, "command" | "urn" | "progress">,
  { vm, from, to, unplug }: Readonly<Record<"vm" | "from" | "to", string>> & { readonly unplug?: string | undefined },
): void {
  const sentence = `VM "${vm}" is running on "${from}": pulumi up will live-migrate it to "${to}"`;
  const more = unplug === undefined ? "" : `; its VF leaves the guest ${unplug}`;
  sayOnce(ctx, sentence, () => ctx.progress.info(`${sentence}${more}`));
}

/** Once a resource and command. */
export function sayOnce(ctx: Pick<HandlerContext, "command" | "urn">, sentence: string, say: () => void): void {
  const before = said.of(ctx);
  const key = `${ctx.urn ?? ""} ${sentence}`;
  if (before.has(key)) return;
  before.add(key);
  say();
}
