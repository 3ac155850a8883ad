/**
 * The XML that goes from a move's source to its destination, where QEMU is started by it: it names nothing of a host that the VM had
 * not when the move began. A source that has lied from the beginning is not found so: hosts that VMs move between trust each other.
 */
import { ProblemError } from "../model/problem.js";
import { parseXml } from "../xml/element.js";
import { hostResources, pciResource } from "../backends/libvirt/xml/host-resources.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import { readable } from "../backends/libvirt/unreadable-vm.js";
import type { MoveContext } from "./context.js";

/** @throws ProblemError `source-xml-foreign`, where it names more than that, and the VFs of the journal. */
export function refuseForeignXml(
  { vm, source, destination, journal }: Pick<MoveContext, "vm" | "source" | "destination" | "journal">,
  before: ReadonlySet<string>,
  xml: string,
): void {
  const vfs = journal.interfaces.flatMap(({ sourceVf, destinationVf }) => [sourceVf, destinationVf]);
  const own = new Set(vfs.map((vf) => pciResource(formatPciAddress(vf))));
  const now = readable(source, { name: vm }, () => hostResources(parseXml(xml)));
  const foreign = [...now].filter((each) => !before.has(each) && !own.has(each));
  if (foreign.length === 0) return;
  throw new ProblemError({
    code: "source-xml-foreign",
    what: `Unable to migrate VM "${vm}" to "${destination.name}": its XML from "${source.name}" has resources that the VM did not have when the move began: ${foreign.join("; ")}`,
    where: source.name,
    remedy: `If the VM was changed during the move, retry. Otherwise "${source.name}" may be compromised: investigate it.`,
  });
}
