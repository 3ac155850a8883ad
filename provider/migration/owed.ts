/** What a move could not do on a host that did not answer, and its doing once the host answers again. */
import { networkOn } from "../config/index.js";
import type { Element } from "../xml/element.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { findMetadata, metadataNamespace, metadataPrefix } from "../backends/libvirt/xml/metadata.js";
import { buildOwed, parseOwed, type OwedToHost } from "../backends/libvirt/xml/owed-record.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { isActive, type LibvirtCluster, type DomainInstance } from "../backends/libvirt/cluster.js";
import { DomainState, PausedReason } from "../backends/libvirt/constants.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { asUnreachable, type HostUnreachable } from "../backends/libvirt/host-errors.js";
import { vfsOf } from "../backends/libvirt/network-vfs.js";
import { releaseVf, vfUsers } from "../backends/libvirt/inventory.js";
import { claimsOn, journalReservations } from "../backends/libvirt/reservations.js";
import { moveOf, unclaimMove } from "../backends/libvirt/vf-claims.js";
import { endMigratedCopy } from "../backends/libvirt/live-migration.js";
import { readable } from "../backends/libvirt/unreadable-vm.js";
import { readJournal } from "./journal-store.js";

/** What this move has left undone so far, and the hosts that it does not ask again. */
export class Owed {
  private readonly hosts = new Map<string, PciAddress[]>();
  private readonly failures = new Map<string, HostUnreachable>();

  /** @param absent hosts that are known not to answer. */
  constructor(absent: readonly HostUnreachable[] = []) {
    for (const failure of absent) this.failures.set(failure.host, failure);
  }

  /** Undefined: nothing is known against it. */
  absence({ name }: Pick<LibvirtHost, "name">): HostUnreachable | undefined {
    return this.failures.get(name);
  }

  /** Acts on the host; where it does not answer, the VFs are noted as owed to it. */
  async unlessAbsent(host: LibvirtHost, vfs: readonly PciAddress[], act: () => Promise<void>): Promise<void> {
    if (this.absence(host) === undefined) {
      try {
        await act();
        return;
      } catch (error) {
        const unreachable = asUnreachable(error);
        // Another host may be the one that does not answer: the one that guards.
        if (unreachable?.host !== host.name) throw error;
        this.failures.set(host.name, unreachable);
      }
    }
    const noted = this.hosts.get(host.name) ?? [];
    this.hosts.set(host.name, [...noted, ...vfs.filter((vf) => !noted.some((each) => samePciAddress(each, vf)))]);
  }

  list(move: string): readonly OwedToHost[] {
    return [...this.hosts].map(([host, vfs]) => ({ host, move, vfs }));
  }
}

export async function readOwed(host: LibvirtHost, dom: DomainRef): Promise<readonly OwedToHost[]> {
  const metadata = await host.metadata(dom, metadataNamespace("owed"), 0);
  return ownOwed(host, dom, metadata);
}

/** The same of a domain whose XML was read. @throws UnreadableVm */
export function owedIn({ raw }: Pick<Domain, "raw">, { host, dom }: Pick<DomainInstance, "host" | "dom">) {
  return ownOwed(host, dom, findMetadata("owed", raw));
}

function ownOwed(host: LibvirtHost, dom: DomainRef, metadata: Element | undefined): readonly OwedToHost[] {
  const owed = readable(host, dom, () => parseOwed(metadata));
  return owed.filter(({ vmId }) => vmId === undefined || vmId === dom.uuid);
}

/** Adds to what is noted already: of one host and move there is one entry. */
export async function noteOwed(host: LibvirtHost, dom: DomainRef, owed: readonly OwedToHost[]): Promise<void> {
  if (owed.length === 0) return;
  const before = await readOwed(host, dom);
  const others = before.filter((entry) => !owed.some((each) => each.host === entry.host && each.move === entry.move));
  await writeOwed(host, dom, [...others, ...owed]);
}

export interface Settlement {
  /** What was done, in words. */
  readonly settled: readonly string[];
  /** What is still owed, in words. */
  readonly owed: readonly string[];
}

/**
 * Does on the hosts that answer again what is owed to them. A copy of the VM there is ended only if it carries the same
 * UUID and the same move, and does not run.
 * @throws nothing for a host that does not answer: it is still owed.
 */
export async function settleOwed(cluster: LibvirtCluster, { host, dom }: DomainInstance): Promise<Settlement> {
  const before = await readOwed(host, dom);
  if (before.length === 0) return { settled: [], owed: [] };
  const settled: string[] = [];
  const left: OwedToHost[] = [];
  for (const entry of before) {
    const there = cluster.hostOrAbsent(entry.host);
    try {
      const done = there.name === host.name ? [] : await endCopy(there, dom.uuid, entry.move);
      if (done === undefined) {
        left.push(entry);
        continue;
      }
      const returned = await returnVfs(cluster, there, entry);
      settled.push(...done, ...returned);
    } catch (error) {
      if (asUnreachable(error) === undefined) throw error;
      left.push(entry);
    }
  }
  if (left.length < before.length) await writeOwed(host, dom, left);
  return { settled, owed: left.map(inWords) };
}

/** `"host1": VF 0000:01:10.0 must be returned to the host, and the VM's stopped copy removed if it exists` */
export function inWords({ host, vfs }: OwedToHost): string {
  const copy = "the VM's stopped copy removed if it exists";
  if (vfs.length === 0) return `"${host}": ${copy}`;
  return `"${host}": ${vfs.map((vf) => `VF ${formatPciAddress(vf)}`).join(" and ")} must be returned to the host, and ${copy}`;
}

/** Undefined: it runs, and nothing was done. */
async function endCopy(host: LibvirtHost, uuid: string, move: string): Promise<readonly string[] | undefined> {
  const dom = await host.domainOf(uuid);
  if (dom === undefined || (await readJournal(host, dom))?.id !== move) return [];
  const state = await host.state(dom);
  if (isActive(state)) {
    // A migration's own pause: nothing but this move has stopped it.
    if (state.state !== DomainState.PAUSED || state.reason === PausedReason.USER) return undefined;
    await endMigratedCopy(host, dom);
  }
  const kept = await host.domainOf(uuid);
  if (kept !== undefined && (await host.isPersistent(kept))) await host.undefineMoved(kept);
  return [`the VM's stopped copy on "${host.name}" was removed`];
}

/** Only VFs of the cluster's networks: what else is bound to VFIO there is none of ours, whatever the metadata says. */
async function returnVfs(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { vfs, move }: OwedToHost,
): Promise<readonly string[]> {
  const networks = Object.keys(cluster.config.networks).filter(
    (name) => networkOn(cluster.config, host.name, name)?.physicalFunctions !== undefined,
  );
  const [users, claims, journals, known] = await Promise.all([
    vfUsers(host),
    claimsOn(host),
    journalReservations(cluster.hosts),
    vfs.length === 0 ? [] : Promise.all(networks.map((name) => vfsOf(cluster, host, name))),
  ]);
  const isIn = (addresses: readonly PciAddress[], vf: PciAddress) => addresses.some((each) => samePciAddress(each, vf));
  const used = [
    ...users.map(({ address }) => address),
    ...claims.flatMap((claim) => (moveOf(claim) === move ? [] : [claim.vf])),
    ...journals.vfs.flatMap((each) => (each.host !== host.name || each.move === move ? [] : [each.address])),
  ];
  const unused = vfs.filter((vf) => isIn(known.flat(), vf) && !isIn(used, vf));
  for (const vf of unused) await releaseVf(host, vf);
  await unclaimMove(host, move);
  return unused.map((vf) => `VF ${formatPciAddress(vf)} was returned to host "${host.name}"`);
}

async function writeOwed(host: LibvirtHost, dom: DomainRef, owed: readonly OwedToHost[]): Promise<void> {
  const metadata = owed.length === 0 ? undefined : buildOwed(owed.map((entry) => ({ ...entry, vmId: dom.uuid })));
  await host.setMetadata(dom, metadataNamespace("owed"), metadataPrefix, metadata);
}
