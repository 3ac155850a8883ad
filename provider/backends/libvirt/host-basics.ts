/** What holds of a host whichever VM is asked about. */
import { parseHostCapabilities, type HostCapabilities } from "./xml/capabilities.js";
import type { LibvirtHost } from "./host.js";
import { hostMemory, type HostMemory } from "./host-memory.js";
import { hostUse, type HostUse } from "./inventory.js";
import type { JournalReservations } from "./reservations.js";

export interface HostBasics {
  readonly capabilities: HostCapabilities;
  /** As libvirt packs it: major × 1,000,000 + minor × 1,000 + release. */
  readonly libvirtVersion: number;
  readonly qemuVersion: number;
  readonly memory: HostMemory;
  readonly use: HostUse;
}

/**
 * @param commands whether commands may be run on it.
 * @param journals of the cluster's moves.
 * @throws HostUnreachable
 */
export async function hostBasics(
  host: LibvirtHost,
  { commands, journals }: { readonly commands: boolean; readonly journals: Promise<JournalReservations> },
): Promise<HostBasics> {
  const connection = await host.connection();
  const [use, { capabilities }, { lib_ver }, { hv_ver }, memory] = await Promise.all([
    // It takes the most questions one after another.
    hostUse(host, { commands, journals }),
    connection.call("connect_get_capabilities", {}),
    connection.call("connect_get_lib_version", {}),
    connection.call("connect_get_version", {}),
    hostMemory(host, { commands }),
  ]);
  return {
    capabilities: parseHostCapabilities(capabilities),
    libvirtVersion: Number(lib_ver),
    qemuVersion: Number(hv_ver),
    memory,
    use,
  };
}
