/**
 * Changing what a VM's interfaces were declared as. It is one element of the domain's metadata, which libvirt reads and
 * writes as a whole: changes of this process are made one after another, and those that wait are made by one write.
 */
import {
  buildInterfaceRecords,
  ownRecords,
  parseInterfaceRecords,
  type InterfaceRecord,
} from "./xml/interface-record.js";
import { metadataNamespace, metadataPrefix } from "./xml/metadata.js";
import type { DomainInstance } from "./cluster.js";
import { Affect } from "./constants.js";
import type { LibvirtHost } from "./host.js";

export type RecordChange = (records: readonly InterfaceRecord[]) => readonly InterfaceRecord[];

interface Write {
  /** Undefined: unknown. */
  persistent: boolean | undefined;
  /** Undefined: it has begun, and takes no further ones. */
  changes: RecordChange[] | undefined;
  readonly done: Promise<void>;
}

const writes = new WeakMap<LibvirtHost, Map<string, Write>>();

/** Resolves when the change is written, live and in the definition. `persistent`: where it is known. */
export function changeRecords(
  { host, dom }: Pick<DomainInstance, "host" | "dom">,
  change: RecordChange,
  persistent?: boolean,
): Promise<void> {
  const onHost = writes.get(host) ?? new Map<string, Write>();
  writes.set(host, onHost);
  const last = onHost.get(dom.uuid);
  if (last?.changes !== undefined) {
    last.changes.push(change);
    last.persistent ??= persistent;
    return last.done;
  }
  const before = last?.done.catch(() => undefined) ?? Promise.resolve();
  const write: Write = {
    persistent,
    changes: [change],
    done: before
      .then(async () => {
        const { changes = [], persistent } = write;
        write.changes = undefined;
        await writeRecords({ host, dom }, changes, persistent ?? (await host.isPersistent(dom)));
      })
      .finally(() => {
        if (onHost.get(dom.uuid) === write) onHost.delete(dom.uuid);
      }),
  };
  onHost.set(dom.uuid, write);
  return write.done;
}

async function writeRecords(
  { host, dom }: Pick<DomainInstance, "host" | "dom">,
  changes: readonly RecordChange[],
  persistent: boolean,
): Promise<void> {
  const uri = metadataNamespace("interfaces");
  // The definition first: it is what the VM boots from.
  const defined = persistent ? await host.metadata(dom, uri, Affect.CONFIG) : undefined;
  // A definition that was written again, from a file without metadata, has lost what the running domain still has.
  const stored = defined ?? (dom.id >= 0 ? await host.metadata(dom, uri, Affect.LIVE) : undefined);
  const before = ownRecords(parseInterfaceRecords(stored), dom.uuid);
  const changed = changes.reduce((sofar, change) => change(sofar), before);
  const records = changed.map((record) => ({ ...record, vmId: dom.uuid }));
  const element = records.length === 0 ? undefined : buildInterfaceRecords(records);
  await host.setMetadata(dom, uri, metadataPrefix, element, persistent);
}
