/** The note in a VM's metadata that a stack places it: other stacks are refused by it. */
import { placementRecordOf, writePlacementRecord } from "../../backends/libvirt/placement-records.js";
import { named, VmIsAnother, VmOnSeveralHosts, type VmRef } from "../../backends/libvirt/cluster.js";
import { HostUnreachable } from "../../backends/libvirt/host-errors.js";
import type { VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { ProblemError, reasonOf } from "../../model/problem.js";
import type { OtherPlacement } from "../../rules/index.js";
import { atRestNow } from "./stable-vm.js";
import type { HandlerContext } from "../handler.js";
import { ofAnotherStack, placedTwice } from "../placement-owner.js";
import { refuse } from "../rule-errors.js";
import { clusterCacheOf } from "./session.js";
import { urnParts } from "../../model/urn.js";
import { shellWord } from "../../model/shell-word.js";

/** At preview. A host that cannot be reached says nothing of it. */
export async function placementElsewhere(ctx: HandlerContext, vm: string): Promise<readonly OtherPlacement[]> {
  if (ctx.urn === undefined) return [];
  const snapshot = await whereKnown(clusterCacheOf(ctx).vm(vm));
  return snapshot === undefined ? [] : ofAnotherStack(placementRecordOf(snapshot.domain), ctx.urn);
}

/** Before anything changes. An interrupted move is finished or rolled back first. @throws ProblemError */
export async function refuseIfPlacedElsewhere(ctx: HandlerContext, vm: VmRef): Promise<void> {
  if (ctx.urn === undefined) return;
  const snapshot = await whereKnown(atRestNow(ctx, clusterCacheOf(ctx), vm));
  if (snapshot === undefined) return;
  refuse(placedTwice(ctx, named(vm).name, ofAnotherStack(placementRecordOf(snapshot.domain), ctx.urn)));
}

/** Writes the note, where it is not so already. What is done is done: a note that cannot be written is warned of. */
export async function notePlacement(ctx: HandlerContext, vm: VmRef, claim: string | undefined): Promise<void> {
  const { urn } = ctx;
  if (urn === undefined || claim === undefined) return;
  const { stack, project, name: resource } = urnParts(urn);
  const record = { id: claim, stack, project, resource };
  try {
    const snapshot = await clusterCacheOf(ctx).fresh(vm);
    if (snapshot === undefined) return;
    const present = placementRecordOf(snapshot.domain);
    const whole = { ...record, vmId: snapshot.instance.dom.uuid };
    const same = present !== undefined && JSON.stringify(present) === JSON.stringify(whole);
    if (!same) await writePlacementRecord(snapshot.instance, record);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    ctx.progress.warn(
      `Unable to record in VM "${named(vm).name}" that this stack places it: ${reasonOf(error)}. Until a later pulumi up records it, another stack can place the VM too. Run pulumi up --refresh once the host answers.`,
    );
  }
}

/** Takes the note away, where it is this resource's. The resource may go all the same where that fails. */
export async function forgetPlacement(ctx: HandlerContext, vm: VmRef, claim: string | undefined): Promise<void> {
  if (claim === undefined) return;
  const cache = clusterCacheOf(ctx);
  const { name } = named(vm);
  try {
    const snapshot = await atRestNow(ctx, cache, vm);
    if (snapshot === undefined || placementRecordOf(snapshot.domain)?.id !== claim) return;
    await writePlacementRecord(snapshot.instance, undefined);
    cache.forgetVm(name);
  } catch (error) {
    if (error instanceof VmIsAnother) return;
    if (!(error instanceof ProblemError)) throw error;
    ctx.progress.warn(
      `Unable to remove the record of this placement from VM "${name}": ${reasonOf(error)}. Before another stack places the VM, run vnic-failover release ${shellWord(name)}.`,
    );
  }
}

/** What stands in the way of the look is for the move's own rules to say. */
async function whereKnown(looking: Promise<VmSnapshot | undefined>): Promise<VmSnapshot | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof HostUnreachable || error instanceof VmOnSeveralHosts) return undefined;
    throw error;
  }
}
