import { attribute, type Element } from "../../../xml/element.js";

/** Where a PCI function is, on a host or in a guest. */
export interface PciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

/** The parts of an address in their order, with libvirt's upper limits (virPCIDeviceAddressIsValid) and written widths. */
const parts = [
  { name: "domain", max: 0xffffffff, digits: 4 },
  { name: "bus", max: 0xff, digits: 2 },
  { name: "slot", max: 0x1f, digits: 2 },
  { name: "function", max: 7, digits: 1 },
] as const;

/**
 * Reads `<address domain='0x0000' bus='179' …/>`: libvirt's attributes, hexadecimal with `0x`, decimal, or octal with a
 * leading zero, as strtoul() with base 0 takes them (virXMLPropUInt). An absent part is 0. `undefined` when it is no
 * address: a part is out of range, or there is none at all, which leaves the choice to libvirt.
 */
export function parsePciElement(address: Element | undefined): PciAddress | undefined {
  if (!parts.some(({ name }) => attribute(address, name) !== undefined)) return undefined;
  return inRange(parts.map(({ name }) => parseNumber(attribute(address, name) ?? "0")));
}

/** Reads `0000:b3:02.3`, `b3:02.3`, and libvirt's node-device name `pci_0000_b3_02_3`. `undefined` for anything else. */
export function parsePciAddress(text: string): PciAddress | undefined {
  const match =
    /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i.exec(text) ??
    /^pci_([0-9a-f]{4,8})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])$/i.exec(text);
  return match === null ? undefined : inRange(match.slice(1).map(hexadecimalNumber));
}

/** `0000:b3:02.3`, as sysfs names it. */
export function formatPciAddress(address: PciAddress): string {
  const [domain, bus, slot, fn] = hexadecimal(address);
  return `${domain}:${bus}:${slot}.${fn}`;
}

/** The name of libvirt's node device at that address: `pci_0000_b3_02_3` (udevGenerateDeviceName). */
export function nodeDeviceName(address: PciAddress): string {
  return `pci_${hexadecimal(address).join("_")}`;
}

/** libvirt's attributes for it: `{bus: "0xb3", domain: "0x0000", function: "0x3", slot: "0x02"}`. */
export function pciAttributes(address: PciAddress): Readonly<Record<"bus" | "domain" | "function" | "slot", string>> {
  const [domain, bus, slot, fn] = hexadecimal(address);
  return { bus: `0x${bus}`, domain: `0x${domain}`, function: `0x${fn}`, slot: `0x${slot}` };
}

export function samePciAddress(a: PciAddress, b: PciAddress): boolean {
  return parts.every(({ name }) => a[name] === b[name]);
}

function hexadecimal(address: PciAddress): readonly [string, string, string, string] {
  const [domain, bus, slot, fn] = parts;
  const digits = (part: (typeof parts)[number]) => address[part.name].toString(16).padStart(part.digits, "0");
  return [digits(domain), digits(bus), digits(slot), digits(fn)];
}

/** An absent group of a match is `undefined`, whatever its type says. */
function hexadecimalNumber(digits: string | undefined): number {
  return Number.parseInt(digits ?? "0", 16);
}

function parseNumber(text: string): number {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number.parseInt(text.slice(2), 16);
  if (/^0[0-7]{0,11}$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : Number.NaN;
}

function inRange(numbers: readonly number[]): PciAddress | undefined {
  const [domain = 0, bus = 0, slot = 0, fn = 0] = numbers;
  return parts.every(({ max }, n) => (numbers[n] ?? 0) <= max) ? { domain, bus, slot, function: fn } : undefined;
}
