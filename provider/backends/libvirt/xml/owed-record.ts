/**
 * What a move could not do on a host that did not answer: kept in the metadata of the domain that runs, so that it is done
 * when that host answers again.
 */
import { attribute, children, element, type Element } from "../../../xml/element.js";
import { buildMetadata } from "./metadata.js";
import { formatPciAddress, parsePciAddress, type PciAddress } from "./pci-address.js";
import { defined } from "../../../xml/values.js";
import { XmlError } from "../../../xml/xml-error.js";

export interface OwedToHost {
  /** By its name in the configuration. */
  readonly host: string;
  /** The journal's id of the move: a copy of the VM there that has it too is a leftover of that move, to be ended. */
  readonly move: string;
  /** To be returned to the host's own driver, where no domain there has them. */
  readonly vfs: readonly PciAddress[];
  /** The VM's UUID: what is owed of another VM came with a copy of that one's definition. Older versions wrote none. */
  readonly vmId?: string;
}

export function buildOwed(owed: readonly OwedToHost[]): Element {
  return buildMetadata(
    "owed",
    {},
    owed.map(({ host, move, vfs, vmId }) =>
      element(
        "host",
        { name: host, move, vmId },
        vfs.map((vf) => element("vf", { address: formatPciAddress(vf) })),
      ),
    ),
  );
}

/** None for an absent element. @throws XmlError for one that this package did not write. */
export function parseOwed(metadata: Element | undefined): readonly OwedToHost[] {
  return children(metadata, "host").map((entry) => ({
    host: attribute(entry, "name") ?? unreadable("name"),
    move: attribute(entry, "move") ?? unreadable("move"),
    vfs: children(entry, "vf").map((vf) => parsePciAddress(attribute(vf, "address") ?? "") ?? unreadable("address")),
    ...defined({ vmId: attribute(entry, "vmId") }),
  }));
}

function unreadable(name: string): never {
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read "${name}" of the pending clean-up in the domain's metadata`,
    remedy:
      "A newer version of vnic-failover wrote it: use that version. If it was edited by hand, correct it with virsh edit.",
  });
}
