/** Journals in the metadata of domains: reading, finding and writing them. */
import { isActive, isIncoming, type DomainInstance } from "../backends/libvirt/cluster.js";
import { DomainState } from "../backends/libvirt/constants.js";
import type { DomainRef, LibvirtHost } from "../backends/libvirt/host.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { findMetadata, metadataNamespace, metadataPrefix } from "../backends/libvirt/xml/metadata.js";
import { buildJournal, parseJournal, type Journal } from "./journal.js";

/** Undefined: it has none, or one that came with a copy of another VM's definition. */
export async function readJournal(host: LibvirtHost, dom: DomainRef): Promise<Journal | undefined> {
  // AFFECT_CURRENT: the live domain's where it runs, else its definition's.
  const metadata = await host.metadata(dom, metadataNamespace("journal"), 0);
  return ownJournal(metadata, dom);
}

/** The same of a domain whose XML was read: of the running one where it runs, else of its definition. */
export function journalIn({ raw }: Pick<Domain, "raw">, dom: DomainRef): Journal | undefined {
  return ownJournal(findMetadata("journal", raw), dom);
}

/** @returns as {@link readJournal}, of metadata that has been read. */
export function ownJournal(
  metadata: Parameters<typeof parseJournal>[0],
  { name, uuid }: Pick<DomainRef, "name" | "uuid">,
): Journal | undefined {
  const journal = parseJournal(metadata, name);
  return journal?.uuid !== undefined && journal.uuid !== uuid ? undefined : journal;
}

/**
 * The journal that counts, of all places where the VM is. A VM that runs without one is in no move, whatever a definition or
 * a stopped copy has kept elsewhere.
 */
export async function journalAmong(
  instances: readonly DomainInstance[],
): Promise<{ readonly journal: Journal; readonly instance: DomainInstance } | undefined> {
  const inNoMove = new Set<string>();
  for (const instance of instances.toSorted((a, b) => rank(a) - rank(b))) {
    const { host, dom, state } = instance;
    const journal = inNoMove.has(dom.uuid) ? undefined : await readJournal(host, dom);
    if (journal !== undefined) return { journal, instance };
    if (state === DomainState.RUNNING) inNoMove.add(dom.uuid);
  }
  return undefined;
}

/** Whose word counts first: the running domain's, before that of a copy that waits, or of a definition that stayed behind. */
function rank(instance: DomainInstance): number {
  if (instance.state === DomainState.RUNNING) return 0;
  return isActive(instance) ? (isIncoming(instance) ? 2 : 1) : 3;
}

/** `journal` undefined removes it. `persistent`: whether the domain has a definition, where that is known. */
export async function writeJournal(
  host: LibvirtHost,
  dom: DomainRef,
  journal: Journal | undefined,
  persistent?: boolean,
): Promise<void> {
  const written = journal === undefined ? undefined : buildJournal(journal);
  await host.setMetadata(dom, metadataNamespace("journal"), metadataPrefix, written, persistent);
}
