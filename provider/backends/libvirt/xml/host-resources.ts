/**
 * What of its host a domain names: programs, files, devices, sockets, commands, labels. Who may choose them is root there. Pure.
 */
import { attribute, child, type Element } from "../../../xml/element.js";
import { hostPciAddress } from "./interface.js";
import { formatPciAddress } from "./pci-address.js";

/** Parts of a device that name something of its host, at any depth (libvirt: docs/formatdomain.rst). */
const inDevices = new Set(["source", "backend", "script", "downscript", "rom", "log", "binary", "gl", "socket"]);
/** Parts of `<os>` that do. */
const inOs = new Set(["loader", "nvram", "kernel", "initrd", "cmdline", "dtb", "shim", "acpi"]);
/** Children of the domain that do, those of QEMU's namespace (docs/drvqemu.rst) among them, whose prefix anyone may choose. */
const inDomain = new Set([
  ...["bootloader", "bootloader_args", "seclabel", "sysinfo"],
  ...["commandline", "capabilities", "override", "deprecation"],
]);
/** Written of a running domain only, or generated each time: nothing of the host is chosen by them. */
const passing = new Set(["index", "portid"]);

/** In words, each once. */
export function hostResources(domain: Element): ReadonlySet<string> {
  const os = child(domain, "os")?.children.filter(({ name }) => inOs.has(name)) ?? [];
  return new Set([
    ...[...os, ...domain.children.filter(({ name }) => inDomain.has(localName(name)))].map(inWords),
    ...(child(domain, "devices")?.children ?? []).flatMap(namedByDevice),
  ]);
}

/** Of a VF or another PCI device of the host. */
export function pciResource(address: string): string {
  return `PCI device ${address}`;
}

function namedByDevice(device: Element): readonly string[] {
  if (device.name === "emulator") return [inWords(device)];
  const pci = hostPciAddress(device);
  const ofPci = pci === undefined ? undefined : child(device, "source");
  const type = attribute(device, "type");
  const kind = type === undefined ? device.name : `${device.name} of type ${type}`;
  return [
    ...(pci === undefined ? [] : [pciResource(formatPciAddress(pci))]),
    ...below(device)
      .filter((part) => inDevices.has(part.name) && part !== ofPci)
      .map((part) => `${kind} with ${inWords(part)}`),
  ];
}

function below({ children }: Element): readonly Element[] {
  return children.flatMap((each) => [each, ...below(each)]);
}

function inWords({ name, attributes, text, children }: Element): string {
  const given = Object.entries(attributes)
    .filter(([key]) => !passing.has(key) && !key.startsWith("xmlns"))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const said = text === undefined || text.trim() === "" ? "" : ` ${JSON.stringify(text.trim())}`;
  const inner = children.length === 0 ? "" : ` (${children.map(inWords).join(", ")})`;
  return `${localName(name)}${given.join("")}${said}${inner}`;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}
