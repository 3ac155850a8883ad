/** What `late` needs beside the steps: QEMU itself unplugs the source's VFs and plugs the destination's, and libvirt knows of neither. */
import { networkOn, pfsOf } from "../config/index.js";
import { sameMac } from "../model/mac.js";
import { formatPciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary } from "../backends/libvirt/xml/primary.js";
import { parseInterface } from "../backends/libvirt/xml/teaming.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { isBelowDownPf } from "../backends/libvirt/inventory.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { untilReleased } from "../backends/libvirt/qemu-unplug.js";
import { vfInQemu } from "../backends/libvirt/stray-vf.js";
import { unplug, UnplugFailed } from "../backends/libvirt/unplug.js";
import { readVfSettings, setVf } from "../backends/libvirt/vf-settings/vf-settings.js";
import { isSetByHost } from "../backends/libvirt/vf-plugging.js";
import { tellOfVf } from "./announce.js";
import { allSettledOrThrow } from "./beside.js";
import type { MoveContext } from "./context.js";
import type { JournalInterface } from "./journal.js";
import { stepTable } from "./step-table.js";
import { aliasesNow, requestSettles } from "./unplug-requests.js";
import { vlanOn } from "./xml-there.js";

/**
 * Where a migration is aborted, QEMU plugs a VF that the guest had released by itself (QEMU hw/net/virtio-net.c, failover_replug_primary), and
 * libvirt, which knows of neither, sets nothing. The announcer has cleared its MAC by then, and a guest pairs no VF of another MAC: it is taken out,
 * so that libvirt plugs it with its own.
 * @throws UnplugFailed
 */
export async function unplugUnpaired(
  { cluster, source, options, journal }: MoveContext,
  dom: DomainRef,
): Promise<void> {
  if (!cluster.config.hostCommands) return;
  const aliases = await aliasesNow(source, dom, journal.interfaces);
  await allSettledOrThrow(journal.interfaces, async (nic) => {
    const [alias, settings] = [aliases.get(nic), await readVfSettings(source, nic.sourceVf)];
    if (alias === undefined || settings === undefined || sameMac(settings.mac, nic.mac)) return;
    const device = `VF ${formatPciAddress(nic.sourceVf)} (its MAC was cleared for the move)`;
    await unplug(source, dom, alias, { timeout: stepTable.unplug.limit(options), device });
  });
}

/**
 * QEMU plugs the destination's VFs by itself, where it can; where it cannot, that is a line in its log and no more, and libvirt takes
 * the VF for plugged (QEMU hw/net/virtio-net.c, failover_add_primary). Nor does QEMU look whether the VF's PF is down, where libvirt would
 * not plug it (src/util/virnetdev.c, virNetDevSaveNetConfig): its driver in the guest gets no MAC then. libvirt is told to drop both, so
 * that they can be plugged.
 */
export async function dropUnusable(context: MoveContext, host: LibvirtHost, dom: DomainRef): Promise<void> {
  const { interfaces } = await host.liveDomain(dom);
  await allSettledOrThrow(context.journal.interfaces, async (nic) => {
    const primary = findPrimary(interfaces, nic);
    if (primary?.alias === undefined) return;
    const [isThere, isOffline] = await Promise.all([
      isInQemu(host, dom, primary.alias),
      isPfDown(context, host, nic, primary.vf),
    ]);
    if (isThere && !isOffline) return;
    await unplug(host, dom, primary.alias, { timeout: requestSettles }).catch((error: unknown) => {
      if (!(error instanceof UnplugFailed)) throw error;
    });
  });
}

async function isPfDown(
  { cluster: { config } }: MoveContext,
  host: LibvirtHost,
  { network }: JournalInterface,
  vf: PciAddress | undefined,
): Promise<boolean> {
  if (vf === undefined) return false;
  const pfs = pfsOf(networkOn(config, host.name, network)) ?? [];
  return (await Promise.all(pfs.map((pf) => isBelowDownPf(host, pf, vf)))).includes(true);
}

/** Whether QEMU has the device; taken for granted where libvirt does not let us ask it. */
export async function isInQemu(host: LibvirtHost, dom: DomainRef, alias: string): Promise<boolean> {
  try {
    return (await vfInQemu(host, dom, alias)) !== undefined;
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
    return true;
  }
}

/** The guest has its time to release its VFs to QEMU, too: after that the migration is aborted. */
export async function followQemusUnplug(
  context: MoveContext,
  dom: DomainRef,
  kept: AbortController,
  over: AbortSignal,
): Promise<void> {
  const { source, options, journal, vm } = context;
  const timeout = stepTable.unplug.limit(options);
  const result = await untilReleased(source, dom, { timeout, over });
  for (const nic of journal.interfaces) {
    const device = `VF ${formatPciAddress(nic.sourceVf)}`;
    if (result.what === "released") {
      context.vfs.set(nic.primaryAlias, undefined);
      context.timeline.mark("vf-unplugged", `the guest released ${device}`, result.at);
    } else if (result.what === "kept") {
      context.isAskedByQemu = true;
      kept.abort(new UnplugFailed(device, vm, source.name, (it) => `did not release ${it} within ${timeout} s`, true));
    }
  }
}

/** QEMU plugs them before the guest runs. */
export async function tellOfPlanned(context: MoveContext): Promise<void> {
  const { destination, journal } = context;
  for (const nic of journal.interfaces) {
    const vlan = vlanOn(context, destination, nic) ?? parseVlan(nic);
    await tellOfVf(context, destination, nic, "plugging", nic.destinationVf, vlan);
  }
}

function parseVlan({ device }: JournalInterface): number | undefined {
  return device === undefined ? undefined : parseInterface(device).vlan?.tags[0];
}

/** QEMU itself plugs the VFs there, before they could be set. */
export async function setDestination(context: MoveContext): Promise<void> {
  const { destination, journal } = context;
  for (const nic of journal.interfaces.filter(({ device }) => isSetByHost(device)))
    await setVf(destination, nic.destinationVf, { mac: nic.mac, vlan: vlanOn(context, destination, nic) ?? 0 });
}
