/** The descriptions of the package's resources. */
import type { ResourceType } from "../describe.js";
import type { Kind } from "../kind.js";
import { vmInterface } from "./vm-interface.js";
import { vmPlacement } from "./vm-placement.js";
import { vnicProfile } from "./vnic-profile.js";

export const resourceTypes: Readonly<Record<Kind, ResourceType>> = {
  VnicProfile: vnicProfile,
  VmInterface: vmInterface,
  VmPlacement: vmPlacement,
};
