/** What `vnic-failover plan --json` prints, the same with either backend: what a move would do, and whether it can be. */
import type { PlanMoveResult, PlannedMove } from "../../model/values.js";

/** What the function planMove answers, with `null` for what is not there. */
export type PlanDocument = OrNull<Omit<PlanMoveResult, "interfaces">> & {
  readonly interfaces: readonly PlannedInterfaceDocument[];
  /** The unfinished move that would be completed or rolled back first. On oVirt there are none. */
  readonly journal: { readonly from: string; readonly to: string; readonly step: string } | null;
};

/** `standbyNetwork` and `vfBefore` can be missing on oVirt; `nic` is the engine's name of the VF's NIC. */
type PlannedInterfaceDocument = OrNull<Pick<PlannedMove, "mac" | "network" | "vfAfter">> & {
  readonly [Key in "standbyNetwork" | "vfBefore"]: PlannedMove[Key] | null;
} & { readonly nic?: string };

/** The properties that may be absent are null instead. */
type OrNull<T> = {
  readonly [Key in keyof T]-?: Partial<Pick<T, Key>> extends Pick<T, Key> ? Exclude<T[Key], undefined> | null : T[Key];
};
