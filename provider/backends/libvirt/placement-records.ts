/** The note in a VM's metadata of whose VmPlacement it is. */
import type { Domain } from "./xml/domain.js";
import { findMetadata, metadataNamespace, metadataPrefix } from "./xml/metadata.js";
import { buildPlacementRecord, parsePlacementRecord, type PlacementRecord } from "./xml/placement-record.js";
import type { Presence } from "./cluster.js";

/** @throws XmlError for one that this package did not write. */
export function placementRecordOf({ raw }: Pick<Domain, "raw">): PlacementRecord | undefined {
  return parsePlacementRecord(findMetadata("placement", raw));
}

/** Live and in the definition. Undefined takes it away. */
export function writePlacementRecord(
  { host, dom }: Pick<Presence, "host" | "dom">,
  record: PlacementRecord | undefined,
): Promise<void> {
  const element = record === undefined ? undefined : buildPlacementRecord(record);
  return host.setMetadata(dom, metadataNamespace("placement"), metadataPrefix, element);
}
