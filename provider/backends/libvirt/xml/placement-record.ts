/** Which stack's VmPlacement says where a VM runs: kept in the domain's metadata, which travels with the VM. */
import { attribute, type Element } from "../../../xml/element.js";
import { buildMetadata } from "./metadata.js";
import { defined } from "../../../xml/values.js";
import { XmlError } from "../../../xml/xml-error.js";

export interface PlacementRecord {
  /** A UUID, which the resource's state has too: a resource that was replaced takes only its own record away. */
  readonly id: string;
  readonly stack: string;
  readonly project: string;
  /** The resource's name in the program. */
  readonly resource: string;
  /** The VM's UUID: the record of another VM came with a copy of that one's definition. Older versions wrote none. */
  readonly vmId?: string;
}

export function buildPlacementRecord({ id, stack, project, resource, vmId }: PlacementRecord): Element {
  return buildMetadata("placement", { id, stack, project, resource, vmId });
}

/** @throws XmlError for an element that this package did not write. */
export function parsePlacementRecord(metadata: Element | undefined): PlacementRecord | undefined {
  if (metadata === undefined) return undefined;
  const read = (name: string) => attribute(metadata, name) ?? unreadable(name);
  return {
    id: read("id"),
    stack: read("stack"),
    project: read("project"),
    resource: read("resource"),
    ...defined({ vmId: attribute(metadata, "vmId") }),
  };
}

function unreadable(name: string): never {
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read "${name}" of the placement in the domain's metadata`,
    remedy: "It was changed by hand or by a newer version: remove it with vnic-failover release.",
  });
}
