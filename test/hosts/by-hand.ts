/** Pairs that another tool has written, put into the VM on host1 without this package. */
import { Affect } from "../../provider/backends/libvirt/constants.js";
import { child, element, parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { hostPciAddress } from "../../provider/backends/libvirt/xml/interface.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { asStarted } from "./definition.js";
import { vm, type LabLike } from "./two-hosts.js";

/** libvirt's attributes of `0000:01:10.0`. */
export function pciAttributesOf(address: string): string {
  const [domain = "", bus = "", slot = "", number = ""] = address.split(/[:.]/);
  return `domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${number}'`;
}

export const standbyByHand = `<interface type='bridge'><mac address='${vm.mac}'/><source bridge='br0'/><model type='virtio'/><teaming type='persistent'/><alias name='ua-backup0'/></interface>`;

/** @param more children besides. */
export function vfByHand(address: string, more = "<alias name='ua-vf0'/>", attributes = ""): string {
  return `<interface type='hostdev'${attributes}><mac address='${vm.mac}'/><source><address type='pci' ${pciAttributesOf(address)}/></source><teaming type='transient' persistent='ua-backup0'/>${more}</interface>`;
}

/** What an owner may write besides: everything that a VF can have. */
export const ownSettings =
  "<rom bar='off'/><boot order='2'/><acpi index='7'/><alias name='ua-vf0'/><address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>";

/**
 * The running VM has those devices, and its definition these; its VFs are bound to VFIO. As after a start: what has no
 * alias in the definition has one of libvirt's in the running domain.
 */
export function giveDevices(lab: Pick<LabLike, "host1">, defined: readonly string[], live = defined): void {
  const { domains, devices } = lab.host1;
  const web = domains.requireNamed(vm.name);
  for (const xml of defined) domains.attach(web, parseXml(xml), Affect.CONFIG);
  const aliased = devicesWithAliases(web.live, live);
  for (const device of aliased) {
    const address = hostPciAddress(device);
    const found = address && devices.functionAt(formatPciAddress(address));
    if (found !== undefined) found.vf.driver = "vfio-pci";
    domains.attach(web, device, Affect.LIVE);
  }
}

function devicesWithAliases(live: Element | undefined, texts: readonly string[]): readonly Element[] {
  const present = child(live, "devices")?.children ?? [];
  const given = texts.map((text) => parseXml(text));
  const started = asStarted(element("domain", {}, [withChildren(element("devices"), [...present, ...given])]));
  return (child(started, "devices")?.children ?? []).slice(present.length);
}

/** An element in one line, its children and attributes in one order: libvirt prints its own. */
export function flat({ name, attributes, children }: Element): string {
  return `${name}${JSON.stringify(Object.entries(attributes).toSorted())}(${children.map(flat).toSorted().join()})`;
}
