/** libvirt's XML as another tool has written it: with virsh, or any but this package. */
import type { ProfileByHand } from "./backend.js";

/** The PCI address of a VF, `0000:01:10.0`, as attributes. */
function pciAddress(address: string): string {
  const [domain = "", bus = "", slot = "", number = ""] = address.split(/[:.]/);
  return `<address type='pci' domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${number}'/>`;
}

export interface Place {
  readonly bridge: string;
  readonly physicalFunction: string;
}

/** The libvirt network that stands for a profile. */
export function profileNetwork(
  { name, failover }: ProfileByHand,
  id: string,
  { bridge, physicalFunction }: Place,
): string {
  const attributes =
    failover === undefined
      ? "network='data' passThrough='disabled' migratable='false' portMirroring='false'"
      : `network='data-vf' passThrough='enabled' migratable='true' portMirroring='false' failover='${failover}'`;
  const forwarding =
    failover === undefined
      ? `<forward mode='bridge'/><bridge name='${bridge}'/>`
      : `<forward mode='hostdev' managed='yes'><pf dev='${physicalFunction}'/></forward>`;
  return `<network><name>${name}</name><uuid>${id}</uuid><metadata><x:profile xmlns:x='https://pulumi-vnic-failover.dev/xmlns/profile/1' ${attributes}/></metadata>${forwarding}</network>`;
}

/** Both devices of a pair, the standby first, with aliases that are not this package's. */
export function pairDevices(mac: string, vf: string, { bridge }: Place): readonly [string, string] {
  return [
    `<interface type='bridge'><mac address='${mac}'/><source bridge='${bridge}'/><model type='virtio'/><alias name='ua-my-standby'/><teaming type='persistent'/></interface>`,
    vfDevice(mac, vf, { alias: "ua-my-vf", standby: "ua-my-standby" }),
  ];
}

/** The half of a pair that a VF is. */
export function vfDevice(
  mac: string,
  vf: string,
  { alias, standby }: { readonly alias: string; readonly standby: string },
): string {
  return `<interface type='hostdev' managed='no'><mac address='${mac}'/><driver name='vfio'/><source>${pciAddress(vf)}</source><alias name='${alias}'/><teaming type='transient' persistent='${standby}'/></interface>`;
}
