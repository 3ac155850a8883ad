/** What a program may ask of the cluster, by name. */
import type { functionTypes } from "../../model/functions.js";
import { getFreeVfs } from "./get-free-vfs.js";
import { getVmPlacement } from "./get-vm-placement.js";
import { planMove } from "./plan-move.js";

export { ask, type ClusterFunction } from "./function.js";

export const functions = { getVmPlacement, getFreeVfs, planMove } satisfies Record<keyof typeof functionTypes, unknown>;
