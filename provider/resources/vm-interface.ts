import * as pulumi from "@pulumi/pulumi";
import { ShellResource } from "./shell.js";
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
 * ```ts
 * const nic = new VmInterface("web-nic", { vm: "web", profile: fast });
 * ```
 */
export class VmInterface extends ShellResource {
  declare readonly vm: pulumi.Output<string>;
  declare readonly profile: pulumi.Output<string>;
  declare readonly mac: pulumi.Output<string>;
  /** Absent: true. */
  declare readonly plugged: pulumi.Output<boolean | undefined>;
  /** Absent: true. */
  declare readonly linked: pulumi.Output<boolean | undefined>;
  /** Where the VM was when the interface was plugged or refreshed last. Absent over oVirt while the VM is down. */
  declare readonly host: pulumi.Output<string | undefined>;
  /**
   * The VF's PCI address on that host, `0000:b3:02.3`. Over oVirt, which tells it of the VM and not of the NIC, only where the
   * VM has one VF.
   */
  declare readonly vf: pulumi.Output<string | undefined>;
  /** The aliases of its devices in libvirt's XML, the standby's first. */
  declare readonly aliases: pulumi.Output<string[]>;
  /** libvirt's XML of its devices, in one line. Absent over oVirt, where the engine writes it. */
  declare readonly xml: pulumi.Output<string | undefined>;
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
      { ...outputs, ...args, profile: profile instanceof VnicProfile ? profile.id : profile, references: { profile } },
      opts,
    );
  }
}

/** What a program may read, whether it was declared or not. */
const outputs = {
  ...{ mac: undefined, plugged: undefined, linked: undefined },
  ...{ host: undefined, vf: undefined, aliases: undefined, xml: undefined, missing: undefined },
};
