/** A pair's VF: which device of a domain it is, and the same device with another VF of a host behind it. Pure. */
import { attribute, child, element, withAttributes, withChildren, type Element } from "../../../xml/element.js";
import { hostPciAddress, type DomainInterface, type Vlan } from "./interface.js";
import { pciAttributes, type PciAddress } from "./pci-address.js";

/** What tells the VF of a pair from every other device of its VM. */
export interface PairIdentity {
  readonly mac: string;
  readonly primaryAlias: string;
  /** Empty: the VF is in no pair. */
  readonly standbyAlias: string;
}

/**
 * Whether a user can have given the alias. Any other is libvirt's: it is not in the definition, and may be another one after
 * the next start (src/conf/domain_conf.c, virDomainDeviceAliasIsUserAlias).
 */
export function isUserAlias(alias: string | undefined): alias is string {
  return alias?.startsWith("ua-") === true;
}

/** The pair's VF: by its alias where a user gave it one, else by what it is teamed with and its MAC; a `<hostdev>` has no MAC. */
export function findPrimary<Nic extends Pick<DomainInterface, "alias" | "teaming" | "mac">>(
  interfaces: readonly Nic[],
  { mac, primaryAlias, standbyAlias }: PairIdentity,
): Nic | undefined {
  const named = isUserAlias(primaryAlias) ? interfaces.find(({ alias }) => alias === primaryAlias) : undefined;
  return (
    named ??
    interfaces.find(
      ({ teaming, mac: own }) =>
        teaming?.type === "transient" &&
        teaming.persistent !== "" &&
        teaming.persistent === standbyAlias &&
        (own === undefined || own === mac),
    )
  );
}

/** The device with another VF behind it, and nothing else changed; the same where it has no PCI device of the host. */
export function withHostDevice(device: Element, vf: PciAddress): Element {
  return hostPciAddress(device) === undefined
    ? device
    : onChild(device, "source", (source) =>
        onChild(source, "address", (old) => withAttributes(old, pciAttributes(vf))),
      );
}

/** What libvirt prints of a running domain's device and does not accept, or what was the host's. */
const hostsOwn: readonly string[] = ["target", "backenddomain"];

/**
 * The device as libvirt takes it to plug it into a running domain, with that VF behind it. All that its owner wrote stays: VLAN,
 * place in the guest, boot order, ROM, ACPI index, driver model, alias. An `<interface>` by a libvirt network becomes the
 * host's device that the network would have given. Not managed: the caller that plugs it has bound the VF to VFIO before.
 */
export function attachable(device: Element, vf: PciAddress): Element {
  const kept = device.children.filter(({ name }) => name !== "source" && !hostsOwn.includes(name));
  const source = child(device, "source");
  if (device.name === "hostdev") {
    const address = element("address", pciAttributes(vf));
    return withChildren(withAttributes(device, { managed: "no" }), [
      { ...(source ?? element("source")), children: [address] },
      ...kept,
    ]);
  }
  const place = kept.findIndex(({ name }) => name !== "mac");
  const address = element("address", { type: "pci", ...pciAttributes(vf) });
  return withChildren(
    withAttributes(device, { type: "hostdev", managed: "no" }),
    kept.toSpliced(place === -1 ? kept.length : place, 0, element("source", {}, [address])),
  );
}

/** The device with that VLAN tag, none where it is undefined; the same where it has that one. */
export function withVlan(device: Element, vlan: number | undefined, current: Vlan | undefined): Element {
  if (device.name !== "interface" || fitsVlan(current, vlan)) return device;
  const rest = device.children.filter(({ name }) => name !== "vlan");
  const tags = vlan === undefined ? [] : [element("vlan", {}, [element("tag", { id: vlan })])];
  return withChildren(device, [...rest, ...tags]);
}

/** Whether a device of that VLAN belongs to a network of this one. A tag of 0 is none. */
export function fitsVlan(device: Vlan | undefined, network: number | undefined): boolean {
  return device?.trunk !== true && (device?.tags[0] ?? 0) === (network ?? 0);
}

/** The device without its place in the guest: libvirt chooses one. */
export function withoutGuestAddress(device: Element): Element {
  return withChildren(
    device,
    device.children.filter(({ name }) => name !== "address"),
  );
}

/** Whether it is an element that can be a VF's: an `<interface>`, or a `<hostdev>` on PCI. */
export function isVfDevice(device: Element): boolean {
  return device.name === "interface" || (device.name === "hostdev" && attribute(device, "type") === "pci");
}

function onChild(parent: Element, name: string, edit: (child: Element) => Element): Element {
  const target = child(parent, name);
  return target === undefined
    ? parent
    : withChildren(
        parent,
        parent.children.map((each) => (each === target ? edit(each) : each)),
      );
}
