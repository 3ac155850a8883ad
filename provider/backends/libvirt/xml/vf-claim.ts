/**
 * A VF that is being taken for a VM, as its host's libvirt keeps it: a network of that VF alone, defined and never started.
 * libvirt gives a name to one network only, whichever client defines it (src/conf/virnetworkobj.c, virNetworkObjAssignDef, which holds
 * the list's lock): of two processes that would take a VF one is refused, which nothing else in libvirt's API can do.
 */
import { attribute, child, element, formatXml, parseXml, textOf } from "../../../xml/element.js";
import { buildMetadata, embedMetadata, findMetadata } from "./metadata.js";
import { formatPciAddress, parsePciAddress, pciAttributes, type PciAddress } from "./pci-address.js";
import { defined, natural } from "../../../xml/values.js";

export interface VfClaim {
  /** Of libvirt's network. */
  readonly uuid: string;
  readonly vf: PciAddress;
  /** Of the move, as its journal has it, or of what else takes the VF. */
  readonly holder: string;
  readonly vm: string;
  /** `move`: it lasts until the move has ended, one way or the other. `plug`: until {@link until}. */
  readonly kind: "move" | "plug";
  /** Milliseconds since the epoch: from then on the holder is dead, unless a journal of its id is there. */
  readonly until: number;
  /** What the VF was bound to before; undefined: not known yet. */
  readonly driver?: string;
}

/** The name that libvirt gives to one network only. */
export function claimName(vf: PciAddress): string {
  return `${prefix}${formatPciAddress(vf).replaceAll(/[:.]/g, "-")}`;
}

const prefix = "vnic-failover-vf-";

/** Whether a network of that name is a claim. */
export function isClaimName(name: string): boolean {
  return name.startsWith(prefix);
}

export function formatVfClaim({ uuid, vf, until, ...claim }: VfClaim): string {
  const metadata = buildMetadata("claim", { ...claim, vf: formatPciAddress(vf), until: String(until) });
  return formatXml(
    element("network", {}, [
      element("name", {}, claimName(vf)),
      element("uuid", {}, uuid),
      element("metadata", {}, [embedMetadata("claim", metadata)]),
      element("forward", { mode: "hostdev", managed: "no" }, [
        element("address", { type: "pci", ...pciAttributes(vf) }),
      ]),
    ]),
  );
}

/** Undefined for a network that is no claim, or one that this version does not understand. */
export function parseVfClaim(xml: string): VfClaim | undefined {
  const root = parseXml(xml);
  const metadata = findMetadata("claim", root);
  const uuid = textOf(child(root, "uuid"));
  const vf = parsePciAddress(attribute(metadata, "vf") ?? "");
  const [holder, vm, kind] = [attribute(metadata, "holder"), attribute(metadata, "vm"), attribute(metadata, "kind")];
  const until = natural(attribute(metadata, "until"));
  if (uuid === undefined || vf === undefined || holder === undefined || vm === undefined || until === undefined)
    return undefined;
  return {
    uuid,
    vf,
    holder,
    vm,
    kind: kind === "plug" ? "plug" : "move",
    until,
    ...defined({ driver: attribute(metadata, "driver") }),
  };
}
