/** `vnic-failover release`: takes away the note that a stack places a VM, where that stack does so no longer. */
import { writePlacementRecord } from "../../../backends/libvirt/placement-records.js";
import { ProblemError } from "../../../model/problem.js";
import { readJournal } from "../../../migration/context.js";
import { metadataNamespace } from "../../../backends/libvirt/xml/metadata.js";
import { parsePlacementRecord, type PlacementRecord } from "../../../backends/libvirt/xml/placement-record.js";
import type { Element } from "../../../xml/element.js";
import { XmlError } from "../../../xml/xml-error.js";
import type { Answer, CommandContext } from "../../command.js";
import { shellWord } from "../../../model/shell-word.js";

/** @throws ProblemError where there is no such VM, or it is being moved. */
export async function release({ cluster }: CommandContext, vm: string): Promise<Answer> {
  const { host, dom } = await cluster.require(vm);
  if ((await readJournal(host, dom)) !== undefined) {
    throw new ProblemError({
      code: "move-under-way",
      what: `Unable to release VM "${vm}": it has an unfinished move in its journal`,
      remedy: `Wait for the move to finish, or run vnic-failover recover ${shellWord(vm)}.`,
    });
  }
  // Also one that this version cannot read is taken away.
  const note = await host.metadata(dom, metadataNamespace("placement"), 0);
  if (note === undefined)
    return {
      outcome: "ok",
      document: { vm, released: null },
      text: `Nothing to release: no stack is recorded as the owner of the placement of VM "${vm}".`,
    };
  const record = readable(note);
  await writePlacementRecord({ host, dom }, undefined);
  return { outcome: "ok", document: { vm, released: record ?? "unreadable" }, text: inWords(vm, record) };
}

function readable(note: Element): PlacementRecord | undefined {
  try {
    return parsePlacementRecord(note);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    return undefined;
  }
}

function inWords(vm: string, record: PlacementRecord | undefined): string {
  const by =
    record === undefined
      ? "an unreadable record was removed"
      : `it was placed by resource "${record.resource}" of stack "${record.stack}" (project "${record.project}")`;
  return `Another stack can now place VM "${vm}" (${by}). After that, changes to the old placement are refused.`;
}
