import * as pulumi from "@pulumi/pulumi";
import { typeOf } from "../model/urn.js";
import { isOfType } from "./is-of-type.js";
import { whereUnsaid } from "./outputs.js";
import { ShellResource } from "./provider-stub.js";

export interface VnicProfileArgs {
  /** Unique on its network; over libvirt, no other libvirt network of the hosts has it either. Default: the resource's name. */
  name?: pulumi.Input<string> | undefined;
  /**
   * The logical network: as `vnic-failover:cluster` names it; over oVirt the name or id of one in the data center of the
   * stack's cluster. A profile never changes it: with another network it is replaced, and with it the interfaces of this stack
   * that are given the profile itself (on libvirt hosts). That is refused while any other VM uses it.
   */
  network: pulumi.Input<string>;
  /**
   * `enabled`: interfaces get a VF of the network's PFs. Default `disabled`: a virtio NIC on its bridge. It can't change while
   * a VM uses the profile, nor over oVirt once `failover` is set.
   */
  passThrough?: pulumi.Input<"enabled" | "disabled"> | undefined;
  /**
   * Whether VMs with such a VF may be migrated. Only of passthrough profiles; a profile with `failover` needs it, and over oVirt
   * keeps it. Default false.
   */
  migratable?: pulumi.Input<boolean> | undefined;
  /**
   * The virtio profile of the standby, or its id: what carries the traffic while the VF is away. Over oVirt it can be changed,
   * but not cleared (VnicProfileMapper.java), except in the Administration Portal.
   */
  failover?: pulumi.Input<string> | VnicProfile | undefined;
  /** Default false. Not on passthrough profiles. Over libvirt it is written down, and nothing is mirrored. */
  portMirroring?: pulumi.Input<boolean> | undefined;
  /**
   * Name of an nwfilter; over oVirt the name or id of a network filter of the engine. Not on passthrough profiles. Default: none;
   * over oVirt the engine's own for VM networks, which this then leaves alone.
   */
  networkFilter?: pulumi.Input<string> | undefined;
  /**
   * Over oVirt the name or id of a QoS entry of the data center. Not on passthrough profiles. Over libvirt it is written down,
   * and limits nothing. Default: none.
   */
  qos?: pulumi.Input<string> | undefined;
  /** Over oVirt those that its administrator allows. Over libvirt they are written down only. Default: none. */
  customProperties?: pulumi.Input<Record<string, pulumi.Input<string>>> | undefined;
  /** At most 4000 characters. Default: none. */
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
  /** By this policy packs know the class: `validateResourceOfType(VnicProfile, …)`. */
  static readonly __pulumiType = typeOf("VnicProfile");

  /** Whether it is a VnicProfile, also one of another copy of this package. */
  static override isInstance(value: unknown): value is VnicProfile {
    return isOfType(VnicProfile.__pulumiType, value);
  }

  declare readonly name: pulumi.Output<string>;
  declare readonly network: pulumi.Output<string>;
  declare readonly passThrough: pulumi.Output<"enabled" | "disabled">;
  declare readonly migratable: pulumi.Output<boolean>;
  /** The id of the standby's profile; null: it has none. */
  declare readonly failover: pulumi.Output<string | null>;
  /** Hosts of the cluster that lack the profile or have it otherwise. Always empty over oVirt, where the engine alone keeps it. */
  declare readonly differsOn: pulumi.Output<string[]>;

  constructor(name: string, args: VnicProfileArgs, opts?: pulumi.CustomResourceOptions) {
    const { failover } = args;
    const given = VnicProfile.isInstance(failover) ? failover.id : failover;
    super(
      "VnicProfile",
      name,
      { ...outputs, ...args, name: args.name ?? name, failover: given, references: { failover } },
      // Its name is unique, also where the engine is asked for the replacement and the provider is not.
      { deleteBeforeReplace: true, ...opts },
    );
    whereUnsaid(this, { failover: { value: null } });
  }
}

/** What a program may read, whether it was declared or not. */
const outputs = { passThrough: undefined, migratable: undefined, differsOn: undefined };
