import type * as pulumi from "@pulumi/pulumi";
import type { MoveReport } from "../migration/report.js";
import { ShellResource } from "./shell.js";

export interface MigrationArgs {
  /** Seconds that the guest has to let go of a VF. Default 30. */
  unplugTimeout?: pulumi.Input<number> | undefined;
  /** Seconds for libvirt's migration; then it is aborted. Default 1800. */
  migrateTimeout?: pulumi.Input<number> | undefined;
  /** Seconds for plugging a VF on the destination, and for the guest to use it. Default 30. */
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
  /** IPv4 addresses of the guest to ask for. Default: those that libvirt or the guest's own frames tell. */
  addresses?: pulumi.Input<pulumi.Input<string>[]> | undefined;
}

export interface VmPlacementArgs {
  /** The VM's name. */
  vm: pulumi.Input<string>;
  /** The host that it is to run on. Changing it moves the VM, live. */
  host: pulumi.Input<string>;
  migration?: pulumi.Input<MigrationArgs> | undefined;
}

/**
 * Where a VM runs. A preview shows a move as `host: "host1" => "host2"` and refuses what cannot be; `pulumi up` does it.
 * Deleting the resource leaves the VM where it is.
 *
 * ```ts
 * new VmPlacement("web", { vm: "web", host: "host2" }, { dependsOn: nic });
 * ```
 */
export class VmPlacement extends ShellResource {
  declare readonly vm: pulumi.Output<string>;
  declare readonly host: pulumi.Output<string>;
  /** What the last move did; see the report beside it in `.vnic-failover/reports`. */
  declare readonly lastMove: pulumi.Output<MoveReport | undefined>;
  /** VFs that the VM should have and has not, in words. */
  declare readonly missing: pulumi.Output<string[]>;

  constructor(name: string, args: VmPlacementArgs, opts?: pulumi.CustomResourceOptions) {
    super("VmPlacement", name, { ...args, lastMove: undefined, missing: undefined }, opts);
  }
}
