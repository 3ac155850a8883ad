/**
 * VMs as they are while nothing moves them. During a move a VM lacks its VF on purpose: that is no drift, and no other may
 * plug or unplug anything then. Looking never ends an interrupted move: what changes something does.
 */
import { named, VmOnSeveralHosts, type VmRef } from "../../backends/libvirt/cluster.js";
import type { Picture, Sight } from "../../backends/libvirt/cluster-cache.js";
import { parseJournal, type Journal } from "../../migration/journal.js";
import { moverStanding } from "../../migration/mover.js";
import { settleOwed } from "../../migration/owed.js";
import { recover } from "../../migration/recover.js";
import { findMetadata } from "../../backends/libvirt/xml/metadata.js";
import { parseOwed } from "../../backends/libvirt/xml/owed-record.js";
import { sayOnce } from "../announcement.js";
import type { HandlerContext } from "../handler.js";
import { shellWord } from "../../model/shell-word.js";

/** A VM as it was looked at. */
export interface Look extends Sight {
  /** In words: what `pulumi up` has to end first. Undefined: no move of the VM was interrupted. */
  readonly interrupted?: string;
  /** A process is at its move: what the VM lacks is no drift. */
  readonly moving: boolean;
}

/** The VM as the command has seen it last. A move of it that is under way or was interrupted is told of, and left alone. */
export async function lookAtRest(ctx: HandlerContext, picture: Picture, vm: VmRef): Promise<Look | undefined> {
  const seen = await picture.vm(vm).catch((error: unknown) => {
    // A move that was interrupted at its switch-over has left a live domain on either host.
    if (error instanceof VmOnSeveralHosts) return picture.running(error.presences);
    throw error;
  });
  if (seen === undefined) return undefined;
  const journal = journalOf(seen);
  if (journal === undefined) return { ...seen, moving: false };
  const moving = moverStanding(journal) !== "gone";
  const { name } = named(vm);
  const move = `of VM "${name}" from "${journal.from}" to "${journal.to}"`;
  const sentence = moving
    ? `A move ${move} is in progress: the VM is shown as it was before.`
    : `A move ${move} was interrupted: run pulumi up or vnic-failover recover ${shellWord(name)} to end it.`;
  sayOnce(ctx, sentence, () => ctx.progress.warn(sentence));
  return moving ? { ...seen, moving } : { ...seen, moving, interrupted: `the end of the interrupted move ${move}` };
}

/**
 * The VM as it is at this moment: something is about to be changed, or was. An interrupted move is finished or rolled back
 * first, and what is owed to hosts that answer again is done. @throws as {@link recover}
 */
export async function atRestNow(ctx: HandlerContext, picture: Picture, vm: VmRef): Promise<Sight | undefined> {
  const { progress } = ctx;
  const seen = await picture.fresh(vm).catch((error: unknown) => {
    if (error instanceof VmOnSeveralHosts) return error;
    throw error;
  });
  if (seen === undefined) return undefined;
  const { name } = named(vm);
  if (seen instanceof VmOnSeveralHosts || journalOf(seen) !== undefined) {
    const presence = seen instanceof VmOnSeveralHosts ? seen.presences[0] : seen.presence;
    await recover(picture.cluster, { name, uuid: presence?.dom.uuid }, { progress });
  } else if (!(await owesToReachable(picture, seen))) return seen;
  else await settleOwed(picture.cluster, seen.presence);
  picture.forgetVm(name);
  return picture.fresh(vm);
}

async function owesToReachable(picture: Picture, { domain }: Sight): Promise<boolean> {
  const owed = parseOwed(findMetadata("owed", domain.raw)).filter(
    ({ vmId }) => vmId === undefined || vmId === domain.uuid,
  );
  if (owed.length === 0) return false;
  const silent = (await picture.unreachable()).map(({ host }) => host);
  const answer = picture.cluster.hosts.map(({ name }) => name).filter((name) => !silent.includes(name));
  return owed.some(({ host }) => answer.includes(host));
}

/** As readJournal: one that came with a copy of another VM's definition is none. */
function journalOf({ domain, presence }: Sight): Journal | undefined {
  const journal = parseJournal(findMetadata("journal", domain.raw), domain.name);
  return journal?.uuid !== undefined && journal.uuid !== presence.dom.uuid ? undefined : journal;
}
