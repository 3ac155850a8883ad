/** The plan and the results of many moves, in words and as JSON. Pure. */
import type { DrainPlan } from "../../drain/plan.js";
import type { Outcome } from "../exit-codes.js";
import type { Drained, ManyMoves } from "../commands/many-moves.js";
import { unpluggingInWords, type Unplugging } from "../../migration/unplugging.js";
import { describeReport, describeReportFiles } from "./report-summary.js";
import { shellWord } from "../../model/shell-word.js";
import { describeNext, nextDocument } from "./stacks-next.js";
import { indented, paragraphs, table } from "./table.js";

export function describePlan(moves: ManyMoves): string {
  const { kind, host, plan, vms } = moves;
  const from = new Map(vms.map((vm) => [vm.name, vm.from]));
  const strategies = unpluggings(moves);
  const undo = kind === "undo";
  const heading =
    plan.moves.length === 0
      ? undo
        ? `None of the VMs drained from "${host}" can be moved back.`
        : `No VM of "${host}" can be moved.`
      : undo
        ? `The plan to undo the drain of "${host}":`
        : `The plan for "${host}":`;
  return paragraphs(
    heading,
    indented(
      table(
        ["vm", ...(undo ? ["from"] : []), "to", "vfs from", ...(strategies.size === 0 ? [] : ["unplug"])],
        plan.moves.map(({ vm, to, physicalFunctions }) => [
          vm,
          ...(undo ? [from.get(vm) ?? ""] : []),
          to,
          physicalFunctions.filter((name) => name !== undefined).join(", "),
          ...(strategies.size === 0 ? [] : [strategies.get(vm)?.when ?? ""]),
        ]),
      ),
    ),
    describeUnpluggings([...strategies.values()]),
    describeStuck(plan),
    describeSkipped(moves),
    describeNext(moves),
  );
}

/** Of each VM that moves and has VFs. */
function unpluggings({ plan, vms }: Pick<ManyMoves, "plan" | "vms">): ReadonlyMap<string, Unplugging> {
  const found = new Map(vms.map((vm) => [vm.name, vm]));
  return new Map(
    plan.moves.flatMap(({ vm, to }) => {
      const unplug = found.get(vm)?.unplug?.get(to);
      return unplug === undefined ? [] : [[vm, unplug]];
    }),
  );
}

function describeUnpluggings(unpluggings: readonly Unplugging[]): string {
  const lines = unpluggings.map((each) => `${each.when}: VFs leave the guest ${unpluggingInWords(each)}.`);
  return [...new Set(lines)].join("\n");
}

/** Where there is nothing to move. */
export function describeNothing(moves: ManyMoves): string {
  return paragraphs(
    moves.kind === "undo"
      ? `Nothing to do: none of the VMs drained from "${moves.host}" needs to be moved back.`
      : `Nothing to do: no VM runs on "${moves.host}".`,
    describeSkipped(moves),
  );
}

function describeStuck({ stuck }: Pick<DrainPlan, "stuck">): string {
  return stuck
    .map(({ vm, reasons }) =>
      reasons.size === 0
        ? `${vm} cannot be moved: no destination answers.`
        : `${vm} cannot be moved:\n${[...reasons].map(([to, why]) => `  ${to}: ${why}`).join("\n")}`,
    )
    .join("\n");
}

function describeSkipped({ skipped = [] }: ManyMoves): string {
  return skipped.map(({ vm, why }) => `${vm} is skipped: ${why}.`).join("\n");
}

const inWords: Readonly<Record<Outcome, string>> = {
  ok: "already there",
  moved: "moved",
  refused: "not started",
  "failed-on-source": "failed, on the source with its VF",
  "moved-without-vf": "moved, a VF is missing",
  unclear: "unclear, needs vnic-failover recover",
};

/** @param file the drain's own report; undefined: there is none. */
export function describeResults(moves: ManyMoves, results: readonly Drained[], file: string | undefined): string {
  const moved = results.filter(hasMoved).map(({ vm, to }) => ({ vm, to, physicalFunctions: [] }));
  return paragraphs(
    ...results.flatMap(({ report, files }) =>
      report === undefined || files === undefined
        ? []
        : `${describeReport(report, moves.headlines)}\n${describeReportFiles(files)}`,
    ),
    table(
      ["vm", "to", "outcome"],
      results.map(({ vm, to, outcome }) => [vm, to, inWords[outcome]]),
    ),
    describeStuck(moves.plan),
    describeSkipped(moves),
    describeNext({ ...moves, plan: { moves: moved, stuck: [] } }),
    file === undefined
      ? undefined
      : `The drain's report: ${file}${moved.length === 0 ? "" : `\nTo move the VMs back: vnic-failover drain --undo ${shellWord(file)}`}`,
  );
}

/** Also where its clean-up has failed since: its VFs tell that it runs there. */
function hasMoved({ outcome, report }: Drained): boolean {
  const isThere =
    report !== undefined && report.interfaces.length > 0 && report.interfaces.every(({ vfAfter }) => vfAfter !== null);
  return outcome === "moved" || outcome === "moved-without-vf" || (outcome === "unclear" && isThere);
}

export function planDocument(moves: ManyMoves): Record<string, unknown> {
  const { kind, host, vms, plan, skipped = [] } = moves;
  const found = new Map(vms.map((vm) => [vm.name, vm]));
  const strategies = unpluggings(moves);
  return {
    kind,
    host,
    plan: {
      moves: plan.moves.map((move) => ({
        ...move,
        uuid: found.get(move.vm)?.uuid ?? null,
        from: found.get(move.vm)?.from ?? host,
        unplug: strategies.get(move.vm) ?? null,
      })),
      stuck: plan.stuck.map(({ vm, reasons }) => ({ vm, reasons: Object.fromEntries(reasons) })),
      skipped,
    },
    next: nextDocument(moves),
  };
}

export function resultDocument({ vm, to, outcome, report, files, error }: Drained): object {
  return {
    vm,
    to,
    outcome,
    report: report ?? null,
    files: files ?? null,
    ...(error instanceof Error && { error: error.message }),
  };
}
