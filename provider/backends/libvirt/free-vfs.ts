/** PFs and VFs of a host as they are now, and whether a VF is known to be free. Pure. */
import { formatPciAddress, samePciAddress, type PciAddress } from "./xml/pci-address.js";

export interface VirtualFunction {
  readonly address: PciAddress;
  /** Among its PF's, from 0 on. */
  readonly number?: number;
  /** The kernel's driver that holds it. Undefined: none does. */
  readonly driver: string | undefined;
  /**
   * Whether other devices in its IOMMU group stand in the way: vfio hands out whole groups (Linux
   * Documentation/driver-api/vfio.rst).
   */
  readonly sharesIommuGroup: boolean;
  /** Which, in words. */
  readonly groupUse?: string | undefined;
  /** The domain, running or not, whose definition names the VF. */
  readonly usedBy: string | undefined;
  /** The VM for which a move or a plug has reserved it. */
  readonly reservedFor?: string | undefined;
  /** The VM for which a move or a plug that has died had taken it; it is free, unless something else uses it. */
  readonly leftBy?: string | undefined;
  /** What on the host itself uses it, in words: `its netdev ens1f0v2 is up`. */
  readonly hostUse?: string | undefined;
  /** libvirt's names of the netdevs that the host has of it. */
  readonly netdevs?: readonly string[];
  /** A network driver holds it, and there is no netdev: so it is for a moment after it was given to that driver. */
  readonly awaitsNetdev?: boolean;
}

export interface PhysicalFunction {
  readonly name: string;
  readonly address: PciAddress;
  readonly linkUp: boolean;
  /** Those that are the network's. */
  readonly virtualFunctions: readonly VirtualFunction[];
}

/** Whether it is VFIO itself or one of its variants, such as `mlx5_vfio_pci`: drivers that hold a device for guests. */
export function isVfioDriver(driver: string | undefined): boolean {
  return driver?.includes("vfio") === true;
}

/** Why a guest may not have the VF, in words: `VM "web" has it`. Undefined: it is known to be free. */
export function whyNotFree({
  usedBy,
  reservedFor,
  hostUse,
  sharesIommuGroup,
  groupUse,
}: VirtualFunction): string | undefined {
  if (usedBy !== undefined) return `VM "${usedBy}" has it`;
  if (reservedFor !== undefined) return `it is reserved for VM "${reservedFor}"`;
  if (hostUse !== undefined) return hostUse;
  return groupUse ?? (sharesIommuGroup ? "other devices are in its IOMMU group" : undefined);
}

/**
 * A VF that a guest may have: in no domain, reserved by no move, not used by the host itself, and with an IOMMU group that
 * is free. It may be bound to VFIO: hosts that bind their VFs at boot keep them there.
 */
export function isFree(vf: VirtualFunction): boolean {
  return whyNotFree(vf) === undefined;
}

/** The VF of that address among those of several PFs. */
export function vfAt(
  functions: readonly PhysicalFunction[],
  address: PciAddress | undefined,
): VirtualFunction | undefined {
  if (address === undefined) return undefined;
  const all = functions.flatMap(({ virtualFunctions }) => virtualFunctions);
  return all.find((vf) => samePciAddress(vf.address, address));
}

/**
 * What a VF was probably with before it was bound to VFIO, where nothing was kept of that, by the PF's other VFs that are free.
 * Undefined: its host seems to bind its VFs at boot, or nothing tells.
 */
export function likelyDriver(functions: readonly PhysicalFunction[], address: PciAddress): string | undefined {
  const isIt = (vf: VirtualFunction) => samePciAddress(vf.address, address);
  const pf = functions.find(({ virtualFunctions }) => virtualFunctions.some(isIt));
  const idle = (pf?.virtualFunctions ?? []).filter(
    (vf) => !isIt(vf) && vf.usedBy === undefined && vf.reservedFor === undefined,
  );
  if (idle.some(({ driver }) => isVfioDriver(driver))) return undefined;
  return idle.find(({ driver }) => driver !== undefined)?.driver;
}

/** In no domain, but spoken for by a move or a plug. */
export function isReserved({ usedBy, reservedFor }: VirtualFunction): boolean {
  return usedBy === undefined && reservedFor !== undefined;
}

/** `VF 0000:01:10.2 (eth2 VF 2)`. */
export function vfInWords(pf: string, { address, number }: Pick<VirtualFunction, "address" | "number">): string {
  return `VF ${formatPciAddress(address)} (${pf}${number === undefined ? "" : ` VF ${number}`})`;
}

/** Each VF that is not free with the cause: `VF 0000:01:10.2 (eth2 VF 2): its netdev ens1f0v2 is up`. */
export function heldVfs({
  name,
  virtualFunctions,
}: Pick<PhysicalFunction, "name" | "virtualFunctions">): readonly string[] {
  return virtualFunctions.flatMap((vf) => {
    const why = whyNotFree(vf);
    return why === undefined ? [] : `${vfInWords(name, vf)}: ${why}`;
  });
}
