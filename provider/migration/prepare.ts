/**
 * What a migration needs and does not hang on the VF: it is had before the VF leaves the guest, since from then on every
 * question to a host is time without it.
 */
import { parseXml } from "../xml/element.js";
import { DomainXml } from "../backends/libvirt/constants.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import { learnQemu } from "../backends/libvirt/known-qemu.js";
import { openEnds, type MigrationEnds } from "../backends/libvirt/live-migration.js";
import { hearUnplugs } from "../backends/libvirt/unplug.js";
import { readable } from "../backends/libvirt/unreadable-vm.js";
import { parseDomain, type Domain } from "../backends/libvirt/xml/domain.js";
import { hostResources } from "../backends/libvirt/xml/host-resources.js";

export interface Prepared {
  /** On the source. */
  readonly dom: DomainRef;
  readonly persistent: boolean;
  readonly startsWithHost: boolean;
  /** As it was when the move began. */
  readonly definition: Domain;
  /** What the running domain and its definition name of their host. */
  readonly resources: ReadonlySet<string>;
  /** The connections, as soon as they are open, libvirt's events are heard, and the destination's knows the QEMU that the VM needs. */
  readonly ends: Promise<MigrationEnds>;
  /** Whatever becomes of the move. Never throws. */
  close(): Promise<void>;
}

/** The same for a move that is held: `check` is awaited before each call by the connections that changes something. */
export function guardedBy(prepared: Prepared, check: () => Promise<void>): Prepared {
  const ends = prepared.ends.then(({ source, destination, ...rest }) => ({
    ...rest,
    source: source.guarded(check),
    destination: destination.guarded(check),
  }));
  ends.catch(() => undefined);
  return { ...prepared, ends };
}

/** Begins to connect as well; that it fails is told by `ends`. @throws UnreadableVm; ProblemError `read-only` */
export async function prepare(source: LibvirtHost, destination: LibvirtHost, dom: DomainRef): Promise<Prepared> {
  const [persistent, startsWithHost, live, definition] = await Promise.all([
    source.isPersistent(dom),
    source.startsWithHost(dom),
    source.xmlToChange(dom, DomainXml.MIGRATABLE),
    source.xmlToChange(dom, DomainXml.INACTIVE),
  ]);
  const [running, defined] = readable(source, dom, () => [parseXml(live), parseDomain(definition)] as const);
  const named = [running, defined.raw].flatMap((each) => [...hostResources(each)]);
  const [opened, hearing] = [openEnds(source, destination), hearUnplugs(source)];
  const ends = Promise.all([opened, hearing, learnQemu(destination, running)]).then(([each]) => each);
  // It is awaited before the VF leaves; until then a failure must not count as unhandled.
  ends.catch(() => undefined);
  const close = async () => {
    await Promise.allSettled([opened.then((each) => each.close()), hearing.then((stop) => stop())]);
  };
  return { dom, persistent, startsWithHost, definition: defined, resources: new Set(named), ends, close };
}
