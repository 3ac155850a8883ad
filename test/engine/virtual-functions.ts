/** Which VF of a host a NIC may have (VfSchedulerImpl.java, NetworkDeviceHelperImpl.java). */
import type { Host, HostNic, Model, Network } from "./model.js";

/** The first free VF whose physical function may serve the network. `taken`: VFs that are promised already. */
export function suitableVf(host: Host, network: Network, taken: readonly string[] = []): HostNic | undefined {
  return host.nics.find((nic) => {
    const functions = host.nics.find(({ id }) => id === nic.physicalFunction)?.virtualFunctions;
    return (
      functions !== undefined &&
      (functions.allNetworksAllowed ||
        functions.networks.has(network.id) ||
        (network.label !== undefined && functions.labels.has(network.label))) &&
      nic.network === undefined &&
      nic.usedBy === undefined &&
      !host.nics.some(({ base, bonded }) => base === nic.name || bonded?.includes(nic.id) === true) &&
      !sharesIommuGroup(host, nic) &&
      !taken.includes(nic.id)
    );
  });
}

function sharesIommuGroup({ nics }: Host, { id, iommuGroup }: HostNic): boolean {
  return iommuGroup !== undefined && nics.some((other) => other.id !== id && other.iommuGroup === iommuGroup);
}

/** A VF that is in a VM is bound to vfio-pci: the host has no netdev of it to report. One that is only set aside is there. */
export function reportedNics(model: Model, { nics }: Host): readonly HostNic[] {
  const inVms = new Set([...model.vms.values()].flatMap(({ devices }) => devices.flatMap(({ vf }) => vf ?? [])));
  // A user that is no VM of the model's has it, wherever that is.
  const isThere = ({ id, usedBy }: HostNic) => usedBy === undefined || (model.vms.has(usedBy) && !inVms.has(id));
  return nics.filter((nic) => nic.physicalFunction === undefined || isThere(nic));
}
