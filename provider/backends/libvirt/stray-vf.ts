/**
 * A VF that a domain's QEMU has and its libvirt does not know of. It is left where libvirtd is killed after QEMU has
 * plugged the device and before libvirt has noted it: on its next start libvirt drops what QEMU lacks, and does not look
 * for what QEMU has besides (src/qemu/qemu_process.c, qemuProcessUpdateDevices). The device's id and the VF stay taken.
 */
import * as z from "zod";
import { parsePciAddress, type PciAddress } from "./xml/pci-address.js";
import type { DomainRef, LibvirtHost } from "./host.js";
import { LibvirtError } from "./rpc/errors.js";
import { isPlugged } from "./unplug.js";

/** Milliseconds between two looks. */
const interval = 200;

/**
 * Unplugs it, if there is one of that alias.
 * @param timeout seconds to wait for the guest.
 * @returns the VF, still bound to vfio; undefined: there was none, or neither guest nor libvirt lets it be taken away.
 */
export async function unplugStray(
  host: LibvirtHost,
  dom: DomainRef,
  alias: string,
  { timeout }: { readonly timeout: number },
): Promise<PciAddress | undefined> {
  try {
    if (await isPlugged(host, dom, alias)) return undefined;
    const vf = await vfInQemu(host, dom, alias);
    if (vf === undefined) return undefined;
    await host.monitorCommand(dom, { execute: "device_del", arguments: { id: alias } });
    const end = host.clock.now() + timeout * 1000;
    while (host.clock.now() < end) {
      if ((await vfInQemu(host, dom, alias)) === undefined) return vf;
      await host.clock.sleep(interval);
    }
    return undefined;
  } catch (error) {
    if (LibvirtError.is(error)) return undefined;
    throw error;
  }
}

/** QEMU answers with an error where it has no such device. */
const answer = z.object({ return: z.string() });

/** The host's address of the VFIO device that the domain's QEMU has by this id (QEMU hw/vfio/pci.c, property `host`). */
export async function vfInQemu(host: LibvirtHost, dom: DomainRef, id: string): Promise<PciAddress | undefined> {
  const command = { execute: "qom-get", arguments: { path: `/machine/peripheral/${id}`, property: "host" } };
  const said = answer.safeParse(await host.monitorCommand(dom, command));
  return said.success ? parsePciAddress(said.data.return) : undefined;
}
