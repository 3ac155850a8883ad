/** `vnic-failover drain`: moves every running VM away from a host, as far as the others have room. */
import { ProblemError } from "../problem.js";
import type { Progress } from "../progress.js";
import { elsewhere, planDrain, type DrainMove, type DrainPlan } from "../migration/drain-plan.js";
import { runMoves, type MoveLimits } from "../migration/move-queue.js";
import { moveVm, MoveFailed } from "../migration/move.js";
import type { MigrationOptions } from "../migration/options.js";
import { withSecondTry, type SecondTry } from "../migration/second-try.js";
import { saveReport } from "../migration/report-files.js";
import type { MoveReport } from "../migration/report.js";
import type { Answer, CommandContext } from "./command.js";
import { drainFacts } from "./drain-facts.js";
import { outcomeOf, worst, type Outcome } from "./exit-codes.js";
import { describeReport, describeReportFiles } from "./report-summary.js";
import { indented, paragraphs, table } from "./table.js";

export interface DrainRequest {
  readonly host: string;
  /** Where the VMs may go. Default: every other host of the cluster. */
  readonly to?: readonly string[] | undefined;
  /** Moves at a time. All have the one source. */
  readonly concurrency: number;
  /** Moves at a time to one destination. Default 2. */
  readonly incoming?: number | undefined;
  /** Nobody has to be asked. */
  readonly confirmed: boolean;
  readonly options: MigrationOptions;
  readonly reportDir?: string | undefined;
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

export async function drain(context: CommandContext, request: DrainRequest): Promise<Answer> {
  const { cluster, signal } = context;
  const { host, options } = request;
  const to = destinationsOf(context, request);
  const { vms, destinations, silent } = await drainFacts(cluster, host, to);
  const plan = planDrain(vms, destinations);
  const move: Mover = ({ vm, to }, progress) => moveVm(cluster, { vm, to, options, progress, signal });
  return carryOut(context, request, { plan, silent }, move, async (failed) => {
    const now = await drainFacts(cluster, host, to);
    return planDrain(elsewhere(now.vms, failed), now.destinations);
  });
}

/** Moves at a time to one destination, where nothing else is said. */
const incomingAtATime = 2;

/** Shows the plan, asks, and makes the moves. @param planAgain where moves came to nothing. Default: nothing is tried again. */
export async function carryOut(
  context: CommandContext,
  { host, concurrency, incoming = incomingAtATime, confirmed, reportDir }: Omit<DrainRequest, "to" | "options">,
  { plan, silent }: { readonly plan: DrainPlan; readonly silent: readonly ProblemError[] },
  mover: Mover,
  planAgain: SecondTry<Drained>["planAgain"] = () => Promise.resolve({ moves: [], stuck: [] }),
): Promise<Answer> {
  const document = planDocument(host, plan);
  if (plan.moves.length === 0) {
    const stuck = plan.stuck.length > 0;
    return {
      outcome: stuck ? "refused" : "ok",
      document: { ...document, results: [] },
      text: stuck ? describePlan(host, plan) : `No VM runs on "${host}": there was nothing to do.`,
      errors: silent,
    };
  }
  context.show(`${describePlan(host, plan)}\n`);
  if (!confirmed && !(await isConfirmed(context, plan))) {
    return { outcome: "refused", document: { ...document, results: [] }, text: "", errors: [notConfirmed(context)] };
  }
  const limits: MoveLimits = { total: concurrency, outgoing: concurrency, incoming };
  const notPlanned: unknown[] = [];
  const results = await withSecondTry<Drained>(plan, {
    make: ({ moves }) =>
      runMoves(
        moves.map((move) => ({ ...move, from: host })),
        limits,
        (move, reserved) => moveOne(context, move, reserved, reportDir, mover),
      ),
    isAsBefore: ({ outcome }) => (outcome === "refused" || outcome === "failed-on-source") && !context.signal.aborted,
    async planAgain(failed) {
      try {
        const second = await planAgain(failed);
        if (second.moves.length > 0)
          context.show(`Trying again, elsewhere.\n${describePlan(host, { ...second, stuck: [] })}\n`);
        return second;
      } catch (error) {
        // What has been done so far must be told all the same.
        notPlanned.push(error);
        return { moves: [], stuck: [] };
      }
    },
  });
  const errors = [...results.flatMap(({ error }) => error ?? []), ...notPlanned, ...silent];
  return {
    outcome: worst([
      ...results.map(({ outcome }) => outcome),
      // It stays where it is, and the host is not empty.
      ...plan.stuck.map(() => "refused" as const),
    ]),
    document: { ...document, results: results.map(resultDocument) },
    text: describeResults(results, plan),
    ...(errors.length > 0 && { errors }),
  };
}

function destinationsOf({ cluster }: CommandContext, { host, to }: DrainRequest): readonly string[] {
  cluster.host(host);
  const named = to ?? cluster.hosts.map(({ name }) => name).filter((name) => name !== host);
  for (const name of named) cluster.host(name);
  if (named.includes(host) || named.length === 0) {
    throw new ProblemError({
      code: "drain-without-destination",
      what:
        named.length === 0
          ? `Unable to drain "${host}": the cluster has no other host`
          : `Unable to drain "${host}" to itself`,
      remedy: "Name other hosts with --to.",
    });
  }
  return [...new Set(named)];
}

async function isConfirmed({ confirm, signal }: CommandContext, { moves, stuck }: DrainPlan): Promise<boolean> {
  if (confirm === undefined) return false;
  const rest =
    stuck.length === 0 ? "" : `, and leave ${stuck.length} where ${stuck.length === 1 ? "it is" : "they are"}`;
  return (
    (await confirm(`Move ${moves.length === 1 ? "this VM" : `these ${moves.length} VMs`}${rest}?`)) && !signal.aborted
  );
}

function notConfirmed({ confirm }: CommandContext): ProblemError {
  return new ProblemError({
    code: "drain-not-confirmed",
    what:
      confirm === undefined ? "Unable to ask whether to go on: there is no terminal" : "The drain was not confirmed",
    remedy:
      confirm === undefined ? "Nothing has been changed. With --yes nobody is asked." : "Nothing has been changed.",
  });
}

/** A move that fails stops none of the others; Ctrl-C begins no more of them. */
async function moveOne(
  { progress, signal }: CommandContext,
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
      if (!beforeReservation.has(step.phase)) reserved();
      own.report(step);
    },
  };
  try {
    if (signal.aborted) return { vm, to, outcome: "refused", error: notBegun(vm) };
    const report = await mover(move, watched);
    if (report === undefined) return { vm, to, outcome: "ok" };
    return { vm, to, outcome: report.outcome, report, files: await saveReport(report, reportDir) };
  } catch (error) {
    if (!(error instanceof MoveFailed)) return { vm, to, outcome: outcomeOf(error), error };
    const { report } = error;
    return { vm, to, outcome: report.outcome, report, files: await saveReport(report, reportDir), error };
  } finally {
    own.done();
  }
}

/** The phases of a move in which it has not reserved its VFs yet. */
const beforeReservation: ReadonlySet<string> = new Set(["preflight", "recover", "journal", "reserve"]);

function notBegun(vm: string): ProblemError {
  return new ProblemError({
    code: "interrupted",
    what: `The move of VM "${vm}" was not begun: the drain was interrupted`,
  });
}

// --- in words

function describePlan(host: string, { moves, stuck }: DrainPlan): string {
  return paragraphs(
    moves.length === 0 ? `No VM of "${host}" can move.` : `The plan for "${host}":`,
    indented(
      table(
        ["vm", "to", "vfs from"],
        moves.map(({ vm, to, physicalFunctions }) => [
          vm,
          to,
          physicalFunctions.filter((name) => name !== undefined).join(", "),
        ]),
      ),
    ),
    describeStuck({ stuck }),
  );
}

function describeStuck({ stuck }: Pick<DrainPlan, "stuck">): string {
  return stuck
    .map(({ vm, reasons }) =>
      reasons.size === 0
        ? `${vm} stays: no destination answers.`
        : `${vm} stays:\n${[...reasons].map(([to, why]) => `  ${to}: ${why}`).join("\n")}`,
    )
    .join("\n");
}

const inWords: Readonly<Record<Outcome, string>> = {
  ok: "there already",
  moved: "moved",
  refused: "not begun",
  "failed-on-source": "failed, on the source with its VF",
  "moved-without-vf": "moved, a VF is missing",
  unclear: "unclear, needs vnic-failover recover",
};

function describeResults(results: readonly Drained[], plan: DrainPlan): string {
  return paragraphs(
    ...results.flatMap(({ report, files }) =>
      report === undefined || files === undefined ? [] : `${describeReport(report)}\n${describeReportFiles(files)}`,
    ),
    table(
      ["vm", "to", "outcome"],
      results.map(({ vm, to, outcome }) => [vm, to, inWords[outcome]]),
    ),
    describeStuck(plan),
  );
}

function planDocument(host: string, { moves, stuck }: DrainPlan): Record<string, unknown> {
  return {
    host,
    plan: {
      moves,
      stuck: stuck.map(({ vm, reasons }) => ({ vm, reasons: Object.fromEntries(reasons) })),
    },
  };
}

function resultDocument({ vm, to, outcome, report, files, error }: Drained): object {
  return {
    vm,
    to,
    outcome,
    report: report ?? null,
    files: files ?? null,
    ...(error instanceof Error && { error: error.message }),
  };
}
