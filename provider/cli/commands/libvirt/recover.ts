/**
 * `vnic-failover recover`: ends interrupted moves, forward or back, settles what they owe to hosts that answer again, and
 * plugs missing VFs.
 */
import { ProblemError } from "../../../model/problem.js";
import { named, type VmRef } from "../../../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../../../backends/libvirt/host.js";
import { HostRefused, asUnreachable } from "../../../backends/libvirt/host-errors.js";
import { outcomeInWords, recover, type Recovery } from "../../../migration/recover.js";
import { missingVfsOf, plugMissingVfs } from "../../../migration/repair.js";
import type { Answer, CommandContext } from "../../command.js";
import { worst, type Outcome } from "../../exit-codes.js";
import { outcomeOf } from "../../outcome.js";
import { table } from "../../output/table.js";
import { needsRecovery, owedInWords, surveyVms } from "./vm-survey.js";
import { shellWord } from "../../../model/shell-word.js";

export interface RecoverRequest {
  /** Default: every VM that has a journal or misses a VF. */
  readonly vm?: string | undefined;
  /** Does not wait for the lease of a mover on another machine. */
  readonly now: boolean;
  /** A host that is switched off, by the word of who runs the command. */
  readonly dead?: string | undefined;
  /** That word need not be asked for. */
  readonly confirmed?: boolean;
}

interface Recovered {
  readonly vm: string;
  readonly outcome: Outcome;
  readonly move: Recovery["outcome"] | undefined;
  readonly host: string | undefined;
  /** The VFs that were missing and are plugged now, in words. */
  readonly plugged: readonly string[];
  /** Those that are still missing. */
  readonly missing: readonly string[];
  /** What was done on hosts that answer again, and what is still owed to others, in words. */
  readonly settled: readonly string[];
  readonly owed: readonly string[];
  readonly error?: unknown;
}

export async function recoverVms(context: CommandContext, request: RecoverRequest): Promise<Answer> {
  const { vm, dead } = request;
  if (dead !== undefined) await requireDead(context, dead, request);
  const { broken, unreachable } = vm === undefined ? await findBroken(context) : { broken: [vm], unreachable: [] };
  if (vm !== undefined) await refuseUnknown(context, vm, dead);
  const recovered: Recovered[] = [];
  // One after the other: what one VM leaves may be the VF that the next one misses.
  for (const each of broken) recovered.push(await recoverOne(context, each, request));
  const errors = [...recovered.flatMap(({ error }) => error ?? []), ...unreachable];
  return {
    // An unreachable host may hold a VM that needs it.
    outcome: worst([...recovered.map(({ outcome }) => outcome), ...unreachable.map(() => "unclear" as const)]),
    document: {
      recovered: recovered.map(({ vm, outcome, move, host, plugged, missing, settled, owed }) => ({
        vm,
        outcome,
        move: move ?? null,
        host: host ?? null,
        plugged,
        missing,
        settled,
        owed,
      })),
      unreachableHosts: unreachable.map(({ host }) => host),
    },
    text: recovered.length === 0 ? nothingFound(unreachable.length > 0) : describe(recovered),
    ...(errors.length > 0 && { errors }),
  };
}

async function findBroken({ cluster }: CommandContext) {
  const { vms, unreachable, answer } = await surveyVms(cluster);
  const broken = vms.filter((vm) => needsRecovery(vm, answer));
  return { broken: broken.map(({ vm, uuid }): VmRef => (uuid === undefined ? vm : { name: vm, uuid })), unreachable };
}

/** @throws ProblemError where the host answers, or the one who runs the command does not confirm. */
async function requireDead(
  { cluster, confirm, signal }: CommandContext,
  dead: string,
  { vm, confirmed = false }: RecoverRequest,
): Promise<void> {
  const configured = cluster.hosts.find(({ name }) => name === dead);
  if (configured !== undefined && (await answers(configured))) {
    throw new ProblemError({
      code: "host-not-dead",
      what: `Unable to treat host "${dead}" as dead: it answers`,
      where: dead,
      state: "Nothing was changed.",
      remedy: "Run the command without --host-is-dead.",
    });
  }
  const question = `If the VM is still running on "${dead}", it will run twice and its disks will be corrupted. Is it certain that "${dead}" is powered off, or was restarted after the move?`;
  if (confirmed || ((await confirm?.(question)) && !signal.aborted)) return;
  throw new ProblemError({
    code: "host-death-not-confirmed",
    what: `Unable to treat host "${dead}" as dead: not confirmed`,
    where: dead,
    state: "Nothing was changed.",
    remedy: `Power "${dead}" off or make sure that it was restarted, then run \`vnic-failover recover ${shellWord(vm ?? "VM")} --host-is-dead ${dead} --yes\`. If the VM is still running there, its disks will be corrupted.`,
  });
}

async function answers(host: LibvirtHost): Promise<boolean> {
  try {
    await host.connection();
    return true;
  } catch (error) {
    // One that refuses the login is there.
    if (asUnreachable(error) !== undefined) return error instanceof HostRefused;
    throw error;
  }
}

async function refuseUnknown({ cluster }: CommandContext, vm: string, dead: string | undefined): Promise<void> {
  const { instances, unreachable } = await cluster.locations(vm);
  if (instances.length > 0) return;
  const [unasked] = unreachable.filter(({ host }) => host !== dead);
  if (unasked !== undefined) throw unasked;
  await cluster.require(vm);
}

async function recoverOne(
  { cluster, progress, signal }: CommandContext,
  wanted: VmRef,
  { now, dead }: RecoverRequest,
): Promise<Recovered> {
  const { name: vm } = named(wanted);
  const own = progress.of(vm);
  let recovery: Recovery | undefined;
  let missed: readonly string[] = [];
  try {
    recovery = await recover(cluster, wanted, { progress: own, now, dead, signal });
    const recovered = { name: vm, uuid: recovery.uuid };
    missed = await missingVfsOf(cluster, recovered);
    await plugMissingVfs(cluster, recovered, own);
    const missing = await missingVfsOf(cluster, recovered);
    return {
      vm,
      outcome: missing.length > 0 ? "moved-without-vf" : "ok",
      move: recovery.outcome,
      host: recovery.host,
      plugged: missed.filter((vf) => !missing.includes(vf)),
      missing,
      settled: recovery.settled,
      owed: recovery.owed,
    };
  } catch (error) {
    const { outcome: move, host, settled = [], owed = [] } = recovery ?? {};
    const base = { vm, move, host, plugged: [], missing: missed, settled, owed, error };
    return { ...base, outcome: outcomeOfFailure(error, recovery !== undefined) };
  } finally {
    own.done();
  }
}

/** Once the move is settled, whatever fails leaves a VM that runs once, on its standby. */
function outcomeOfFailure(error: unknown, settled: boolean): Outcome {
  if (settled && error instanceof ProblemError) return "moved-without-vf";
  const outcome = outcomeOf(error);
  // The state of a VM is unknown whose recovery could not even look.
  return outcome === "refused" && !isUnderWay(error) ? "unclear" : outcome;
}

/** The mover lives: there is nothing to recover yet, and nothing has been changed. */
function isUnderWay(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.code === "move-under-way";
}

function nothingFound(someUnasked: boolean): string {
  return someUnasked
    ? "Nothing to recover on the hosts that answer. A VM on the others may need it: run the command again once they answer, or name the VM."
    : "Nothing to recover: no move was interrupted, and no VF is missing.";
}

function describe(recovered: readonly Recovered[]): string {
  const rows = table(
    ["vm", "host", "move", "plugged", "missing"],
    recovered.map(({ vm, host = "", move, plugged, missing, error }) => [
      vm,
      host,
      move === undefined ? (isUnderWay(error) ? "under way" : "unclear") : outcomeInWords[move],
      plugged.join(", "),
      missing.join(", "),
    ]),
  );
  const sentences = recovered.flatMap(({ vm, settled, owed }) => [
    ...(settled.length > 0 ? [`VM "${vm}": ${settled.join(", ")}.`] : []),
    ...owed.map((each) => owedInWords(vm, each)),
  ]);
  return [rows, ...sentences].join("\n");
}
