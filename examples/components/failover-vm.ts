import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, type VnicProfile } from "pulumi-vnic-failover";

export interface FailoverVmArgs {
  vm: string;
  host: pulumi.Input<string>;
  profile: VnicProfile;
  mac?: pulumi.Input<string>;
}

/** A VM with its pair, on its host. */
export class FailoverVm extends pulumi.ComponentResource {
  readonly vm: string;
  readonly mac: pulumi.Output<string>;

  constructor(name: string, { vm, host, profile, mac }: FailoverVmArgs, opts?: pulumi.ComponentResourceOptions) {
    super("failover-vms:index:FailoverVm", name, {}, opts);
    this.vm = vm;
    const nic = new VmInterface(`${name}-nic`, { vm, profile, mac }, { parent: this });
    new VmPlacement(`${name}-placement`, { vm, host }, { parent: this, dependsOn: nic });
    this.mac = nic.mac;
    this.registerOutputs({ mac: this.mac });
  }
}
