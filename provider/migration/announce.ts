/** Tells the network, while the pair changes hands, which port the guest's MAC is behind. */
import { networkOn } from "../config/index.js";
import { formatPciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { startAnnouncer } from "../backends/libvirt/announcer/announcer.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import type { MoveContext, PlacedAnnouncer } from "./context.js";
import type { DomainInterface } from "../backends/libvirt/xml/teaming.js";
import { ProblemError } from "../model/problem.js";
import type { Progress } from "../model/progress.js";
import type { JournalInterface } from "./journal.js";
import { defaultMigrationOptions } from "./options.js";
import { Timeline } from "./report/timeline.js";

/** Seconds after which a program on a host ends by itself although it was not stopped. */
const announcerLife = 7200;

/**
 * Milliseconds after which a guest that answers no question, because its address is not known, is taken to use its VF where it was seen
 * behind it and nowhere else since. One that answers tells sooner.
 */
const unanswered = 3000;

/** What telling the network needs to know of what is under way. */
export type Announcing = Pick<
  MoveContext,
  "cluster" | "clock" | "vm" | "uuid" | "options" | "timeline" | "progress" | "announced" | "announcers"
>;

/** The interface whose halves change places. */
export interface AnnouncedNic {
  readonly mac: string;
  readonly standbyAlias: string;
}

/** Where the standby of an interface is plugged in on a host. */
export interface StandbyPlace {
  readonly nic: AnnouncedNic;
  readonly host: LibvirtHost;
  readonly bridge: string;
  /** The VF that is about to leave there, where one is. */
  readonly leaving?: string;
}

/** Starts the programs on both hosts, as far as the options and the hosts allow it; what they do not is noted. */
export async function startAnnouncers(
  context: Announcing,
  places: readonly StandbyPlace[],
): Promise<readonly PlacedAnnouncer[]> {
  const { options, announced, cluster, timeline } = context;
  announced.by = options.announce === "none" ? "none" : "qemu";
  if (options.announce !== "probe") return [];
  if (!cluster.config.hostCommands) {
    announced.notes.push(
      "Only QEMU announced the standby, because hostCommands of vnic-failover:cluster is false. Traffic to the guest may have been lost until its first frame through the new VF. Set hostCommands to true to prevent that.",
    );
    return [];
  }
  const addresses = new Set(options.addresses);
  const started = await Promise.all(
    places.map(async ({ nic, host, bridge, leaving: vf }) => {
      const task = { bridge, mac: nic.mac, addresses: [...addresses], vf, seconds: announcerLife };
      const announcer = await startAnnouncer(host, task, {
        onAddress: (address) => timeline.mark("announced", `${host.name} learnt the guest's address ${address}`),
        onPort: (port) => timeline.mark("announced", `${host.name} sees MAC ${nic.mac} on bridge port ${port}`),
        onCleared: () => timeline.mark("announced", `${host.name} cleared the VF's MAC filter`),
        onGivenUp: (why) => announced.notes.push(`Probing from "${host.name}" stopped: ${why}.`),
        onCopied: (frames) =>
          timeline.mark("announced", `${host.name} passed ${frames} frames on to the VF while its link came up`),
      });
      if (typeof announcer === "string") {
        announced.notes.push(
          `The guest was not probed from "${host.name}": ${announcer}. The switches learn the guest's new port only when the guest sends a frame.`,
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

export async function tellAnnouncers(context: Announcing, word: "fast" | "slow"): Promise<void> {
  for (const announcer of await context.announcers) announcer.tell(word);
}

/** Where the guest lives on its standby, frames must reach both halves of its pair. */
export async function tellAnnouncersOn(
  context: Announcing,
  place: LibvirtHost,
  word: "here" | "unplugging" | "apart" | "gone",
): Promise<void> {
  for (const announcer of await context.announcers) if (announcer.host === place.name) announcer.tell(word);
}

/** Milliseconds in which a NIC's driver drops a filter: it does so by a task of its own. */
const filterSettles = 500;

/**
 * Plugs a VF; where its PF's driver refuses its MAC because the announcer has the PF take frames for that MAC in, once more without. So
 * does ice of Linux 5.8 to 5.19, and of kernels that have it from there (drivers/net/ethernet/intel/ice, ice_set_vf_mac: "Unicast MAC
 * already exists on this PF").
 */
export async function plugBesideFilters<T>(context: Announcing, host: LibvirtHost, plug: () => Promise<T>): Promise<T> {
  try {
    return await plug();
  } catch (error) {
    const announced = (await context.announcers).some((announcer) => announcer.host === host.name);
    if (!announced || !isMacRefused(error)) throw error;
    await tellAnnouncersOn(context, host, "apart");
    await context.clock.sleep(filterSettles);
    try {
      return await plug();
    } finally {
      await tellAnnouncersOn(context, host, "here");
    }
  }
}

/** By libvirt (src/util/virnetdev.c, virNetDevSetVfMac), or for a `<hostdev>`, whose MAC this package sets. */
function isMacRefused(error: unknown): boolean {
  if (LibvirtError.is(error)) return error.libvirtMessage.includes("Cannot set interface MAC");
  return error instanceof ProblemError && error.problem.code === "vf-settings-failed";
}

async function announcerOf(context: Announcing, place: LibvirtHost, nic: AnnouncedNic) {
  return (await context.announcers).find(({ host, mac }) => host === place.name && mac === nic.mac);
}

export async function stopAnnouncers(context: Pick<Announcing, "announcers">): Promise<void> {
  for (const announcer of await context.announcers.catch(() => [])) announcer.stop();
}

/** The VF has gone: frames for the guest must come to the standby from now on. */
export async function announceStandby(
  context: Announcing,
  host: LibvirtHost,
  dom: DomainRef,
  nic: AnnouncedNic,
): Promise<void> {
  // A program on that host has made the guest speak already, sooner than any event could tell us to.
  if (context.announced.by === "none" || (await announcerOf(context, host, nic)) !== undefined) return;
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
 * `plugging`: the guest is about to be given this VF; `plugged`: it has it. From the moment when the host's NIC gives it the guest's
 * MAC the VF gets what comes to the standby: the guest drops that as soon as it knows its VF, sooner than any word of ours comes.
 */
export async function tellOfVf(
  context: Announcing,
  place: LibvirtHost,
  nic: AnnouncedNic,
  word: "plugging" | "plugged",
  vf: PciAddress,
  vlan?: number,
): Promise<void> {
  (await announcerOf(context, place, nic))?.tellOfVf(word, vf, vlan);
}

/**
 * A VF has been plugged beside the standby. Waits until the bridge of the standby sees the guest behind another port than
 * its tap, and the guest has answered there: through its VF, which gets what comes to the standby until then. Without a program
 * there neither can be, and nothing is waited for.
 */
export async function vfInUse(context: Announcing, place: LibvirtHost, nic: AnnouncedNic): Promise<void> {
  await (
    await vfSeen(context, place, nic)
  )();
}

/** The same until the guest is first seen so. What it returns waits until it is sure. */
export async function vfSeen(context: Announcing, place: LibvirtHost, nic: AnnouncedNic): Promise<() => Promise<void>> {
  const announcer = await announcerOf(context, place, nic);
  const nothing = () => Promise.resolve();
  if (announcer === undefined) return nothing;
  const interfaces = await runningInterfaces(context, place);
  const tap = interfaces.find(({ alias }) => alias === nic.standbyAlias)?.target;
  const primary = interfaces.find(
    ({ teaming }) => teaming?.type === "transient" && teaming.persistent === nic.standbyAlias,
  );
  announcer.tell("here");
  if (primary?.vf !== undefined) announcer.tellOfVf("plugged", primary.vf, primary.vlan?.tags[0]);
  // libvirt's and QEMU's taps; a VF's frames come in by the bridge's uplink.
  const throughVf = (port: string) => port !== tap && !/^(vnet|tap)\d/.test(port);
  const began = context.clock.now();
  const end = began + context.options.plugTimeout * 1000;
  const isSeen = () => announcer.seenBehind(throughVf, (end - context.clock.now()) / 1000);
  const notSeen = () => {
    context.announced.notes.push(
      `The VF is plugged, but the guest did not answer through it (${nic.mac}) within ${context.options.plugTimeout} s. Check the VF's link in the guest (ip link). If the guest's IP address was not found, name it with --address.`,
    );
    context.progress.warn(context.announced.notes.at(-1) ?? "");
  };
  if (!(await isSeen())) {
    notSeen();
    return nothing;
  }
  return async () => {
    while (await isSeen()) {
      // It may have been seen by the same port before, on the other host: that says nothing of this VF.
      const sighting = announcer.seen;
      const left = Math.max(began, sighting?.at ?? began) + unanswered - context.clock.now();
      const answers = await announcer.answersBehind(throughVf, Math.max(left, 0) / 1000);
      if (answers || announcer.seen === sighting) {
        const at = Math.max(began, announcer.seen?.at ?? began);
        context.timeline.mark("vf-used", `the guest uses its VF (${nic.mac})`, at);
        announcer.tell("gone");
        return;
      }
      if (context.clock.now() >= end) break;
    }
    notSeen();
  };
}

/** Outside a move: announcements as they are by default. */
export function newAnnouncing(
  cluster: LibvirtCluster,
  { name: vm, uuid }: Pick<DomainRef, "name" | "uuid">,
  progress: Progress,
): Announcing {
  return {
    cluster,
    clock: cluster.clock,
    vm,
    uuid,
    options: defaultMigrationOptions,
    timeline: new Timeline(cluster.clock),
    progress,
    announced: { by: "none", notes: [] },
    announcers: Promise.resolve([]),
  };
}

/** Plugs a VF (`plug`) beside a standby that carries the traffic, and waits until the guest uses it, telling the network of it. */
export async function announcingVf(
  announcing: Announcing,
  host: LibvirtHost,
  nic: AnnouncedNic,
  bridge: string | undefined,
  plug: (announcing: Announcing) => Promise<void>,
): Promise<void> {
  const announcers = bridge === undefined ? [] : await startAnnouncers(announcing, [{ nic, host, bridge }]);
  const context = { ...announcing, announcers: Promise.resolve(announcers) };
  try {
    await tellAnnouncersOn(context, host, "here");
    await tellAnnouncers(context, "fast");
    await plug(context);
    await vfInUse(context, host, nic);
  } finally {
    await stopAnnouncers(context);
  }
}

/** Those of the running domain on a host; none where it does not run. */
async function runningInterfaces({ uuid }: Announcing, host: LibvirtHost): Promise<readonly DomainInterface[]> {
  const dom = await host.domainOf(uuid);
  return dom === undefined || dom.id < 0 ? [] : (await host.liveDomain(dom)).interfaces;
}

/** Where the standbys are now, as the running domain has them: for a process that resumes a move that another one began. */
export async function placesNow(context: MoveContext): Promise<StandbyPlace[]> {
  const hosts = [context.source, context.destination].filter((host) => context.owed.absence(host) === undefined);
  const places = await Promise.all(
    hosts.flatMap((host) =>
      context.journal.interfaces.map(async (nic) => {
        const interfaces = await runningInterfaces(context, host);
        const bridge = interfaces.find(({ alias }) => alias === nic.standbyAlias)?.source.bridge;
        return bridge === undefined ? undefined : placeOf(context, nic, host, bridge);
      }),
    ),
  );
  return places.filter((place) => place !== undefined);
}

/** Where they are by the configuration, before the move has changed anything. */
export function plannedPlaces(
  { config }: Pick<LibvirtCluster, "config">,
  hosts: { readonly source: LibvirtHost; readonly destination: LibvirtHost },
  nics: readonly (LeavingNic & { readonly standbyNetwork: string })[],
): StandbyPlace[] {
  return nics.flatMap((nic) =>
    [hosts.source, hosts.destination].flatMap((host) => {
      const bridge = networkOn(config, host.name, nic.standbyNetwork)?.bridge;
      return bridge === undefined ? [] : [placeOf(hosts, nic, host, bridge)];
    }),
  );
}

type LeavingNic = AnnouncedNic & Pick<JournalInterface, "sourceVf">;

function placeOf(
  { source }: { readonly source: LibvirtHost },
  nic: LeavingNic,
  host: LibvirtHost,
  bridge: string,
): StandbyPlace {
  return { nic, host, bridge, ...(host.name === source.name && { leaving: formatPciAddress(nic.sourceVf) }) };
}
