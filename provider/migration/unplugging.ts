/** When the VF leaves the guest for a move: before it by this package, or in its midst by QEMU. Pure. */
import type { MigrationOptions } from "./options.js";

export interface Unplugging {
  readonly when: "early" | "late";
  /** In words, after "because". */
  readonly why: string;
}

/**
 * With QEMU's own unplug the destination's VF gets the guest's MAC while the guest still runs on the source, and QEMU plugs it in the
 * time in which the guest stands still (libvirt src/qemu/qemu_process.c, qemuProcessPrepareHost; QEMU hw/net/virtio-net.c,
 * failover_add_primary): no measurement has shown that fewer packets are lost so. docs/moves.md has the numbers.
 */
export function unpluggingOf(wanted: MigrationOptions["unplug"]): Unplugging {
  if (wanted !== "auto") return { when: wanted, why: "migration.unplug says so" };
  return { when: "early", why: "fewer packets are lost so than with QEMU's own unplug" };
}
