/** The VFs that the journal of a move speaks for, whatever version wrote it: a VF is taken also where the rest is not understood. */
import { attribute, children, type Element } from "../../../xml/element.js";
import { parsePciAddress, type PciAddress } from "./pci-address.js";

export interface JournalVf {
  /** By its name in the configuration of the process that wrote the journal. */
  readonly host: string;
  readonly address: PciAddress;
}

/** @param journal as {@link import("./metadata.js").findMetadata} and virDomainGetMetadata give it. */
export function vfsOfJournal(journal: Element | undefined): readonly JournalVf[] {
  const on = (end: "from" | "to", nic: Element, named: string): readonly JournalVf[] => {
    const host = attribute(journal, end);
    const address = parsePciAddress(attribute(nic, named) ?? "");
    return host === undefined || address === undefined ? [] : [{ host, address }];
  };
  return children(journal, "interface").flatMap((nic) => [
    ...on("from", nic, "sourceVf"),
    ...on("to", nic, "destinationVf"),
  ]);
}
