import { attribute, child, children, parseXml, textOf, XmlError } from "../../../xml/element.js";
import type { Element } from "../../../xml/element.js";
import { normalizeMac } from "../../../model/mac.js";
import { parsePciElement, type PciAddress } from "./pci-address.js";
import { defined, natural } from "../../../xml/values.js";

interface NodeDeviceBase {
  /** libvirt's name, such as `pci_0000_b3_02_3` or `net_eth2_0c_c4_7a_00_11_22`. */
  readonly name: string;
  readonly parent?: string;
  /** In sysfs. */
  readonly path?: string;
  /** The kernel's driver that holds it. */
  readonly driver?: string;
}

/** A PCI function of the host: a PF, a VF, or any other. */
export interface PciNodeDevice extends NodeDeviceBase {
  readonly kind: "pci";
  readonly address: PciAddress;
  /** PCI class code such as `0x020000`, an Ethernet controller. */
  readonly class?: string;
  readonly vendor?: string;
  readonly product?: string;
  readonly iommuGroup?: { readonly number: number; readonly addresses: readonly PciAddress[] };
  /** Of a VF: its PF. */
  readonly physicalFunction?: PciAddress;
  /** Of a PF: how many VFs it can have, and those that it has. */
  readonly virtualFunctions?: { readonly maxCount: number; readonly addresses: readonly PciAddress[] };
}

/** A network interface of the host. Its parent is the PCI function it belongs to. */
export interface NetNodeDevice extends NodeDeviceBase {
  readonly kind: "net";
  readonly interface: string;
  readonly mac?: string;
  /** `up`, `down`, `lowerlayerdown`, … as the kernel says; absent where it says nothing. */
  readonly linkState?: string;
}

export interface OtherNodeDevice extends NodeDeviceBase {
  readonly kind: "other";
}

export type NodeDevice = PciNodeDevice | NetNodeDevice | OtherNodeDevice;

/**
 * Reads a node device's XML (virNodeDeviceGetXMLDesc; formatnode.rst).
 * @throws XmlError `xml-unexpected` if it is none, or its PCI address or interface name is missing; else as {@link parseXml}.
 */
export function parseNodeDevice(xml: string): NodeDevice {
  const root = parseXml(xml);
  const name = textOf(child(root, "name"));
  if (root.name !== "device" || name === undefined) throw unexpected(`<${root.name}>`, "<device> with <name>");
  const base = {
    name,
    ...defined({
      parent: textOf(child(root, "parent")),
      path: textOf(child(root, "path")),
      driver: textOf(child(child(root, "driver"), "name")),
    }),
  };
  const pci = capability(root, "pci");
  if (pci !== undefined) return { ...base, ...parsePci(name, pci) };
  const net = capability(root, "net");
  if (net !== undefined) return { ...base, ...parseNet(name, net) };
  return { ...base, kind: "other" };
}

function parsePci(name: string, pci: Element): Omit<PciNodeDevice, keyof NodeDeviceBase> {
  const part = (part: string) => natural(textOf(child(pci, part)));
  const [domain, bus, slot, fn] = [part("domain"), part("bus"), part("slot"), part("function")];
  if (domain === undefined || bus === undefined || slot === undefined || fn === undefined) {
    throw unexpected(name, "a PCI address");
  }
  const group = child(pci, "iommuGroup");
  const groupNumber = natural(attribute(group, "number"));
  const vfs = capability(pci, "virt_functions");
  return {
    kind: "pci",
    address: { domain, bus, slot, function: fn },
    ...defined({
      class: textOf(child(pci, "class")),
      vendor: textOf(child(pci, "vendor")),
      product: textOf(child(pci, "product")),
      iommuGroup: groupNumber === undefined ? undefined : { number: groupNumber, addresses: addresses(group) },
      physicalFunction: parsePciElement(child(capability(pci, "phys_function"), "address")),
      virtualFunctions: vfs && { maxCount: natural(attribute(vfs, "maxCount")) ?? 0, addresses: addresses(vfs) },
    }),
  };
}

function parseNet(name: string, net: Element): Omit<NetNodeDevice, keyof NodeDeviceBase> {
  const netdev = textOf(child(net, "interface"));
  if (netdev === undefined) throw unexpected(name, "the name of an interface");
  return {
    kind: "net",
    interface: netdev,
    ...defined({
      mac: normalizeMac(textOf(child(net, "address")) ?? ""),
      linkState: attribute(child(net, "link"), "state"),
    }),
  };
}

function capability(parent: Element, type: string): Element | undefined {
  return children(parent, "capability").find((each) => attribute(each, "type") === type);
}

function addresses(parent: Element | undefined): readonly PciAddress[] {
  return children(parent, "address").flatMap((address) => parsePciElement(address) ?? []);
}

function unexpected(found: string, needed: string): XmlError {
  return new XmlError({
    code: "xml-unexpected",
    what: `Unable to read a node device from ${found}: it needs ${needed}`,
  });
}
