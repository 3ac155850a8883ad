import * as pulumi from "@pulumi/pulumi";
import { typeOf } from "../model/urn.js";
import { isOfType } from "./is-of-type.js";
import { whereUnsaid } from "./outputs.js";
import { ShellResource } from "./provider-stub.js";
import { VnicProfile } from "./vnic-profile.js";

export interface VmInterfaceArgs {
  /** The VM's name; over oVirt the name or id of one in the stack's cluster. Another VM is another interface. */
  vm: pulumi.Input<string>;
  /** What the interface is made of: a profile or its id. Another profile is another interface. */
  profile: pulumi.Input<string> | VnicProfile;
  /**
   * Of both halves of a pair; case and separators don't matter. Default: one is made up, with libvirt's prefix 52:54:00; over
   * oVirt one of the cluster's MAC pool.
   */
  mac?: pulumi.Input<string> | undefined;
  /**
   * Default true. `false` takes both devices from the VM and keeps the interface declared. Over oVirt, a VF that a migration has
   * lost can't be plugged beside its standby: the VM has to be shut down and started first.
   */
  plugged?: pulumi.Input<boolean> | undefined;
  /** Default true. `false` only of an interface without a VF: a VF's link is its PF's (oVirt refuses it too). */
  linked?: pulumi.Input<boolean> | undefined;
  /**
   * Takes over an interface with that MAC that the VM has already: over libvirt a pair that anybody made, over oVirt a NIC of
   * that profile. Needs `mac`. Default false: it is an error.
   */
  adopt?: pulumi.Input<boolean> | undefined;
}

/**
 * A VM's network interface. Of a passthrough profile with a failover it is a pair with one MAC: the VF, and the standby
 * on a bridge that the guest's net_failover joins to it.
 *
 * Another `vm`, `profile` or `mac` replaces it. On one VM the old interface goes before the new one comes, since their MAC,
 * standby or VF is the same: the guest is without this network for some seconds. On another VM, with another MAC, the new one is
 * made first.
 *
 * ```ts
 * const nic = new VmInterface("web-nic", { vm: "web", profile: fast });
 * ```
 */
export class VmInterface extends ShellResource {
  /** By this policy packs know the class: `validateResourceOfType(VmInterface, …)`. */
  static readonly __pulumiType = typeOf("VmInterface");

  /** Whether it is a VmInterface, also one of another copy of this package. */
  static override isInstance(value: unknown): value is VmInterface {
    return isOfType(VmInterface.__pulumiType, value);
  }

  declare readonly vm: pulumi.Output<string>;
  /**
   * The VM's UUID; on oVirt its id. The interface is that VM's: another one that has its name is left alone, and an update refuses.
   * Null in states of older versions, until the next refresh or update.
   */
  declare readonly vmId: pulumi.Output<string | null>;
  declare readonly profile: pulumi.Output<string>;
  declare readonly mac: pulumi.Output<string>;
  /** Whether the VM has its devices. */
  declare readonly plugged: pulumi.Output<boolean>;
  /** Whether its link is up. */
  declare readonly linked: pulumi.Output<boolean>;
  /**
   * Where the VM was when the interface was plugged or refreshed last: after a move it is the host before, and `vf` the VF there,
   * until a refresh. `getVmPlacement` tells where the VM is now. Null on oVirt while the VM is down.
   */
  declare readonly host: pulumi.Output<string | null>;
  /**
   * The VF's PCI address on that host, `0000:b3:02.3`; null: it has none. On oVirt, which tells it of the VM and not of the NIC,
   * only where the VM has one VF.
   */
  declare readonly vf: pulumi.Output<string | null>;
  /** The aliases of its devices in libvirt's XML, the standby's first. */
  declare readonly aliases: pulumi.Output<string[]>;
  /** libvirt's XML of its devices, in one line. Null on oVirt, where the engine writes it. */
  declare readonly xml: pulumi.Output<string | null>;
  /**
   * What is missing of it, in words; empty when nothing is. Over oVirt only a VF whose standby the guest agent reports: a NIC
   * that somebody has deactivated shows as `plugged: false`.
   */
  declare readonly missing: pulumi.Output<string[]>;

  constructor(name: string, args: VmInterfaceArgs, opts?: pulumi.CustomResourceOptions) {
    const { profile } = args;
    super(
      "VmInterface",
      name,
      { ...outputs, ...args, profile: VnicProfile.isInstance(profile) ? profile.id : profile, references: { profile } },
      opts,
    );
    const { plugged, linked } = args;
    whereUnsaid(this, {
      plugged: { value: true, declared: plugged },
      linked: { value: true, declared: linked },
      vmId: { value: null },
      host: { value: null },
      vf: { value: null },
      xml: { value: null },
    });
  }
}

/** What a program may read, whether it was declared or not. */
const outputs = {
  ...{ mac: undefined, plugged: undefined, linked: undefined },
  ...{ vmId: undefined, host: undefined, vf: undefined, aliases: undefined, xml: undefined, missing: undefined },
};
