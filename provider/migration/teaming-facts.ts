/** A parsed domain as the rules of teaming want it. Pure. */
import type { TeamingDevice, TeamingFacts } from "../rules/index.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { attribute, child, children, find } from "../xml/element.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";
import type { DomainInterface } from "../backends/libvirt/xml/teaming.js";

/** @param networkTypes what interfaces of each libvirt network are on the host. Default: not known. */
export function teamingFacts(domain: Domain, networkTypes: ReadonlyMap<string, string> = new Map()): TeamingFacts {
  const devices = child(domain.raw, "devices");
  return {
    machine: domain.machine,
    interfaces: domain.interfaces.map((nic) => ({
      ...teamingDevice(nic),
      ...(nic.source.network !== undefined && { actualType: networkTypes.get(nic.source.network) }),
    })),
    controllers: children(devices, "controller").map((controller) => ({
      type: attribute(controller, "type") ?? "",
      index: Number(attribute(controller, "index") ?? 0),
      model: attribute(controller, "model"),
      hotPlugs: attribute(child(controller, "target"), "hotplug") !== "off",
    })),
    hotPlugOption: hotPlugOption(domain),
  };
}

/** Of QEMU's own arguments (libvirt: docs/drvqemu.rst), as `-global pcie-root-port.hotplug=off`. */
function hotPlugOption({ raw }: Domain): string | undefined {
  const values = children(child(raw, "qemu:commandline"), "qemu:arg").map((argument) => attribute(argument, "value"));
  return values.find((value) => value !== undefined && /^pcie-root-port\.hotplug=(off|no|false|n)$/.test(value));
}

function teamingDevice(nic: DomainInterface): TeamingDevice {
  const teaming = child(nic.raw, "teaming");
  const address = child(nic.raw, "address");
  return {
    kind: nic.device,
    type: nic.type,
    mac: nic.mac,
    alias: nic.alias,
    model: nic.model,
    // As written: what is wrong with it is for the rules to say.
    teaming:
      teaming === undefined
        ? undefined
        : { type: attribute(teaming, "type") ?? "", persistent: attribute(teaming, "persistent") },
    guestAddress:
      nic.address === undefined
        ? undefined
        : { type: "pci", ...nic.address, multifunction: attribute(address, "multifunction") === "on" },
    source: nic.vf === undefined ? undefined : formatPciAddress(nic.vf),
    sourceType: attribute(find(nic.raw, "source", "address"), "type"),
    driver: nic.type === "hostdev" ? nic.driver : undefined,
    mtu: nic.mtu,
    link: nic.linkState,
    vlanTrunk: nic.vlan?.trunk,
    filter: nic.filter,
    bandwidth: nic.bandwidth !== undefined,
  };
}
