import * as pulumi from "@pulumi/pulumi";
import { VnicProfile } from "pulumi-vnic-failover";

export interface NetworkArgs {
  /** The network of the standbys' bridge. */
  standby: string;
  /** The network of the VFs. */
  vfs: string;
}

/** What the pairs of a network are made of. */
export class Network extends pulumi.ComponentResource {
  readonly profile: VnicProfile;

  constructor(name: string, { standby, vfs }: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("failover-vms:index:Network", name, {}, opts);
    const failover = new VnicProfile(standby, { network: standby }, { parent: this });
    this.profile = new VnicProfile(
      vfs,
      { network: vfs, passThrough: "enabled", migratable: true, failover },
      { parent: this },
    );
    this.registerOutputs();
  }
}
