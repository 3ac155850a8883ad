/**
 * What the destination calls the bridges of a VM's NICs: a network's bridge may have another name on each host, and libvirt wants in
 * the XML that it gets the name that it has itself. It lets that differ (src/conf/domain_conf.c, virDomainNetDefCheckABIStability
 * compares MAC, model, MTU and guest address). Pure.
 */
import { networkOn, type ClusterConfig } from "../config/index.js";
import { attribute, child, withAttributes, withChildren, type Element } from "../xml/element.js";
import { parseInterface, type DomainInterface } from "../backends/libvirt/xml/interface.js";
import type { InterfaceRecord } from "../backends/libvirt/xml/interface-record.js";
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import type { UnclearBridge } from "../rules/index.js";

/** From where to where, and what is recorded of the VM's NICs. */
export interface Way {
  readonly config: ClusterConfig;
  readonly from: string;
  readonly to: string;
  readonly networks: NetworksOfNics;
}

/** By MAC: the networks of the profiles that virtio NICs were declared with. */
export type NetworksOfNics = ReadonlyMap<string, string>;

/** A NIC whose bridge has another name on the destination. */
export interface PlannedBridge {
  /** By its alias or MAC. */
  readonly nic: string;
  readonly network: string;
  readonly before: string;
  readonly after: string;
}

export function networksOfNics(
  records: readonly InterfaceRecord[],
  profiles: readonly ProfileRecord[],
): NetworksOfNics {
  return new Map(
    records.flatMap(({ mac, profile, standbyProfile }): readonly (readonly [string, string])[] => {
      const found = profiles.find(({ id }) => id === (standbyProfile ?? profile));
      return found?.passThrough === "disabled" ? [[mac, found.network]] : [];
    }),
  );
}

/** The network of a NIC on that host's bridge: the recorded one if it has that bridge there, else the first that has. */
export function networkOfBridge(
  config: ClusterConfig,
  host: string,
  bridge: string | undefined,
  recorded: string | undefined,
): string | undefined {
  return networksWithBridge(config, host, bridge, recorded)[0];
}

function networksWithBridge(
  config: ClusterConfig,
  host: string,
  bridge: string | undefined,
  recorded: string | undefined,
): readonly string[] {
  const all = Object.keys(config.networks).filter(
    (network) => bridge !== undefined && networkOn(config, host, network)?.bridge === bridge,
  );
  return recorded !== undefined && all.includes(recorded) ? [recorded] : all;
}

/** Undefined: it is attached to no bridge by itself; a bridge that a libvirt network has chosen is that network's. */
function lookedUp(way: Way, { type, mac, source: { bridge, network } }: DomainInterface) {
  if (type !== "bridge" || bridge === undefined || network !== undefined) return undefined;
  const { config, from, to } = way;
  const networks = networksWithBridge(config, from, bridge, mac === undefined ? undefined : way.networks.get(mac));
  const [after, ...others] = new Set(networks.map((each) => networkOn(config, to, each)?.bridge));
  return { bridge, networks, isClear: others.length === 0, after: others.length === 0 ? (after ?? bridge) : bridge };
}

/** The NIC as the destination would have it. */
export function nicThere(way: Way, nic: DomainInterface): DomainInterface {
  const found = lookedUp(way, nic);
  return found === undefined || found.after === found.bridge
    ? nic
    : { ...nic, source: { ...nic.source, bridge: found.after } };
}

export function plannedBridges(way: Way, nics: readonly DomainInterface[]): readonly PlannedBridge[] {
  return nics.flatMap((nic) => {
    const { networks: [network] = [], bridge = "", after = bridge } = lookedUp(way, nic) ?? {};
    return network === undefined || after === bridge ? [] : { nic: nameOf(nic), network, before: bridge, after };
  });
}

export function unclearBridges(way: Way, nics: readonly DomainInterface[]): readonly UnclearBridge[] {
  return nics.flatMap((nic) => {
    const found = lookedUp(way, nic);
    return found === undefined || found.isClear
      ? []
      : { nic: nameOf(nic), bridge: found.bridge, networks: found.networks };
  });
}

/** A domain's XML with the destination's names; the same element where these are the source's. */
export function withBridgesThere(way: Way, domain: Element): Element {
  const devices = child(domain, "devices")?.children ?? [];
  const there = devices.map((device) => {
    const found = device.name === "interface" ? lookedUp(way, parseInterface(device)) : undefined;
    return found === undefined || found.after === found.bridge
      ? device
      : onChild(device, "source", (source) => withAttributes(source, { bridge: found.after }));
  });
  return there.every((device, index) => device === devices[index])
    ? domain
    : onChild(domain, "devices", (all) => withChildren(all, there));
}

function onChild(parent: Element, name: string, edit: (child: Element) => Element): Element {
  const target = child(parent, name);
  return withChildren(
    parent,
    parent.children.map((each) => (each === target ? edit(each) : each)),
  );
}

function nameOf({ alias, mac, raw }: DomainInterface): string {
  return alias ?? mac ?? attribute(child(raw, "target"), "dev") ?? "NIC";
}

/** For a plan and a preview. */
export function bridgeInWords({ nic, network, before, after }: PlannedBridge, to: string): string {
  return `NIC "${nic}" (network "${network}") goes from bridge "${before}" to bridge "${after}" of "${to}".`;
}
