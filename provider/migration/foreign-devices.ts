/** A journal is what anyone who may edit the VM can have written: recovery makes no device of a host the VM's on its word alone. */
import { ProblemError } from "../problem.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../xml/pci-address.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { physicalFunctionsOf } from "../backends/libvirt/interfaces.js";
import type { MoveContext } from "./context.js";
import type { JournalInterface } from "./journal.js";

/**
 * Looks at the devices that the journal names for that host: each must be in the VM's definition there, if it has one, or a
 * VF of the interface's network. Binding another one to vfio would take it from the host: its disk, or its own network.
 * @throws ProblemError `journal-foreign-device`; nothing has been changed.
 */
export async function refuseForeignDevices(
  { cluster, journal, vm }: Pick<MoveContext, "cluster" | "journal" | "vm">,
  host: LibvirtHost,
  dom: DomainRef | undefined,
  named: (nic: JournalInterface) => PciAddress,
): Promise<void> {
  const hostdevs = dom === undefined ? [] : (await host.inactiveOrLive(dom)).hostdevs;
  for (const nic of journal.interfaces) {
    const isNamed = (address: PciAddress) => samePciAddress(address, named(nic));
    if (hostdevs.some(isNamed)) continue;
    const functions = await physicalFunctionsOf(cluster, host, nic.network);
    if (functions.some(({ virtualFunctions }) => virtualFunctions.some(({ address }) => isNamed(address)))) continue;
    throw new ProblemError({
      code: "journal-foreign-device",
      what: `The journal of a move in the metadata of VM "${vm}" names ${formatPciAddress(named(nic))}, which is no VF of network "${nic.network}"`,
      where: host.name,
      remedy:
        "Nothing has been changed. If the network's physicalFunctions in vnic-failover:cluster are right, find out who wrote the journal before anything is done with the VM.",
    });
  }
}
