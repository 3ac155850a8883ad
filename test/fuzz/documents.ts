/** Mutated documents for the parsers of libvirt's XML: what a host, or a guest's owner on it, may have written. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseJournal } from "../../provider/migration/journal.js";
import { parseDomainCapabilities, parseHostCapabilities } from "../../provider/backends/libvirt/xml/capabilities.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatXml, parseXml } from "../../provider/xml/element.js";
import { parseHostInterface } from "../../provider/backends/libvirt/xml/host-interface.js";
import { parseInterfaceRecords } from "../../provider/backends/libvirt/xml/interface-record.js";
import { findMetadata } from "../../provider/backends/libvirt/xml/metadata.js";
import { parseProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { parseNodeDevice } from "../../provider/backends/libvirt/xml/node-device.js";
import { pairs } from "../../provider/backends/libvirt/xml/teaming.js";
import type { Chance } from "../simulation/chance.js";

const folder = join(import.meta.dirname, "../backends/libvirt/xml/fixtures");

/** A move's journal and an interface's record beside the fixtures: metadata is what anyone who may edit the VM can write. */
export const documents: readonly string[] = [
  ...readdirSync(folder)
    .filter((name) => name.endsWith(".xml"))
    .map((name) => readFileSync(join(folder, name), "utf8")),
  `<journal id="0b0e4f2a-54d2-4b6b-9f0a-3f1f5a1f2b3c" from="host1" to="host2" step="unplug" machine="m" pid="1" started="1" until="2"><interface mac="52:54:00:aa:00:50" primaryAlias="ua-a" standbyAlias="ua-b" network="data-vf" sourceVf="0000:01:10.0" destinationVf="0000:01:10.2"/></journal>`,
  `<interface type="bridge" name="br0"><mtu size="1500"/><bridge><interface type="ethernet" name="eth0"/></bridge></interface>`,
];

const parsers: readonly ((text: string) => unknown)[] = [
  (text) => formatXml(parseXml(text)),
  (text) => {
    const domain = parseDomain(text);
    return [pairs(domain), parseInterfaceRecords(findMetadata("interfaces", domain.raw))];
  },
  (text) => parseProfileNetwork(text),
  (text) => parseNodeDevice(text),
  (text) => parseHostCapabilities(text),
  (text) => parseDomainCapabilities(text),
  (text) => parseHostInterface(text),
  (text) => parseJournal(parseXml(text)),
  (text) => parseInterfaceRecords(parseXml(text)),
];

const tokens = [
  ...[
    "<",
    ">",
    "/>",
    "</",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "&#0;",
  ],
  ...[
    "&amp;",
    "&#x110000;",
    '"',
    "'",
    "=",
    " ",
    "\0",
    "\uFEFF",
    "\uD800",
    "__proto__",
    "constructor",
    "xmlns",
    ":",
    "<a ".repeat(300),
  ],
  ...["<a>".repeat(300), "-1", "99999999999999999999", "0x", "1e309", "NaN", "../../etc", "\n"],
];

export function mutated(text: string, chance: Chance): string {
  const at = chance.below(text.length + 1);
  const end = Math.min(text.length, at + chance.below(chance.happens(0.8) ? 12 : 400));
  const [before, part, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  return chance.of([
    () => before + after,
    () => before + part + part + after,
    () => before + chance.of(tokens) + after,
    () => before + chance.of(tokens) + part + after,
    () => before,
    () => {
      const elsewhere = chance.below(text.length + 1);
      return text.slice(0, elsewhere) + part + text.slice(elsewhere);
    },
  ])();
}

/** @returns how many parsers understood the document. @throws Error when one fails with anything but a problem in words. */
export function readOne(chance: Chance): number {
  let text = chance.of(documents);
  for (let times = 1 + chance.below(4); times > 0; times--) text = mutated(text, chance);
  let understood = 0;
  for (const parse of parsers) {
    try {
      parse(text);
      understood += 1;
    } catch (error) {
      // Not by class, as in error-name.ts.
      if (!(error instanceof Error && "problem" in error))
        throw new Error(`a parser fell over:\n${text}`, { cause: error });
    }
  }
  return understood;
}
