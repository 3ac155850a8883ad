/** Forged metadata against everything that reads it: understood, or refused with a problem in words; nothing else, and soon. */
import { DomainState, PausedReason } from "../../provider/backends/libvirt/constants.js";
import { UnconfiguredHost } from "../../provider/backends/libvirt/host.js";
import { parseJournal, buildJournal } from "../../provider/migration/journal.js";
import { ownerStatus } from "../../provider/migration/mover.js";
import { inWords } from "../../provider/migration/owed.js";
import { verdictOf } from "../../provider/migration/recovery-verdict.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import {
  buildInterfaceRecords,
  identityOf,
  parseInterfaceRecords,
} from "../../provider/backends/libvirt/xml/interface-record.js";
import { vfsOfJournal } from "../../provider/backends/libvirt/xml/journal-vfs.js";
import { findMetadata, type MetadataKind } from "../../provider/backends/libvirt/xml/metadata.js";
import { buildProfileNetwork, parseProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { buildOwed, parseOwed } from "../../provider/backends/libvirt/xml/owed-record.js";
import { buildPlacementRecord, parsePlacementRecord } from "../../provider/backends/libvirt/xml/placement-record.js";
import { findPrimary } from "../../provider/backends/libvirt/xml/primary.js";
import { formatVfClaim, parseVfClaim } from "../../provider/backends/libvirt/xml/vf-claim.js";
import { buildVfDrivers, parseVfDrivers } from "../../provider/backends/libvirt/xml/vf-drivers.js";
import type { Chance } from "../simulation/chance.js";
import { mutated } from "./documents.js";
import { documentOf, forgedElement, realDocuments, textTricks } from "./forged.js";

/** Where the VM whose journal it is may be. */
const places = [
  [DomainState.RUNNING, 1],
  [DomainState.SHUTOFF, 0],
  [DomainState.PAUSED, PausedReason.MIGRATION],
].flatMap(([state = 0, reason = 0]) =>
  ["host1", "host2"].map((name) => ({
    host: new UnconfiguredHost(name),
    dom: { name: "web", uuid: "11111111-2222-4333-8444-000000000050", id: 1 },
    state,
    reason,
  })),
);

/** Reads the element, uses what was read, and writes it again, as every change of it does. */
const readers: Readonly<Record<Exclude<MetadataKind, "profile" | "claim">, (found: Element | undefined) => unknown>> = {
  journal(found) {
    const journal = parseJournal(found);
    vfsOfJournal(found);
    if (journal === undefined) return undefined;
    ownerStatus(journal);
    formatXml(buildJournal(journal));
    for (const instance of places) {
      try {
        verdictOf({ vm: "web", journal, instances: [instance], unreachable: [], tookOver: false });
      } catch (error) {
        requireProblem(error);
      }
    }
    return journal;
  },
  interfaces(found) {
    const records = parseInterfaceRecords(found);
    for (const record of records) findPrimary([], identityOf(record));
    formatXml(buildInterfaceRecords(records));
    return records;
  },
  owed(found) {
    const owed = parseOwed(found);
    owed.map(inWords);
    formatXml(buildOwed(owed));
    return owed;
  },
  vfs(found) {
    const drivers = parseVfDrivers(found);
    const written = buildVfDrivers(drivers);
    return written && formatXml(written);
  },
  placement(found) {
    const record = parsePlacementRecord(found);
    return record && formatXml(buildPlacementRecord(record));
  },
};

/** What a document is to be read as; it is parsed once for all who ask it. */
type Reading = (text: string) => readonly (() => unknown)[];

/** A domain's own XML. */
const asDomain: Reading = (text) => {
  const { raw } = parseDomain(text);
  return Object.entries(readers).map(
    ([kind, read]) =>
      () =>
        read(findMetadata(kind as MetadataKind, raw)),
  );
};

/** The element alone, as virDomainGetMetadata gives it. */
const asElement: Reading = (text) => {
  const element = parseXml(text);
  return Object.values(readers).map((read) => () => read(element));
};

const asNetwork: Reading = (text) => [
  () => {
    const stored = parseProfileNetwork(text);
    if (stored === undefined) return undefined;
    formatXml(buildProfileNetwork(stored.profile, { bridge: "br0", physicalFunction: "pf0" }));
    return stored;
  },
  () => {
    const claim = parseVfClaim(text);
    return claim && formatVfClaim(claim);
  },
];

const kinds = Object.keys(realDocuments) as MetadataKind[];

export interface ForgedRead {
  /** Readers that took it for what it says. */
  readonly understood: number;
  /** Readers that refused it in words. */
  readonly refused: number;
}

/** @throws Error when a reader fails with anything but a problem in words. */
export function readForged(chance: Chance): ForgedRead {
  const kind = chance.of(kinds);
  const element = forgedElement(realDocuments[kind], chance);
  const isNetwork = kind === "profile" || kind === "claim";
  let texts: readonly (readonly [string, Reading])[];
  try {
    texts = [
      [documentOf(kind, element, chance), isNetwork ? asNetwork : asDomain],
      [formatXml(element), asElement],
    ];
  } catch (error) {
    // Nothing that XML could hold.
    requireProblem(error);
    return { understood: 0, refused: 1 };
  }
  let [understood, refused] = [0, 0];
  for (const [text, reading] of texts) {
    const spoilt = spoil(text, chance);
    const attempt = <T>(act: () => T): T | undefined => {
      try {
        return act();
      } catch (error) {
        requireProblem(error, spoilt);
        refused += 1;
        return undefined;
      }
    };
    for (const read of attempt(() => reading(spoilt)) ?? []) if (attempt(read) !== undefined) understood += 1;
  }
  return { understood, refused };
}

/** A third of the documents also break the rules of XML itself. */
function spoil(text: string, chance: Chance): string {
  if (chance.happens(0.65)) return text;
  if (chance.happens(0.5)) return mutated(text, chance);
  const at = chance.below(text.length + 1);
  return text.slice(0, at) + chance.of(textTricks) + text.slice(at);
}

/** @throws Error for a fault of the program. Not by class, as in error-name.ts. */
export function requireProblem(error: unknown, document = ""): void {
  if (error instanceof Error && "problem" in error) return;
  throw new Error(`forged metadata brought the program down:\n${document.slice(0, 20_000)}`, { cause: error });
}
