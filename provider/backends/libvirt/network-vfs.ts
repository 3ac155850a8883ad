/** The PFs and VFs that a network of the configuration names on a host. */
import { networkOn, pfsOf, type PfOfNetwork } from "../../config/index.js";
import { ProblemError } from "../../model/problem.js";
import type { PciAddress } from "./xml/pci-address.js";
import type { LibvirtCluster } from "./cluster.js";
import type { LibvirtHost } from "./host.js";
import { hostUse, physicalFunction, vfAddresses, type HostUse, type PhysicalFunction } from "./inventory.js";
import { journalReservations } from "./reservations.js";

/**
 * The PFs that the network names on the host with its VFs, as they are.
 * @param use of the host's VFs, where it is known already.
 * @throws ProblemError when the network names none.
 */
export async function physicalFunctionsOf(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  network: string,
  use?: HostUse,
): Promise<readonly PhysicalFunction[]> {
  const pfs = requirePfs(cluster, host, network);
  const known = use ?? (await hostUseIn(cluster, host));
  const found = await Promise.all(pfs.map((pf) => physicalFunction(host, pf, known)));
  return found.filter((pf) => pf !== undefined);
}

/** The addresses of the network's VFs on the host, in use or not. @throws as {@link physicalFunctionsOf} */
export async function vfsOf(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  network: string,
): Promise<readonly PciAddress[]> {
  const found = await Promise.all(requirePfs(cluster, host, network).map((pf) => vfAddresses(host, pf)));
  return found.flat();
}

/** The use of the host's VFs, by what all hosts of the cluster say. */
export async function hostUseIn(
  cluster: Pick<LibvirtCluster, "config" | "hosts">,
  host: LibvirtHost,
): Promise<HostUse> {
  const journals = await journalReservations(cluster.hosts);
  return hostUse(host, { commands: cluster.config.hostCommands, journals });
}

function requirePfs(cluster: LibvirtCluster, host: LibvirtHost, network: string): readonly PfOfNetwork[] {
  const pfs = pfsOf(networkOn(cluster.config, host.name, network));
  if (pfs === undefined) {
    throw new ProblemError({
      code: "network-not-configured",
      what: `Unable to find a VF: network "${network}" has no physicalFunctions on host "${host.name}"`,
      remedy: "Set physicalFunctions of the network in vnic-failover:cluster.",
    });
  }
  return pfs;
}
