/**
 * The move, as one list of steps. Each asks the hosts what is true before it acts, so that any process can take the list up
 * where another was interrupted.
 */
import { ProblemError, reasonOf } from "../model/problem.js";
import { shellWord } from "../model/shell-word.js";
import { find, formatXml, parseXml } from "../xml/element.js";
import { isActive, isIncoming } from "../backends/libvirt/cluster.js";
import { DomainState, DomainXml, JobOperation, PausedReason } from "../backends/libvirt/constants.js";
import { undefinedOn, type DomainRef, type JobNow, type LibvirtHost } from "../backends/libvirt/host.js";
import {
  copyOn,
  migrate,
  prepareAhead,
  type Incoming,
  type MigrationPhase,
} from "../backends/libvirt/live-migration.js";
import { endMigrationStream } from "../backends/libvirt/migration-stream/migration-stream.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { readable } from "../backends/libvirt/unreadable-vm.js";
import { unplug } from "../backends/libvirt/unplug.js";
import { unclaimMove } from "../backends/libvirt/vf-claims.js";
import { withoutPrimaries, type Domain } from "../backends/libvirt/xml/domain.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary } from "../backends/libvirt/xml/primary.js";
import { announceStandby, tellAnnouncers, tellAnnouncersOn, vfSeen } from "./announce.js";
import { allSettledOrThrow } from "./beside.js";
import {
  domainOn,
  isPluggedIn,
  readJournal,
  requireDomain,
  writeJournal,
  type MoveContext,
  type MoveStep,
} from "./context.js";
import { describeJob, runningOperation } from "./job.js";
import { destinationVfsOf, type Journal } from "./journal.js";
import { followQemusUnplug, isInQemu, setDestination, tellOfPlanned, unplugUnpaired } from "./late.js";
import { moverInWords } from "./mover.js";
import { noteOwed } from "./owed.js";
import { plugMissing, VfNotPlugged } from "./plug-vfs.js";
import { prepare, type Prepared } from "./prepare.js";
import { atDestination, atSource, releaseOn, rememberPlanned, reserve } from "./reserve.js";
import { refuseChangedVm, refuseForeignXml } from "./source-xml.js";
import { rowFor, stepTable } from "./step-table.js";
import { aliasesNow, drainUnplugRequests } from "./unplug-requests.js";
import { definitionThere, liveDefinitionThere, liveXmlThere } from "./xml-there.js";

/** Takes the VM for this move: from here on another mover is refused, and a crash leaves a trace that tells what to do. */
const journal: MoveStep = {
  ...rowFor("journal"),
  async do(context) {
    const { source, vm } = context;
    const { dom, persistent, startsWithHost } = await preparedFor(context);
    if (persistent && startsWithHost) context.journal = { ...context.journal, autostart: "yes" };
    const running = requireDomain(source, context);
    await context.lease.take(
      { host: source, dom, persistent },
      undefined,
      (kept) => moveUnderWay(vm, kept?.mover),
      running,
    );
  },
  async undo(context) {
    const { source, owed, lease } = context;
    // Only a move that has got the VM has switched it off: one that was refused it has nothing to put back.
    if (context.journal.autostart === "yes" && lease.home !== undefined)
      await owed.unlessAbsent(source, [], async () => {
        const dom = await domainOn(source, context);
        if (dom !== undefined) await keepAutostart(source, dom);
      });
    await endMove(context);
  },
  isDone: async (context) => (await whereJournalIs(context)).length > 0,
};

/**
 * Takes the destination's VFs, and has at hand what the next steps need that does not hang on the unplug: from that to the plug every
 * question to a host is time without a VF.
 */
const reserveVfs: MoveStep = {
  ...reserve,
  async do(context) {
    const { source, options, prepared } = context;
    // A recovery unplugs nothing.
    if (prepared === undefined) return reserve.do(context);
    let definition: Domain | undefined;
    const having = [
      () => reserve.do(context),
      () => prepared.ends,
      () => context.announcers,
      async () => {
        context.aliases = await aliasesNow(source, prepared.dom, context.journal.interfaces);
      },
      async () => {
        if (prepared.persistent) definition = await source.definitionToChange(prepared.dom);
      },
      // libvirt takes no change once the migration has begun, and a source that is rebooted after it must not start the VM. The journal's
      // next write has it on the disk.
      async () => {
        if (context.journal.autostart === "yes") await source.setAutostart(prepared.dom, false);
      },
      async () => {
        if (canReceiveAhead(context)) context.incoming = await receiveWithoutVfs(context, prepared);
      },
    ];
    await allSettledOrThrow<() => Promise<unknown>>(having, async (have) => {
      await have();
    });
    if (definition !== undefined) definitionThere(context, prepared, definition);
    if (options.maxDowntime !== undefined) await source.setMaxDowntime(prepared.dom, options.maxDowntime);
  },
  async undo(context) {
    await context.incoming?.cancel();
    context.incoming = undefined;
    await reserve.undo?.(context);
  },
};

/** Only the VFs leave; the standbys stay and carry the traffic. */
const unplugVfs: MoveStep = {
  ...rowFor("unplug"),
  async do(context) {
    const { source, options } = context;
    await tellAnnouncers(context, "fast");
    await tellAnnouncersOn(context, source, "unplugging");
    if (context.unplug === "late") return;
    const { dom } = await preparedFor(context);
    const timeout = stepTable.unplug.limit(options);
    const aliases = context.aliases ?? (await aliasesNow(source, dom, context.journal.interfaces));
    await allSettledOrThrow(context.journal.interfaces, async (nic) => {
      const gone = await unplug(source, dom, aliases.get(nic) ?? nic.primaryAlias, {
        timeout,
        signal: context.signal,
        device: `VF ${formatPciAddress(nic.sourceVf)}`,
      }).catch(async (error: unknown) => {
        // In words of our own, where that is why.
        if (LibvirtError.is(error, "OPERATION_INVALID", "NO_DOMAIN")) await requireDomain(source, context);
        throw error;
      });
      context.vfs.set(nic.primaryAlias, undefined);
      context.timeline.mark("vf-unplugged", `the guest released VF ${formatPciAddress(nic.sourceVf)}`, gone);
      context.beside.start(`announce ${nic.primaryAlias}`, () => announceStandby(context, source, dom, nic));
    });
    await tellAnnouncers(context, "slow");
  },
  async undo(context) {
    if (context.owed.absence(context.source) !== undefined) return;
    const dom = await domainOn(context.source, context);
    if (dom === undefined || !isActive(await context.source.state(dom))) return;
    // From here on what comes through its standby does not mean that the guest has released its VF.
    await tellAnnouncersOn(context, context.source, "here");
    const isAsked = context.unplug === "late" ? context.isAskedByQemu : context.journal.step === "unplug";
    if (isAsked) await drainUnplugRequests(context, dom);
    if (context.unplug === "late") await unplugUnpaired(context, dom);
    await plugMissing(context, context.source, dom, (nic) => nic.sourceVf);
  },
  async isDone(context) {
    if (context.unplug === "late" || context.owed.absence(context.source) !== undefined) return true;
    const dom = await domainOn(context.source, context);
    if (dom === undefined || dom.id < 0) return true;
    const { interfaces } = await context.source.liveDomain(dom);
    return !context.journal.interfaces.some((nic) => isPluggedIn(interfaces, nic));
  },
};

const migrateVm: MoveStep = {
  ...rowFor("migrate"),
  async do(context) {
    const { source, destination, timeline, progress } = context;
    const prepared = await preparedFor(context);
    const { dom, persistent } = prepared;
    if (context.unplug === "late") await setDestination(context);
    const [kept, over] = [new AbortController(), new AbortController()];
    let definition: string | undefined;
    const how = {
      ...migrationOf(context, prepared),
      // Read once more: what another tool has edited meanwhile would be lost.
      persistentXml: async () =>
        (definition = definitionThere(context, prepared, await source.definitionToChange(dom))),
      ...(context.unplug === "late" && { destinationXml: await liveDefinitionThere(context, dom) }),
      keepsDefinition: persistent && !hasTpm(prepared.definition),
      incoming: context.incoming,
      ...(context.cluster.config.hostCommands && { endStream: (uri: string) => endMigrationStream(source, uri) }),
      unchanged: async (begun: string) => {
        const [live, defined] = await Promise.all([
          source.xmlToChange(dom, DomainXml.MIGRATABLE),
          definition === undefined ? undefined : source.definitionToChange(dom),
        ]);
        const there = defined === undefined ? undefined : definitionThere(context, prepared, defined);
        refuseChangedVm(context, { begun, live, definition, there });
      },
      signal: context.signal === undefined ? kept.signal : AbortSignal.any([context.signal, kept.signal]),
      onJob: (job: JobNow) => {
        const { sample, text } = describeJob(job);
        timeline.sample(sample);
        progress.report({ phase: "migrate", percent: sample.percent, message: text });
      },
      onPhase: (phase: MigrationPhase) => {
        // Its end is the migration's own.
        if (phase === "perform") context.incoming = undefined;
        if (phase === "perform" && context.unplug === "late" && context.journal.interfaces.length > 0)
          context.beside.start("unplug by QEMU", () => followQemusUnplug(context, dom, kept, over.signal));
        if (phase === "finish" || phase === "cancel") over.abort();
        if (phase === "finish") {
          if (context.unplug === "late") void tellOfPlanned(context);
          timeline.mark("vm-stopped", "the source has stopped the VM");
          void tellAnnouncers(context, "fast");
          void tellAnnouncersOn(context, source, "gone");
          void tellAnnouncersOn(context, destination, "here");
        }
      },
    };
    const ends = await prepared.ends;
    const arrival = await context.lease
      .unrenewed(() => migrate(ends, dom, how))
      .catch(async (error: unknown) => {
        over.abort();
        // In words of our own, where that is why.
        if (LibvirtError.is(error, "OPERATION_INVALID", "NO_DOMAIN")) await requireDomain(source, context);
        throw error;
      });
    timeline.mark("vm-moved", "the VM runs on the destination");
    // libvirt finds it by its UUID. Nothing may fail from here on: the VM has left the source.
    const there = arrival.dom ?? dom;
    context.lease.moveTo({ host: destination, dom: there, persistent });
    context.arrived = there;
    context.sourceKeepsDefinition = how.keepsDefinition;
    context.beside.start(confirming, () => arrival.confirmed);
    // Another VF was reserved meanwhile.
    if (String(context.vfsInIncoming) !== String(destinationVfsOf(context.journal)))
      context.beside.start("journal", () => context.lease.write({}));
  },
  async undo(context) {
    const { source, destination, vm, uuid } = context;
    const dom = await domainOn(source, context);
    if (dom === undefined) return;
    if (await hasOwnMigration(context, source, dom)) {
      await source.abortJob(dom).catch((error: unknown) => {
        if (!LibvirtError.is(error)) throw error;
      });
    }
    // Before its migration nothing of ours has paused it.
    if (context.journal.step !== migrateVm.name) return;
    const { state, reason } = await source.state(dom);
    if (state !== DomainState.PAUSED || reason === PausedReason.USER) return;
    // As long as the destination has a copy that may be the VM, or may become it, the source must not run. Of a host that is
    // known to be dead, a recovery has made sure.
    const copy = context.owed.absence(destination) === undefined ? await copyOn(destination, uuid) : "none";
    if (copy !== "none") {
      throw new ProblemError({
        code: "vm-on-several-hosts",
        what: `VM "${vm}" is paused on "${source.name}" and ${copy === "live" ? "running" : "an incoming copy of it may start"} on "${destination.name}"`,
        state: `It was left paused on "${source.name}", so that it does not run twice.`,
        remedy: `Run \`vnic-failover recover ${shellWord(vm)}\`.`,
      });
    }
    await source.resume(dom);
  },
  async isDone(context) {
    const there = await domainOn(context.destination, context);
    if (there === undefined || (await context.destination.state(there)).state !== DomainState.RUNNING) return false;
    return isOver(context);
  },
};

/**
 * Gives the VM a VF on the destination: the one that was reserved, or else any other that is free. Where there is none
 * the VM goes on with its standby: the report says so, and nothing is worse than it was.
 */
const plug: MoveStep = {
  ...rowFor("plug"),
  async do(context) {
    await tellAnnouncers(context, "fast");
    const dom = context.arrived ?? (await requireDomain(context.destination, context));
    try {
      await plugMissing(context, context.destination, dom, (nic) => nic.destinationVf);
    } catch (error) {
      if (!(error instanceof VfNotPlugged)) throw error;
      context.notPlugged.push(`${reasonOf(error)}.`);
      context.progress.warn(error.message);
    }
    context.beside.start("job", async () => {
      context.job = await context.destination.completedJob(dom);
    });
    context.beside.start(keeping, () => keepThere(context, dom));
    // The source's VFs are of no more use to the VM: their drivers get them back while the guest gets used to its new ones. Until its
    // copy has ended, the source takes them for the VM's.
    context.beside.start(releasing, async () => {
      await context.beside.result(confirming);
      await releaseSource(context);
    });
    context.beside.start("close", async () => {
      await context.beside.result(confirming);
      await context.prepared?.close();
    });
  },
  async isDone(context) {
    const dom = await domainOn(context.destination, context);
    if (dom === undefined || dom.id < 0) return true;
    const { interfaces } = await context.destination.liveDomain(dom);
    const there = context.journal.interfaces.map((nic) => findPrimary(interfaces, nic));
    if (there.includes(undefined)) return false;
    if (context.unplug === "early") return true;
    const inQemu = there.flatMap((vf) => (vf?.alias === undefined ? [] : isInQemu(context.destination, dom, vf.alias)));
    return (await Promise.all(inQemu)).every(Boolean);
  },
};

/** The VM runs once, with its VFs, and where it can be seen: its traffic goes through them. */
const verify: MoveStep = {
  ...rowFor("verify"),
  async do(context) {
    const seen = allSettledOrThrow(context.journal.interfaces, async (nic) => {
      if (context.vfs.get(nic.primaryAlias)?.host !== context.destination.name) return;
      const settle = await vfSeen(context, context.destination, nic);
      // It is in use, or will not be: that it stays so is looked at while the move is cleaned up after.
      context.beside.start(`settle ${nic.primaryAlias}`, settle);
    });
    const moved = Promise.resolve(context.beside.result(confirming)).then(() => migrateVm.isDone(context));
    const [, known] = await Promise.allSettled([seen, moved]);
    if (known.status === "rejected") throw known.reason;
    if (!known.value) {
      throw new ProblemError({
        code: "vm-not-moved",
        what: `Unable to confirm that VM "${context.vm}" runs on "${context.destination.name}" only`,
        remedy: `Run \`vnic-failover recover ${shellWord(context.vm)}\`.`,
      });
    }
    await seen;
    await tellAnnouncers(context, "slow");
  },
  isDone: () => Promise.resolve(true),
};

/** Returns what is not used after all, and removes the journal. */
export const release: MoveStep = {
  ...rowFor("release"),
  async do(context) {
    const { beside, destination } = context;
    const keep = async () => keepThere(context, await domainOn(destination, context));
    // What was begun beside and has failed is tried once more.
    await Promise.all([
      beside.result(releasing)?.catch(() => releaseSource(context)) ?? releaseSource(context),
      beside.result(keeping)?.catch(keep) ?? keep(),
    ]);
    await endMove(context);
  },
  isDone: async (context) => (await whereJournalIs(context)).length === 0,
};

/** As {@link stepNames} names them: a test compares. */
export const moveSteps: readonly MoveStep[] = [journal, reserveVfs, unplugVfs, migrateVm, plug, verify, release];

// --- what the steps are made of

/** What goes on beside the steps, by the names that {@link Beside} knows it by. */
const [confirming, releasing, keeping] = ["confirm", "release source", "keep there"];

/** What libvirt is asked for, whether at once or ahead. */
function migrationOf(context: MoveContext, { persistent, resources }: Prepared) {
  const { destination, options, copiedDisks } = context;
  return {
    persistent,
    inspect: (xml: string) => refuseForeignXml(context, resources, xml),
    rewrite: (xml: string) => liveXmlThere(context, xml),
    ...(destination.config.migrationAddress !== undefined && {
      migrationUri: `tcp://${bracketed(destination.config.migrationAddress)}`,
    }),
    bandwidth: options.bandwidth,
    autoConverge: options.autoConverge,
    copiedDisks,
    tls: options.tls,
    tlsName: destination.config.migrationName,
    timeout: stepTable.migrate.limit(options),
  };
}

/**
 * With `late` QEMU itself unplugs the VFs, once the destination has its own. A VF that is in no pair lets libvirt begin nothing before it has left
 * (src/qemu/qemu_migration.c, qemuMigrationSrcIsAllowedHostdev).
 */
function canReceiveAhead({ unplug, journal }: MoveContext): boolean {
  return unplug === "early" && journal.interfaces.every(({ standbyAlias }) => standbyAlias !== "");
}

/** Starts the destination's QEMU as the VM will be once its VFs have left: that it starts is no time without a VF. */
async function receiveWithoutVfs(context: MoveContext, prepared: Prepared): Promise<Incoming> {
  const { journal, source, signal } = context;
  const ends = await prepared.ends;
  await context.lease.check();
  const how = migrationOf(context, prepared);
  const withoutVfs = (xml: string) =>
    readable(source, prepared.dom, () => formatXml(withoutPrimaries(parseXml(xml), journal.interfaces)));
  return prepareAhead(ends, prepared.dom, { ...how, signal, rewrite: (xml) => how.rewrite(withoutVfs(xml)) });
}

/** A move that another process began has it only now. */
async function preparedFor(context: MoveContext): Promise<Prepared> {
  context.prepared ??= await prepare(context.source, context.destination, await requireDomain(context.source, context));
  return context.prepared;
}

/**
 * The state of an emulated TPM goes with the source's definition, unless both hosts share it: only libvirt can tell, in its own Confirm
 * (src/qemu/qemu_tpm.c, qemuTPMEmulatorCleanupHost).
 */
function hasTpm({ raw }: Domain): boolean {
  return find(raw, "devices", "tpm") !== undefined;
}

/** What the VM keeps on the destination, and what it does not need there after all. */
async function keepThere(context: MoveContext, there: DomainRef | undefined): Promise<void> {
  const { destination, journal, vfs, arrived } = context;
  // One that this process has plugged needs no look.
  const unused = journal.interfaces.filter(({ primaryAlias, destinationVf }) => {
    const now = vfs.get(primaryAlias);
    return arrived === undefined || now?.host !== destination.name || now.address !== formatPciAddress(destinationVf);
  });
  await Promise.all([
    there !== undefined && there.id >= 0 && rememberPlanned(context, destination, there),
    there !== undefined && journal.autostart === "yes" && keepAutostart(destination, there),
    unused.length > 0 && releaseOn(context, destination, unused.map(atDestination)),
  ]);
}

/** The VM starts with the host that it is on now. */
export async function keepAutostart(host: LibvirtHost, dom: DomainRef): Promise<void> {
  if ((await host.isPersistent(dom)) && !(await host.startsWithHost(dom))) await host.setAutostart(dom, true);
}

export function moveUnderWay(vm: string, mover: Journal["mover"] | undefined): ProblemError {
  return new ProblemError({
    code: "move-under-way",
    what: `Another move of VM "${vm}" is in progress, by ${mover === undefined ? "another process" : moverInWords(mover)}`,
    remedy: `Wait for it to finish. If that process no longer runs, run \`vnic-failover recover ${shellWord(vm)}\`.`,
  });
}

/**
 * As long as the source's definition is there, its VFs count as the VM's. It goes once the destination's outlives a loss of its power:
 * libvirt flushes a definition's file and then renames it (src/util/virfile.c, virFileRewrite); the rename reaches the disk with the
 * file system's next commit, seconds later, or with the next file that is flushed: so the move's journal is written once more.
 */
async function releaseSource(context: MoveContext): Promise<void> {
  const { source, destination, lease, journal } = context;
  if (context.sourceKeepsDefinition) {
    await lease.write({});
    const there = await domainOn(destination, context);
    if (there !== undefined) await undefineOnSource(context, { host: destination, dom: there });
    context.sourceKeepsDefinition = false;
  }
  await releaseOn(context, source, journal.interfaces.map(atSource));
}

/**
 * Removes the source's definition of a VM that is on another host, which has just written its own. Where that has no definition, the
 * source's is the last one, and stays.
 */
export async function undefineOnSource(
  context: MoveContext,
  { host, dom }: { readonly host: LibvirtHost; readonly dom: DomainRef },
): Promise<void> {
  const { source, owed } = context;
  if (!(await host.isPersistent(dom))) return;
  await owed.unlessAbsent(source, [], async () => {
    const left = await domainOn(source, context);
    if (left !== undefined && left.id < 0) await source.undefineMoved(left);
  });
}

/** The source has nothing of the VM left that runs. One that does not answer has at most a stopped copy, which is ended later. */
async function isOver(context: MoveContext): Promise<boolean> {
  let active = false;
  await context.owed.unlessAbsent(context.source, [], async () => {
    const here = await domainOn(context.source, context);
    // Its definition is being removed.
    const state = here && (await undefinedOn("NO_DOMAIN", () => context.source.state(here)));
    active = state !== undefined && isActive(state);
  });
  return !active;
}

/** Whether the job that runs on the source is this move's: others' backups, dumps and migrations are left alone. */
export async function hasOwnMigration(
  { journal }: Pick<MoveContext, "journal">,
  host: LibvirtHost,
  dom: DomainRef,
): Promise<boolean> {
  return journal.step === migrateVm.name && (await runningOperation(host, dom)) === JobOperation.MIGRATION_OUT;
}

async function whereJournalIs(context: MoveContext): Promise<{ host: LibvirtHost; dom: DomainRef }[]> {
  const { source, destination, lease } = context;
  const elsewhere = [source, destination].some(({ name }) => name === lease.home?.name) ? undefined : lease.home;
  const found: { host: LibvirtHost; dom: DomainRef }[] = [];
  await allSettledOrThrow([source, destination, ...(elsewhere === undefined ? [] : [elsewhere])], (host) =>
    context.owed.unlessAbsent(host, [], async () => {
      const dom = await domainOn(host, context);
      if (dom === undefined) return;
      // A copy that still waits for the source ends with its connection, and its journal with it; libvirt lets no client change it.
      const mayWait = host.name === destination.name && lease.home?.name !== destination.name;
      const state = mayWait ? await undefinedOn("NO_DOMAIN", () => host.state(dom)) : undefined;
      if (state !== undefined && isIncoming(state)) return;
      const journal = await undefinedOn("NO_DOMAIN", () => readJournal(host, dom));
      if (journal?.id === context.journal.id) found.push({ host, dom });
    }),
  );
  return found;
}

/** Takes the journal away, last of all. What is owed to a host that does not answer is noted before, where the VM is. */
async function endMove(context: MoveContext): Promise<void> {
  const home = context.lease.home ?? context.source;
  const { source, destination, owed, journal } = context;
  // Claims on VFs that it was not to have after all.
  const unclaimed = [source, destination].map((host) =>
    owed.unlessAbsent(host, [], () => unclaimMove(host, journal.id)),
  );
  const [places] = await Promise.all([whereJournalIs(context), ...unclaimed]);
  const absence = owed.absence(home);
  if (absence !== undefined) throw absence;
  const at = places.find(({ host }) => host.name === home.name);
  if (at !== undefined) await noteOwed(at.host, at.dom, owed.list(journal.id));
  await context.lease.release();
  // The one that counts goes last.
  for (const { host, dom } of places.toSorted((a, b) => Number(a === at) - Number(b === at)))
    await context.owed.unlessAbsent(host, [], async () => {
      await undefinedOn("NO_DOMAIN", () => writeJournal(host, dom, undefined));
    });
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
