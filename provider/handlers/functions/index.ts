/** What a program may ask of the cluster, by name. */
import { getFreeVfs } from "./get-free-vfs.js";
import { getVmPlacement } from "./get-vm-placement.js";
import { planMove } from "./plan-move.js";

export { ask, type ClusterFunction } from "./function.js";
export type { GetFreeVfsArgs, GetFreeVfsResult } from "./get-free-vfs.js";
export type { GetVmPlacementArgs, GetVmPlacementResult } from "./get-vm-placement.js";
export type { PlanFinding, PlanMoveArgs, PlanMoveResult, PlannedMove, PlannedStep } from "./plan-move.js";

export const functions = { getVmPlacement, getFreeVfs, planMove };
