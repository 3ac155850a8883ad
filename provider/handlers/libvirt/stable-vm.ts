/**
 * VMs as they are while nothing moves them. During a move a VM lacks its VF on purpose: that is no drift, and no other may
 * plug or unplug anything then. Looking never ends an interrupted move: what changes something does.
 */
import { named, VmOnSeveralHosts, type VmRef } from "../../backends/libvirt/cluster.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import type { Journal } from "../../migration/journal.js";
import { ownJournal } from "../../migration/journal-store.js";
import { ownerStatus } from "../../migration/mover.js";
import { settleOwed } from "../../migration/owed.js";
import { recover } from "../../migration/recover.js";
import { findMetadata } from "../../backends/libvirt/xml/metadata.js";
import { parseOwed } from "../../backends/libvirt/xml/owed-record.js";
import { sayOnce } from "../notices.js";
import type { HandlerContext } from "../handler.js";
import { shellWord } from "../../model/shell-word.js";

/** A VM as it was looked at. */
export interface Look extends VmSnapshot {
  /** In words: what `pulumi up` has to end first. Undefined: no move of the VM was interrupted. */
  readonly interrupted?: string;
  /** A process is at its move: what the VM lacks is no drift. */
  readonly moving: boolean;
}

/** The VM as the command has seen it last. A move of it that is under way or was interrupted is told of, and left alone. */
export async function lookAtRest(ctx: HandlerContext, cache: ClusterCache, vm: VmRef): Promise<Look | undefined> {
  const seen = await cache.vm(vm).catch((error: unknown) => {
    // A move that was interrupted at its switch-over has left a live domain on either host.
    if (error instanceof VmOnSeveralHosts) return cache.running(error.instances);
    throw error;
  });
  if (seen === undefined) return undefined;
  const journal = journalOf(seen);
  if (journal === undefined) return { ...seen, moving: false };
  const moving = ownerStatus(journal, cache.cluster.clock.now()) !== "gone";
  const { name } = named(vm);
  const move = `of VM "${name}" from "${journal.from}" to "${journal.to}"`;
  const sentence = moving
    ? `A move ${move} is in progress: the VM is shown as it was before.`
    : `A move ${move} was interrupted. Run pulumi up or vnic-failover recover ${shellWord(name)} to complete it or roll it back.`;
  sayOnce(ctx, sentence, () => ctx.progress.warn(sentence));
  return moving
    ? { ...seen, moving }
    : { ...seen, moving, interrupted: `completion or rollback of the interrupted move ${move}` };
}

/**
 * The VM as it is at this moment: something is about to be changed, or was. An interrupted move is finished or rolled back
 * first, and what is owed to hosts that answer again is done. @throws as {@link recover}
 */
export async function atRestNow(ctx: HandlerContext, cache: ClusterCache, vm: VmRef): Promise<VmSnapshot | undefined> {
  const { progress } = ctx;
  const seen = await cache.fresh(vm).catch((error: unknown) => {
    if (error instanceof VmOnSeveralHosts) return error;
    throw error;
  });
  if (seen === undefined) return undefined;
  const { name } = named(vm);
  if (seen instanceof VmOnSeveralHosts || journalOf(seen) !== undefined) {
    const instance = seen instanceof VmOnSeveralHosts ? seen.instances[0] : seen.instance;
    await recover(cache.cluster, { name, uuid: instance?.dom.uuid }, { progress });
  } else if (!(await owesToReachable(cache, seen))) return seen;
  else await settleOwed(cache.cluster, seen.instance);
  cache.forgetVm(name);
  return cache.fresh(vm);
}

async function owesToReachable(cache: ClusterCache, { domain }: VmSnapshot): Promise<boolean> {
  const owed = parseOwed(findMetadata("owed", domain.raw)).filter(
    ({ vmId }) => vmId === undefined || vmId === domain.uuid,
  );
  if (owed.length === 0) return false;
  const unreachable = (await cache.unreachable()).map(({ host }) => host);
  const answer = cache.cluster.hosts.map(({ name }) => name).filter((name) => !unreachable.includes(name));
  return owed.some(({ host }) => answer.includes(host));
}

function journalOf({ domain, instance }: VmSnapshot): Journal | undefined {
  return ownJournal(findMetadata("journal", domain.raw), instance.dom);
}
