/** The public API: what a Pulumi program declares, and what it may ask. */
export { VmInterface, type VmInterfaceArgs } from "./resources/vm-interface.js";
export { VmPlacement, type MigrationArgs, type VmPlacementArgs } from "./resources/vm-placement.js";
export { VnicProfile, type VnicProfileArgs } from "./resources/vnic-profile.js";
export { Provider } from "./resources/provider.js";
export type { ProviderArgs } from "./resources/provider-args.js";
export {
  getFreeVfs,
  getFreeVfsOutput,
  getVmPlacement,
  getVmPlacementOutput,
  planMove,
  planMoveOutput,
} from "./resources/functions.js";
export type {
  GetFreeVfsArgs,
  GetFreeVfsResult,
  GetVmPlacementArgs,
  GetVmPlacementResult,
  MoveReport,
  PlanFinding,
  PlanMoveArgs,
  PlanMoveResult,
  PlannedBridge,
  PlannedMove,
  PlannedStep,
  VfUnplug,
} from "./model/values.js";
