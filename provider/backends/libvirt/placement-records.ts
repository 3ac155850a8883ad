/** The note in a VM's metadata of whose VmPlacement it is. */
import type { Domain } from "./xml/domain.js";
import { findMetadata, metadataNamespace, metadataPrefix } from "./xml/metadata.js";
import { buildPlacementRecord, parsePlacementRecord, type PlacementRecord } from "./xml/placement-record.js";
import type { DomainInstance } from "./cluster.js";

/** Undefined also for one that came with a copy of another VM's definition. @throws XmlError for one that this package did not write. */
export function placementRecordOf({ raw, uuid }: Pick<Domain, "raw" | "uuid">): PlacementRecord | undefined {
  const record = parsePlacementRecord(findMetadata("placement", raw));
  return record?.vmId !== undefined && record.vmId !== uuid ? undefined : record;
}

/** Live and in the definition. Undefined takes it away. */
export function writePlacementRecord(
  { host, dom }: Pick<DomainInstance, "host" | "dom">,
  record: PlacementRecord | undefined,
): Promise<void> {
  const element = record === undefined ? undefined : buildPlacementRecord({ ...record, vmId: dom.uuid });
  return host.setMetadata(dom, metadataNamespace("placement"), metadataPrefix, element);
}
