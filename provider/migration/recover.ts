/**
 * Finishes or takes back a move that was cut off, from the journal in the VM's metadata and from what the hosts say now.
 * Anyone can do it: the command line, the next `pulumi up`, a refresh.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../problem.js";
import { silent, type Progress } from "../progress.js";
import {
  isActive,
  isIncoming,
  VmOnSeveralHosts,
  type LibvirtCluster,
  type Presence,
} from "../backends/libvirt/cluster.js";
import { DomainState, JobType, PausedReason } from "../backends/libvirt/constants.js";
import { unless, type DomainRef, type HostUnreachable, type LibvirtHost } from "../backends/libvirt/host.js";
import { placesNow, startAnnouncers, stopAnnouncers, vfInUse } from "./announce.js";
import { domainOn, readJournal, writeJournal, type MoveContext } from "./context.js";
import { refuseForeignDevices } from "./foreign-devices.js";
import type { Journal } from "./journal.js";
import { moverStanding } from "./mover.js";
import { newContext, observerOf } from "./move.js";
import { finishSteps, undoSteps } from "./runner.js";
import { moveSteps, moveUnderWay, release } from "./steps.js";

export interface RecoverOptions {
  readonly progress?: Progress;
  /** Does not wait until the dead mover's own watchdogs would have ended it. Default false. */
  readonly now?: boolean;
}

export interface Recovery {
  readonly vm: string;
  /**
   * `finished`: the VM is on the destination, with its VFs. `undone`: on the source, as before. `overtaken`: somebody else took
   * it to a third host, perhaps without VFs. `none`: no move was cut off.
   */
  readonly outcome: "finished" | "undone" | "overtaken" | "none";
  readonly host: string | undefined;
  readonly journal: Journal | undefined;
}

/** What became of the move that was cut off. */
export const outcomeInWords: Readonly<Record<Recovery["outcome"], string>> = {
  finished: "finished",
  undone: "taken back",
  overtaken: "overtaken by somebody else's",
  none: "none was cut off",
};

/**
 * @throws ProblemError `move-under-way` while the mover may still be at work, `vm-stopped-there` where the VM is on the
 * destination and its CPUs stand; VmOnSeveralHosts where the VM runs twice; HostUnreachable where a host that may have the VM is silent.
 */
export function recover(cluster: LibvirtCluster, vm: string, options: RecoverOptions = {}): Promise<Recovery> {
  const ofCluster = underWay.get(cluster) ?? new Map<string, Promise<Recovery>>();
  underWay.set(cluster, ofCluster);
  const current = ofCluster.get(vm);
  if (current !== undefined) return current;
  const recovery = recoverAlone(cluster, vm, options).finally(() => ofCluster.delete(vm));
  ofCluster.set(vm, recovery);
  return recovery;
}

/** All resources of a VM may ask for it at once: one recovery serves them. */
const underWay = new WeakMap<LibvirtCluster, Map<string, Promise<Recovery>>>();

async function recoverAlone(
  cluster: LibvirtCluster,
  vm: string,
  { progress = silent, now = false }: RecoverOptions,
): Promise<Recovery> {
  const { presences, silent: unanswered } = await cluster.whereabouts(vm);
  const found = await findJournal(presences);
  if (found === undefined) {
    if (unanswered[0] !== undefined && !presences.some(isActive)) throw unanswered[0];
    return { vm, outcome: "none", host: presences.find(isActive)?.host.name, journal: undefined };
  }
  const { journal } = found;
  requireBoth(journal, unanswered);
  await waitForMover(vm, journal, presences, now, progress);
  // Whoever it was may have ended the move by itself meanwhile.
  const later = await cluster.whereabouts(vm);
  requireBoth(journal, later.silent);
  if ((await findJournal(later.presences))?.journal.id !== journal.id)
    return { vm, outcome: "none", host: later.presences.find(isActive)?.host.name, journal: undefined };
  const context = newContext(cluster, vm, cluster.host(journal.from), cluster.host(journal.to), journal, { progress });
  context.announcers = placesNow(context).then((places) => startAnnouncers(context, places));
  // What the network learns is worth less than the VM: without it recovery goes on.
  context.announcers = context.announcers.catch(() => []);
  try {
    return await settle(context, later.presences);
  } finally {
    await stopAnnouncers(context);
    progress.done();
  }
}

/** What is done on one of a move's hosts depends on what the other says. */
function requireBoth({ from, to }: Journal, silent: readonly HostUnreachable[]): void {
  const missing = silent.find(({ host }) => host === from || host === to);
  if (missing !== undefined) throw missing;
}

async function settle(context: MoveContext, presences: readonly Presence[]): Promise<Recovery> {
  const { vm, source, destination, journal } = context;
  const there = presences.find(({ host }) => host === destination);
  const here = presences.find(({ host }) => host === source);
  const third = presences.find((each) => isActive(each) && each !== here && each !== there);
  if (third !== undefined) return leaveTo(third, context, presences);
  const runsThere = there?.state === DomainState.RUNNING;
  // Only a copy that still waits for a source that is there may be ended: any other may be all that is left of the VM.
  const halfMade = there !== undefined && isIncoming(there) && here !== undefined && isActive(here) ? there : undefined;
  if (there !== undefined && isActive(there) && !runsThere && halfMade === undefined) throw stoppedThere(vm, there);
  const pausedHere = here?.state === DomainState.PAUSED && here.reason !== PausedReason.USER;
  if (runsThere) await refuseForeignDevices(context, destination, there.dom, (nic) => nic.destinationVf);
  else if (here !== undefined) await refuseForeignDevices(context, source, here.dom, (nic) => nic.sourceVf);
  if (runsThere && here !== undefined && isActive(here)) {
    // The destination has taken over, and the source was never told: its stopped copy must not come back to life.
    if (!pausedHere) throw new VmOnSeveralHosts(vm, [here, there]);
    await source.destroy(here.dom);
  }
  if (runsThere) {
    // A source that was never told also kept the definition.
    const left = await domainOn(source, context);
    if (left !== undefined && (await destination.isPersistent(there.dom))) await source.undefine(left);
    await finishSteps(moveSteps.slice(1), context, observerOf(context));
    await Promise.all(journal.interfaces.map((nic) => vfInUse(context, destination, nic)));
    return { vm, outcome: "finished", host: destination.name, journal };
  }
  if (halfMade !== undefined) await destination.destroy(halfMade.dom);
  const failures = await undoSteps(moveSteps, context, observerOf(context));
  if (failures.length > 0) {
    throw new ProblemError(
      {
        code: "recovery-incomplete",
        what: `Unable to take back the move of VM "${vm}": ${failures.map(({ step, error }) => `${step}: ${error instanceof Error ? error.message : String(error)}`).join("; ")}`,
        where: source.name,
        remedy: "Mend that, then run `vnic-failover recover` again: the journal is kept.",
      },
      { cause: failures[0]?.error },
    );
  }
  return { vm, outcome: "undone", host: source.name, journal };
}

/** Somebody else has moved the VM on: what the move had taken is given back. VFs that it misses are for repair.ts. */
async function leaveTo(third: Presence, context: MoveContext, presences: readonly Presence[]): Promise<Recovery> {
  const { vm, source, destination, journal } = context;
  const live = presences.filter(isActive);
  if (live.length > 1) throw new VmOnSeveralHosts(vm, live);
  await refuseForeignDevices(context, source, await domainOn(source, context), (nic) => nic.sourceVf);
  await refuseForeignDevices(context, destination, await domainOn(destination, context), (nic) => nic.destinationVf);
  await release.do(context);
  await writeJournal(third.host, third.dom, undefined);
  return { vm, outcome: "overtaken", host: third.host.name, journal };
}

function stoppedThere(vm: string, { host }: Presence): ProblemError {
  return new ProblemError({
    code: "vm-stopped-there",
    what: `Unable to recover VM "${vm}": it is on "${host.name}" already, and does not run`,
    where: host.name,
    remedy: `Nothing has been changed. Let it run (\`virsh resume ${vm}\`, or \`virsh dompmwakeup ${vm}\`), then run \`vnic-failover recover ${vm}\`. If it cannot, end it there first (\`virsh destroy ${vm}\`): what its memory holds is lost with it.`,
  });
}

/** Undefined: the domain has gone from that host meanwhile, or runs there no more. */
async function jobTypeOf(host: LibvirtHost, dom: DomainRef): Promise<number | undefined> {
  return unless("NO_DOMAIN", () => unless("OPERATION_INVALID", async () => (await host.job(dom)).type));
}

async function findJournal(
  presences: readonly Presence[],
): Promise<{ journal: Journal; presence: Presence } | undefined> {
  // The running domain's word counts before that of a definition that stayed behind.
  for (const presence of presences.toSorted((a, b) => Number(isActive(b)) - Number(isActive(a)))) {
    const journal = await readJournal(presence.host, presence.dom);
    if (journal !== undefined) return { journal, presence };
  }
  return undefined;
}

/** Waits while the mover may still be at work: a process of this machine that lives, a job that runs, a watchdog that has not ended. */
async function waitForMover(
  vm: string,
  journal: Journal,
  presences: readonly Presence[],
  now: boolean,
  progress: Progress,
): Promise<void> {
  const { mover, until } = journal;
  const standing = moverStanding(journal);
  if (standing === "at work") throw moveUnderWay(vm, mover);
  if (standing === "perhaps at work" && !now) {
    progress.report({
      phase: "recover",
      message: `waiting until the mover on ${mover.machine} is surely dead (${Math.ceil((until - Date.now()) / 1000)} s)`,
    });
    await sleep(until - Date.now());
  }
  // It is dead. libvirt may need a moment to notice that nobody leads its job any more, or somebody to end the job.
  for (let waited = 0; waited < 60; waited += 1) {
    const running = await Promise.all(presences.filter(isActive).map(async ({ host, dom }) => jobTypeOf(host, dom)));
    if (!running.some((type) => type === JobType.BOUNDED || type === JobType.UNBOUNDED)) return;
    if (waited === 5) {
      for (const { host, dom } of presences.filter(isActive)) await host.abortJob(dom).catch(() => undefined);
    }
    progress.report({ phase: "recover", message: "waiting for libvirt's own job to end" });
    await sleep(1000);
  }
  throw moveUnderWay(vm, mover);
}
