/** What a host has for SR-IOV: its PFs, their VFs and who uses each. From libvirt's node-device API, nothing cached. */
import { isInRange, type PfOfNetwork } from "../../config/index.js";
import { jsonIn } from "../../model/json.js";
import {
  formatPciAddress,
  nodeDeviceName,
  parsePciAddress,
  samePciAddress,
  type PciAddress,
} from "./xml/pci-address.js";
import type { NetNodeDevice, PciNodeDevice } from "./xml/node-device.js";
import { parseDomain } from "./xml/domain.js";
import { withoutMetadata } from "./xml/without-metadata.js";
import * as z from "zod";
import { parseHostInterface, type HostInterface } from "./xml/host-interface.js";
import { LibvirtError } from "./rpc/errors.js";
import { remoteCommand } from "./transport/index.js";
import { DomainXml } from "./constants.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { netdevsAgain, netdevsOn, useOf, type Netdevs } from "./netdevs.js";
import { netDeviceNames, nodeDeviceNamed } from "./node-device.js";
import { claimsOn, isClaimAlive, type JournalReservations } from "./reservations.js";
import { readable } from "./unreadable-vm.js";
import { isVfioDriver, type PhysicalFunction, type VirtualFunction } from "./free-vfs.js";

export {
  heldVfs,
  isFree,
  isReserved,
  isVfioDriver,
  likelyDriver,
  vfAt,
  whyNotFree,
  type PhysicalFunction,
  type VirtualFunction,
} from "./free-vfs.js";

/** All that tells of the use of a host's VFs, asked once for all of its PFs. */
export interface HostUse extends Netdevs {
  /** Whether commands may be run on it. */
  readonly commands: boolean;
  readonly users: readonly VfUser[];
  /** The host's VFs that a journal or a claim speaks for, with the VM. */
  readonly reserved: readonly Reservation[];
  /** Those of moves and plugs that have died. */
  readonly left: readonly Reservation[];
}

export interface Reservation {
  readonly address: PciAddress;
  readonly vm: string;
}

/**
 * What is known of the use of a host's VFs.
 * @param commands whether commands may be run on it.
 * @param journals of the cluster. Default: none are looked at.
 */
export async function hostUse(
  host: LibvirtHost,
  {
    commands,
    journals = { vfs: [], complete: true },
    users,
  }: {
    readonly commands: boolean;
    readonly journals?: JournalReservations | Promise<JournalReservations>;
    readonly users?: readonly VfUser[];
  },
): Promise<HostUse> {
  const [netdevs, using, claims, spoken] = await Promise.all([
    netdevsOn(host, { commands }),
    users ?? vfUsers(host),
    claimsOn(host),
    journals,
  ]);
  const claimed = (alive: boolean) =>
    claims
      .filter((claim) => isClaimAlive(claim, spoken, host.clock.now()) === alive)
      .map(({ vf, vm }): Reservation => ({ address: vf, vm }));
  return {
    ...netdevs,
    commands,
    users: using,
    reserved: [...claimed(true), ...spoken.vfs.filter((each) => each.host === host.name)],
    left: claimed(false),
  };
}

/** The PF of that interface name with the network's VFs, or undefined where the host has no such interface or it is no PF. */
export async function physicalFunction(
  host: LibvirtHost,
  named: PfOfNetwork | string,
  use?: HostUse,
): Promise<PhysicalFunction | undefined> {
  const pf = typeof named === "string" ? { name: named } : named;
  const found = await virtualFunctionsOf(host, pf, use);
  if (found === undefined) return undefined;
  const known = use ?? (await hostUse(host, { commands: false }));
  return {
    name: pf.name,
    address: found.address,
    linkUp: found.linkUp,
    virtualFunctions: await settledVfs(host, found.vfs, known),
  };
}

/** Milliseconds between two looks at VFs whose netdev is not there yet: udev tells libvirt of it after the driver is bound. */
const netdevAppears = 500;

async function settledVfs(
  host: LibvirtHost,
  vfs: readonly Pick<VirtualFunction, "address" | "number">[],
  use: HostUse,
): Promise<readonly VirtualFunction[]> {
  const look = (known: HostUse) =>
    Promise.all(vfs.map(async (vf) => virtualFunction(host, vf, await pciDevice(host, vf.address), known)));
  const found = await look(use);
  if (!found.some((vf) => vf.awaitsNetdev === true && vf.usedBy === undefined)) return found;
  await host.clock.sleep(netdevAppears);
  return look({ ...use, ...(await netdevsOn(host, use)) });
}

/** The addresses of the network's VFs on that PF; none where there is no such PF. */
export async function vfAddresses(host: LibvirtHost, pf: PfOfNetwork): Promise<readonly PciAddress[]> {
  return ((await virtualFunctionsOf(host, pf))?.vfs ?? []).map(({ address }) => address);
}

/** Whether that PF, whose VF it is, is down. */
export async function isBelowDownPf(host: LibvirtHost, pf: PfOfNetwork, vf: PciAddress): Promise<boolean> {
  const found = await virtualFunctionsOf(host, pf);
  return found !== undefined && !found.linkUp && found.vfs.some(({ address }) => samePciAddress(address, vf));
}

/** @param use what is known of the host's netdevs. Default: they are looked for. */
async function virtualFunctionsOf(host: LibvirtHost, pf: PfOfNetwork, use?: HostUse) {
  const net =
    use === undefined || use.missing !== undefined
      ? await netDevice(host, pf.name)
      : use.netdevs.find(({ name }) => name === pf.name);
  const address = net?.parent === undefined ? undefined : parsePciAddress(net.parent);
  if (net === undefined || address === undefined) return undefined;
  const addresses = (await pciDevice(host, address))?.virtualFunctions?.addresses;
  if (addresses === undefined) return undefined;
  // libvirt lists them as sysfs numbers them: virtfn0, virtfn1, … (src/util/virpci.c, virPCIGetVirtualFunctionsFull).
  const vfs = addresses.map((each, number) => ({ address: each, number }));
  return { address, linkUp: net.linkState !== "down", vfs: vfs.filter(({ number }) => isInRange(pf, number)) };
}

async function virtualFunction(
  host: LibvirtHost,
  vf: Pick<VirtualFunction, "address" | "number">,
  device: PciNodeDevice | undefined,
  use: HostUse,
): Promise<VirtualFunction> {
  const { address } = vf;
  const others = (device?.iommuGroup?.addresses ?? []).filter((other) => !samePciAddress(other, address));
  return {
    ...vf,
    driver: device?.driver,
    ...(await groupOf(host, others, use)),
    usedBy: userOf(use, address),
    reservedFor: reservedFor(use, address),
    leftBy: use.left.find((each) => samePciAddress(each.address, address))?.vm,
    ...hostUseOf(device, address, use),
  };
}

function userOf({ users }: HostUse, vf: PciAddress): string | undefined {
  return users.find((user) => samePciAddress(user.address, vf))?.domain;
}

function reservedFor({ reserved }: HostUse, vf: PciAddress): string | undefined {
  return reserved.find(({ address }) => samePciAddress(address, vf))?.vm;
}

/** What the host itself uses the VF for, in words. */
function hostUseOf(
  device: PciNodeDevice | undefined,
  vf: PciAddress,
  use: HostUse,
): Pick<VirtualFunction, "hostUse" | "netdevs" | "awaitsNetdev"> {
  const driver = device?.driver;
  const name = nodeDeviceName(vf);
  if (use.vdpaParents.includes(name)) return { hostUse: "it serves a vDPA device" };
  if (driver === undefined || isVfioDriver(driver)) return {};
  const netdevs = use.netdevs.filter(({ parent }) => parent === name);
  if (netdevs.length > 0)
    return {
      hostUse: netdevs.map(useOf).find((used) => used !== undefined),
      netdevs: netdevs.map(({ nodeDevice }) => nodeDevice),
    };
  return {
    hostUse: `it is bound to host driver ${driver} and has no network interface on the host; a container, vDPA or DPDK may be using it`,
    awaitsNetdev: true,
  };
}

async function groupOf(
  host: LibvirtHost,
  others: readonly PciAddress[],
  use: HostUse,
): Promise<Pick<VirtualFunction, "sharesIommuGroup" | "groupUse">> {
  const why = await groupUse(host, others, use);
  return { sharesIommuGroup: why !== undefined, groupUse: why };
}

/** VFIO gives away a group as a whole: its other devices must be free for that, too. */
async function groupUse(host: LibvirtHost, others: readonly PciAddress[], use: HostUse): Promise<string | undefined> {
  const devices = await Promise.all(others.map((other) => pciDevice(host, other)));
  for (const [index, other] of others.entries()) {
    const device = devices[index];
    // Bridges, class 0x0604, stay with their own driver (Linux drivers/vfio/vfio_main.c, vfio_dev_driver_allowed).
    if (device === undefined || device.class?.startsWith("0x0604") === true) continue;
    const vm = userOf(use, other) ?? reservedFor(use, other);
    const at = `device ${formatPciAddress(other)} in the same IOMMU group`;
    if (vm !== undefined) return `${at} is assigned to VM "${vm}"`;
    if (device.driver !== undefined && !isVfioDriver(device.driver))
      return `${at} is bound to host driver ${device.driver}`;
  }
  return undefined;
}

export interface VfUser {
  readonly domain: string;
  readonly address: PciAddress;
}

/**
 * Every host device that a domain has: `live` those of running domains, else also those that a definition names. What a VM's owner
 * may write as its metadata is not read: it neither fails nor costs those who ask for other VMs.
 * @throws UnreadableVm
 */
export async function vfUsers(host: LibvirtHost, which: "live" | "all" = "all"): Promise<readonly VfUser[]> {
  const users = await Promise.all(
    (await host.domains()).map(async (dom) => {
      const definitions = await Promise.all([
        which === "all" || dom.id >= 0 ? undefinedOn("NO_DOMAIN", () => host.domainXml(dom)) : undefined,
        which === "all" && dom.id >= 0
          ? undefinedOn("NO_DOMAIN", () => host.domainXml(dom, DomainXml.INACTIVE))
          : undefined,
      ]);
      return definitions
        .filter((xml) => xml !== undefined)
        .flatMap((xml) => readable(host, dom, () => parseDomain(withoutMetadata(xml)).hostdevs))
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

/**
 * Gives a VF back to the driver that it had before it was taken: one that was on VFIO stays there, and so does one that is
 * not known to have been taken from a driver, since the process that bound it may want it there.
 */
export async function returnVf(host: LibvirtHost, vf: PciAddress, driver: string | undefined): Promise<void> {
  if (driver !== undefined && !isVfioDriver(driver)) await releaseVf(host, vf);
}

/** Gives a VF to the host's own driver. */
export async function releaseVf(host: LibvirtHost, vf: PciAddress): Promise<void> {
  const device = await pciDevice(host, vf);
  // A VF that is with its driver already, or is gone with its PF, needs nothing.
  if (!isVfioDriver(device?.driver)) return;
  await (await host.connection()).call("node_device_re_attach", { name: nodeDeviceName(vf) });
}

/** The VF with the kernel's driver that holds it now. Undefined: there is no such device. */
export async function deviceOf(
  host: LibvirtHost,
  vf: PciAddress,
): Promise<{ readonly driver: string | undefined } | undefined> {
  const device = await pciDevice(host, vf);
  return device && { driver: device.driver };
}

export async function isBoundToVfio(host: LibvirtHost, vf: PciAddress): Promise<boolean> {
  return isVfioDriver((await pciDevice(host, vf))?.driver);
}

/**
 * Whether the host itself uses a VF that a network driver holds.
 * @param seen libvirt's names of its netdevs when it was looked at. Default: they are looked for.
 */
export async function isUsedByHost(
  host: LibvirtHost,
  vf: PciAddress,
  { commands, seen }: { readonly commands: boolean; readonly seen?: readonly string[] | undefined },
): Promise<boolean> {
  const parent = nodeDeviceName(vf);
  const netdevs =
    seen === undefined
      ? (await netdevsOn(host, { commands })).netdevs.filter((each) => each.parent === parent)
      : ((await netdevsAgain(host, seen, { commands })) ?? []);
  return netdevs.length === 0 || netdevs.some((netdev) => useOf(netdev) !== undefined);
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
    // The driver is not installed, or is a daemon of its own that does not run.
    if (!LibvirtError.is(error)) throw error;
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
  const parsed = links.safeParse(jsonIn(answer.stdout));
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
  for (const candidate of (await netDeviceNames(host)).filter((each) => interfaceOf(each) === wanted)) {
    const device = await nodeDeviceNamed(host, candidate);
    if (device?.kind === "net" && device.interface === name) return device;
  }
  return undefined;
}

async function pciDevice(host: LibvirtHost, address: PciAddress): Promise<PciNodeDevice | undefined> {
  const device = await nodeDeviceNamed(host, nodeDeviceName(address));
  return device?.kind === "pci" ? device : undefined;
}

/** `net_pf0_52_54_00_79_00_11` → `pf0`. */
function interfaceOf(deviceName: string): string {
  return deviceName.replace(/^net_/, "").replace(/(_[0-9a-f]{2}){6}$/i, "");
}
