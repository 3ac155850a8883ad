/** What the shell in each resource's state loads, by name: see resources/shell.ts. */
import { byBackend } from "./by-backend.js";
import { dynamicProvider, type DynamicProvider, type Kind } from "./dynamic.js";
import * as ovirt from "./ovirt/index.js";
import { vmInterface } from "./vm-interface.js";
import { vmPlacement } from "./vm-placement.js";
import { vnicProfile } from "./vnic-profile.js";

export const dynamic = {
  VnicProfile: dynamicProvider(byBackend(vnicProfile, ovirt.vnicProfile), "VnicProfile"),
  VmInterface: dynamicProvider(byBackend(vmInterface, ovirt.vmInterface), "VmInterface"),
  VmPlacement: dynamicProvider(byBackend(vmPlacement, ovirt.vmPlacement), "VmPlacement"),
} satisfies Record<Kind, DynamicProvider>;
