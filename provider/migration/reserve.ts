/** The VFs of a move: claimed and bound before they are plugged, and returned to the driver that they had where they are not used. */
import { ProblemError } from "../model/problem.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { anyDriver, noDriver } from "../backends/libvirt/xml/vf-drivers.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import {
  deviceOf,
  isBoundToVfio,
  isVfioDriver,
  likelyDriver,
  reserveVf,
  returnVf,
  vfUsers,
} from "../backends/libvirt/inventory.js";
import { physicalFunctionsOf } from "../backends/libvirt/network-vfs.js";
import { claimVf, takeFreeVf, unclaimMove, type Taker } from "../backends/libvirt/vf-claims.js";
import { setVf, unsetVf } from "../backends/libvirt/vf-settings/vf-settings.js";
import { rememberDriver } from "../backends/libvirt/vf-drivers.js";
import { isSetByHost, takeFirstFree, takerIn } from "../backends/libvirt/vf-plugging.js";
import type { MoveContext, MovesVf, MoveStep } from "./context.js";
import type { JournalInterface } from "./journal.js";
import { rowFor } from "./step-table.js";

/** Seconds for which a claim counts that no journal stands behind: longer than the journal of a new move takes to be written. */
const claimLasts = 900;

/** Takes the destination's VFs, so that no other process does. */
export const reserve: MoveStep = {
  ...rowFor("reserve"),
  async do(context) {
    // One after another: each must know what the others have got.
    for (const nic of context.journal.interfaces) await reserveFor(context, nic);
  },
  undo: (context) => releaseOn(context, context.destination, context.journal.interfaces.map(atDestination)),
  isDone: async ({ destination, journal: { interfaces } }) =>
    (await Promise.all(interfaces.map(({ destinationVf }) => isBoundToVfio(destination, destinationVf)))).every(
      Boolean,
    ),
};

export function atSource({ sourceVf, sourceDriver, destinationDriver, network }: JournalInterface): MovesVf {
  return {
    address: sourceVf,
    network,
    driver: keptNone({ sourceDriver, destinationDriver }) ? anyDriver : sourceDriver,
  };
}

export function atDestination({ destinationVf, sourceDriver, destinationDriver, network }: JournalInterface): MovesVf {
  return {
    address: destinationVf,
    network,
    driver: keptNone({ sourceDriver, destinationDriver }) ? anyDriver : destinationDriver,
  };
}

/** A version that kept no drivers wrote the journal: it took VFs from their drivers only. */
function keptNone({ sourceDriver, destinationDriver }: Pick<JournalInterface, "sourceDriver" | "destinationDriver">) {
  return sourceDriver === undefined && destinationDriver === undefined;
}

/** The planned VF; where another process has taken it since the plan was made, the next that is free. */
async function reserveFor(context: MoveContext, nic: JournalInterface): Promise<void> {
  const { cluster, destination, vm } = context;
  const taker = takerFor(context, nic);
  const netdevs = context.plannedNetdevs.get(nic.primaryAlias);
  const planned = await takeFreeVf(
    destination,
    {
      address: nic.destinationVf,
      driver: await plannedDriver(destination, nic),
      ...(netdevs !== undefined && { netdevs }),
    },
    taker,
  );
  const tried: PciAddress[] = [nic.destinationVf];
  const look = () => physicalFunctionsOf(cluster, destination, nic.network);
  const taken = planned ?? (await takeFirstFree(destination, taker, look, tried));
  if (taken === undefined) {
    throw new ProblemError({
      code: "no-free-vf",
      what: `Unable to reserve a VF of network "${nic.network}" for VM "${vm}": other processes have taken ${tried.map(formatPciAddress).join(", ")} meanwhile, and no other VF is free`,
      where: destination.name,
      remedy: "Free a VF on that host, or move the VM to another host.",
    });
  }
  const { address, driver } = taken;
  if (planned === undefined) await plan(context, nic, { destinationVf: address, destinationDriver: driver });
  context.ready.set(nic.primaryAlias, { address, driver, network: nic.network });
}

/** As the plan saw it. */
async function plannedDriver(host: LibvirtHost, { destinationVf, destinationDriver }: JournalInterface) {
  if (destinationDriver === undefined) return (await deviceOf(host, destinationVf))?.driver;
  return destinationDriver === noDriver ? undefined : destinationDriver;
}

/** The journal names the VF that the interface gets. */
async function plan(
  context: MoveContext,
  nic: JournalInterface,
  now: Pick<JournalInterface, "destinationVf" | "destinationDriver">,
): Promise<void> {
  const interfaces = context.journal.interfaces.map((each) =>
    each.primaryAlias === nic.primaryAlias ? { ...each, ...now } : each,
  );
  await context.lease.write({ interfaces });
}

/** Another process has the VF. */
export class VfTaken extends ProblemError {
  override readonly name = "VfTaken";
  constructor(host: string, vf: PciAddress) {
    super({ code: "vf-taken", what: `VF ${formatPciAddress(vf)} has been taken by another process`, where: host });
  }
}

export interface VfForPlug extends MovesVf {
  /** It is in the domain now. */
  plugged(dom: DomainRef): Promise<void>;
}

/**
 * Makes the VF ready to be plugged on that host: the one that is planned for it there, or another that is free.
 * @throws VfTaken
 */
export async function takeForPlug(
  context: MoveContext,
  host: LibvirtHost,
  nic: JournalInterface,
  address: PciAddress,
): Promise<VfForPlug> {
  const taker = takerFor(context, nic);
  const now = await deviceOf(host, address);
  const planned = host === context.source ? atSource(nic) : atDestination(nic);
  if (!samePciAddress(planned.address, address)) {
    const taken = await takeFreeVf(host, { address, driver: now?.driver }, taker);
    if (taken === undefined) throw new VfTaken(host.name, address);
    return { ...taken, network: nic.network };
  }
  if ((await claimVf(host, address, taker)) === undefined) throw new VfTaken(host.name, address);
  await reserveVf(host, address);
  // A VF whose past is not known is taken from its driver now, if it is with one.
  const isBound = now === undefined || isVfioDriver(now.driver);
  const driver = planned.driver ?? (isBound ? undefined : (now.driver ?? noDriver));
  return {
    address,
    driver,
    network: nic.network,
    async plugged(dom) {
      if (driver !== undefined) await rememberDriver(host, dom, address, driver);
      await unclaimMove(host, context.journal.id, address);
    },
  };
}

/**
 * The VF that this process has reserved for the interface: it is claimed and bound, and the plug itself tells whether it still is.
 * Undefined: it must be taken first. What its driver was is kept when the move ends.
 */
export function readyForPlug(
  { ready, destination }: MoveContext,
  host: LibvirtHost,
  nic: JournalInterface,
  address: PciAddress,
): VfForPlug | undefined {
  const vf = ready.get(nic.primaryAlias);
  if (vf === undefined || nic.destinationDriver === undefined) return undefined;
  if (host !== destination || !samePciAddress(vf.address, address)) return undefined;
  ready.delete(nic.primaryAlias);
  return { ...vf, plugged: () => Promise.resolve() };
}

/** As {@link releaseUnused}; to a host that does not answer it is owed, where the VFs' past is known. */
export function releaseOn(context: MoveContext, host: LibvirtHost, vfs: readonly MovesVf[]): Promise<void> {
  const back = vfs.filter(({ driver }) => driver !== undefined && !isVfioDriver(driver));
  const owed = back.map(({ address }) => address);
  return context.owed.unlessAbsent(host, owed, async () => {
    await releaseUnused(context, host, vfs);
    await unsetUnused(
      context,
      host,
      vfs.map(({ address }) => address),
    );
  });
}

/**
 * Gives VFs back to the drivers that they had, unless a domain there has them or will have them when it starts, or another
 * process has taken them.
 */
export async function releaseUnused(context: MoveContext, host: LibvirtHost, vfs: readonly MovesVf[]): Promise<void> {
  const taker = takerFor(context, { primaryAlias: "" });
  // Claimed, so that it is not returned in the moment in which another takes it.
  const ours: MovesVf[] = [];
  for (const vf of vfs) if ((await claimVf(host, vf.address, taker, "any interface")) !== undefined) ours.push(vf);
  const users = await vfUsers(host);
  for (const { address, driver, network } of ours) {
    if (!users.some((user) => samePciAddress(user.address, address)))
      await returnVf(host, address, driver ?? (await guessDriver(context, host, network, address)));
    await unclaimMove(host, context.journal.id, address);
  }
}

/** Of a VF that its owner had bound by hand. */
async function guessDriver(
  { cluster }: MoveContext,
  host: LibvirtHost,
  network: string,
  address: PciAddress,
): Promise<string | undefined> {
  return likelyDriver(await physicalFunctionsOf(cluster, host, network), address);
}

/** Keeps what the VFs that the VM has got there were bound to, where libvirt has plugged them. */
export async function rememberPlanned(context: MoveContext, host: LibvirtHost, dom: DomainRef): Promise<void> {
  const { interfaces } = await host.liveDomain(dom);
  for (const nic of context.journal.interfaces) {
    const { address, driver } = atDestination(nic);
    const isPlugged = interfaces.some(({ vf }) => vf !== undefined && samePciAddress(vf, address));
    if (isPlugged && driver !== undefined && driver !== anyDriver) await rememberDriver(host, dom, address, driver);
  }
}

function takerFor(
  { cluster, journal, vm }: MoveContext,
  { primaryAlias }: Pick<JournalInterface, "primaryAlias">,
): Taker {
  return takerIn(cluster, { holder: `${journal.id}/${primaryAlias}`, vm, kind: "move", lasts: claimLasts });
}

/** A NIC gives frames to the VF that has their MAC: one that the guest does not use must not have it. */
async function unsetUnused(
  { journal: { interfaces } }: MoveContext,
  host: LibvirtHost,
  vfs: readonly PciAddress[],
): Promise<void> {
  const set = interfaces
    .filter(({ device }) => isSetByHost(device))
    .flatMap(({ sourceVf, destinationVf }) => [sourceVf, destinationVf]);
  const among = (list: readonly PciAddress[], vf: PciAddress) => list.some((each) => samePciAddress(each, vf));
  const own = vfs.filter((vf) => among(set, vf));
  if (own.length === 0) return;
  const used = (await vfUsers(host)).map(({ address }) => address);
  for (const vf of own) if (!among(used, vf)) await setVf(host, vf, unsetVf);
}
