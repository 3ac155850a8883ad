/**
 * Ends an interrupted move, forward or back, by the journal in the VM's metadata and by what the hosts say now: the command
 * line, the next `pulumi up` and the next move do it.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../model/clock.js";
import { ProblemError, reasonOf } from "../model/problem.js";
import { noProgress, type Progress } from "../model/progress.js";
import {
  isActive,
  named,
  VmNameTwice,
  type LibvirtCluster,
  type NamedVm,
  type DomainInstance,
  type VmRef,
  type VmLocations,
} from "../backends/libvirt/cluster.js";
import { DomainState, JobOperation } from "../backends/libvirt/constants.js";
import { undefinedOn, UnconfiguredHost, type LibvirtHost } from "../backends/libvirt/host.js";
import { asUnreachable, type HostUnreachable } from "../backends/libvirt/host-errors.js";
import { endMigratedCopy } from "../backends/libvirt/live-migration.js";
import { placesNow, startAnnouncers, stopAnnouncers, vfInUse } from "./announce.js";
import { readJournal, type MoveContext } from "./context.js";
import { journalAmong } from "./journal-store.js";
import { refuseForeignPairs, refuseForeignVfs } from "./foreign-devices.js";
import type { Journal } from "./journal.js";
import { runningOperation } from "./job.js";
import { ownerStatus, thisMover } from "./mover.js";
import { newContext, observerOf, whileHeld } from "./execution.js";
import { readOwed, settleOwed } from "./owed.js";
import { finishSteps, undoSteps } from "./runner.js";
import { keepAutostart, moveSteps, moveUnderWay, release, undefineOnSource } from "./steps.js";
import { runsTwice, verdictOf, type Verdict } from "./recovery-verdict.js";
import { shellWord } from "../model/shell-word.js";

export interface RecoverOptions {
  readonly progress?: Progress;
  /** Does not wait until the lease of a mover elsewhere has run out. Default false. */
  readonly now?: boolean;
  /**
   * A host that does not answer, and of which a person says that it is switched off: nothing runs there. Default: none.
   */
  readonly dead?: string | undefined;
  /** Ends the wait for a mover that may still be at work. What has begun after it is brought to its end. */
  readonly signal?: AbortSignal | undefined;
}

export interface Recovery {
  readonly vm: string;
  /** The VM's own. Undefined: no host that answers has it. */
  readonly uuid: string | undefined;
  /**
   * `finished`: the VM is on the destination, with its VFs. `undone`: on the source, as before, or shut off there where the
   * destination died with it. `overtaken`: another tool took it to a third host, perhaps without VFs. `none`: no move was interrupted.
   */
  readonly outcome: "finished" | "undone" | "overtaken" | "none";
  readonly host: string | undefined;
  readonly journal: Journal | undefined;
  /** What was done on hosts that had not answered at an earlier move or recovery, in words. */
  readonly settled: readonly string[];
  /** What is still to be done on hosts that do not answer, in words. It is noted in the VM's metadata. */
  readonly owed: readonly string[];
}

/** What became of the interrupted move. */
export const outcomeInWords: Readonly<Record<Recovery["outcome"], string>> = {
  finished: "finished",
  undone: "rolled back",
  overtaken: "superseded by another tool's migration",
  none: "none",
};

/**
 * @throws ProblemError `move-under-way` while the mover may still be at work, `vm-migrating` while another tool migrates it,
 *   `host-fate-unknown` where a person has to say that a host is dead, `vm-stopped-there` where the VM is on the destination
 *   and its CPUs stand; VmOnSeveralHosts where it runs twice; HostUnreachable where a host that may have it does not answer.
 */
export function recover(cluster: LibvirtCluster, vm: VmRef, options: RecoverOptions = {}): Promise<Recovery> {
  const ofCluster = underWay.get(cluster) ?? new Map<string, Promise<Recovery>>();
  underWay.set(cluster, ofCluster);
  const { name, uuid } = named(vm);
  const key = uuid ?? name;
  const current = ofCluster.get(key);
  if (current !== undefined) return current;
  const recovery = recoverAlone(cluster, { name, uuid }, options).finally(() => ofCluster.delete(key));
  ofCluster.set(key, recovery);
  return recovery;
}

/** All resources of a VM may ask for it at once: one recovery serves them. */
const underWay = new WeakMap<LibvirtCluster, Map<string, Promise<Recovery>>>();

async function recoverAlone(
  cluster: LibvirtCluster,
  { name: vm, uuid: wanted }: NamedVm,
  options: RecoverOptions,
): Promise<Recovery> {
  const { instances, unreachable: unanswered } = await (wanted === undefined
    ? cluster.locations(vm)
    : cluster.whereIs(wanted));
  const found = await journalAmong(instances);
  const active = instances.find(({ state }) => state === DomainState.RUNNING) ?? instances.find(isActive);
  if (found === undefined) {
    const [unreachable] = unanswered;
    if (unreachable !== undefined && active === undefined && unreachable.host !== options.dead) throw unreachable;
    if (instances.some(({ dom }) => dom.uuid !== instances[0]?.dom.uuid)) throw new VmNameTwice(vm, instances);
    const twice = runsTwice(vm, instances);
    if (twice !== undefined) throw twice;
    return settleAfter(cluster, vm, "none", active ?? instances[0], undefined);
  }
  const { journal, instance } = found;
  const ended = await endedWithout(found, instances);
  if (ended !== undefined) return settleAfter(cluster, vm, "none", ended, undefined);
  const { uuid } = instance.dom;
  await waitForMover(cluster.clock, vm, journal, (await cluster.whereIs(uuid)).instances, options);
  // That process may have ended the move by itself meanwhile.
  const first = await lookAgain(cluster, vm, uuid, journal, options);
  if (first === undefined)
    return settleAfter(cluster, vm, "none", (await cluster.whereIs(uuid)).instances.find(isActive), undefined);
  const { progress = noProgress } = options;
  const own = {
    ...first.journal,
    uuid,
    holder: randomUUID(),
    mover: { ...thisMover(), command: "vnic-failover recover" },
  };
  const [from, to] = [cluster.hostOrAbsent(journal.from), cluster.hostOrAbsent(journal.to)];
  const context = newContext(cluster, instance.dom, from, to, own, { progress, absent: first.unreachable });
  options.signal?.throwIfAborted();
  await context.lease.take(first.verdict.home, first.journal, (kept) =>
    kept === undefined ? endedMeanwhile(vm) : moveUnderWay(vm, kept.mover),
  );
  const outcome = await whileHeld(context, async () => {
    // What was seen before the VM was in our hands may have been another's last act.
    const { verdict } = (await lookAgain(cluster, vm, uuid, context.journal, options)) ?? first;
    context.lease.moveTo(verdict.home);
    context.announcers = placesNow(context).then((places) => startAnnouncers(context, places));
    // What the network learns is worth less than the VM: without it recovery goes on.
    context.announcers = context.announcers.catch(() => []);
    try {
      return await endBy(verdict, context);
    } finally {
      await stopAnnouncers(context);
      progress.done();
    }
  });
  const after = (await cluster.whereIs(uuid)).instances;
  const at = after.find(isActive) ?? after.find(({ host }) => host.name === first.verdict.home.host.name);
  return settleAfter(cluster, vm, outcome, at, journal);
}

/**
 * Where the VM is, if the move has ended there already: what the journal's host has of the VM is owed then, and removed. Undefined: the
 * move has not ended.
 */
async function endedWithout(
  { journal, instance }: NonNullable<Awaited<ReturnType<typeof journalAmong>>>,
  instances: readonly DomainInstance[],
): Promise<DomainInstance | undefined> {
  if (isActive(instance)) return undefined;
  const others = instances.filter(({ host, dom }) => host !== instance.host && dom.uuid === instance.dom.uuid);
  for (const each of others) if (await owes(each, instance.host, journal)) return each;
  return undefined;
}

/** Whether the domain's metadata says that a copy of the VM, of that move, is to be removed from the host. */
async function owes({ host, dom }: DomainInstance, to: LibvirtHost, { id }: Journal): Promise<boolean> {
  return (await readOwed(host, dom)).some((entry) => entry.host === to.name && entry.move === id);
}

/** With what is owed to hosts that answer again. */
async function settleAfter(
  cluster: LibvirtCluster,
  vm: string,
  outcome: Recovery["outcome"],
  at: DomainInstance | undefined,
  journal: Journal | undefined,
): Promise<Recovery> {
  const { settled, owed } = at === undefined ? { settled: [], owed: [] } : await settleOwed(cluster, at);
  const host = outcome === "none" && at !== undefined && !isActive(at) ? undefined : at?.host.name;
  return { vm, uuid: at?.dom.uuid, outcome, host, journal, settled, owed };
}

interface Look {
  readonly journal: Journal;
  readonly verdict: Verdict;
  readonly unreachable: readonly HostUnreachable[];
}

/** How things stand now; undefined: the move has been ended, or another one has begun. */
async function lookAgain(
  cluster: LibvirtCluster,
  vm: string,
  uuid: string,
  { id, from, to }: Journal,
  { dead }: RecoverOptions,
): Promise<Look | undefined> {
  // A person's word is held against what the host itself says, at each look.
  if (dead !== undefined) cluster.hostOrAbsent(dead).askAnew();
  const { instances, unreachable: unanswered }: VmLocations = await cluster.whereIs(uuid);
  const found = await journalAmong(instances);
  if (found?.journal.id !== id) return undefined;
  const unconfigured = [from, to]
    .map((name) => cluster.hostOrAbsent(name))
    .filter((host) => host instanceof UnconfiguredHost);
  const missing = await Promise.all(unconfigured.map((host) => host.connection().then(() => [], absenceOf)));
  const unreachable = [...unanswered, ...missing.flat()].filter(({ host }) => host === from || host === to);
  if (dead !== undefined) refuseUnlessAbsent(vm, dead, [from, to], unreachable);
  const there = instances.find(({ host }) => host.name === to);
  const tookOver =
    there !== undefined && !isActive(there) && (await readJournal(there.host, there.dom))?.id === found.journal.id;
  const verdict = verdictOf({ vm, journal: found.journal, instances, unreachable, dead, tookOver });
  // Two recoveries meet in one place: where the VM is.
  const atHome = await readJournal(verdict.home.host, verdict.home.dom);
  return { journal: atHome?.id === id ? atHome : found.journal, verdict, unreachable };
}

function absenceOf(error: unknown): readonly HostUnreachable[] {
  const unreachable = asUnreachable(error);
  if (unreachable === undefined) throw error;
  return [unreachable];
}

/** A person's word counts only for a host that takes part in the move and does not answer. */
function refuseUnlessAbsent(
  vm: string,
  dead: string,
  hosts: readonly string[],
  unreachable: readonly HostUnreachable[],
): void {
  if (unreachable.some(({ host }) => host === dead)) return;
  throw new ProblemError({
    code: "host-not-dead",
    what: hosts.includes(dead)
      ? `Unable to treat host "${dead}" as dead: it answers`
      : `Unable to treat host "${dead}" as dead: the interrupted move of VM "${vm}" is from "${hosts.join('" to "')}"`,
    where: dead,
    state: "Nothing was changed.",
    remedy: `Run \`vnic-failover recover ${shellWord(vm)}\` without --host-is-dead.`,
  });
}

async function endBy(verdict: Verdict, context: MoveContext): Promise<Recovery["outcome"]> {
  await refuseForeignVfs(context);
  if (verdict.way !== "overtaken") await refuseForeignPairs(context, verdict.home);
  switch (verdict.way) {
    case "forward":
      await goForward(verdict, context);
      return "finished";
    case "back":
      await goBack(verdict, context);
      return "undone";
    case "overtaken":
      await undefineOnSource(context, verdict.home);
      if (context.journal.autostart === "yes") await keepAutostart(verdict.home.host, verdict.home.dom);
      // What the move had reserved is returned. VFs that the VM misses there are for repair.ts.
      await release.do(context);
      return "overtaken";
  }
}

async function goForward(
  { home, leftover }: Extract<Verdict, { way: "forward" }>,
  context: MoveContext,
): Promise<void> {
  const { source, destination, journal } = context;
  // What one host says of a move ends nothing on another: the copy there carries the same journal, since a move begins with it, or a
  // note of the same move, where that was ended without the destination.
  const isOfMove =
    leftover !== undefined &&
    ((await readJournal(source, leftover.dom))?.id === journal.id || (await owes(leftover, destination, journal)));
  if (isOfMove && isActive(leftover)) await endMigratedCopy(source, leftover.dom);
  if (isOfMove) await undefineOnSource(context, home);
  if (!isActive(home)) return release.do(context);
  await finishSteps(moveSteps.slice(1), context, observerOf(context));
  await Promise.all(journal.interfaces.map((nic) => vfInUse(context, destination, nic)));
}

async function goBack({ home, copy, reset }: Extract<Verdict, { way: "back" }>, context: MoveContext): Promise<void> {
  const { vm, source, destination } = context;
  // It may be ending by itself, with the connection that has asked for it.
  if (copy !== undefined)
    await undefinedOn("NO_DOMAIN", () => undefinedOn("OPERATION_INVALID", () => destination.destroy(copy.dom)));
  if (reset) await source.reset(home.dom);
  const failures = await undoSteps(moveSteps, context, observerOf(context));
  if (failures.length === 0) return;
  throw new ProblemError(
    {
      code: "recovery-incomplete",
      what: `Unable to roll back the move of VM "${vm}": ${failures.map(({ step, error }) => `step ${step}: ${reasonOf(error)}`).join("; ")}`,
      where: source.name,
      state: "The VM was left as it is now, and recovery can be repeated.",
      remedy: `Fix the reported problem, then run \`vnic-failover recover ${shellWord(vm)}\`.`,
    },
    { cause: failures[0]?.error, causeIsTold: true },
  );
}

function endedMeanwhile(vm: string): ProblemError {
  return new ProblemError({
    code: "move-under-way",
    what: `Unable to recover VM "${vm}": another process has just ended its move`,
    state: "Nothing was changed.",
    remedy: `See \`vnic-failover status ${shellWord(vm)}\`.`,
  });
}

/** Waits while the mover may still be at work: a process of this machine that lives, a job that runs, a lease that has not run out. */
async function waitForMover(
  clock: Clock,
  vm: string,
  journal: Journal,
  instances: readonly DomainInstance[],
  { now = false, progress = noProgress, signal }: RecoverOptions,
): Promise<void> {
  const { mover, until } = journal;
  const status = ownerStatus(journal, clock.now());
  if (status === "at work") throw moveUnderWay(vm, mover);
  if (status === "perhaps at work" && !now) {
    progress.report({
      phase: "recover",
      message: `waiting for the move started on ${mover.machine} to time out (${Math.ceil((until - clock.now()) / 1000)} s)`,
    });
    // A timer takes 24 days at most, and ends at once with more.
    while (clock.now() < until) await clock.sleep(Math.min(until - clock.now(), 3_600_000), signal);
  }
  // It is dead. libvirt may need a moment to notice that nothing leads its job any more.
  const active = instances.filter(isActive);
  for (let waited = 0; waited < 60; waited += 1) {
    const jobs = await Promise.all(active.map(({ host, dom }) => runningOperation(host, dom)));
    const migrations = active.filter((_, index) => isMigration(jobs[index]));
    if (migrations.length === 0) return;
    if (journal.step !== "migrate") throw migratedByAnother(vm, migrations);
    if (waited === 5) {
      const outgoing = migrations.filter(({ host }) => host.name === journal.from);
      for (const { host, dom } of outgoing) await host.abortJob(dom).catch(() => undefined);
    }
    progress.report({ phase: "recover", message: "waiting for the libvirt migration job to finish" });
    await clock.sleep(1000, signal);
  }
  throw moveUnderWay(vm, mover);
}

function isMigration(operation: number | undefined): boolean {
  return operation === JobOperation.MIGRATION_IN || operation === JobOperation.MIGRATION_OUT;
}

function migratedByAnother(vm: string, [instance]: readonly DomainInstance[]): ProblemError {
  return new ProblemError({
    code: "vm-migrating",
    what: `Unable to recover VM "${vm}": another tool is migrating it`,
    ...(instance !== undefined && { where: instance.host.name }),
    state: "Nothing was changed.",
    remedy: `Run \`vnic-failover recover ${shellWord(vm)}\` once that migration has ended.`,
  });
}
