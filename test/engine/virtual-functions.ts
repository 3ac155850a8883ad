/** Which VF of a host a NIC may have (VfSchedulerImpl.java). */
import type { Host, HostNic } from "./model.js";

/** The first free VF whose physical function may serve the network. `taken`: VFs that are promised already. */
export function suitableVf(host: Host, network: string, taken: readonly string[] = []): HostNic | undefined {
  return host.nics.find((nic) => {
    const functions = host.nics.find(({ id }) => id === nic.physicalFunction)?.virtualFunctions;
    return (
      functions !== undefined &&
      (functions.allNetworksAllowed || functions.networks.has(network)) &&
      nic.network === undefined &&
      nic.usedBy === undefined &&
      !taken.includes(nic.id)
    );
  });
}
