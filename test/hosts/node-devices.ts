/**
 * The PCI functions and network interfaces of one host, as its node-device and interface drivers tell them: a PF (82576,
 * igb, unless its VFs' driver says otherwise) with its VFs. Names, XML and addresses are those of a libvirt 11.3.0 host.
 */
import { element, formatXml, type Element } from "../../provider/xml/element.js";
import {
  nodeDeviceName,
  parsePciAddress,
  pciAttributes,
  type PciAddress,
} from "../../provider/backends/libvirt/xml/pci-address.js";
import { hostDriverOf, isVfio, ownDrivers, physicalDriverOf, vfioDriverFor } from "./drivers.js";
import { refusals } from "./refusals.js";

/** The network interface that the host's kernel makes of a VF while a network driver holds it. */
export interface NetdevModel {
  readonly name: string;
  readonly up: boolean;
  /** `10.1.2.3/24`. Not visible to libvirt. */
  readonly addresses: readonly string[];
  /** Visible to libvirt where it is a bridge of the host: as one of its ports. */
  readonly master?: string;
}

export interface VirtualFunctionModel {
  readonly address: string;
  /** The kernel's driver that holds it: `igbvf`, `vfio-pci`. */
  driver: string;
  readonly iommuGroup: number;
  /** What re-attaching binds it to. Default: the driver that it had before it was detached. */
  readonly hostDriver?: string;
  /** What `ip link set` has set for it on its PF. Default: nothing. */
  settings?: { readonly mac: string; readonly vlan: number };
  /** Default: one that is down. Null: none that is visible, as where it is in another network namespace. */
  netdev?: NetdevModel | null;
}

export interface PhysicalFunctionModel {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  linkUp: boolean;
  /** Bytes. Default 1500. */
  readonly mtu?: number;
  /** The NUMA node of the PF and its VFs. Default: the host does not say. */
  readonly numaNode?: number;
  /** Whether its embedded switch is in switchdev mode. Default: false. */
  readonly switchdev?: boolean;
  readonly virtualFunctions: readonly VirtualFunctionModel[];
}

export interface BridgeModel {
  readonly name: string;
  readonly mtu: number;
  readonly ports: readonly string[];
  /** Default: `linux`. */
  readonly kind?: "linux" | "openvswitch";
  /** Whether a Linux bridge looks at VLAN tags. Not visible to libvirt. Default: false. */
  readonly vlanFiltering?: boolean;
}

/** A network interface of the host that libvirt knows as a node device. */
interface NetDevice {
  readonly name: string;
  readonly mac: string;
  readonly parent: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly features: readonly string[];
}

export class NodeDevices {
  readonly physicalFunctions: PhysicalFunctionModel[];
  readonly bridges: BridgeModel[];
  /** Debian installs the interface driver in a package of its own. */
  hasInterfaceDriver = true;
  private readonly ownDrivers = ownDrivers<VirtualFunctionModel>();

  constructor(physicalFunctions: readonly PhysicalFunctionModel[], bridges: readonly BridgeModel[]) {
    this.physicalFunctions = [...physicalFunctions];
    this.bridges = [...bridges];
    for (const vf of this.virtualFunctions()) this.ownDrivers.note(vf);
  }

  /** libvirt's names of every network interface. Linux bridges are not among them (node_device_udev.c). */
  netNames(): readonly string[] {
    return this.netDevices().map(netName);
  }

  /** @throws Refusal */
  xml(name: string): string {
    const found = this.find(name);
    if (found === undefined) throw refusals.noNodeDevice(name);
    return formatXml(found);
  }

  /** @throws Refusal */
  virtualFunction(name: string): VirtualFunctionModel {
    const found = this.virtualFunctions().find(({ address }) => pciName(address) === name);
    if (found === undefined) throw refusals.noNodeDevice(name);
    return found;
  }

  /** By `0000:01:10.0`. */
  functionAt(address: string): { vf: VirtualFunctionModel; pf: PhysicalFunctionModel } | undefined {
    for (const pf of this.physicalFunctions) {
      const vf = pf.virtualFunctions.find((each) => each.address === address);
      if (vf !== undefined) return { vf, pf };
    }
    return undefined;
  }

  virtualFunctions(): readonly VirtualFunctionModel[] {
    return this.physicalFunctions.flatMap((pf) => pf.virtualFunctions);
  }

  /** Takes the VF from its driver and gives it to that one, by default libvirt's choice (virHostdevGetPCIHostDevice). */
  detach(vf: VirtualFunctionModel, driverName?: string | null): void {
    this.ownDrivers.note(vf);
    if (driverName == null && isVfio(vf.driver)) return;
    vf.driver = driverName ?? vfioDriverFor(vf.driver);
    // Its network interface is gone, with what it was set to.
    vf.netdev = { ...netdevOf(vf, this.requirePf(vf)), up: false, addresses: [] };
  }

  /** Gives the VF back to the driver that it had. */
  reattach(vf: VirtualFunctionModel): void {
    if (!isVfio(vf.driver)) return;
    vf.driver = vf.hostDriver ?? this.ownDrivers.of(vf) ?? hostDriverOf(this.requirePf(vf).virtualFunctions);
  }

  /** Of every interface: also of bridges and their ports, which are no node devices. @throws Refusal */
  interfaceNames(): readonly string[] {
    if (!this.hasInterfaceDriver) throw refusals.noInterfaceDriver("virConnectListAllInterfaces");
    const names = [...this.netDevices(), ...this.bridges].map(({ name }) => name);
    return [...new Set([...names, ...this.bridges.flatMap(({ ports }) => ports)])];
  }

  /** @throws Refusal */
  interfaceXml(name: string): string {
    if (!this.hasInterfaceDriver) throw refusals.noInterfaceDriver("virInterfaceLookupByName");
    const bridge = this.bridges.find((each) => each.name === name);
    if (bridge !== undefined && bridge.kind !== "openvswitch") return formatXml(this.linuxBridge(bridge));
    // An Open vSwitch bridge is an interface without a device type to libvirt, and its ports have no place anywhere
    // (interface_backend_udev.c, udevGetIfaceDef; Linux net/openvswitch/vport-internal_dev.c).
    const net = this.netDevices().find((each) => each.name === name);
    const port = this.bridges.find(({ ports }) => ports.includes(name));
    if (net === undefined && port === undefined) throw refusals.noInterface(name);
    const { mtu, mac, up } = net ?? { mtu: port?.mtu ?? 1500, mac: undefined, up: true };
    return formatXml(
      element("interface", { type: "ethernet", name }, [
        element("mtu", { size: mtu }),
        ...(mac === undefined ? [] : [element("mac", { address: mac })]),
        link(up),
      ]),
    );
  }

  private linuxBridge({ name, mtu, ports }: BridgeModel): Element {
    const enslaved = this.netdevs().flatMap(({ netdev }) => (netdev.master === name ? [netdev.name] : []));
    const all = [...new Set([...ports, ...enslaved])];
    return element("interface", { type: "bridge", name }, [
      element("mtu", { size: mtu }),
      element(
        "bridge",
        { stp: "off", delay: 0 },
        all.map((port) => element("interface", { type: "ethernet", name: port })),
      ),
    ]);
  }

  /** The VFs' network interfaces that the host sees. */
  private netdevs(): readonly { vf: VirtualFunctionModel; pf: PhysicalFunctionModel; netdev: NetdevModel }[] {
    return this.physicalFunctions.flatMap((pf) =>
      pf.virtualFunctions
        .filter(({ driver, netdev }) => !isVfio(driver) && netdev !== null)
        .map((vf) => ({ vf, pf, netdev: netdevOf(vf, pf) })),
    );
  }

  private netDevices(): readonly NetDevice[] {
    return [
      ...this.physicalFunctions.map(({ name, mac, address, linkUp, mtu = 1500, switchdev = false }): NetDevice => ({
        ...{ name, mac, parent: pciName(address), up: linkUp, mtu },
        // src/util/virnetdev.c, virNetDevSwitchdevFeature
        features: switchdev ? ["switchdev"] : [],
      })),
      ...this.netdevs().map(({ vf, netdev: { name, up } }): NetDevice => ({
        ...{ name, mac: macOf(vf.address), parent: pciName(vf.address), up, mtu: 1500, features: [] },
      })),
      ...this.bridges
        .filter(({ kind }) => kind === "openvswitch")
        .map(({ name, mtu }): NetDevice => ({
          name,
          mac: macOf(name),
          parent: "computer",
          up: true,
          mtu,
          features: [],
        })),
    ];
  }

  private requirePf(vf: VirtualFunctionModel): PhysicalFunctionModel {
    const found = this.functionAt(vf.address);
    if (found === undefined) throw new Error(`${vf.address} is no VF of this host`);
    return found.pf;
  }

  private find(name: string): Element | undefined {
    for (const [index, pf] of this.physicalFunctions.entries()) {
      if (pciName(pf.address) === name) return this.pfDevice(pf, index);
      const vf = pf.virtualFunctions.find(({ address }) => pciName(address) === name);
      if (vf !== undefined) return this.vfDevice(vf, pf);
    }
    const net = this.netDevices().find((each) => netName(each) === name);
    return net === undefined ? undefined : netDevice(net);
  }

  private pfDevice(pf: PhysicalFunctionModel, index: number): Element {
    const { address, virtualFunctions } = pf;
    // Groups of their own, below those that VFs are given.
    const group = { number: pfGroups + index, addresses: [address] };
    return pciDevice(address, physicalDriverOf(virtualFunctions), group, pf.numaNode, [
      element(
        "capability",
        { type: "virt_functions", maxCount: Math.max(7, virtualFunctions.length) },
        virtualFunctions.map(({ address }) => element("address", pciAttributes(pci(address)))),
      ),
    ]);
  }

  private vfDevice(vf: VirtualFunctionModel, pf: PhysicalFunctionModel): Element {
    const number = vf.iommuGroup;
    const addresses = this.virtualFunctions().flatMap((each) => (each.iommuGroup === number ? [each.address] : []));
    return pciDevice(vf.address, vf.driver, { number, addresses }, pf.numaNode, [
      element("capability", { type: "phys_function" }, [element("address", pciAttributes(pci(pf.address)))]),
    ]);
  }
}

const pfGroups = 1_000_000;

/** Of a VF whose network interface is not told: the name that its PF's and its number give. */
function netdevOf(vf: VirtualFunctionModel, pf: PhysicalFunctionModel): NetdevModel {
  return vf.netdev ?? { name: `${pf.name}v${pf.virtualFunctions.indexOf(vf)}`, up: false, addresses: [] };
}

function netName({ name, mac }: { readonly name: string; readonly mac: string }): string {
  // src/node_device/node_device_udev.c, udevGenerateDeviceName
  return `net_${name}_${mac}`.replaceAll(/[^A-Za-z0-9]/g, "_");
}

function pciName(address: string): string {
  return nodeDeviceName(pci(address));
}

function pci(address: string): PciAddress {
  const parsed = parsePciAddress(address);
  if (parsed === undefined) throw new Error(`${address} is not a valid PCI address`);
  return parsed;
}

/** One for each text, the same in each run. */
function macOf(text: string): string {
  let hash = 2_166_136_261;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 16_777_619) >>> 0;
  const digits = hash.toString(16).padStart(8, "0");
  return `0a:58:${digits.replaceAll(/..(?=.)/g, "$&:")}`;
}

function netDevice(net: NetDevice): Element {
  return element("device", {}, [
    element("name", {}, netName(net)),
    element("parent", {}, net.parent),
    element("capability", { type: "net" }, [
      element("interface", {}, net.name),
      element("address", {}, net.mac),
      link(net.up),
      ...net.features.map((name) => element("feature", { name })),
    ]),
  ]);
}

function link(up: boolean): Element {
  return element("link", up ? { speed: 1000, state: "up" } : { state: "down" });
}

function pciDevice(
  address: string,
  driver: string,
  group: { readonly number: number; readonly addresses: readonly string[] },
  numaNode: number | undefined,
  capabilities: readonly Element[],
): Element {
  const { domain, bus, slot, function: number } = pci(address);
  return element("device", {}, [
    element("name", {}, pciName(address)),
    element("driver", {}, [element("name", {}, driver)]),
    element("capability", { type: "pci" }, [
      element("class", {}, "0x020000"),
      element("domain", {}, String(domain)),
      element("bus", {}, String(bus)),
      element("slot", {}, String(slot)),
      element("function", {}, String(number)),
      ...capabilities,
      element(
        "iommuGroup",
        { number: group.number },
        group.addresses.map((each) => element("address", pciAttributes(pci(each)))),
      ),
      ...(numaNode === undefined ? [] : [element("numa", { node: numaNode })]),
    ]),
  ]);
}
