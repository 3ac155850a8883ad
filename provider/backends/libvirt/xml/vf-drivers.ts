/**
 * What the VFs of a VM were bound to before they were taken for it, kept in the VM's metadata: a VF goes back to the driver
 * that it came from, and one that was on VFIO before stays there.
 */
import { attribute, children, element, type Element } from "../../../xml/element.js";
import { buildMetadata, findMetadata } from "./metadata.js";
import { formatPciAddress, parsePciAddress, samePciAddress, type PciAddress } from "./pci-address.js";

export interface VfDriver {
  /** The host's name in the configuration of the process that reserved the VF. */
  readonly host: string;
  readonly address: PciAddress;
  /** The kernel's driver; {@link noDriver} where it had none. */
  readonly driver: string;
}

/** Of a VF that no driver held. */
export const noDriver = "none";
/** Of a VF that a version which kept no driver has taken from one: that version took no others. */
export const anyDriver = "any";

export function buildVfDrivers(drivers: readonly VfDriver[]): Element | undefined {
  if (drivers.length === 0) return undefined;
  return buildMetadata(
    "vfs",
    {},
    drivers.map(({ host, address, driver }) => element("vf", { host, address: formatPciAddress(address), driver })),
  );
}

/** Entries that are not understood are left out: such a VF stays as it is. */
export function parseVfDrivers(metadata: Element | undefined): readonly VfDriver[] {
  return children(metadata, "vf").flatMap((entry) => {
    const [host, driver] = [attribute(entry, "host"), attribute(entry, "driver")];
    const address = parsePciAddress(attribute(entry, "address") ?? "");
    return host === undefined || driver === undefined || address === undefined ? [] : [{ host, address, driver }];
  });
}

/** Of one VF of the domain on that host; undefined: it is not known to have been taken from any. */
export function driverBefore(domain: Element, host: string, vf: PciAddress): string | undefined {
  return parseVfDrivers(findMetadata("vfs", domain)).find(
    (each) => each.host === host && samePciAddress(each.address, vf),
  )?.driver;
}
