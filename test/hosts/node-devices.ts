/**
 * The PCI functions and network interfaces of one host, as its node-device and interface drivers tell them: a PF (82576,
 * igb) with its VFs, each in an IOMMU group of its own. Names, XML and addresses are those of a libvirt 11.3.0 host.
 */
import { element, formatXml, type Element } from "../../provider/xml/element.js";
import {
  formatPciAddress,
  nodeDeviceName,
  parsePciAddress,
  pciAttributes,
  type PciAddress,
} from "../../provider/xml/pci-address.js";
import { refusals } from "./refusals.js";

export interface VirtualFunctionModel {
  readonly address: string;
  /** The kernel's driver that holds it: `igbvf`, `vfio-pci`. */
  driver: string;
  readonly iommuGroup: number;
}

export interface PhysicalFunctionModel {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  linkUp: boolean;
  readonly virtualFunctions: readonly VirtualFunctionModel[];
}

export interface BridgeModel {
  readonly name: string;
  readonly mtu: number;
  readonly ports: readonly string[];
}

export class NodeDevices {
  readonly physicalFunctions: PhysicalFunctionModel[];
  readonly bridges: BridgeModel[];
  /** Debian installs the interface driver in a package of its own. */
  hasInterfaceDriver = true;

  constructor(physicalFunctions: readonly PhysicalFunctionModel[], bridges: readonly BridgeModel[]) {
    this.physicalFunctions = [...physicalFunctions];
    this.bridges = [...bridges];
  }

  /** libvirt's names of every network interface. */
  netNames(): readonly string[] {
    return this.physicalFunctions.map(netName);
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

  /** @throws Refusal */
  interfaceXml(name: string): string {
    if (!this.hasInterfaceDriver) throw refusals.noInterfaceDriver();
    const bridge = this.bridges.find((each) => each.name === name);
    if (bridge === undefined) throw refusals.noInterface(name);
    const ports = bridge.ports.map((port) => element("interface", { type: "ethernet", name: port }));
    return formatXml(
      element("interface", { type: "bridge", name }, [
        element("mtu", { size: bridge.mtu }),
        element("bridge", { stp: "off", delay: 0 }, ports),
      ]),
    );
  }

  private find(name: string): Element | undefined {
    for (const pf of this.physicalFunctions) {
      if (netName(pf) === name) return netDevice(pf);
      if (pciName(pf.address) === name) return pfDevice(pf);
      const vf = pf.virtualFunctions.find(({ address }) => pciName(address) === name);
      if (vf !== undefined) return vfDevice(vf, pf);
    }
    return undefined;
  }
}

function netName({ name, mac }: PhysicalFunctionModel): string {
  return `net_${name}_${mac.replaceAll(":", "_")}`;
}

function pciName(address: string): string {
  return nodeDeviceName(pci(address));
}

function pci(address: string): PciAddress {
  const parsed = parsePciAddress(address);
  if (parsed === undefined) throw new Error(`${address} is no PCI address`);
  return parsed;
}

function netDevice(pf: PhysicalFunctionModel): Element {
  return element("device", {}, [
    element("name", {}, netName(pf)),
    element("parent", {}, pciName(pf.address)),
    element("capability", { type: "net" }, [
      element("interface", {}, pf.name),
      element("address", {}, pf.mac),
      element("link", pf.linkUp ? { speed: 1000, state: "up" } : { state: "down" }),
    ]),
  ]);
}

function pfDevice(pf: PhysicalFunctionModel): Element {
  return pciDevice(pf.address, "igb", 7, [
    element(
      "capability",
      { type: "virt_functions", maxCount: 7 },
      pf.virtualFunctions.map(({ address }) => element("address", pciAttributes(pci(address)))),
    ),
  ]);
}

function vfDevice(vf: VirtualFunctionModel, pf: PhysicalFunctionModel): Element {
  return pciDevice(vf.address, vf.driver, vf.iommuGroup, [
    element("capability", { type: "phys_function" }, [element("address", pciAttributes(pci(pf.address)))]),
  ]);
}

function pciDevice(address: string, driver: string, group: number, capabilities: readonly Element[]): Element {
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
      element("iommuGroup", { number: group }, [
        element("address", pciAttributes(pci(formatPciAddress(pci(address))))),
      ]),
    ]),
  ]);
}
