import { XmlError } from "../../../xml/xml-error.js";
import { element, type Element } from "../../../xml/element.js";
import type { Bandwidth, DomainInterface, LinkState, Rate } from "./interface.js";
import { normalizeMac } from "../../../model/mac.js";
import { pciAttributes, type PciAddress } from "./pci-address.js";
import { defined } from "../../../xml/values.js";

export { matchInterface, pairs, type Pair } from "./pairs.js";
export { parseInterface, type Bandwidth, type DomainInterface, type LinkState, type Vlan } from "./interface.js";

/** The virtio half of a pair, on a Linux bridge: the persistent one, which stays while the VM moves. */
export interface StandbyInterface {
  readonly mac: string;
  readonly bridge: string;
  readonly linkState: LinkState;
  readonly alias: string;
  /** Bytes. */
  readonly mtu?: number;
  /** An nwfilter's name. */
  readonly filter?: string;
  readonly portIsolated?: boolean;
  readonly bandwidth?: Bandwidth;
  /** In the guest. Default: libvirt's choice. */
  readonly address?: PciAddress;
}

/** The VF half of a pair: the transient one, which is unplugged for a move. */
export interface PrimaryInterface {
  /** The standby's too: the guest's net_failover pairs the two by it. */
  readonly mac: string;
  /** On the host. */
  readonly vf: PciAddress;
  readonly alias: string;
  readonly standbyAlias: string;
  readonly linkState?: LinkState;
  /** The tag that the NIC itself puts on the VF's frames. The standby has none: its bridge brings it. */
  readonly vlan?: number;
  /** In the guest. Default: libvirt's choice. */
  readonly address?: PciAddress;
}

// Both aliases are those that oVirt writes (ovirt-engine, VmDeviceCommonUtils.createFailoverVmDevice and
// LibvirtVmXmlBuilder.writeAlias): "ua-" makes it an alias that libvirt lets users set, and the standby's is the id of its
// *profile*, not of a NIC. This is why two VFs of one VM can't share a failover profile.

/** The alias of the standby that a failover profile gives to a VM: `ua-<the profile's UUID>`. */
export function standbyAlias(failoverProfileId: string): string {
  return `ua-${failoverProfileId}`;
}

/** The alias of a VM interface's VF: `ua-<the interface's UUID>`. */
export function primaryAlias(interfaceId: string): string {
  return `ua-${interfaceId}`;
}

/**
 * The `<interface>` of the standby: what oVirt's feature page "SR-IOV Live Migration without downtime" shows, and after it
 * what oVirt writes besides, where given.
 * @throws XmlError `xml-unwritable` if the MAC is none.
 */
export function buildStandby(standby: StandbyInterface): Element {
  return element("interface", { type: "bridge" }, [
    macElement(standby.mac),
    element("model", { type: "virtio" }),
    element("link", { state: standby.linkState }),
    element("source", { bridge: standby.bridge }),
    optional(standby.mtu, (size) => element("mtu", { size })),
    element("alias", { name: standby.alias }),
    element("teaming", { type: "persistent" }),
    optional(standby.filter, (filter) => element("filterref", { filter })),
    optional(standby.portIsolated, (isolated) => element("port", { isolated: isolated ? "yes" : "no" })),
    optional(standby.bandwidth, bandwidthElement),
    optional(standby.address, pciElement),
  ]);
}

/**
 * The `<interface>` of the VF, as the feature page shows it. `managed='no'`: the caller that plugs it binds the VF to vfio-pci first.
 * @throws XmlError `xml-unwritable` if the MAC is none.
 */
export function buildPrimary(primary: PrimaryInterface): Element {
  return element("interface", { managed: "no", type: "hostdev" }, [
    macElement(primary.mac),
    element("source", {}, [pciElement(primary.vf)]),
    optional(primary.linkState, (state) => element("link", { state })),
    element("driver", { name: "vfio" }),
    element("alias", { name: primary.alias }),
    element("teaming", { type: "transient", persistent: primary.standbyAlias }),
    optional(primary.vlan, (id) => element("vlan", {}, [element("tag", { id })])),
    optional(primary.address, pciElement),
  ]);
}

/** Reads back what {@link buildStandby} wrote; `undefined` for any other interface. */
export function asStandby(nic: DomainInterface): StandbyInterface | undefined {
  const { mac, alias, mtu, filter, portIsolated, bandwidth, address } = nic;
  const { bridge } = nic.source;
  if (nic.type !== "bridge" || nic.teaming?.type !== "persistent") return undefined;
  if (mac === undefined || alias === undefined || bridge === undefined) return undefined;
  const linkState = nic.linkState ?? "up";
  return defined({ mac, bridge, linkState, alias, mtu, filter, portIsolated, bandwidth, address });
}

/** Reads back what {@link buildPrimary} wrote; `undefined` for any other interface, a VF with several VLANs among them. */
export function asPrimary(nic: DomainInterface): PrimaryInterface | undefined {
  const { mac, alias, vf, linkState, address } = nic;
  if (nic.type !== "hostdev" || nic.teaming?.type !== "transient" || nic.vlan?.trunk === true) return undefined;
  if (mac === undefined || alias === undefined || vf === undefined) return undefined;
  const [vlan] = nic.vlan?.tags ?? [];
  return defined({ mac, vf, alias, standbyAlias: nic.teaming.persistent, linkState, vlan, address });
}

function macElement(mac: string): Element {
  const address = normalizeMac(mac);
  if (address !== undefined) return element("mac", { address });
  throw new XmlError({
    code: "xml-unwritable",
    what: `Unable to write an interface: ${JSON.stringify(mac)} is not a valid MAC address`,
    remedy: "Write it as 52:54:00:12:34:56.",
  });
}

function pciElement(address: PciAddress): Element {
  return element("address", { ...pciAttributes(address), type: "pci" });
}

function bandwidthElement({ inbound, outbound }: Bandwidth): Element {
  const direction = (name: string) => (rate: Rate) => element(name, { ...rate });
  return element("bandwidth", {}, [optional(inbound, direction("inbound")), optional(outbound, direction("outbound"))]);
}

function optional<T>(value: T | undefined, build: (value: T) => Element): Element | undefined {
  return value === undefined ? undefined : build(value);
}
