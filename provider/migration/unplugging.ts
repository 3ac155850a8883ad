/** When the VF leaves the guest for a move: before it by this package, or in its midst by QEMU. Pure. */
import type { HostFacts } from "../rules/index.js";
import type { MigrationOptions } from "./options.js";

export interface Unplugging {
  readonly when: "early" | "late";
  /** In words, after "because". */
  readonly why: string;
}

/** What the choice hangs on. */
export interface UnpluggingFacts {
  readonly source?: Pick<HostFacts, "name" | "qemuVersion"> | undefined;
}

/**
 * What `auto` is where the hosts can do either. With QEMU's own unplug the destination's VF gets the guest's MAC while the guest still
 * runs on the source, and QEMU plugs it in the time in which the guest stands still (libvirt src/qemu/qemu_process.c,
 * qemuProcessPrepareHost; QEMU hw/net/virtio-net.c, failover_add_primary): no measurement has shown that fewer packets are lost so.
 * docs/moves.md has the numbers.
 */
const preferred: Unplugging = { when: "early", why: "fewer packets are lost so than with QEMU's own unplug" };

/** @param facts of the hosts. Unknown ones choose `early`: it needs nothing of QEMU but the unplug itself. */
export function unpluggingFor(wanted: MigrationOptions["unplug"], { source }: UnpluggingFacts): Unplugging {
  if (wanted !== "auto") return { when: wanted, why: "migration.unplug says so" };
  const hindrance = hindranceOfLate(source);
  return hindrance === undefined ? preferred : { when: "early", why: hindrance };
}

/**
 * Of a QEMU that begins to send before the guest has released the VF: since 6.1 a q35 guest is asked by ACPI, for which the flag that
 * QEMU waits for was set only from 6.2 on (QEMU hw/acpi/pcihp.c, acpi_pcihp_device_unplug_request_cb: `pending_deleted_event`).
 */
function hindranceOfLate(source: UnpluggingFacts["source"]): string | undefined {
  if (source?.qemuVersion === undefined) return "the source's version of QEMU is not known";
  const [major, minor] = [Math.floor(source.qemuVersion / 1_000_000), Math.floor(source.qemuVersion / 1_000) % 1_000];
  return major === 6 && minor === 1 ? `QEMU 6.1 on "${source.name}" does not wait for the guest` : undefined;
}

/** After "the VF leaves the guest". */
export function unpluggingInWords({ when, why }: Unplugging): string {
  return `${when === "early" ? "before the migration" : "as the migration's first act, by QEMU"}: ${why}`;
}

/** The strategy of a move: what was chosen for it, or, in journals that do not tell, what the options say by themselves. */
export function unpluggingOf(
  chosen: Unplugging["when"] | undefined,
  wanted: MigrationOptions["unplug"],
): Unplugging["when"] {
  return chosen ?? (wanted === "late" ? "late" : "early");
}
