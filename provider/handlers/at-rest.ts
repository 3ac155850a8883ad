/**
 * VMs as they are while nobody moves them. During a move a VM lacks its VF on purpose: that is no drift, and nobody else may
 * plug or unplug anything then.
 */
import { VmOnSeveralHosts } from "../backends/libvirt/cluster.js";
import type { Picture, Sight } from "../backends/libvirt/picture.js";
import { parseJournal } from "../migration/journal.js";
import { recover } from "../migration/recover.js";
import { findMetadata } from "../xml/metadata.js";
import type { HandlerContext } from "./handler.js";

/** The VM as the command has seen it last. A move of it that was cut off is finished or taken back first. @throws as {@link recover} */
export function atRest(ctx: HandlerContext, picture: Picture, vm: string): Promise<Sight | undefined> {
  return unlessMoving(ctx, picture, vm, picture.vm(vm));
}

/** The same as it is at this moment: something is about to be changed, or was. */
export function atRestNow(ctx: HandlerContext, picture: Picture, vm: string): Promise<Sight | undefined> {
  return unlessMoving(ctx, picture, vm, picture.fresh(vm));
}

async function unlessMoving(
  { progress }: HandlerContext,
  picture: Picture,
  vm: string,
  looking: Promise<Sight | undefined>,
): Promise<Sight | undefined> {
  const seen = await looking.catch((error: unknown) => {
    // A move that was cut off at its switch-over has left a live domain on either host.
    if (error instanceof VmOnSeveralHosts) return error;
    throw error;
  });
  if (!(seen instanceof VmOnSeveralHosts) && !hasJournal(seen)) return seen;
  await recover(picture.cluster, vm, { progress });
  picture.forgetVm(vm);
  return picture.fresh(vm);
}

function hasJournal(sight: Sight | undefined): boolean {
  return sight !== undefined && parseJournal(findMetadata("journal", sight.domain.raw)) !== undefined;
}
