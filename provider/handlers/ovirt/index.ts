/** The three resources on oVirt. */
export { keyOfVm } from "./vm.js";
export { vmInterface } from "./vm-interface.js";
export { vmPlacement } from "./vm-placement.js";
export { vnicProfile } from "./vnic-profile.js";
