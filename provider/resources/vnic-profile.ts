import * as pulumi from "@pulumi/pulumi";
import { ShellResource } from "./shell.js";

export interface VnicProfileArgs {
  /** Unique on its network. Default: the resource's name. */
  name?: pulumi.Input<string> | undefined;
  /** The logical network, as `vnic-failover:cluster` names it. It never changes: another network is another profile. */
  network: pulumi.Input<string>;
  /** `enabled`: interfaces get a VF of the network's PFs. Default `disabled`: a virtio NIC on its bridge. */
  passThrough?: pulumi.Input<"enabled" | "disabled"> | undefined;
  /** Whether VMs with such a VF may be migrated. Only of passthrough profiles; a profile with `failover` needs it. Default false. */
  migratable?: pulumi.Input<boolean> | undefined;
  /** The virtio profile of the standby, or its id: what carries the traffic while the VF is away. */
  failover?: pulumi.Input<string> | VnicProfile | undefined;
  /** Default false. Not on passthrough profiles. */
  portMirroring?: pulumi.Input<boolean> | undefined;
  /** Name of an nwfilter. Not on passthrough profiles. */
  networkFilter?: pulumi.Input<string> | undefined;
  /** Name of a QoS entry. Not on passthrough profiles. */
  qos?: pulumi.Input<string> | undefined;
  customProperties?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  description?: pulumi.Input<string> | undefined;
  /** Takes over a profile of that name on that network that exists already. Default false: it is an error. */
  adopt?: pulumi.Input<boolean> | undefined;
}

/**
 * A vNIC profile, as oVirt has them: what an interface of that profile is made of.
 *
 * ```ts
 * const standby = new VnicProfile("data", { network: "data" });
 * const fast = new VnicProfile("data-vf", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby });
 * ```
 *
 * A profile that acts as another's failover cannot be changed: oVirt refuses it, and so do we, at preview.
 */
export class VnicProfile extends ShellResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly network: pulumi.Output<string>;
  declare readonly passThrough: pulumi.Output<"enabled" | "disabled">;
  declare readonly migratable: pulumi.Output<boolean>;
  declare readonly failover: pulumi.Output<string | undefined>;
  /** Hosts of the cluster that lack the profile or have it otherwise. */
  declare readonly differsOn: pulumi.Output<string[]>;

  constructor(name: string, args: VnicProfileArgs, opts?: pulumi.CustomResourceOptions) {
    const { failover } = args;
    const given = failover instanceof VnicProfile ? failover.id : failover;
    super(
      "VnicProfile",
      name,
      { ...args, name: args.name ?? name, failover: given, differsOn: undefined, references: { failover } },
      opts,
    );
  }
}
