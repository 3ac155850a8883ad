/** Whether a host has a libvirt network, and whether it is started: only then can a NIC be attached to it. */
import type { LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";

export type NetworkState = "there" | "absent" | "inactive";

/** Undefined: the host's network driver does not answer. */
export async function libvirtNetworkState(host: LibvirtHost, name: string): Promise<NetworkState | undefined> {
  try {
    const connection = await host.connection();
    const { net } = await connection.call("network_lookup_by_name", { name });
    return (await connection.call("network_is_active", { net })).active === 1 ? "there" : "inactive";
  } catch (error) {
    if (LibvirtError.is(error, "NO_NETWORK")) return "absent";
    if (LibvirtError.is(error)) return undefined;
    throw error;
  }
}
