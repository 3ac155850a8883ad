/** Taking a VF so that no other process takes it too: claimed first, looked at once more, bound to VFIO, and then plugged. */
import { randomUUID } from "node:crypto";
import { samePciAddress, type PciAddress } from "./xml/pci-address.js";
import { claimName, formatVfClaim, parseVfClaim, type VfClaim } from "./xml/vf-claim.js";
import { noDriver } from "./xml/vf-drivers.js";
import { undefinedOn, type DomainRef, type LibvirtHost } from "./host.js";
import {
  deviceOf,
  isUsedByHost,
  isVfioDriver,
  reserveVf,
  returnVf,
  vfUsers,
  type VirtualFunction,
} from "./inventory.js";
import { claimsOn, isClaimAlive, type JournalReservations } from "./reservations.js";
import { LibvirtError } from "./rpc/errors.js";
import { unlessMissing } from "./rpc/optional-drivers.js";
import { rememberDriver } from "./vf-drivers.js";

/** Who takes a VF, and until when the claim counts if he dies. */
export interface Taker {
  /** A move's journal id and interface, or what else is one process's alone. */
  readonly holder: string;
  readonly vm: string;
  readonly kind: VfClaim["kind"];
  /** Seconds after which the claim of a dead taker counts no more. */
  readonly lasts: number;
  /** Whether commands may be run on the hosts. */
  readonly commands: boolean;
  /** The journals of the cluster as they are now: they tell whether an old claim's move still wants its VF. */
  readonly journals: () => Promise<JournalReservations>;
}

/** A VF that is claimed and bound to VFIO: it waits to be plugged. */
export interface TakenVf {
  readonly address: PciAddress;
  /** What it was bound to before; {@link noDriver} where to nothing. */
  readonly driver: string;
  /**
   * The domain has it now: it keeps what the VF was bound to, and the claim ends.
   * @param persistent whether the domain is, where that is known.
   */
  readonly plugged: (dom: DomainRef, persistent?: boolean) => Promise<void>;
  /** The domain does not get it: it goes back to what it was bound to, unless a domain has it after all, and the claim ends. */
  readonly release: () => Promise<void>;
}

/** A VF that was free when it was looked at. */
type SeenVf = Pick<VirtualFunction, "address" | "driver" | "netdevs">;

/**
 * Takes the VF if it is still as it was seen. @returns undefined: another process has taken it meanwhile, or uses it.
 * @throws LibvirtError where it cannot be bound; the claim is released.
 */
export async function takeFreeVf(host: LibvirtHost, seen: SeenVf, taker: Taker): Promise<TakenVf | undefined> {
  const claim = await claimVf(host, seen.address, taker);
  if (claim === undefined) return undefined;
  try {
    if (await isAsSeen(host, seen, taker)) {
      await reserveVf(host, seen.address);
      return takenVf(host, claim, seen.driver ?? noDriver);
    }
  } catch (error) {
    await unclaim(host, claim).catch(() => undefined);
    throw error;
  }
  await unclaim(host, claim);
  return undefined;
}

function takenVf(host: LibvirtHost, claim: VfClaim, driver: string): TakenVf {
  const { vf: address } = claim;
  return {
    address,
    driver,
    async plugged(dom, persistent) {
      await rememberDriver(host, dom, address, driver, persistent);
      await unclaim(host, claim);
    },
    async release() {
      if (!(await isInDomain(host, address))) await returnVf(host, address, driver);
      await unclaim(host, claim);
    },
  };
}

/** Whether a domain of the host names the VF, running or not. */
export async function isInDomain(host: LibvirtHost, vf: PciAddress): Promise<boolean> {
  return (await vfUsers(host)).some(({ address }) => samePciAddress(address, vf));
}

/**
 * Nothing has happened to the VF since it was seen. A process that takes a VF claims it, binds it, and releases the claim once a
 * domain names it: so one that is with a network driver still has not been taken, and one that was on VFIO before is not
 * in a domain now.
 */
async function isAsSeen(
  host: LibvirtHost,
  { address, driver, netdevs }: SeenVf,
  { commands }: Pick<Taker, "commands">,
): Promise<boolean> {
  const isUsed = async () =>
    driver !== undefined && !isVfioDriver(driver)
      ? isUsedByHost(host, address, { commands, seen: netdevs })
      : isInDomain(host, address);
  const [now, used] = await Promise.all([deviceOf(host, address), isUsed()]);
  return now !== undefined && now.driver === driver && !used;
}

/** Undefined: another has it. Where the host's libvirt has no network driver a claim cannot be kept, and is taken for granted. */
export async function claimVf(
  host: LibvirtHost,
  vf: PciAddress,
  taker: Taker,
  /** Whose claims are the taker's own. */
  own: "this interface" | "any interface" = "this interface",
): Promise<VfClaim | undefined> {
  const { holder, vm, kind, lasts } = taker;
  const claim: VfClaim = { uuid: randomUUID(), vf, holder, vm, kind, until: host.clock.now() + lasts * 1000 };
  const connection = await host.connection();
  for (let tries = 0; tries < 4; tries += 1) {
    // libvirt itself refuses a second network of the name: a VF that none has claimed needs no look before.
    const present = tries === 0 && own === "this interface" ? undefined : await claimOf(host, vf);
    if (present === "not understood") return undefined;
    if (
      present !== undefined &&
      (own === "any interface" ? moveOf(present) === moveOf(taker) : present.holder === holder)
    )
      return present;
    if (
      present !== undefined &&
      (host.clock.now() < present.until || isClaimAlive(present, await taker.journals(), host.clock.now()))
    )
      return undefined;
    // Its holder is dead. By its UUID: a process that has claimed the VF meanwhile keeps it.
    if (present !== undefined) await unclaim(host, present);
    try {
      await unlessMissing(() => connection.call("network_define_xml_flags", { xml: formatVfClaim(claim), flags: 0 }));
      return claim;
    } catch (error) {
      // "network '…' already exists with uuid …": another was quicker.
      if (!LibvirtError.is(error, "OPERATION_FAILED")) throw error;
    }
  }
  return undefined;
}

/** Removes every claim of the move on the host, or that on one VF. */
export async function unclaimMove(host: LibvirtHost, move: string, vf?: PciAddress): Promise<void> {
  for (const claim of await claimsOn(host))
    if (moveOf(claim) === move && (vf === undefined || samePciAddress(claim.vf, vf))) await unclaim(host, claim);
}

/** The id of the journal that the claim's move has. */
export function moveOf({ holder }: Pick<VfClaim, "holder">): string {
  return holder.split("/")[0] ?? "";
}

async function claimOf(host: LibvirtHost, vf: PciAddress): Promise<VfClaim | "not understood" | undefined> {
  const connection = await host.connection();
  const found = await undefinedOn("NO_NETWORK", async () => {
    const answer = await unlessMissing(() => connection.call("network_lookup_by_name", { name: claimName(vf) }));
    return answer && connection.call("network_get_xml_desc", { net: answer.net, flags: 0 });
  });
  return found && (parseVfClaim(found.xml) ?? "not understood");
}

/** By its UUID: a claim that another process has made meanwhile stays. */
async function unclaim(host: LibvirtHost, { vf, uuid }: Pick<VfClaim, "vf" | "uuid">): Promise<void> {
  const connection = await host.connection();
  const net = { name: claimName(vf), uuid };
  await unlessMissing(() => undefinedOn("NO_NETWORK", () => connection.call("network_undefine", { net })));
}
