import { attribute, child, find, parseXml, textOf, withAttributes, withChildren, XmlError } from "./element.js";
import type { Element } from "./element.js";
import { guestPciAddress, hostPciAddress, parseInterface, type DomainInterface } from "./interface.js";
import { pciAttributes, type PciAddress } from "./pci-address.js";
import { defined, natural } from "./values.js";

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
  /** No device of the domain has an address there. A device whose address libvirt has not chosen yet is not counted. */
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
  const vcpu = child(raw, "vcpu");
  return {
    name,
    uuid,
    ...defined({ id: natural(attribute(raw, "id")) }),
    machine: attribute(find(raw, "os", "type"), "machine") ?? "",
    memoryKiB: memoryKiB(child(raw, "memory")),
    vcpus: natural(attribute(vcpu, "current")) ?? natural(textOf(vcpu)) ?? 1,
    interfaces: devices.filter(isNic).map(parseInterface),
    hostdevs: devices.flatMap((device) => hostPciAddress(device) ?? []),
    rootPorts: rootPorts(devices),
    metadata: child(raw, "metadata"),
    raw,
  };
}

/**
 * Points the VF of that alias at another one, and changes nothing else: for the XML that goes with a migration, in which
 * libvirt lets only the host's side of a device differ (virDomainDefCheckABIStability).
 * @throws XmlError `xml-unexpected` if no device of that alias has a PCI source.
 */
export function replacePrimarySource(domain: Element, alias: string, vf: PciAddress): Element {
  const target = child(domain, "devices")?.children.find(
    (device) => aliasOf(device) === alias && hostPciAddress(device) !== undefined,
  );
  if (target === undefined)
    throw unexpected(`Unable to find a PCI device of the host with alias "${alias}" in the domain`);
  return onDevices(domain, (devices) =>
    devices.map((device) =>
      device === target
        ? onChild(device, "source", (source) =>
            onChild(source, "address", (old) => withAttributes(old, pciAttributes(vf))),
          )
        : device,
    ),
  );
}

/** The domain without the NIC of that alias; the same domain if it has none. */
export function withoutInterface(domain: Element, alias: string): Element {
  return onDevices(domain, (devices) => devices.filter((device) => !(mayBeNic(device) && aliasOf(device) === alias)));
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
    .flatMap((port) => natural(attribute(port, "index")) ?? [])
    .map((bus) => ({ bus, free: !taken.has(bus) }));
}

/** libvirt's units of memory in bytes (formatdomain.rst, "Memory Allocation"), KiB where none is given. */
const memoryUnits = new Map([
  ["b", 1],
  ["bytes", 1],
  ["KB", 1e3],
  ["k", 2 ** 10],
  ["KiB", 2 ** 10],
  ["MB", 1e6],
  ["M", 2 ** 20],
  ["MiB", 2 ** 20],
  ["GB", 1e9],
  ["G", 2 ** 30],
  ["GiB", 2 ** 30],
  ["TB", 1e12],
  ["T", 2 ** 40],
  ["TiB", 2 ** 40],
]);

function memoryKiB(memory: Element | undefined): number {
  const unit = memoryUnits.get(attribute(memory, "unit") ?? "KiB") ?? 2 ** 10;
  return Math.ceil(((natural(textOf(memory)) ?? 0) * unit) / 2 ** 10);
}

function unexpected(what: string): XmlError {
  return new XmlError({ code: "xml-unexpected", what });
}
