/** What the steps of one move share. */
import type { Announcer } from "../backends/libvirt/announcer/announcer.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { DomainRef, JobNow, LibvirtHost } from "../backends/libvirt/host.js";
import type { DomainInterface } from "../xml/interface.js";
import { findPrimary } from "../xml/primary.js";
import { metadataNamespace, metadataPrefix } from "../xml/metadata.js";
import type { Progress } from "../progress.js";
import { buildJournal, parseJournal, type Journal, type JournalInterface } from "./journal.js";
import type { MigrationOptions } from "./options.js";
import type { Timeline } from "./timeline.js";

export interface MoveContext {
  readonly cluster: LibvirtCluster;
  readonly vm: string;
  readonly source: LibvirtHost;
  readonly destination: LibvirtHost;
  readonly options: MigrationOptions;
  readonly timeline: Timeline;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  journal: Journal;
  /** Where each interface's VF is now; undefined: it has none. By the VF's alias. */
  readonly vfs: Map<string, { readonly host: string; readonly address: string } | undefined>;
  /** Why interfaces go without a VF on the destination, in words. */
  readonly notPlugged: string[];
  /** Of the migration that succeeded. */
  job: JobNow | undefined;
  readonly announced: { by: "probe" | "qemu" | "none"; readonly notes: string[] };
  /** On the source and on the destination, by host and MAC; filled while they start. */
  announcers: Promise<readonly PlacedAnnouncer[]>;
}

export interface PlacedAnnouncer extends Announcer {
  readonly host: string;
  readonly mac: string;
}

/** The domain of the move's VM on that host; undefined: it has none. */
export function domainOn(host: LibvirtHost, { vm }: Pick<MoveContext, "vm">): Promise<DomainRef | undefined> {
  return host.findDomain(vm);
}

export async function readJournal(host: LibvirtHost, dom: DomainRef): Promise<Journal | undefined> {
  // AFFECT_CURRENT: the live domain's where it runs, else its definition's.
  return parseJournal(await host.metadata(dom, metadataNamespace("journal"), 0));
}

export async function writeJournal(host: LibvirtHost, dom: DomainRef, journal: Journal | undefined): Promise<void> {
  await host.setMetadata(
    dom,
    metadataNamespace("journal"),
    metadataPrefix,
    journal === undefined ? undefined : buildJournal(journal),
  );
}

export function isPluggedIn(interfaces: readonly DomainInterface[], nic: JournalInterface): boolean {
  return findPrimary(interfaces, nic) !== undefined;
}
