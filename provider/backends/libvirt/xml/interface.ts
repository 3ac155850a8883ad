import { attribute, child, children, find, type Element } from "../../../xml/element.js";
import { normalizeMac } from "../../../model/mac.js";
import { parsePciElement, type PciAddress } from "./pci-address.js";
import { defined, natural, yesNo } from "../../../xml/values.js";

/** libvirt's formatdomain.rst, "Teaming a virtio/hostdev NIC pair". */
export type Teaming =
  | { readonly type: "persistent" }
  | { readonly type: "transient"; /** The standby's alias. */ readonly persistent: string };

export type LinkState = "up" | "down";

/** One direction of `<bandwidth>`: averages, floors and peaks in KiB/s, bursts in KiB (libvirt's formatnetwork.rst). */
export interface Rate {
  readonly average?: number;
  readonly peak?: number;
  readonly burst?: number;
  readonly floor?: number;
}

export interface Bandwidth {
  readonly inbound?: Rate;
  readonly outbound?: Rate;
}

export interface Vlan {
  readonly trunk: boolean;
  readonly tags: readonly number[];
}

/** A NIC of a domain: an `<interface>` of any type, or a `<hostdev>` with `<teaming>`. What is absent or unreadable is left out. */
export interface DomainInterface {
  readonly device: "interface" | "hostdev";
  /** `bridge`, `network`, `hostdev`, `direct`, … ; of a `<hostdev>`: `pci`. */
  readonly type: string;
  /** Whether libvirt itself binds the host's device to its driver. */
  readonly managed?: boolean;
  /** Lower case, with colons. */
  readonly mac?: string;
  readonly alias?: string;
  readonly model?: string;
  readonly source: { readonly bridge?: string; readonly network?: string; readonly dev?: string };
  /** The host's device, usually a VF. */
  readonly vf?: PciAddress;
  readonly teaming?: Teaming;
  /** Absent means up. */
  readonly linkState?: LinkState;
  readonly mtu?: number;
  readonly vlan?: Vlan;
  readonly filter?: string;
  readonly portIsolated?: boolean;
  readonly bandwidth?: Bandwidth;
  readonly driver?: string;
  /** The tap or macvtap on the host. */
  readonly target?: string;
  /** In the guest. */
  readonly address?: PciAddress;
  readonly raw: Element;
}

/** Reads an `<interface>` or `<hostdev>` of any kind. Never fails: what it can't make out is left out. */
export function parseInterface(raw: Element): DomainInterface {
  const source = child(raw, "source");
  return {
    device: raw.name === "hostdev" ? "hostdev" : "interface",
    type: attribute(raw, "type") ?? "",
    raw,
    source: defined({
      bridge: attribute(source, "bridge"),
      network: attribute(source, "network"),
      dev: attribute(source, "dev"),
    }),
    ...defined({
      managed: yesNo(attribute(raw, "managed")),
      mac: normalizeMac(attribute(child(raw, "mac"), "address") ?? ""),
      alias: attribute(child(raw, "alias"), "name"),
      model: attribute(child(raw, "model"), "type"),
      vf: hostPciAddress(raw),
      teaming: parseTeaming(child(raw, "teaming")),
      linkState: linkState(attribute(child(raw, "link"), "state")),
      mtu: natural(attribute(child(raw, "mtu"), "size")),
      vlan: parseVlan(child(raw, "vlan")),
      filter: attribute(child(raw, "filterref"), "filter"),
      portIsolated: yesNo(attribute(child(raw, "port"), "isolated")),
      bandwidth: parseBandwidth(child(raw, "bandwidth")),
      driver: attribute(child(raw, "driver"), "name"),
      target: attribute(child(raw, "target"), "dev"),
      address: guestPciAddress(raw),
    }),
  };
}

/** The host's PCI device behind an `<interface>` or a `<hostdev>`, if it is one. */
export function hostPciAddress(device: Element): PciAddress | undefined {
  const address = find(device, "source", "address");
  // <hostdev> names the kind of its source itself; an interface's address does (it may be a USB device's).
  const kind = device.name === "hostdev" ? attribute(device, "type") : attribute(address, "type");
  return kind === "pci" ? parsePciElement(address) : undefined;
}

/** Where a device of a domain sits in the guest, if it is on PCI and has its place already. */
export function guestPciAddress(device: Element): PciAddress | undefined {
  const address = child(device, "address");
  return attribute(address, "type") === "pci" ? parsePciElement(address) : undefined;
}

function parseTeaming(teaming: Element | undefined): Teaming | undefined {
  const type = attribute(teaming, "type");
  if (type === "persistent") return { type };
  return type === "transient" ? { type, persistent: attribute(teaming, "persistent") ?? "" } : undefined;
}

function parseVlan(vlan: Element | undefined): Vlan | undefined {
  const tags = children(vlan, "tag").flatMap((tag) => natural(attribute(tag, "id")) ?? []);
  return tags.length === 0 ? undefined : { trunk: attribute(vlan, "trunk") === "yes" || tags.length > 1, tags };
}

function parseBandwidth(bandwidth: Element | undefined): Bandwidth | undefined {
  const inbound = parseRate(child(bandwidth, "inbound"));
  const outbound = parseRate(child(bandwidth, "outbound"));
  return inbound === undefined && outbound === undefined ? undefined : defined({ inbound, outbound });
}

function parseRate(direction: Element | undefined): Rate | undefined {
  if (direction === undefined) return undefined;
  const value = (name: keyof Rate) => natural(attribute(direction, name));
  return defined({ average: value("average"), peak: value("peak"), burst: value("burst"), floor: value("floor") });
}

function linkState(state: string | undefined): LinkState | undefined {
  return state === "up" || state === "down" ? state : undefined;
}
