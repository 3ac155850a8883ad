/**
 * Plugging a VF into a VM, as a new interface, a move and a repair all do it: a free VF is taken, the device is made, the VF is set and
 * attached. How long that is tried, what is written down of it, and who waits for the guest is the caller's.
 */
import { randomUUID } from "node:crypto";
import { ProblemError } from "../../model/problem.js";
import type { Element } from "../../xml/element.js";
import type { PciAddress } from "./xml/pci-address.js";
import { attachable, withoutGuestAddress, type PairIdentity } from "./xml/primary.js";
import { buildPrimary } from "./xml/teaming.js";
import type { LibvirtCluster } from "./cluster.js";
import { Affect } from "./constants.js";
import type { DomainRef, LibvirtHost } from "./host.js";
import { heldVfs, vfAt, type PhysicalFunction } from "./inventory.js";
import { physicalFunctionsOf } from "./network-vfs.js";
import { journalReservations } from "./reservations.js";
import { LibvirtError } from "./rpc/errors.js";
import { takeFreeVf, type TakenVf, type Taker } from "./vf-claims.js";
import { chooseVf } from "./vf-scheduler.js";
import { setVf, unsetVf, type VfSettings } from "./vf-settings/vf-settings.js";

// --- taking a VF

/** Seconds for which a claim of a process that has died counts: longer than a plug takes. */
const plugLasts = 300;

/** One that takes VFs of the cluster's hosts. */
export function takerIn(
  { config, hosts }: Pick<LibvirtCluster, "config" | "hosts">,
  who: Pick<Taker, "holder" | "vm" | "kind" | "lasts">,
): Taker {
  return { ...who, commands: config.hostCommands, journals: () => journalReservations(hosts) };
}

/**
 * The first VF that is free and that no other process takes first.
 * @param look at the PFs of a network; once more where one that was seen to be free was lost to another process.
 * @param tried VFs that are not to be taken; each that is tried is added.
 * @returns undefined: none is left.
 */
export async function takeFirstFree(
  host: LibvirtHost,
  taker: Taker,
  look: () => Promise<readonly PhysicalFunction[]>,
  tried: PciAddress[] = [],
): Promise<TakenVf | undefined> {
  for (;;) {
    const found = await look();
    const before = tried.length;
    for (let chosen = chooseVf(found, tried); chosen !== undefined; chosen = chooseVf(found, tried)) {
      tried.push(chosen.address);
      const seen = vfAt(found, chosen.address);
      const taken = seen && (await takeFreeVf(host, seen, taker));
      if (taken !== undefined) return taken;
    }
    if (tried.length === before) return undefined;
  }
}

/**
 * A free VF of the network on the host, claimed for the VM and bound to VFIO, outside a move.
 * @param look at the network's PFs, which may be some time ago. Default: as they are now.
 * @throws ProblemError `no-free-vf`, with what stands in the way.
 */
export async function takeVf(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { network, vm }: { readonly network: string; readonly vm: string },
  look?: () => Promise<readonly PhysicalFunction[]>,
): Promise<TakenVf> {
  const taker = takerIn(cluster, { holder: randomUUID(), vm, kind: "plug", lasts: plugLasts });
  let found: readonly PhysicalFunction[] = [];
  const lookNow = async () => (found = await physicalFunctionsOf(cluster, host, network));
  // Within this process one after another, which spares a claim that would be refused.
  return inHostQueue(host, async () => {
    const taken = look && (await takeFirstFree(host, taker, look));
    if (taken !== undefined) return taken;
    const now = await takeFirstFree(host, taker, lookNow);
    if (now === undefined) throw noFreeVf(host, network, found);
    return now;
  });
}

function noFreeVf(host: LibvirtHost, network: string, found: readonly PhysicalFunction[]): ProblemError {
  const seen = found
    .map(({ linkUp, ...pf }) =>
      [`${pf.name}${linkUp ? "" : " (link down)"}: ${pf.virtualFunctions.length} VFs, none free`, ...heldVfs(pf)].join(
        "; ",
      ),
    )
    .join("; ");
  return new ProblemError({
    code: "no-free-vf",
    what: `Unable to find a free VF of network "${network}" on host "${host.name}"${seen === "" ? "" : ` (${seen})`}`,
    where: host.name,
    remedy: "Free one, or add VFs (sriov_numvfs) or PFs (physicalFunctions in vnic-failover:cluster).",
  });
}

const turns = new WeakMap<LibvirtHost, Promise<unknown>>();

/** One after another on each host. */
function inHostQueue<T>(host: LibvirtHost, act: () => Promise<T>): Promise<T> {
  const mine = (turns.get(host) ?? Promise.resolve()).then(act, act);
  turns.set(host, mine);
  return mine;
}

// --- attaching it

/** The VF's device in the guest. */
export interface PrimarySpec extends PairIdentity {
  /** As its owner made it; any VF of a host may be behind it. Undefined: as this package makes it. */
  readonly device?: Element | undefined;
  /** Of its network on the host, for a device of this package. Undefined: none. */
  readonly vlan: number | undefined;
}

/** With that VF of the host behind it, not managed: the VF is bound to VFIO before it is plugged. */
export function primaryDevice({ mac, primaryAlias, standbyAlias, device, vlan }: PrimarySpec, vf: PciAddress): Element {
  if (device !== undefined) return attachable(device, vf);
  return buildPrimary({
    mac,
    vf,
    alias: primaryAlias,
    standbyAlias,
    linkState: "up",
    ...(vlan !== undefined && { vlan }),
  });
}

/** libvirt gives a `<hostdev>` no MAC and no VLAN: its host's NIC must have been told both. */
export function isSetByHost(device: Element | undefined): boolean {
  return device?.name === "hostdev";
}

/**
 * Plugs a VF that is bound to VFIO into the running domain, at its place in the guest; where something else has come there
 * meanwhile, at another.
 * @param settings of the VF, for a device of which libvirt sets none; they are unset when the plug fails.
 */
export async function attachVf(
  host: LibvirtHost,
  dom: DomainRef,
  { device, vf, settings }: { readonly device: Element; readonly vf: PciAddress; readonly settings: VfSettings },
): Promise<"at its place" | "at another place"> {
  const isSet = isSetByHost(device);
  if (isSet) await setVf(host, vf, settings);
  try {
    await host.attach(dom, device, Affect.LIVE);
    return "at its place";
  } catch (error) {
    if (!isPlaceTaken(error)) {
      if (isSet) await setVf(host, vf, unsetVf);
      throw error;
    }
    await host.attach(dom, withoutGuestAddress(device), Affect.LIVE);
    return "at another place";
  }
}

/** libvirt has no error code of its own for it (src/conf/domain_addr.c, virDomainPCIAddressReserveAddrInternal). */
function isPlaceTaken(error: unknown): boolean {
  return LibvirtError.is(error) && error.libvirtMessage.includes("Attempted double use of PCI Address");
}

/** What a person is told of a VF that was plugged at another place. */
export function placeChanged(vm: string, vf: string): string {
  return `The PCI address of VF ${vf} in the guest of VM "${vm}" has changed, because another device took its former address. The interface may have a different name in the guest until the VM's next start.`;
}
