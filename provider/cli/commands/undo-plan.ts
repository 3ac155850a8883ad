/** The way back of a drain: each VM to the host that it came from, and to no other. What both backends have in common. Pure. */
import type { FoundVm } from "../../drain/facts.js";
import { planDrain, type DrainDestination, type DrainPlan, type StuckVm } from "../../drain/plan.js";
import type { DrainedVm } from "../../drain/report.js";
import type { ManyMoves, SkippedVm } from "./many-moves.js";

/** A drained VM, as a backend found it: it can be moved back, need not be, or cannot. */
export type UndoState<Found> =
  ({ readonly drained: DrainedVm } & Found) | { readonly skipped: SkippedVm } | { readonly stuck: StuckVm };

/** What the drain has left at the destination, or may have. */
export const mayHaveMoved: ReadonlySet<DrainedVm["outcome"]> = new Set([
  "moved",
  "moved-without-vf",
  "unclear",
  "under-way",
]);

/**
 * @param origin the host that each VM came from, by the VM's name.
 * @param origins the names of these hosts.
 */
export function planUndo<Found>(
  states: readonly UndoState<Found>[],
  origin: ReadonlyMap<string, string>,
  origins: readonly string[],
  { vms, destinations }: { readonly vms: readonly FoundVm[]; readonly destinations: readonly DrainDestination[] },
): Pick<ManyMoves, "kind" | "vms" | "plan" | "skipped"> {
  const plan = onlyTo(
    origin,
    planDrain(
      vms.map((vm) => onlyBack(vm, origin, origins)),
      destinations,
    ),
  );
  return {
    kind: "undo",
    vms,
    plan: { ...plan, stuck: [...states.flatMap((state) => ("stuck" in state ? state.stuck : [])), ...plan.stuck] },
    skipped: states.flatMap((state) => ("skipped" in state ? state.skipped : [])),
  };
}

/** Each VM goes to the host that it came from, and to no other. */
function onlyBack(vm: FoundVm, origin: ReadonlyMap<string, string>, origins: readonly string[]): FoundVm {
  const others = origins.filter((name) => name !== origin.get(vm.name));
  return {
    ...vm,
    excluded: new Map([
      ...vm.excluded,
      ...others.map((name) => [name, "it did not run there before the drain"] as const),
    ]),
  };
}

/** Without the reasons against hosts that were never meant. */
function onlyTo(origin: ReadonlyMap<string, string>, { moves, stuck }: DrainPlan): DrainPlan {
  return {
    moves,
    stuck: stuck.map(({ vm, reasons }) => ({
      vm,
      reasons: new Map([...reasons].filter(([name]) => name === origin.get(vm))),
    })),
  };
}
