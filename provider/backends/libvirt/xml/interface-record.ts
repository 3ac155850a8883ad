/** What a VM's interfaces were declared as: kept in the domain's metadata, which travels with the VM. */
import { attribute, children, element, type Element } from "../../../xml/element.js";
import { buildMetadata } from "./metadata.js";
import type { PairIdentity } from "./primary.js";
import { primaryAlias, standbyAlias } from "./teaming.js";
import { defined } from "../../../xml/values.js";
import { XmlError } from "../../../xml/xml-error.js";

export interface InterfaceRecord {
  /** A UUID; the VF's alias is made from it. */
  readonly id: string;
  /** The UUID of its vNIC profile. */
  readonly profile: string;
  /** The UUID of the profile of its standby: the standby's alias is made from it. */
  readonly standbyProfile?: string;
  readonly mac: string;
  readonly plugged: boolean;
  readonly linked: boolean;
  /** Of devices that were there under another id, or that someone else made; else made from the ids. */
  readonly adopted?: { readonly primaryAlias: string; readonly standbyAlias?: string };
  /** The Pulumi resource that it is of: `<stack>::<project>::<name>`. Older versions wrote none. */
  readonly owner?: string;
  /** The VM's UUID: a record of another VM came with a copy of that one's definition. Older versions wrote none. */
  readonly vmId?: string;
}

/** The alias of the interface's VF; of its only device where it has no VF. */
export function primaryAliasOf({ id, adopted }: Pick<InterfaceRecord, "id" | "adopted">): string {
  return adopted?.primaryAlias ?? primaryAlias(id);
}

/** The alias of its standby; undefined: it has none. */
export function standbyAliasOf({
  standbyProfile,
  adopted,
}: Pick<InterfaceRecord, "standbyProfile" | "adopted">): string | undefined {
  return adopted?.standbyAlias ?? (standbyProfile === undefined ? undefined : standbyAlias(standbyProfile));
}

/** What tells the interface's VF from the VM's other devices. */
export function identityOf(record: Pick<InterfaceRecord, "id" | "mac" | "standbyProfile" | "adopted">): PairIdentity {
  return { mac: record.mac, primaryAlias: primaryAliasOf(record), standbyAlias: standbyAliasOf(record) ?? "" };
}

export function buildInterfaceRecords(records: readonly InterfaceRecord[]): Element {
  return buildMetadata(
    "interfaces",
    {},
    records.map(({ plugged, linked, adopted, ...rest }) =>
      element("interface", { ...rest, ...adopted, plugged: yesOrNo(plugged), linked: yesOrNo(linked) }),
    ),
  );
}

/** @throws XmlError for an element that this package did not write. */
export function parseInterfaceRecords(metadata: Element | undefined): readonly InterfaceRecord[] {
  return children(metadata, "interface").map((entry) => {
    const read = (name: string) => attribute(entry, name) ?? unreadable(name);
    const [primary, standby] = [attribute(entry, "primaryAlias"), attribute(entry, "standbyAlias")];
    return {
      id: read("id"),
      profile: read("profile"),
      mac: read("mac"),
      plugged: read("plugged") === "yes",
      linked: read("linked") === "yes",
      ...defined({
        standbyProfile: attribute(entry, "standbyProfile"),
        adopted: primary === undefined ? undefined : { primaryAlias: primary, ...defined({ standbyAlias: standby }) },
        owner: attribute(entry, "owner"),
        vmId: attribute(entry, "vmId"),
      }),
    };
  });
}

/** Those of the VM of that UUID. */
export function ownRecords(records: readonly InterfaceRecord[], uuid: string): readonly InterfaceRecord[] {
  return records.filter(({ vmId }) => vmId === undefined || vmId === uuid);
}

function yesOrNo(value: boolean): "yes" | "no" {
  return value ? "yes" : "no";
}

function unreadable(name: string): never {
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read "${name}" of an interface in the domain's metadata`,
    remedy: "It was changed by hand or by a newer version: correct it with virsh edit.",
  });
}
