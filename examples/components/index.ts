import * as pulumi from "@pulumi/pulumi";
import { FailoverVm } from "./failover-vm";
import { Network } from "./network";

/** By VM. */
const vms = new pulumi.Config().requireObject<Record<string, { host: string; mac?: string }>>("vms");

const network = new Network("data", { standby: "data", vfs: "data-vf" });
const declared = Object.entries(vms).map(
  ([vm, where]) => new FailoverVm(vm, { vm, profile: network.profile, ...where }),
);

export const macs = Object.fromEntries(declared.map(({ vm, mac }) => [vm, mac]));
