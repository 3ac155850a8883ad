/** What the shell in each resource's state loads, by name: see resources/shell.ts. */
import { dynamicProvider, type DynamicProvider, type Kind } from "./dynamic.js";
import { vmInterface } from "./vm-interface.js";
import { vmPlacement } from "./vm-placement.js";
import { vnicProfile } from "./vnic-profile.js";

export const dynamic = {
  VnicProfile: dynamicProvider(vnicProfile, "VnicProfile"),
  VmInterface: dynamicProvider(vmInterface, "VmInterface"),
  VmPlacement: dynamicProvider(vmPlacement, "VmPlacement"),
} satisfies Record<Kind, DynamicProvider>;
