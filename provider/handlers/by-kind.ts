/** The handler of each kind of resource, whatever face calls it. */
import { byBackend } from "./by-backend.js";
import * as ovirt from "./ovirt/index.js";
import { vmInterface } from "./vm-interface.js";
import { vmPlacement } from "./vm-placement.js";
import { vnicProfile } from "./vnic-profile.js";

export const handlers = {
  VnicProfile: byBackend(vnicProfile, ovirt.vnicProfile),
  VmInterface: byBackend(vmInterface, ovirt.vmInterface),
  VmPlacement: byBackend(vmPlacement, ovirt.vmPlacement),
};

/** The resources of this package, by the name that both their type and their handler bear. */
export type Kind = keyof typeof handlers;
