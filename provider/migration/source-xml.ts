/**
 * The XML that goes from a move's source to its destination, where QEMU is started by it: it names nothing of a host that the VM had
 * not when the move began. A source that has lied from the beginning is not found so: hosts that VMs move between trust each other.
 */
import { isDeepStrictEqual } from "node:util";
import { ProblemError } from "../model/problem.js";
import { child, formatXml, parseXml, withChildren, type Element } from "../xml/element.js";
import { withoutPrimaries } from "../backends/libvirt/xml/domain.js";
import { hostResources, pciResource } from "../backends/libvirt/xml/host-resources.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import { readable } from "../backends/libvirt/unreadable-vm.js";
import type { MoveContext } from "./context.js";

/** What the destination was given of a VM, and what the VM is once nothing more can change it. Definitions: undefined where it has none. */
export interface VmBeforeAndNow {
  /** Live XML. */
  readonly begun: string;
  readonly live: string;
  /** The definition that the destination gets, by what was read before and by what is read now. */
  readonly definition: string | undefined;
  readonly there: string | undefined;
}

/** @throws ProblemError `vm-changed`, where a device was plugged, unplugged or changed meanwhile, or the definition was edited. */
export function refuseChangedVm(
  { vm, source, journal }: Pick<MoveContext, "vm" | "source" | "journal">,
  { begun, live, definition, there }: VmBeforeAndNow,
): void {
  const devices = (xml: string) =>
    readable(source, { name: vm }, () => deviceIdentities(withoutPrimaries(parseXml(xml), journal.interfaces)));
  const defined = (xml: string | undefined) =>
    xml === undefined ? undefined : readable(source, { name: vm }, () => formatXml(withoutMetadata(parseXml(xml))));
  if (defined(definition) === defined(there) && isDeepStrictEqual(devices(begun), devices(live))) return;
  throw new ProblemError({
    code: "vm-changed",
    what: `Unable to migrate VM "${vm}": another client changed its devices or its definition during the move`,
    where: source.name,
    remedy: "Retry once no other client changes the VM.",
  });
}

/** Metadata is nothing to QEMU, and everybody's. */
function withoutMetadata(domain: Element): Element {
  return withChildren(
    domain,
    domain.children.filter(({ name }) => name !== "metadata"),
  );
}

/**
 * What QEMU must have alike on both hosts, and where each device has its data: what changes by itself is left out, such as whether an
 * agent is connected, or the size of the balloon.
 */
function deviceIdentities(domain: Element): readonly string[] {
  const devices = child(domain, "devices")?.children ?? [];
  const identities = devices.map((device) =>
    JSON.stringify([
      device.name,
      device.attributes,
      ...["alias", "address", "source", "target"].map((name) =>
        Object.entries(child(device, name)?.attributes ?? {}).filter(([attribute]) => attribute !== "state"),
      ),
    ]),
  );
  return [...identities, JSON.stringify(child(domain, "vcpu")?.attributes ?? {})].toSorted();
}

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
