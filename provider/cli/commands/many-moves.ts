/** A plan of many moves: shown, confirmed, carried out and reported. What a drain and its undoing have in common. */
import { ProblemError } from "../../model/problem.js";
import type { Progress } from "../../model/progress.js";
import type { LibvirtCluster } from "../../backends/libvirt/cluster.js";
import type { DrainMove, DrainPlan } from "../../drain/plan.js";
import { DrainRecord, type DrainReport } from "../../drain/report.js";
import { runMoves, type MoveLimits } from "../../drain/queue.js";
import { moveVm } from "../../migration/move.js";
import type { MigrationOptions } from "../../migration/options.js";
import { isStepName, rowOf } from "../../migration/step-table.js";
import { saveReport } from "../../migration/report/files.js";
import type { MoveReport } from "../../migration/report/report.js";
import { withSecondTry, type SecondTry } from "../../drain/retry.js";
import type { Answer, CommandConsole, CommandContext } from "../command.js";
import type { FoundVm } from "../../drain/facts.js";
import { describeNothing, describePlan, describeResults, planDocument, resultDocument } from "../output/drain-words.js";
import { worst, type Outcome } from "../exit-codes.js";
import { outcomeOf, reportIn } from "../outcome.js";
import type { Headlines } from "../output/report-summary.js";
import type { NextOfStacks } from "../output/stacks-next.js";

export interface ManyMovesRequest {
  /** Moves at a time, and from one source. */
  readonly concurrency: number;
  /** Moves at a time to one destination. Default 2. */
  readonly incoming?: number | undefined;
  /** No confirmation is needed. */
  readonly confirmed: boolean;
  /** Only the plan is wanted. */
  readonly dryRun?: boolean | undefined;
  /** Where the reports go. Default: `.vnic-failover/reports` in the folder that the command runs in. */
  readonly reportDir?: string | undefined;
}

/** What is to be carried out. */
export interface ManyMoves {
  readonly kind: DrainReport["kind"];
  /** The host that is emptied, or the one whose drain is undone. */
  readonly host: string;
  /** The VMs of the plan, at least. */
  readonly vms: readonly Pick<FoundVm, "name" | "uuid" | "from" | "placement" | "unplug">[];
  readonly plan: DrainPlan;
  /** VMs that are left alone, and need not be moved. Default: none. */
  readonly skipped?: readonly SkippedVm[];
  /** Hosts that do not answer. */
  readonly unreachable: readonly ProblemError[];
  readonly next: NextOfStacks;
  /** How each move is told. Default: as with libvirt. */
  readonly headlines?: Headlines;
}

export interface SkippedVm {
  readonly vm: string;
  /** In words, to go on `web: `. */
  readonly why: string;
}

/** What became of one VM. */
export interface Drained {
  readonly vm: string;
  readonly to: string;
  readonly outcome: Outcome;
  readonly report?: MoveReport | undefined;
  readonly files?: Awaited<ReturnType<typeof saveReport>>;
  readonly error?: unknown;
}

/** Moves one VM. @returns undefined: it was there already. @throws as moveVm */
export type Mover = (move: DrainMove, progress: Progress) => Promise<MoveReport | undefined>;

/** Moves at a time to one destination, where nothing else is said. */
const incomingAtATime = 2;

/** Shows the plan, asks, and makes the moves. @param planAgain where moves came to nothing. Default: nothing is tried again. */
export async function carryOut(
  context: CommandConsole,
  { concurrency, incoming = incomingAtATime, confirmed, dryRun = false, reportDir }: ManyMovesRequest,
  moves: ManyMoves,
  mover: Mover,
  planAgain: SecondTry<Drained>["planAgain"] = () => Promise.resolve({ moves: [], stuck: [] }),
): Promise<Answer> {
  const { kind, host, vms, plan, unreachable } = moves;
  const document = { ...planDocument(moves), dryRun, results: [], drainReport: null };
  if (dryRun || plan.moves.length === 0) {
    const nothing = plan.moves.length === 0 && plan.stuck.length === 0;
    return {
      outcome: dryRun || nothing ? "ok" : "refused",
      document,
      text: nothing ? describeNothing(moves) : describePlan(moves),
      errors: unreachable,
    };
  }
  context.show(`${describePlan(moves)}\n`);
  if (!confirmed && !(await isConfirmed(context, plan)))
    return { outcome: "refused", document, text: "", errors: [notConfirmed(context, kind)] };
  const limits: MoveLimits = { total: concurrency, outgoing: concurrency, incoming };
  const found = new Map(vms.map((vm) => [vm.name, vm]));
  const record = new DrainRecord(kind, host, reportDir);
  const notPlanned: unknown[] = [];
  const results = await withSecondTry<Drained>(plan, {
    make: (planned) =>
      runMoves(
        planned.moves.map((move) => ({ ...move, from: found.get(move.vm)?.from ?? host })),
        limits,
        async (move, reserved) => {
          const { vm, from, to } = move;
          const uuid = found.get(vm)?.uuid;
          if (uuid !== undefined && !context.signal.aborted) record.begin({ vm, uuid, from, to });
          const result = await moveOne(context, move, reserved, reportDir, mover);
          record.end(vm, recorded(result));
          return result;
        },
      ),
    isAsBefore: ({ outcome }) => (outcome === "refused" || outcome === "failed-on-source") && !context.signal.aborted,
    async planAgain(failed) {
      try {
        const second = await planAgain(failed);
        if (second.moves.length > 0)
          context.show(
            `Retrying on other hosts.\n${describePlan({ ...moves, plan: { ...second, stuck: [] }, skipped: [] })}\n`,
          );
        return second;
      } catch (error) {
        // What has been done so far must be told all the same.
        notPlanned.push(error);
        return { moves: [], stuck: [] };
      }
    },
  });
  const { file, problem } = await record.close();
  const errors = [
    ...results.flatMap(({ error }) => error ?? []),
    ...notPlanned,
    ...(problem === undefined ? [] : [problem]),
    ...unreachable,
  ];
  return {
    outcome: worst([
      ...results.map(({ outcome }) => outcome),
      // It stays where it is, and the host is not empty.
      ...plan.stuck.map(() => "refused" as const),
    ]),
    document: { ...document, results: results.map(resultDocument), drainReport: file ?? null },
    text: describeResults(moves, results, file),
    ...(errors.length > 0 && { errors }),
  };
}

/**
 * The product's own move, of the VM that was planned: one that has moved on meanwhile, and another one of its name, are
 * left alone.
 */
export function moverOf(
  { cluster, signal }: CommandContext,
  options: MigrationOptions,
  vms: readonly Pick<FoundVm, "name" | "uuid" | "from">[],
): Mover {
  const found = new Map(vms.map((vm) => [vm.name, vm]));
  return async ({ vm, to }, progress) => {
    const planned = found.get(vm);
    if (planned !== undefined) await requireAsPlanned(cluster, planned);
    return moveVm(cluster, { vm, uuid: planned?.uuid, to, options, progress, command: "vnic-failover drain", signal });
  };
}

async function requireAsPlanned(
  cluster: LibvirtCluster,
  { name, uuid, from }: Pick<FoundVm, "name" | "uuid" | "from">,
): Promise<void> {
  const { host } = await cluster.require({ name, uuid });
  if (host.name !== from) throw movedOn({ name, from }, `it is on "${host.name}" now`);
}

/** The VM is not where it was when the moves were planned. */
export function movedOn({ name, from }: Pick<FoundVm, "name" | "from">, why: string): ProblemError {
  return new ProblemError({
    code: "vm-moved-on",
    what: `Unable to move VM "${name}" away from "${from}": ${why}`,
    state: "Nothing was changed.",
    remedy: "Run the command again: it makes a new plan.",
  });
}

async function isConfirmed({ confirm, signal }: CommandConsole, { moves, stuck }: DrainPlan): Promise<boolean> {
  if (confirm === undefined) return false;
  const rest =
    stuck.length === 0 ? "" : `, and leave ${stuck.length} where ${stuck.length === 1 ? "it is" : "they are"}`;
  return (
    (await confirm(`Move ${moves.length === 1 ? "this VM" : `these ${moves.length} VMs`}${rest}?`)) && !signal.aborted
  );
}

function notConfirmed({ confirm }: CommandConsole, kind: ManyMoves["kind"]): ProblemError {
  return new ProblemError({
    code: "drain-not-confirmed",
    what:
      confirm === undefined
        ? "Unable to ask for confirmation: it is asked on a terminal only, and not with --json"
        : `The ${kind === "undo" ? "undo of the drain" : "drain"} was not confirmed`,
    state: "Nothing was changed.",
    ...(confirm === undefined && {
      remedy: "Use --yes to skip the confirmation, or --dry-run to print the plan only.",
    }),
  });
}

/** A move that fails stops none of the others; Ctrl-C begins no more of them. */
async function moveOne(
  { progress, signal }: CommandConsole,
  move: DrainMove,
  reserved: () => void,
  reportDir: string | undefined,
  mover: Mover,
): Promise<Drained> {
  const { vm, to } = move;
  const own = progress.of(vm);
  const watched: Progress = {
    ...own,
    report(step) {
      if (!isBeforeReservation(step.phase)) reserved();
      own.report(step);
    },
  };
  try {
    if (signal.aborted) return { vm, to, outcome: "refused", error: notBegun(vm) };
    const report = await mover(move, watched);
    if (report === undefined) return { vm, to, outcome: "ok" };
    return { vm, to, outcome: report.outcome, report, files: await saveReport(report, reportDir) };
  } catch (error) {
    const report = reportIn(error);
    if (report === undefined) return { vm, to, outcome: outcomeOf(error), error };
    return { vm, to, outcome: report.outcome, report, files: await saveReport(report, reportDir), error };
  } finally {
    own.done();
  }
}

/** The phases of a move in which it has not reserved its VFs yet. */
function isBeforeReservation(phase: string): boolean {
  return phase === "preflight" || phase === "recover" || (isStepName(phase) && !rowOf(phase).afterReservation);
}

function notBegun(vm: string): ProblemError {
  return new ProblemError({
    code: "interrupted",
    what: `The move of VM "${vm}" was not started: the drain was interrupted`,
  });
}

function recorded({ outcome, files, error }: Drained): Parameters<DrainRecord["end"]>[1] {
  return {
    outcome,
    ...(error instanceof Error && { error: error.message }),
    ...(typeof files === "object" && { report: files.json }),
  };
}
