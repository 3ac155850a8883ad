/** A journal is what anyone who may edit the VM can have written: recovery makes no device of a host the VM's on its word alone. */
import { isDeepStrictEqual } from "node:util";
import { networkOn } from "../config/index.js";
import { ProblemError } from "../model/problem.js";
import { shellWord } from "../model/shell-word.js";
import { attribute, type Element } from "../xml/element.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary, fitsVlan } from "../backends/libvirt/xml/primary.js";
import { parseInterface, type DomainInterface } from "../backends/libvirt/xml/teaming.js";
import type { DomainInstance } from "../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import { vfsOf } from "../backends/libvirt/network-vfs.js";
import { domainOn, type MoveContext } from "./context.js";
import type { JournalInterface } from "./journal.js";

/**
 * Looks on either host at the devices that the journal names: each must be in the VM's definition there, if it has one, or a VF of
 * the interface's network. Whichever way a move is ended, VFs of both hosts are bound or returned: another device would be taken
 * from the host (its disk, its own network), or from who has bound it.
 * @throws ProblemError `journal-foreign-device`; nothing has been changed.
 */
export async function refuseForeignVfs(context: MoveContext): Promise<void> {
  const { source, destination, owed } = context;
  // Of one that does not answer it is seen when it does: what is owed to it is looked at then.
  await owed.unlessAbsent(source, [], () => refuseOn(context, source, ({ sourceVf }) => sourceVf));
  await owed.unlessAbsent(destination, [], () => refuseOn(context, destination, ({ destinationVf }) => destinationVf));
}

/**
 * Looks at the pairs of the journal, which are plugged where the VM is: they must be the VM's by its definition.
 * @throws as {@link refuseForeignVfs}
 */
export async function refuseForeignPairs(
  { cluster, journal, vm }: MoveContext,
  { host, dom }: DomainInstance,
): Promise<void> {
  if (journal.interfaces.length === 0) return;
  const { interfaces } = await host.inactiveOrLive(dom);
  const isDefined = await host.isPersistent(dom);
  for (const nic of journal.interfaces) {
    const defined = findPrimary(interfaces, nic);
    const vlan = networkOn(cluster.config, journal.from, nic.network)?.vlan;
    const strange =
      (isDefined ? strangeToDefinition(nic, defined, interfaces, vlan) : undefined) ??
      strangeInDevice(nic, defined, vlan);
    if (strange !== undefined) {
      throw new ProblemError({
        code: "journal-foreign-device",
        what: `The record of an interrupted move in VM "${vm}" does not match the VM's definition: the device with MAC ${nic.mac} has ${strange}`,
        where: host.name,
        state: "Nothing was changed.",
        remedy: `The record may have been tampered with. Compare it with the definition (virsh metadata, virsh dumpxml --inactive ${shellWord(vm)}), and do not move or start the VM until the difference is explained.`,
      });
    }
  }
}

async function refuseOn(
  context: MoveContext,
  host: LibvirtHost,
  named: (nic: JournalInterface) => PciAddress,
): Promise<void> {
  const { cluster, journal, vm } = context;
  if (journal.interfaces.length === 0) return;
  const dom = await domainOn(host, context);
  const hostdevs = dom === undefined ? [] : (await host.inactiveOrLive(dom)).hostdevs;
  for (const nic of journal.interfaces) {
    const isNamed = (address: PciAddress) => samePciAddress(address, named(nic));
    if (hostdevs.some(isNamed)) continue;
    if ((await vfsOf(cluster, host, nic.network)).some(isNamed)) continue;
    throw new ProblemError({
      code: "journal-foreign-device",
      what: `The record of an interrupted move in VM "${vm}" names ${formatPciAddress(named(nic))}, which is not a VF of network "${nic.network}"`,
      where: host.name,
      state: "Nothing was changed.",
      remedy:
        "Check physicalFunctions of the network in vnic-failover:cluster. If they are correct, the record may have been tampered with: do not move or start the VM until the difference is explained.",
    });
  }
}

/**
 * What the journal says of a pair that the VM's definition does not: that decides which MAC and which network the VM may have.
 * A definition by a libvirt network leaves its VLAN to that.
 */
function strangeToDefinition(
  { mac, standbyAlias, network }: JournalInterface,
  defined: DomainInterface | undefined,
  interfaces: readonly DomainInterface[],
  vlan: number | undefined,
): string | undefined {
  if (defined === undefined) return "no VF in the definition";
  const standby = interfaces.find(({ alias }) => alias === standbyAlias);
  if ((defined.mac ?? standby?.mac ?? mac) !== mac) return "another MAC address";
  const ownVlan = defined.device === "interface" && defined.type === "hostdev";
  return ownVlan && !fitsVlan(defined.vlan, vlan) ? `a VLAN that is not that of network "${network}"` : undefined;
}

/**
 * What of the journal's own device is not known from elsewhere, in words: it must be the pair's VF, in the VLAN of its network or
 * of the definition's VF, and have no file of the host unless the definition has it.
 */
function strangeInDevice(
  { device, mac, standbyAlias }: JournalInterface,
  defined: DomainInterface | undefined,
  vlan: number | undefined,
): string | undefined {
  if (device === undefined) return undefined;
  const nic = parseInterface(device);
  if (nic.teaming?.type !== "transient" || nic.teaming.persistent !== standbyAlias) return "another standby";
  if ((nic.mac ?? mac) !== mac) return "another MAC address";
  const inDefinedVlan = defined?.device === "interface" && isDeepStrictEqual(nic.vlan, defined.vlan);
  if (nic.device === "interface" && !fitsVlan(nic.vlan, vlan) && !inDefinedVlan)
    return "a VLAN that is not that of its network";
  const file = filesOf(device).find((each) => !filesOf(defined?.raw).includes(each));
  return file === undefined ? undefined : `a file (${JSON.stringify(file)}) that the definition does not have`;
}

/** The host's files that a device names: a ROM, a script. */
function filesOf(device: Element | undefined): readonly string[] {
  return (device?.children ?? []).flatMap((each) => attribute(each, "file") ?? attribute(each, "path") ?? []);
}
