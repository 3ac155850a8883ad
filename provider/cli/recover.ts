/** `vnic-failover recover`: finishes or takes back what a move that was cut off has left, and plugs missing VFs. */
import { ProblemError } from "../problem.js";
import { outcomeInWords, recover, type Recovery } from "../migration/recover.js";
import { missingVfsOf, plugMissingVfs } from "../migration/repair.js";
import type { Answer, CommandContext } from "./command.js";
import { outcomeOf, worst, type Outcome } from "./exit-codes.js";
import { table } from "./table.js";
import { needsRecovery, surveyVms } from "./vm-survey.js";

export interface RecoverRequest {
  /** Default: every VM that has a journal or misses a VF. */
  readonly vm?: string | undefined;
  /** Does not wait for the watchdogs of a mover on another machine. */
  readonly now: boolean;
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
  readonly error?: unknown;
}

export async function recoverVms(context: CommandContext, { vm, now }: RecoverRequest): Promise<Answer> {
  const { names, silent } = vm === undefined ? await findBroken(context) : { names: [vm], silent: [] };
  if (vm !== undefined) await refuseUnknown(context, vm);
  const recovered: Recovered[] = [];
  // One after the other: what one VM leaves may be the VF that the next one misses.
  for (const name of names) recovered.push(await recoverOne(context, name, now));
  const errors = [...recovered.flatMap(({ error }) => error ?? []), ...silent];
  return {
    // A silent host may hold a VM that needs it.
    outcome: worst([...recovered.map(({ outcome }) => outcome), ...silent.map(() => "unclear" as const)]),
    document: {
      recovered: recovered.map(({ vm, outcome, move, host, plugged, missing }) => ({
        vm,
        outcome,
        move: move ?? null,
        host: host ?? null,
        plugged,
        missing,
      })),
      silentHosts: silent.map(({ host }) => host),
    },
    text: recovered.length === 0 ? "No VM needs it: no move was cut off, and no VF is missing." : describe(recovered),
    ...(errors.length > 0 && { errors }),
  };
}

async function findBroken({ cluster }: CommandContext) {
  const { vms, silent } = await surveyVms(cluster);
  const broken = vms.filter(needsRecovery);
  return { names: broken.map(({ vm }) => vm), silent };
}

async function refuseUnknown({ cluster }: CommandContext, vm: string): Promise<void> {
  const { presences, silent } = await cluster.whereabouts(vm);
  if (presences.length > 0) return;
  if (silent[0] !== undefined) throw silent[0];
  await cluster.require(vm);
}

async function recoverOne({ cluster, progress }: CommandContext, vm: string, now: boolean): Promise<Recovered> {
  const own = progress.of(vm);
  let recovery: Recovery | undefined;
  let missed: readonly string[] = [];
  try {
    recovery = await recover(cluster, vm, { progress: own, now });
    missed = await missingVfsOf(cluster, vm);
    await plugMissingVfs(cluster, vm, own);
    const missing = await missingVfsOf(cluster, vm);
    return {
      vm,
      outcome: missing.length > 0 ? "moved-without-vf" : "ok",
      move: recovery.outcome,
      host: recovery.host,
      plugged: missed.filter((vf) => !missing.includes(vf)),
      missing,
    };
  } catch (error) {
    const base = { vm, move: recovery?.outcome, host: recovery?.host, plugged: [], missing: missed, error };
    return { ...base, outcome: outcomeOfFailure(error, recovery !== undefined) };
  } finally {
    own.done();
  }
}

/** Once the move is settled, whatever fails leaves a VM that runs once, on its standby. */
function outcomeOfFailure(error: unknown, settled: boolean): Outcome {
  if (settled && error instanceof ProblemError) return "moved-without-vf";
  const outcome = outcomeOf(error);
  // Nobody knows how a VM stands whose recovery could not even look.
  return outcome === "refused" && !isUnderWay(error) ? "unclear" : outcome;
}

/** The mover lives: there is nothing to recover yet, and nothing has been changed. */
function isUnderWay(error: unknown): boolean {
  return error instanceof ProblemError && error.problem.code === "move-under-way";
}

function describe(recovered: readonly Recovered[]): string {
  return table(
    ["vm", "host", "move", "plugged", "missing"],
    recovered.map(({ vm, host = "", move, plugged, missing, error }) => [
      vm,
      host,
      move === undefined ? (isUnderWay(error) ? "under way" : "unclear") : outcomeInWords[move],
      plugged.join(", "),
      missing.join(", "),
    ]),
  );
}
