/** VFs are plugged into a move's VM: on the destination, and on the source again where the move is rolled back. */
import { ProblemError } from "../model/problem.js";
import { shellWord } from "../model/shell-word.js";
import type { Element } from "../xml/element.js";
import { replacePrimarySource } from "../backends/libvirt/xml/domain.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary } from "../backends/libvirt/xml/primary.js";
import { parseInterface } from "../backends/libvirt/xml/teaming.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { physicalFunctionsOf } from "../backends/libvirt/network-vfs.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { unplugStray } from "../backends/libvirt/stray-vf.js";
import { attachVf, isSetByHost, placeChanged, primaryDevice } from "../backends/libvirt/vf-plugging.js";
import { chooseVf } from "../backends/libvirt/vf-scheduler.js";
import { plugBesideFilters, tellAnnouncers, tellAnnouncersOn, tellOfVf, vfInUse } from "./announce.js";
import { allSettledOrThrow } from "./beside.js";
import { isPluggedIn, type MoveContext } from "./context.js";
import type { JournalInterface } from "./journal.js";
import { dropUnusable } from "./late.js";
import { readyForPlug, releaseUnused, takeForPlug, VfTaken } from "./reserve.js";
import { stepTable } from "./step-table.js";
import { onHost, vlanOn } from "./xml-there.js";

/** No VF could be had for an interface. Its VM runs on the standby. */
export class VfNotPlugged extends ProblemError {
  override readonly name = "VfNotPlugged";
}

/** Plugs a VF for each interface that has none on the host. @throws the first failure, after all have been tried. */
export async function plugMissing(
  context: MoveContext,
  host: LibvirtHost,
  dom: DomainRef,
  planned: (nic: JournalInterface) => PciAddress,
): Promise<void> {
  const { interfaces: nics } = context.journal;
  // What this process has taken from the VM and moved without it is known to be missing.
  const hasArrived = host === context.destination && dom === context.arrived;
  const isKnown = hasArrived && context.unplug === "early";
  if (host === context.destination && context.unplug === "late") await dropUnusable(context, host, dom);
  const present = isKnown ? [] : (await host.liveDomain(dom)).interfaces;
  const missing = nics.filter((nic) => !isPluggedIn(present, nic));
  for (const nic of nics) {
    const vf = findPrimary(present, nic)?.vf;
    if (vf !== undefined) context.vfs.set(nic.primaryAlias, { host: host.name, address: formatPciAddress(vf) });
  }
  if (missing.length > 0) await tellAnnouncersOn(context, host, "here");
  let isOther = !isKnown;
  await allSettledOrThrow(missing, async (nic) => {
    const vf = await plugOne(context, host, dom, nic, planned(nic));
    isOther ||= !samePciAddress(vf, planned(nic));
    context.vfs.set(nic.primaryAlias, { host: host.name, address: formatPciAddress(vf) });
    context.timeline.mark("vf-plugged", `VF ${formatPciAddress(vf)} plugged`);
  });
  // It was given the planned ones.
  if (isOther) await definePlugged(context, host, dom);
  // The way back ends here; on the way forward the step after this one waits.
  if (host !== context.source || missing.length === 0) return;
  await tellAnnouncers(context, "fast");
  await allSettledOrThrow(missing, (nic) => vfInUse(context, host, nic));
}

/** Where another VF than the planned one was plugged, the VM's definition must name it too. */
async function definePlugged(context: MoveContext, host: LibvirtHost, dom: DomainRef): Promise<void> {
  if (!(await host.isPersistent(dom))) return;
  const live = (await host.liveDomain(dom)).interfaces;
  const { raw, interfaces } = await host.definitionToChange(dom);
  let definition = raw;
  for (const nic of context.journal.interfaces) {
    const plugged = findPrimary(live, nic)?.vf;
    // Undefined also where a libvirt network chooses the VF at each start.
    const defined = findPrimary(interfaces, nic)?.vf;
    if (plugged !== undefined && defined !== undefined && !samePciAddress(plugged, defined))
      definition = replacePrimarySource(definition, nic, plugged);
  }
  if (definition !== raw) await host.define(definition);
}

/** Tries the planned VF, then others of the network that are free, until the plug time-out. */
async function plugOne(
  context: MoveContext,
  host: LibvirtHost,
  dom: DomainRef,
  nic: JournalInterface,
  planned: PciAddress,
): Promise<PciAddress> {
  const end = context.clock.now() + stepTable.plug.limit(context.options) * 1000;
  const tried: PciAddress[] = [];
  let vf: PciAddress | undefined = planned;
  let failure: unknown;
  while (vf !== undefined && context.clock.now() < end) {
    tried.push(vf);
    let taken = readyForPlug(context, host, nic, vf);
    const isReady = taken !== undefined;
    try {
      taken ??= await takeForPlug(context, host, nic, vf);
      await attachPrimary(context, host, dom, nic, vf);
      await taken.plugged(dom);
      return vf;
    } catch (error) {
      if (!LibvirtError.is(error) && !(error instanceof VfTaken)) throw error;
      failure = error;
      const present = isReady ? findPrimary((await host.liveDomain(dom)).interfaces, nic)?.vf : undefined;
      if (present !== undefined) return present;
      const stray = await unplugStray(host, dom, nic.primaryAlias, { timeout: context.options.unplugTimeout });
      if (taken !== undefined) await releaseUnused(context, host, [{ ...taken, address: stray ?? vf }]);
      if (stray !== undefined) {
        tried.pop();
        continue;
      }
    }
    const another = chooseVf(await physicalFunctionsOf(context.cluster, host, nic.network), tried)?.address;
    // Without another, the one that was reserved is taken once more, should it have been unbound meanwhile.
    vf = another ?? (isReady ? vf : undefined);
  }
  throw new VfNotPlugged(
    {
      code: "vf-not-plugged",
      what: `Unable to plug a VF of network "${nic.network}" into VM "${context.vm}" on host "${host.name}" (tried ${tried.map(formatPciAddress).join(", ")})`,
      where: host.name,
      state: "The VM runs on its standby.",
      remedy: `Free a VF, then run \`vnic-failover recover ${shellWord(context.vm)}\`.`,
    },
    { cause: failure },
  );
}

async function attachPrimary(
  context: MoveContext,
  host: LibvirtHost,
  dom: DomainRef,
  nic: JournalInterface,
  vf: PciAddress,
): Promise<void> {
  const device = primaryFor(context, host, nic, vf);
  const vlan = isSetByHost(device) ? vlanOn(context, host, nic) : parseInterface(device).vlan?.tags[0];
  await tellOfVf(context, host, nic, "plugging", vf, vlan);
  const place = await plugBesideFilters(context, host, () =>
    attachVf(host, dom, { device, vf, settings: { mac: nic.mac, vlan: vlan ?? 0 } }),
  );
  await tellOfVf(context, host, nic, "plugged", vf, vlan);
  if (place === "at another place") context.progress.warn(placeChanged(context.vm, formatPciAddress(vf)));
}

/** The VF as it was, with the host's own VF behind it. A journal of an older version does not tell how it was. */
function primaryFor(context: MoveContext, host: LibvirtHost, nic: JournalInterface, vf: PciAddress): Element {
  const device = nic.device && onHost(context, host, nic)(nic.device);
  return primaryDevice({ ...nic, device, vlan: vlanOn(context, host, nic) }, vf);
}
