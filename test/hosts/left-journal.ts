/** What a mover that was interrupted has left: its journal, and the destination's first VF reserved. */
import { hostname } from "node:os";
import { buildJournal, parseJournal, type Journal } from "../../provider/migration/journal.js";
import { moverOf } from "../../provider/migration/mover.js";
import { formatXml, parseXml } from "../../provider/xml/element.js";
import { metadataNamespace, metadataPrefix } from "../../provider/backends/libvirt/xml/metadata.js";
import { parsePciAddress, type PciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import type { DeclaredPair } from "./declared.js";
import { vfs, vm, type LabLike } from "./two-hosts.js";

/** A process number that no process of this machine has. */
export const deadPid = 4_194_305;

/** Of a move from host1 to host2, whose mover is dead. */
export function journalOf(pair: DeclaredPair, parts: Partial<Journal> = {}): Journal {
  const [standbyAlias = "", primaryAlias = ""] = pair.state.aliases;
  return {
    id: "6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f7a",
    from: "host1",
    to: "host2",
    step: "unplug",
    mover: { machine: hostname(), pid: deadPid },
    started: 1,
    until: 2,
    interfaces: [
      {
        mac: vm.mac,
        primaryAlias,
        standbyAlias,
        network: "data-vf",
        sourceVf: pci(vfs[0]),
        destinationVf: pci(vfs[0]),
      },
    ],
    ...parts,
  };
}

export function pci(text: string): PciAddress {
  const address = parsePciAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
}

export function leave(lab: LabLike, journal: Journal | string): void {
  writeJournal(lab, typeof journal === "string" ? journal : formatXml(buildJournal(journal)));
  const vf = lab.host2.devices.virtualFunctions()[0];
  if (vf !== undefined) vf.driver = "vfio-pci";
}

/** The mover of the journal that stands in the VM, wherever it is, counts as dead from now on. */
export function disown(lab: Pick<LabLike, "hosts">): void {
  edit(lab, (journal) => ({ ...journal, mover: { machine: journal.mover.machine, pid: deadPid }, until: 2 }));
}

/** It is another process of this machine, and lives. */
export function disguise(lab: Pick<LabLike, "hosts">): void {
  edit(lab, (journal) => ({ ...journal, mover: moverOf(process.ppid) }));
}

function edit({ hosts }: Pick<LabLike, "hosts">, change: (journal: Journal) => Journal): void {
  for (const { domains } of hosts) {
    const web = domains.named("web");
    if (web === undefined) continue;
    if (domains.allMetadata(web)[metadataNamespace("journal")] === undefined) continue;
    const journal = parseJournal(parseXml(domains.metadata(web, metadataNamespace("journal"), 0)));
    if (journal === undefined) continue;
    const flags = (web.live === undefined ? 0 : 1) | (web.config === undefined ? 0 : 2);
    const written = formatXml(buildJournal(change(journal)));
    domains.setMetadata(web, metadataNamespace("journal"), metadataPrefix, written, flags);
  }
}

function writeJournal({ host1 }: Pick<LabLike, "host1">, text: string): void {
  const web = host1.domains.requireNamed("web");
  host1.domains.setMetadata(web, metadataNamespace("journal"), metadataPrefix, text, 3);
}
