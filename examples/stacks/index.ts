import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";

/** Which VM runs where, from the stack's configuration: moving one is a one-line change that a reviewer sees as a diff. */
interface Vm {
  readonly host: string;
  readonly mac: string;
}
const vms = new pulumi.Config().requireObject<Record<string, Vm>>("vms");

const standby = new VnicProfile("data", { network: "data", description: `standby of ${pulumi.getStack()}` });
const fast = new VnicProfile("data-vf", {
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: standby,
});

export const interfaces = Object.entries(vms).map(([vm, { host, mac }]) => {
  const nic = new VmInterface(`${vm}-nic`, { vm, profile: fast, mac });
  const placement = new VmPlacement(vm, { vm, host }, { dependsOn: nic });
  return { vm, host: placement.host, mac: nic.mac, vf: nic.vf };
});
