/**
 * What a move is about to do, written into the domain's own metadata before anything changes. It travels with the VM, so
 * that anyone who finds it can finish or undo the move; there is no other database.
 */
import { z } from "zod";
import { ProblemError } from "../problem.js";
import { children, attribute, element, type Element } from "../xml/element.js";
import { buildMetadata } from "../xml/metadata.js";
import { formatPciAddress, parsePciAddress, type PciAddress } from "../xml/pci-address.js";
import { isVfDevice } from "../xml/primary.js";

/** One pair whose VF leaves for the move. */
export interface JournalInterface {
  readonly mac: string;
  readonly primaryAlias: string;
  readonly standbyAlias: string;
  /** The logical network whose VFs serve it. */
  readonly network: string;
  readonly sourceVf: PciAddress;
  readonly destinationVf: PciAddress;
  /** The live VF's own `<interface>` or `<hostdev>`, as libvirt printed it before the move. Older versions kept none. */
  readonly device?: Element;
}

export interface Journal {
  /** A UUID: two movers tell each other's journals apart by it. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** The step that is being done, by its name. */
  readonly step: string;
  /** Who moves: its machine's name and process number, and the command in words, where a version that tells it wrote the journal. */
  readonly mover: { readonly machine: string; readonly pid: number; readonly command?: string };
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Until when, at the latest, the mover is at work on this step, by its own watchdogs; milliseconds since the epoch. */
  readonly until: number;
  readonly interfaces: readonly JournalInterface[];
}

const pci = z.string().transform((text, context) => {
  const address = parsePciAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: "custom", message: "is no PCI address" });
  return z.NEVER;
});
const schema = z.object({
  id: z.uuid(),
  from: z.string().min(1),
  to: z.string().min(1),
  step: z.string().min(1),
  machine: z.string(),
  pid: z.coerce.number().int(),
  command: z.string().optional(),
  started: z.coerce.number().int(),
  until: z.coerce.number().int(),
  interfaces: z.array(
    z.object({
      mac: z.string(),
      primaryAlias: z.string(),
      standbyAlias: z.string(),
      network: z.string(),
      sourceVf: pci,
      destinationVf: pci,
      device: z.custom<Element>().optional(),
    }),
  ),
});

export function buildJournal({ mover, interfaces, ...journal }: Journal): Element {
  return buildMetadata(
    "journal",
    { ...journal, ...mover },
    interfaces.map(({ sourceVf, destinationVf, device, ...rest }) =>
      element(
        "interface",
        { ...rest, sourceVf: formatPciAddress(sourceVf), destinationVf: formatPciAddress(destinationVf) },
        [device],
      ),
    ),
  );
}

/** @throws ProblemError for a journal that this version does not understand: it must not be guessed at. */
export function parseJournal(metadata: Element | undefined): Journal | undefined {
  if (metadata === undefined) return undefined;
  const parsed = schema.safeParse({ ...plain(metadata), interfaces: children(metadata, "interface").map(entry) });
  if (!parsed.success) {
    throw new ProblemError({
      code: "journal-unreadable",
      what: `Unable to read the journal of a move in the domain's metadata: ${parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; ")}`,
      remedy: "A newer version of this package may have written it: use that one for `vnic-failover recover`.",
    });
  }
  const { machine, pid, command, ...journal } = parsed.data;
  const interfaces = journal.interfaces.map(({ device, ...nic }) => ({
    ...nic,
    ...(device !== undefined && { device }),
  }));
  return { ...journal, interfaces, mover: { machine, pid, ...(command !== undefined && { command }) } };
}

function entry(from: Element): Record<string, unknown> {
  const device = from.children.find(isVfDevice);
  return { ...plain(from), ...(device !== undefined && { device }) };
}

function plain(from: Element): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(from.attributes).map((name) => [name, attribute(from, name)]));
}
