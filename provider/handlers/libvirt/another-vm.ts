/** A resource whose VM's name is another VM's now: that is told, and the other VM is left alone. */
import { VmIsAnother } from "../../backends/libvirt/cluster.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { sayOnce } from "../notices.js";
import { atRestNow } from "./stable-vm.js";
import type { HandlerContext } from "../handler.js";

export function anotherOrError(error: unknown): VmIsAnother {
  if (error instanceof VmIsAnother) return error;
  throw error;
}

/** The state as it was, with what was found: the next update refuses, and says what helps. */
export function ofAnotherVm<State extends { readonly missing: readonly string[] }>(
  ctx: HandlerContext,
  state: State,
  error: VmIsAnother,
): State {
  sayOnce(ctx, error.message, () => ctx.progress.warn(error.message));
  return { ...state, missing: [error.found] };
}

/** For what is deleted: the VM under the name that it has now. Undefined: it is gone, and what it had with it. */
export async function underItsNewName(
  ctx: HandlerContext,
  cache: ClusterCache,
  error: unknown,
): Promise<VmSnapshot | undefined> {
  const { renamed, found } = anotherOrError(error);
  if (renamed !== undefined) return atRestNow(ctx, cache, renamed.dom);
  ctx.progress.warn(`Nothing was deleted. Unable to find ${found}.`);
  return undefined;
}
