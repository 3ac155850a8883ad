/** How libvirt edits a domain's definition: metadata by namespace, devices by alias, addresses on root ports. Pure. */
import { rootPorts } from "../../provider/backends/libvirt/xml/domain.js";
import {
  attribute,
  child,
  element,
  formatXml,
  withAttributes,
  withChildren,
  type Element,
} from "../../provider/xml/element.js";
import { guestPciAddress, hostPciAddress } from "../../provider/backends/libvirt/xml/interface.js";
import { formatPciAddress, pciAttributes, samePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { refusals } from "./refusals.js";
import { without } from "./without.js";

// --- metadata (src/conf/domain_conf.c virDomainDefSetMetadata, src/util/virxml.c virXMLInjectNamespace)

export function metadataOf(definition: Element, uri: string): Element | undefined {
  const found = child(definition, "metadata")?.children.find((each) => namespaceOf(each) === uri);
  return found === undefined ? undefined : bare(found);
}

/** Each element of the metadata, as XML, by its namespace. */
export function allMetadataOf(definition: Element): Readonly<Record<string, string>> {
  const elements = child(definition, "metadata")?.children ?? [];
  return Object.fromEntries(elements.map((each) => [namespaceOf(each) ?? each.name, formatXml(each)]));
}

export function withMetadata(definition: Element, uri: string, key: string, value: Element | undefined): Element {
  const others = (child(definition, "metadata")?.children ?? []).filter((each) => namespaceOf(each) !== uri);
  const kept = value === undefined ? others : [...others, prefixed(value, key, uri)];
  const rest = definition.children.filter(({ name }) => name !== "metadata");
  const metadata = kept.length === 0 ? [] : [element("metadata", {}, kept)];
  return withChildren(definition, rest.toSpliced(2, 0, ...metadata));
}

function namespaceOf({ name, attributes }: Element): string | undefined {
  const [prefix, local] = name.split(":");
  return attributes[local === undefined ? "xmlns" : `xmlns:${prefix ?? ""}`];
}

function prefixed(value: Element, key: string, uri: string): Element {
  const renamed = rename(value, (name) => `${key}:${name}`);
  return withAttributes(renamed, { [`xmlns:${key}`]: uri });
}

function bare(value: Element): Element {
  const renamed = rename(value, (name) => name.replace(/^[^:]+:/, ""));
  const attributes = Object.entries(renamed.attributes).filter(([name]) => !name.startsWith("xmlns"));
  return { ...renamed, attributes: Object.fromEntries(attributes) };
}

function rename(value: Element, to: (name: string) => string): Element {
  return {
    ...value,
    name: to(value.name),
    children: value.children.map((each) => rename(each, to)),
  };
}

// --- devices

export function devicesOf(definition: Element): readonly Element[] {
  return child(definition, "devices")?.children ?? [];
}

export function aliasOf(device: Element): string | undefined {
  return attribute(child(device, "alias"), "name");
}

export function deviceNamed(definition: Element, alias: string): Element | undefined {
  return devicesOf(definition).find((device) => aliasOf(device) === alias);
}

/** The host's PCI devices that the definition names, as `0000:01:10.0`. */
export function hostDevicesOf(definition: Element): readonly string[] {
  return devicesOf(definition).flatMap((device) => {
    const address = hostPciAddress(device);
    return address === undefined ? [] : [formatPciAddress(address)];
  });
}

/** @throws Refusal for an alias, a host device or a place in the guest that it has already, or when no root port is free. */
export function withDevice(definition: Element, device: Element): Element {
  const alias = aliasOf(device);
  if (alias !== undefined && deviceNamed(definition, alias) !== undefined) throw refusals.aliasTwice(alias);
  const address = hostPciAddress(device);
  if (address !== undefined && hostDevicesOf(definition).includes(formatPciAddress(address)))
    throw refusals.deviceTwice();
  return onDevices(definition, (devices) => [...devices, addressed(definition, device)]);
}

export function withoutDevice(definition: Element, alias: string): Element {
  return onDevices(definition, (devices) => devices.filter((device) => aliasOf(device) !== alias));
}

/**
 * Replaces the NIC of that MAC, and of that alias where one is given, in its place in the guest.
 * @throws Refusal when there is none.
 */
export function withUpdated(definition: Element, device: Element): Element {
  const mac = macOf(device) ?? "";
  const alias = aliasOf(device);
  const target = devicesOf(definition).find(
    (each) => each.name === device.name && macOf(each) === mac && (alias ?? aliasOf(each)) === aliasOf(each),
  );
  if (target === undefined) throw refusals.noDeviceWithMac(mac);
  return onDevices(definition, (devices) => devices.map((each) => (each === target ? device : each)));
}

function macOf(device: Element): string | undefined {
  return attribute(child(device, "mac"), "address")?.toLowerCase();
}

/** The device as libvirt prints it once it is plugged: in the first root port that is free, managed='no' left out. */
function addressed(definition: Element, device: Element): Element {
  const unmanaged = attribute(device, "managed") === "no";
  const printed = unmanaged ? { ...device, attributes: without(device.attributes, "managed") } : device;
  const place = guestPciAddress(device);
  if (place !== undefined) {
    const taken = devicesOf(definition).flatMap((each) => guestPciAddress(each) ?? []);
    if (taken.some((each) => samePciAddress(each, place))) throw refusals.guestAddressTwice(formatPciAddress(place));
    return printed;
  }
  const port = rootPorts(devicesOf(definition)).find(({ free }) => free);
  if (port === undefined) throw refusals.noSlot();
  const address = pciAttributes({ domain: 0, bus: port.bus, slot: 0, function: 0 });
  return withChildren(printed, [...printed.children, element("address", { type: "pci", ...address })]);
}

/** The guest's address of that device, where it is on a port that does not hot-plug. */
export function fixedPlaceOf(definition: Element, alias: string): string | undefined {
  const device = deviceNamed(definition, alias);
  const place = device && guestPciAddress(device);
  if (place === undefined) return undefined;
  const port = devicesOf(definition).find(
    ({ name, attributes }) =>
      name === "controller" && attributes["type"] === "pci" && Number(attributes["index"]) === place.bus,
  );
  return port !== undefined && attribute(child(port, "target"), "hotplug") === "off"
    ? formatPciAddress(place)
    : undefined;
}

function onDevices(definition: Element, edit: (devices: readonly Element[]) => readonly Element[]): Element {
  return withChildren(
    definition,
    definition.children.map((each) => (each.name === "devices" ? withChildren(each, edit(each.children)) : each)),
  );
}

// --- the domain itself

/** As it is printed while it runs with that number, or for the next start. */
export function numbered(definition: Element, id: number): Element {
  const attributes = without(definition.attributes, "id");
  return { ...definition, attributes: id < 0 ? attributes : { ...attributes, id: String(id) } };
}

/** The size of a `<page>` of `<hugepages>`; without one it is the host's default, 2 MiB on x86-64. */
export function hugepageKiB(page: Element | undefined): number {
  const units: Readonly<Record<string, number>> = { KiB: 1, K: 1, MiB: 1024, M: 1024, GiB: 1_048_576, G: 1_048_576 };
  const size = Number(attribute(page, "size") ?? 2048);
  return size * (units[attribute(page, "unit") ?? "KiB"] ?? 1);
}

/**
 * A definition as libvirt has it of a domain that runs: each NIC and host device with an alias of libvirt's own where it has
 * none (qemu_alias.c, qemuAssignDeviceNetAlias).
 */
export function asStarted(definition: Element): Element {
  const taken = new Set(devicesOf(definition).map(aliasOf));
  return onDevices(definition, (devices) =>
    devices.map((device) => {
      const prefix = ownAliasPrefix(device);
      if (prefix === undefined || aliasOf(device) !== undefined) return device;
      let number = 0;
      while (taken.has(`${prefix}${number}`)) number += 1;
      taken.add(`${prefix}${number}`);
      const rest = device.children.filter(({ name }) => name !== "alias");
      return withChildren(device, [...rest, element("alias", { name: `${prefix}${number}` })]);
    }),
  );
}

function ownAliasPrefix(device: Element): "hostdev" | "net" | undefined {
  if (device.name === "hostdev") return "hostdev";
  if (device.name !== "interface") return undefined;
  return hostPciAddress(device) === undefined ? "net" : "hostdev";
}
