import type * as pulumi from "@pulumi/pulumi";
import type { MoveReport } from "../migration/report/report.js";
import { typeOf } from "../model/urn.js";
import { isOfType } from "./is-of-type.js";
import { whereUnsaid } from "./outputs.js";
import { ShellResource } from "./provider-stub.js";

/** How a move is made. Over oVirt its migration policy decides, except on `migrateTimeout` and `plugTimeout`: a preview warns. */
export interface MigrationArgs {
  /** Seconds that the guest has to let go of a VF. Default 30. */
  unplugTimeout?: pulumi.Input<number> | undefined;
  /** Seconds for libvirt's migration; then it is aborted. Over oVirt `pulumi up` fails then, and the engine goes on. Default 1800. */
  migrateTimeout?: pulumi.Input<number> | undefined;
  /** Seconds for plugging a VF on the destination; over libvirt also for the guest to use it. Default 30. */
  plugTimeout?: pulumi.Input<number> | undefined;
  /** MiB/s. Default: no limit. */
  bandwidth?: pulumi.Input<number> | undefined;
  /** Milliseconds that the VM may stand still. Default: QEMU's, 300. */
  maxDowntime?: pulumi.Input<number> | undefined;
  /** Default false. */
  autoConverge?: pulumi.Input<boolean> | undefined;
  /** How the network learns where the guest is; see README, "Packets". Default `probe`. */
  announce?: pulumi.Input<"probe" | "qemu" | "none"> | undefined;
  /** `early`: the VF leaves before libvirt's migration. `late`: QEMU takes it out itself. Default `early`. */
  unplug?: pulumi.Input<"early" | "late"> | undefined;
  /** IPv4 addresses of the guest to ask for. Default: those that the guest's own frames tell. */
  addresses?: pulumi.Input<pulumi.Input<string>[]> | undefined;
}

export interface VmPlacementArgs {
  /** The VM's name; over oVirt the name or id of one in the stack's cluster. */
  vm: pulumi.Input<string>;
  /** The host that it is to run on; over oVirt its name or id. Changing it moves the VM, live. */
  host: pulumi.Input<string>;
  migration?: pulumi.Input<MigrationArgs> | undefined;
}

/**
 * Where a VM runs. A preview shows a move as `host: "host1" => "host2"` and refuses what cannot be; `pulumi up` does it.
 * Deleting the resource leaves the VM where it is. A VM has one placement: a second one is refused at preview, in the program and,
 * with libvirt, in another stack. While the host is under maintenance (`hosts.<name>.maintenance`, on oVirt the engine's own mode)
 * the placement rests: no diff, no move, and a line says where the VM is.
 *
 * A move that fails leaves the VM with its VF on the host where it runs. Over oVirt the engine moves it, and may lose the VF: then
 * `pulumi up` plugs it where the engine lets it, and else fails and says what is missing and what helps.
 *
 * ```ts
 * new VmPlacement("web", { vm: "web", host: "host2" }, { dependsOn: nic });
 * ```
 */
export class VmPlacement extends ShellResource {
  /** By this policy packs know the class: `validateResourceOfType(VmPlacement, …)`. */
  static readonly __pulumiType = typeOf("VmPlacement");

  /** Whether it is a VmPlacement, also one of another copy of this package. */
  static override isInstance(value: unknown): value is VmPlacement {
    return isOfType(VmPlacement.__pulumiType, value);
  }

  declare readonly vm: pulumi.Output<string>;
  /**
   * The VM's UUID; on oVirt its id. The placement is that VM's: another one that has its name is left alone, and an update refuses.
   * Null in states of older versions, until the next refresh or update.
   */
  declare readonly vmId: pulumi.Output<string | null>;
  declare readonly host: pulumi.Output<string>;
  /**
   * What the last move did that this resource made, in at most 4 KiB; all of it is in the report in `.vnic-failover/reports`, or
   * in the folder that VNIC_FAILOVER_REPORTS names. Null: it has made none. Always null on oVirt, whose events tell it.
   */
  declare readonly lastMove: pulumi.Output<MoveReport | null>;
  /** VFs that the VM should have and has not, in words. Over oVirt those that this resource or the guest agent knows of. */
  declare readonly missing: pulumi.Output<string[]>;

  constructor(name: string, args: VmPlacementArgs, opts?: pulumi.CustomResourceOptions) {
    super("VmPlacement", name, { ...args, vmId: undefined, lastMove: undefined, missing: undefined }, opts);
    whereUnsaid(this, { vmId: { value: null }, lastMove: { value: null } });
  }
}
