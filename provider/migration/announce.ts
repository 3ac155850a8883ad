/** Tells the network, while the pair changes hands, which port the guest's MAC is behind. */
import { setTimeout as sleep } from "node:timers/promises";
import { networkOn } from "../config.js";
import { formatPciAddress } from "../xml/pci-address.js";
import { startAnnouncer } from "../backends/libvirt/announcer/announcer.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import type { MoveContext, PlacedAnnouncer } from "./context.js";
import type { DomainInterface } from "../xml/teaming.js";
import type { JournalInterface } from "./journal.js";

/** Seconds after which a program on a host ends by itself although nobody stopped it. */
const announcerLife = 7200;

/**
 * Milliseconds for which the guest must keep to its VF. A driver may let a frame or two through before its first look at
 * the link takes the carrier away again, and what comes then is lost until the link is really up.
 */
const vfSettles = 400;

/** Where the standby of an interface is plugged in on a host. */
export interface StandbyPlace {
  readonly nic: JournalInterface;
  readonly host: LibvirtHost;
  readonly bridge: string;
}

/** Starts the programs on both hosts, as far as the options and the hosts allow it; what they do not is noted. */
export async function startAnnouncers(
  context: MoveContext,
  places: readonly StandbyPlace[],
): Promise<readonly PlacedAnnouncer[]> {
  const { options, announced, cluster, timeline } = context;
  announced.by = options.announce === "none" ? "none" : "qemu";
  if (options.announce !== "probe") return [];
  if (!cluster.config.hostCommands) {
    announced.notes.push(
      "The cluster's hostCommands are off: only QEMU announced the standby. With them, the traffic that is lost between the VF's link-up and the guest's first own frame would have been saved.",
    );
    return [];
  }
  const addresses = new Set(options.addresses);
  const started = await Promise.all(
    places.map(async ({ nic, host, bridge }) => {
      const vf = host === context.source ? formatPciAddress(nic.sourceVf) : undefined;
      const task = { bridge, mac: nic.mac, addresses: [...addresses], vf, seconds: announcerLife };
      const announcer = await startAnnouncer(host, task, {
        onAddress: (address) => timeline.mark(`${host.name} learnt the guest's address ${address}`),
        onPort: (port) => timeline.mark(`${host.name} sees ${nic.mac} behind ${port}`),
        onCleared: () => timeline.mark(`${host.name} cleared the VF's MAC filter`),
      });
      if (typeof announcer === "string") {
        announced.notes.push(
          `No probing from "${host.name}": ${announcer}. The guest's switches learn its new port only when it sends something.`,
        );
        return undefined;
      }
      return Object.assign(announcer, { host: host.name, mac: nic.mac });
    }),
  );
  const running = started.filter((announcer) => announcer !== undefined);
  if (running.length > 0) announced.by = "probe";
  return running;
}

export async function tellAnnouncers(
  context: MoveContext,
  ...words: readonly ("fast" | "slow" | "unplugging")[]
): Promise<void> {
  for (const announcer of await context.announcers) for (const word of words) announcer.tell(word);
}

export async function stopAnnouncers(context: MoveContext): Promise<void> {
  for (const announcer of await context.announcers.catch(() => [])) announcer.stop();
}

/** The VF has gone: frames for the guest must come to the standby from now on. */
export async function announceStandby(
  context: MoveContext,
  host: LibvirtHost,
  dom: DomainRef,
  nic: JournalInterface,
): Promise<void> {
  // A program on that host has made the guest speak already, sooner than any event could tell us to.
  if (
    context.announced.by === "none" ||
    (await context.announcers).some((announcer) => announcer.host === host.name && announcer.mac === nic.mac)
  )
    return;
  try {
    // QEMU's own rounds after a migration: 50 to 550 ms apart, five of them (QEMU migration/options.c).
    await host.monitorCommand(dom, {
      execute: "announce-self",
      arguments: { initial: 50, max: 550, rounds: 5, step: 100, interfaces: [nic.standbyAlias] },
    });
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
    context.announced.notes.push(`QEMU on "${host.name}" did not announce ${nic.mac}: ${error.libvirtMessage}.`);
  }
}

/**
 * Waits until the bridge of the standby sees the guest behind another port than its tap: the guest answers through its
 * VF. Without a program there this cannot be seen, and nothing is waited for.
 */
export async function vfInUse(context: MoveContext, place: LibvirtHost, nic: JournalInterface): Promise<void> {
  const announcer = (await context.announcers).find(({ host, mac }) => host === place.name && mac === nic.mac);
  if (announcer === undefined) return;
  const tap = (await standbyOf(context, place, nic))?.target;
  // libvirt's and QEMU's taps; a VF's frames come in by the bridge's uplink.
  const throughVf = (port: string) => port !== tap && !/^(vnet|tap)\d/.test(port);
  const end = Date.now() + context.options.plugTimeout * 1000;
  while (await announcer.seenBehind(throughVf, (end - Date.now()) / 1000)) {
    const seen = Date.now();
    await sleep(vfSettles);
    if (announcer.port === undefined || !throughVf(announcer.port)) continue;
    context.timeline.mark(`the guest uses its VF (${nic.mac})`, seen);
    return;
  }
  context.announced.notes.push(
    `The guest was not seen to answer through its VF (${nic.mac}) within ${context.options.plugTimeout} s: it may have no address that is known, or its driver no link.`,
  );
  context.progress.warn(context.announced.notes.at(-1) ?? "");
}

/** The standby of an interface in the running domain on a host. */
async function standbyOf(
  { vm }: MoveContext,
  host: LibvirtHost,
  nic: JournalInterface,
): Promise<DomainInterface | undefined> {
  const dom = await host.findDomain(vm);
  if (dom === undefined || dom.id < 0) return undefined;
  return (await host.liveDomain(dom)).interfaces.find(({ alias }) => alias === nic.standbyAlias);
}

/** Where the standbys are now, as the running domain has them: for whoever takes a move up that somebody else began. */
export async function placesNow(context: MoveContext): Promise<StandbyPlace[]> {
  const places = await Promise.all(
    [context.source, context.destination].flatMap((host) =>
      context.journal.interfaces.map(async (nic) => {
        const bridge = (await standbyOf(context, host, nic))?.source.bridge;
        return bridge === undefined ? undefined : { nic, host, bridge };
      }),
    ),
  );
  return places.filter((place) => place !== undefined);
}

/** The bridge of an interface's standby on a host. */
export function standbyBridge(
  context: Pick<MoveContext, "cluster">,
  host: string,
  network: string,
): string | undefined {
  return networkOn(context.cluster.config, host, network)?.bridge;
}
