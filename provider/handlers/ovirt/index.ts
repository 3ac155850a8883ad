/** The three resources over oVirt's engine. */
export { vmInterface } from "./vm-interface.js";
export { vmPlacement } from "./vm-placement.js";
export { vnicProfile } from "./vnic-profile.js";
