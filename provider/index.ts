/** The public API: what a Pulumi program declares. */
export { VmInterface, type VmInterfaceArgs } from "./resources/vm-interface.js";
export { VmPlacement, type MigrationArgs, type VmPlacementArgs } from "./resources/vm-placement.js";
export { VnicProfile, type VnicProfileArgs } from "./resources/vnic-profile.js";
export type { MoveReport } from "./migration/report.js";
