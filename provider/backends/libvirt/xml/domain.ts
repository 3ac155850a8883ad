import { attribute, child, find, parseXml, textOf, withChildren, XmlError } from "../../../xml/element.js";
import type { Element } from "../../../xml/element.js";
import { guestPciAddress, hostPciAddress, parseInterface, type DomainInterface } from "./interface.js";
import type { PciAddress } from "./pci-address.js";
import { kibibytes } from "./memory-units.js";
import { findPrimary, withHostDevice, type PairIdentity } from "./primary.js";
import { defined, natural } from "../../../xml/values.js";

/** What the rules and the move need to know of a libvirt domain. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  /** libvirt's number for it while it runs. */
  readonly id?: number;
  /** As written: `q35`, `pc-q35-9.2`, … */
  readonly machine: string;
  /** Rounded up. */
  readonly memoryKiB: number;
  /** Those plugged at start, where fewer than the maximum are. */
  readonly vcpus: number;
  /** Every `<interface>`, and every `<hostdev>` with `<teaming>`. */
  readonly interfaces: readonly DomainInterface[];
  /** Every PCI device of the host that it uses, as NIC or otherwise. */
  readonly hostdevs: readonly PciAddress[];
  readonly rootPorts: readonly RootPort[];
  readonly metadata: Element | undefined;
  readonly raw: Element;
}

/** A slot that a VF can be plugged into: a PCIe root port holds one device. */
export interface RootPort {
  /** The controller's index, which is the number of the guest's bus behind it. */
  readonly bus: number;
  /** Whether a running domain's devices come and go there (`<target hotplug='off'/>`: they do not). */
  readonly hotPlugs: boolean;
  /** No device of the domain has an address there. A device whose address libvirt has not chosen yet is not counted. */
  readonly empty: boolean;
  /** A device can be plugged there now. */
  readonly free: boolean;
}

/** @throws XmlError `xml-unexpected` if it is no domain, has no name or no UUID; else as {@link parseXml}. */
export function parseDomain(xml: string): Domain {
  const raw = parseXml(xml);
  const name = textOf(child(raw, "name"));
  const uuid = textOf(child(raw, "uuid"));
  if (raw.name !== "domain" || name === undefined || uuid === undefined) {
    throw unexpected(`Unable to read a domain from <${raw.name}>: it needs <domain> with <name> and <uuid>`);
  }
  const devices = child(raw, "devices")?.children ?? [];
  const [vcpu, memory] = [child(raw, "vcpu"), child(raw, "memory")];
  return {
    name,
    uuid,
    ...defined({ id: natural(attribute(raw, "id")) }),
    machine: attribute(find(raw, "os", "type"), "machine") ?? "",
    memoryKiB: kibibytes(textOf(memory), attribute(memory, "unit")) ?? 0,
    vcpus: natural(attribute(vcpu, "current")) ?? natural(textOf(vcpu)) ?? 1,
    interfaces: devices.filter(isNic).map(parseInterface),
    hostdevs: devices.flatMap((device) => hostPciAddress(device) ?? []),
    rootPorts: rootPorts(devices),
    metadata: child(raw, "metadata"),
    raw,
  };
}

/**
 * Puts another VF behind the pair's, and changes nothing else: for the XML that goes with a migration, in which libvirt lets
 * only the host's side of a device differ (virDomainDefCheckABIStability). A VF that a libvirt network gives is left alone.
 * @param edit what else changes of the device. Default: nothing.
 * @throws XmlError `xml-unexpected` if the domain has no such VF.
 */
export function replacePrimarySource(
  domain: Element,
  pair: PairIdentity,
  vf: PciAddress,
  edit: (device: Element) => Element = (device) => device,
): Element {
  const devices = child(domain, "devices")?.children ?? [];
  const target = findPrimary(devices.filter(isNic).map(parseInterface), pair)?.raw;
  if (target === undefined || !(hostPciAddress(target) !== undefined || attribute(target, "type") === "network")) {
    throw new XmlError({
      code: "xml-unexpected",
      what: `Unable to find the VF with MAC ${pair.mac} in the VM's XML: no host device has alias "${pair.primaryAlias}" or names standby "${pair.standbyAlias}"`,
      remedy: "Check the VM's interfaces (virsh dumpxml), then retry.",
    });
  }
  if (hostPciAddress(target) === undefined) return domain;
  return onDevices(domain, (all) =>
    all.map((device) => (device === target ? edit(withHostDevice(device, vf)) : device)),
  );
}

/** The domain without the NIC of that alias; the same domain if it has none. */
export function withoutInterface(domain: Element, alias: string): Element {
  return onDevices(domain, (devices) => devices.filter((device) => !(mayBeNic(device) && aliasOf(device) === alias)));
}

/** The domain without the VFs of these pairs. One that has none stays as it is. */
export function withoutPrimaries(domain: Element, pairs: readonly PairIdentity[]): Element {
  return onDevices(domain, (devices) => {
    const nics = devices.filter(isNic).map(parseInterface);
    const primaries = new Set(pairs.map((pair) => findPrimary(nics, pair)?.raw));
    return devices.filter((device) => !primaries.has(device));
  });
}

/** The domain without that device, which is one of its own elements. */
export function withoutDevice(domain: Element, device: Element): Element {
  return onDevices(domain, (devices) => devices.filter((each) => each !== device));
}

/**
 * The domain with one more NIC: before the device of that alias, else after its last `<interface>`, else after its devices.
 */
export function withInterface(domain: Element, nic: Element, { before }: { readonly before?: string } = {}): Element {
  return onDevices(domain, (devices) => {
    const named = before === undefined ? -1 : devices.findIndex((device) => aliasOf(device) === before);
    const last = devices.findLastIndex(({ name }) => name === "interface");
    return devices.toSpliced(named !== -1 ? named : last !== -1 ? last + 1 : devices.length, 0, nic);
  });
}

function onDevices(domain: Element, edit: (devices: readonly Element[]) => readonly Element[]): Element {
  return onChild(domain, "devices", (devices) => withChildren(devices, edit(devices.children)));
}

function onChild(parent: Element, name: string, edit: (child: Element) => Element): Element {
  const target = child(parent, name);
  if (target === undefined) throw unexpected(`Unable to edit <${parent.name}>: it has no <${name}>`);
  return withChildren(
    parent,
    parent.children.map((each) => (each === target ? edit(each) : each)),
  );
}

function mayBeNic({ name }: Element): boolean {
  return name === "interface" || name === "hostdev";
}

function isNic(device: Element): boolean {
  return device.name === "interface" || (device.name === "hostdev" && child(device, "teaming") !== undefined);
}

function aliasOf(device: Element): string | undefined {
  return attribute(child(device, "alias"), "name");
}

/** Of a domain's devices, those that hold one device each. */
export function rootPorts(devices: readonly Element[]): readonly RootPort[] {
  const taken = new Set(devices.map((device) => guestPciAddress(device)?.bus));
  return devices
    .filter((device) => device.name === "controller" && attribute(device, "model") === "pcie-root-port")
    .flatMap((port) => {
      const bus = natural(attribute(port, "index"));
      if (bus === undefined) return [];
      const hotPlugs = attribute(child(port, "target"), "hotplug") !== "off";
      return { bus, hotPlugs, empty: !taken.has(bus), free: hotPlugs && !taken.has(bus) };
    });
}

function unexpected(what: string): XmlError {
  return new XmlError({ code: "xml-unexpected", what });
}
