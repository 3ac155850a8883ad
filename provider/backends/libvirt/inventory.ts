/** What a host has for SR-IOV: its PFs, their VFs and who uses each. From libvirt's node-device API, nothing cached. */
import { nodeDeviceName, parsePciAddress, samePciAddress, type PciAddress } from "../../xml/pci-address.js";
import { parseNodeDevice, type NetNodeDevice, type PciNodeDevice } from "../../xml/node-device.js";
import { parseDomain } from "../../xml/domain.js";
import { z } from "zod";
import { parseHostInterface, type HostInterface } from "../../xml/host-interface.js";
import { LibvirtError } from "./rpc/errors.js";
import { remoteCommand } from "./transport/index.js";
import { DomainXml, ListNodeDevices } from "./constants.js";
import { unless, type LibvirtHost } from "./host.js";

/** The driver that a VF is bound to while a guest has it, or while it is reserved for one. */
export const vfioDriver = "vfio-pci";

export interface VirtualFunction {
  readonly address: PciAddress;
  readonly driver: string | undefined;
  /** vfio hands out whole IOMMU groups: such a VF cannot be given away alone (Linux Documentation/driver-api/vfio.rst). */
  readonly sharesIommuGroup: boolean;
  /** The domain, running or not, whose definition names the VF. */
  readonly usedBy: string | undefined;
}

export interface PhysicalFunction {
  readonly name: string;
  readonly address: PciAddress;
  readonly linkUp: boolean;
  readonly virtualFunctions: readonly VirtualFunction[];
}

/** A VF that a guest may have: alone in its IOMMU group, in no domain, and not bound to vfio on somebody's behalf. */
export function isFree({ usedBy, driver, sharesIommuGroup }: VirtualFunction): boolean {
  return usedBy === undefined && driver !== vfioDriver && !sharesIommuGroup;
}

/** Bound to vfio, yet in no domain: reserved by a move that runs, or left behind by one that died. */
export function isReserved({ usedBy, driver }: VirtualFunction): boolean {
  return usedBy === undefined && driver === vfioDriver;
}

/** The PF of that interface name, or undefined where the host has no such interface or it is no PF. */
export async function physicalFunction(
  host: LibvirtHost,
  name: string,
  users?: readonly VfUser[],
): Promise<PhysicalFunction | undefined> {
  const net = await netDevice(host, name);
  const address = net?.parent === undefined ? undefined : parsePciAddress(net.parent);
  if (net === undefined || address === undefined) return undefined;
  const pci = await pciDevice(host, address);
  const addresses = pci?.virtualFunctions?.addresses;
  if (addresses === undefined) return undefined;
  const [using, devices] = await Promise.all([
    users ?? vfUsers(host),
    Promise.all(addresses.map((vf) => pciDevice(host, vf))),
  ]);
  const virtualFunctions = addresses.map((vf, index) => ({
    address: vf,
    driver: devices[index]?.driver,
    sharesIommuGroup: (devices[index]?.iommuGroup?.addresses.length ?? 1) > 1,
    usedBy: using.find((user) => samePciAddress(user.address, vf))?.domain,
  }));
  return { name, address, linkUp: net.linkState !== "down", virtualFunctions };
}

export interface VfUser {
  readonly domain: string;
  readonly address: PciAddress;
}

/** Every host device that a domain has: `live` those of running domains, else also those that a definition names. */
export async function vfUsers(host: LibvirtHost, which: "live" | "all" = "all"): Promise<readonly VfUser[]> {
  const users = await Promise.all(
    (await host.domains()).map(async (dom) => {
      const definitions = await Promise.all([
        which === "all" || dom.id >= 0 ? unless("NO_DOMAIN", () => host.domainXml(dom)) : undefined,
        which === "all" && dom.id >= 0 ? unless("NO_DOMAIN", () => host.domainXml(dom, DomainXml.INACTIVE)) : undefined,
      ]);
      return definitions
        .filter((xml) => xml !== undefined)
        .flatMap((xml) => parseDomain(xml).hostdevs)
        .map((address) => ({ domain: dom.name, address }));
    }),
  );
  return users.flat();
}

/** Takes a VF from the host's own driver and binds it to vfio, as `managed='no'` wants it before a guest gets it. */
export async function reserveVf(host: LibvirtHost, vf: PciAddress): Promise<void> {
  const connection = await host.connection();
  await connection.call("node_device_detach_flags", { name: nodeDeviceName(vf), driverName: null, flags: 0 });
}

/** Gives a VF back to the host's own driver. */
export async function releaseVf(host: LibvirtHost, vf: PciAddress): Promise<void> {
  const device = await pciDevice(host, vf);
  // A VF that is with its driver already, or is gone with its PF, needs nothing.
  if (device?.driver !== vfioDriver) return;
  await (await host.connection()).call("node_device_re_attach", { name: nodeDeviceName(vf) });
}

export async function isBoundToVfio(host: LibvirtHost, vf: PciAddress): Promise<boolean> {
  return (await pciDevice(host, vf))?.driver === vfioDriver;
}

/** What a host says of one of its network interfaces; `unknown`: it has no way to say. */
export type InterfaceAnswer = HostInterface | "absent" | "unknown";

/**
 * A host's own network interface, such as a bridge. libvirt's node devices leave bridges out (node_device_udev.c,
 * udevGetDeviceType), so it is asked of the interface driver, which not every distribution installs by default, and where
 * that is missing of iproute2, if commands are allowed.
 */
export async function hostInterface(
  host: LibvirtHost,
  name: string,
  { commands }: { readonly commands: boolean },
): Promise<InterfaceAnswer> {
  const connection = await host.connection();
  try {
    const { iface } = await connection.call("interface_lookup_by_name", { name });
    return parseHostInterface((await connection.call("interface_get_xml_desc", { iface, flags: 0 })).xml);
  } catch (error) {
    if (LibvirtError.is(error, "NO_INTERFACE")) return "absent";
    if (!LibvirtError.is(error, "NO_SUPPORT")) throw error;
  }
  return commands ? fromIproute(host, name) : "unknown";
}

const links = z.array(
  z.looseObject({
    ifname: z.string(),
    mtu: z.number().int(),
    master: z.string().optional(),
    linkinfo: z.looseObject({ info_kind: z.string().optional() }).optional(),
  }),
);

async function fromIproute(host: LibvirtHost, name: string): Promise<InterfaceAnswer> {
  const answer = await host.command(remoteCommand`ip -json -details link show`).catch(() => undefined);
  if (answer?.code !== 0) return "unknown";
  const parsed = links.safeParse(JSON.parse(answer.stdout));
  if (!parsed.success) return "unknown";
  const found = parsed.data.find(({ ifname }) => ifname === name);
  if (found === undefined) return "absent";
  return {
    name,
    type: found.linkinfo?.info_kind ?? "ethernet",
    mtu: found.mtu,
    ports: parsed.data.filter(({ master }) => master === name).map(({ ifname }) => ifname),
  };
}

async function netDevice(host: LibvirtHost, name: string): Promise<NetNodeDevice | undefined> {
  // libvirt's name for it is `net_<interface>_<mac>`, with every other character of the interface's as '_'
  // (src/node_device/node_device_udev.c, udevGenerateDeviceName): a first guess, which the device's XML decides.
  const wanted = name.replaceAll(/[^A-Za-z0-9]/g, "_");
  for (const candidate of (await netDevices(host)).filter((each) => interfaceOf(each) === wanted)) {
    const device = await nodeDevice(host, candidate);
    if (device?.kind === "net" && device.interface === name) return device;
  }
  return undefined;
}

async function pciDevice(host: LibvirtHost, address: PciAddress): Promise<PciNodeDevice | undefined> {
  const device = await nodeDevice(host, nodeDeviceName(address));
  return device?.kind === "pci" ? device : undefined;
}

async function netDevices(host: LibvirtHost): Promise<readonly string[]> {
  const { devices } = await (
    await host.connection()
  ).call("connect_list_all_node_devices", { need_results: 1, flags: ListNodeDevices.NET });
  return devices.map(({ name }) => name);
}

/** `net_pf0_52_54_00_79_00_11` → `pf0`. */
function interfaceOf(deviceName: string): string {
  return deviceName.replace(/^net_/, "").replace(/(_[0-9a-f]{2}){6}$/i, "");
}

async function nodeDevice(host: LibvirtHost, name: string): Promise<ReturnType<typeof parseNodeDevice> | undefined> {
  const answer = await unless("NO_NODE_DEVICE", async () =>
    (await host.connection()).call("node_device_get_xml_desc", { name, flags: 0 }),
  );
  return answer === undefined ? undefined : parseNodeDevice(answer.xml);
}
