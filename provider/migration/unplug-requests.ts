/** What the guest has been asked for: the VFs' names on the source, and requests that it may still carry out. */
import { findPrimary } from "../backends/libvirt/xml/primary.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { unplug, UnplugFailed } from "../backends/libvirt/unplug.js";
import { allSettledOrThrow } from "./beside.js";
import type { MoveContext } from "./context.js";
import type { JournalInterface } from "./journal.js";
import { stepTable } from "./step-table.js";

/** Seconds at least for a guest to carry out what it was asked for a while ago. */
export const requestSettles = 5;

/**
 * A guest that was asked to release its VF may still do so, after the VF was seen in its place. A request
 * cannot be withdrawn: so it is made once more, and seen through. A guest that keeps its VF is right, too.
 */
export async function drainUnplugRequests(context: MoveContext, dom: DomainRef): Promise<void> {
  const { source, journal } = context;
  const { interfaces } = journal;
  const aliases = await aliasesNow(source, dom, interfaces);
  const timeout = Math.max(requestSettles, secondsLeft(context));
  await allSettledOrThrow(interfaces, async (nic) => {
    await unplug(source, dom, aliases.get(nic) ?? nic.primaryAlias, { timeout }).catch((error: unknown) => {
      if (!(error instanceof UnplugFailed)) throw error;
    });
  });
}

/** Of the time that the guest is given. A process that takes the move over does not know when it was asked: it has all of it. */
function secondsLeft({ options, timeline, clock }: MoveContext): number {
  const limit = stepTable.unplug.limit(options);
  const asked = timeline.phases.find(({ name }) => name === "unplug")?.start;
  return asked === undefined ? limit : limit - (clock.now() - asked) / 1000;
}

/** The aliases that the VFs have at this moment: those that libvirt makes up are others after each start. */
export async function aliasesNow(
  host: LibvirtHost,
  dom: DomainRef,
  nics: readonly JournalInterface[],
): Promise<ReadonlyMap<JournalInterface, string | undefined>> {
  const { interfaces } = await host.liveDomain(dom);
  return new Map(nics.map((nic) => [nic, findPrimary(interfaces, nic)?.alias]));
}
