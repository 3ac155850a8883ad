/** A move as it is carried out, whether it is a new one or one that another process began: what its steps share, and who follows them. */
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import type { HostUnreachable } from "../backends/libvirt/host-errors.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import { noProgress, type Progress } from "../model/progress.js";
import { Beside } from "./beside.js";
import type { MoveContext } from "./context.js";
import { Lease, leaseLasts, Overtaken } from "./lease.js";
import { defaultMigrationOptions, type MigrationOptions } from "./options.js";
import { Owed } from "./owed.js";
import type { NetworksOfNics } from "./bridges.js";
import type { Prepared } from "./prepare.js";
import { Timeline } from "./report/timeline.js";
import type { StepObserver } from "./runner.js";
import { unpluggingOf } from "./unplugging.js";
import { isPastNoReturn, rowOf, type StepName } from "./step-table.js";

/** What the steps share, for a new move or for one that another process began. */
export function newContext(
  cluster: LibvirtCluster,
  { name: vm, uuid }: { readonly name: string; readonly uuid: string },
  source: LibvirtHost,
  destination: LibvirtHost,
  journal: MoveContext["journal"],
  {
    options = defaultMigrationOptions,
    progress = noProgress,
    signal,
    timeline = new Timeline(cluster.clock),
    absent = [],
    prepared,
    copiedDisks = [],
    plannedNetdevs = new Map(),
    networksOfNics = new Map(),
  }: {
    options?: MigrationOptions;
    progress?: Progress;
    signal?: AbortSignal | undefined;
    timeline?: Timeline;
    /** Hosts of the move that are not asked. Default: none. */
    absent?: readonly HostUnreachable[];
    /** Default: it is had when it is needed. */
    prepared?: Prepared;
    /** Default: none. */
    copiedDisks?: readonly string[] | undefined;
    /** Default: they are looked for. */
    plannedNetdevs?: MoveContext["plannedNetdevs"];
    /** Default: none is known. */
    networksOfNics?: NetworksOfNics | undefined;
  },
): MoveContext {
  const current = { journal };
  const lease = new Lease(cluster, vm, current);
  const check = () => lease.check();
  return {
    cluster,
    clock: cluster.clock,
    vm,
    uuid,
    source: source.guarded(check),
    destination: destination.guarded(check),
    lease,
    owed: new Owed(absent),
    options,
    unplug: unpluggingOf(journal.unplug, options.unplug),
    progress,
    signal,
    timeline,
    get journal() {
      return current.journal;
    },
    set journal(journal) {
      current.journal = journal;
    },
    prepared,
    incoming: undefined,
    vfsInIncoming: [],
    beside: new Beside(),
    plannedNetdevs,
    ready: new Map(),
    aliases: undefined,
    arrived: undefined,
    sourceKeepsDefinition: false,
    copiedDisks,
    networksOfNics,
    vfs: new Map(
      journal.interfaces.map(({ primaryAlias, sourceVf }) => [
        primaryAlias,
        { host: source.name, address: formatPciAddress(sourceVf) },
      ]),
    ),
    notPlugged: [],
    // A process that resumes a move does not know what became of that.
    isAskedByQemu: journal.unplug === "late" && journal.step === "migrate",
    job: undefined,
    announced: { by: "none", notes: [] },
    announcers: Promise.resolve([]),
  };
}

/**
 * Acts while the move is this process's. It stays so until what was begun beside has ended: a change that nothing guards could come
 * after another process has taken the move over.
 */
export function whileHeld<T>(context: MoveContext, act: () => Promise<T>): Promise<T> {
  return context.lease.during(async () => {
    try {
      return await act();
    } finally {
      await context.beside.settle();
      await context.prepared?.close();
    }
  });
}

/** Keeps the journal's step, the time line and the progress in step with what is done. */
export function observerOf(context: MoveContext): StepObserver<StepName> {
  const { options, timeline, progress } = context;
  return {
    isOvertaken: (error) => error instanceof Overtaken,
    async started(step, title, direction) {
      // The way back is not cancelled, nor is the way forward once it is the only one.
      if (direction === "forward" && !isPastNoReturn(step)) context.signal?.throwIfAborted();
      timeline.begin(step);
      progress.report({ phase: step, message: direction === "forward" ? title : "rolling back" });
      const { undoLast, limit, withoutLease, informs } = rowOf(step);
      if (undoLast === true || direction === "back") return;
      if (informs === true) {
        context.lease.note({ step });
        return;
      }
      await context.lease.write(
        { step },
        withoutLease === true ? (limit?.(options) ?? 0) * 1000 + leaseLasts : leaseLasts,
      );
    },
    ended(step, direction, error) {
      timeline.end(step, error !== undefined ? "failed" : direction === "back" ? "undone" : "done");
    },
  };
}
