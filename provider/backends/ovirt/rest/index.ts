/** The oVirt engine's REST API, as far as profiles, NICs and migrations need it. */
export * from "./client.js";
export * from "./cluster.js";
export { EngineUnreachable } from "./exchange.js";
export { mayHaveArrived, OvirtFault } from "./fault.js";
export * from "./host.js";
export * from "./virtual-functions.js";
export * from "./job.js";
export { emptyList } from "./lookup.js";
export * from "./network.js";
export * from "./nic.js";
export { SignOnRefused } from "./sign-on.js";
export * from "./vm.js";
export * from "./vnic-profile.js";
