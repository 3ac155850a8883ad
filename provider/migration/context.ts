/** What the steps of one move share. */
import type { Announcer } from "../backends/libvirt/announcer/announcer.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { DomainRef, JobNow, LibvirtHost } from "../backends/libvirt/host.js";
import type { Incoming } from "../backends/libvirt/live-migration.js";
import type { DomainInterface } from "../backends/libvirt/xml/interface.js";
import type { PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary } from "../backends/libvirt/xml/primary.js";
import type { Clock } from "../model/clock.js";
import { ProblemError } from "../model/problem.js";
import type { Progress } from "../model/progress.js";
import { shellWord } from "../model/shell-word.js";
import type { Beside } from "./beside.js";
import type { NetworksOfNics } from "./bridges.js";
import type { Lease } from "./lease.js";
import type { Journal, JournalInterface } from "./journal.js";
import type { MigrationOptions } from "./options.js";
import type { Owed } from "./owed.js";
import type { Prepared } from "./prepare.js";
import type { Step } from "./runner.js";
import type { StepName } from "./step-table.js";
import type { Unplugging } from "./unplugging.js";
import type { Timeline } from "./report/timeline.js";

export { readJournal, writeJournal } from "./journal-store.js";

export interface MoveContext {
  readonly cluster: LibvirtCluster;
  /** By which all that takes part in the move waits. */
  readonly clock: Clock;
  readonly vm: string;
  /** The VM is found by it: another one may have its name. */
  readonly uuid: string;
  /** Both hosts are guarded: what changes something there is done only while the move is this process's. */
  readonly source: LibvirtHost;
  readonly destination: LibvirtHost;
  readonly lease: Lease;
  /** What could not be done on a host that does not answer. */
  readonly owed: Owed;
  readonly options: MigrationOptions;
  /** When the VFs leave the guest: as it was chosen when the move began, whatever `options` want. */
  readonly unplug: Unplugging["when"];
  readonly timeline: Timeline;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  journal: Journal;
  /** Had when the move began. Undefined: another process began it. */
  prepared: Prepared | undefined;
  /** The VM's copy that waits on the destination, until the migration begins. */
  incoming: Incoming | undefined;
  /** The VFs that the journal named which that copy has got, and brings along. */
  vfsInIncoming: readonly string[];
  /** What goes on beside the steps. */
  readonly beside: Beside;
  /** libvirt's names of the netdevs that the planned VFs on the destination had when they were planned, by their VF's alias. */
  readonly plannedNetdevs: ReadonlyMap<string, readonly string[]>;
  /** The VFs on the destination that this process has reserved, by their VF's alias: they are ready to be plugged. */
  readonly ready: Map<string, MovesVf>;
  /** The VFs' aliases in the running domain on the source, as they were just before the unplug. */
  aliases: ReadonlyMap<JournalInterface, string | undefined> | undefined;
  /** The VM on the destination, since this process has moved it there. */
  arrived: DomainRef | undefined;
  /** The source still has the VM's definition, which the destination might lose with its power. */
  sourceKeepsDefinition: boolean;
  /** Targets of the disks that libvirt copies to the destination. */
  readonly copiedDisks: readonly string[];
  /** Known from the plan. Empty: another process has planned the move. */
  readonly networksOfNics: NetworksOfNics;
  /** Where each interface's VF is now; undefined: it has none. By the VF's alias. */
  readonly vfs: Map<string, { readonly host: string; readonly address: string } | undefined>;
  /** Why interfaces go without a VF on the destination, in words. */
  readonly notPlugged: string[];
  /** QEMU has asked the guest for its VFs, and the guest is not known to have answered in time. */
  isAskedByQemu: boolean;
  /** Of the migration that succeeded. */
  job: JobNow | undefined;
  readonly announced: { by: "probe" | "qemu" | "none"; readonly notes: string[] };
  /** On the source and on the destination, by host and MAC; filled while they start. */
  announcers: Promise<readonly PlacedAnnouncer[]>;
}

export type MoveStep = Step<MoveContext, StepName>;

/** A VF of a move on one of its hosts, and what it was bound to before; undefined: it is not known to have been taken from any. */
export interface MovesVf {
  readonly address: PciAddress;
  readonly driver: string | undefined;
  /** The logical network whose VF it is. */
  readonly network: string;
}

export interface PlacedAnnouncer extends Announcer {
  readonly host: string;
  readonly mac: string;
}

/** The domain of the move's VM on that host; undefined: it has none. */
export function domainOn(host: LibvirtHost, { uuid }: Pick<MoveContext, "uuid">): Promise<DomainRef | undefined> {
  return host.domainOf(uuid);
}

export function isPluggedIn(interfaces: readonly DomainInterface[], nic: JournalInterface): boolean {
  return findPrimary(interfaces, nic) !== undefined;
}

/** @throws ProblemError `vm-not-running` */
export async function requireDomain(host: LibvirtHost, context: MoveContext): Promise<DomainRef> {
  const dom = await domainOn(host, context);
  if (dom !== undefined && dom.id >= 0) return dom;
  throw new ProblemError({
    code: "vm-not-running",
    what: `VM "${context.vm}" no longer runs on "${host.name}": another client stopped or moved it`,
    where: host.name,
    remedy: `See \`vnic-failover status ${shellWord(context.vm)}\`, then retry.`,
  });
}
