/**
 * What a move is about to do, written into the domain's own metadata before anything changes. It travels with the VM, so
 * that anyone who finds it can finish or undo the move; there is no other database.
 */
import * as z from "zod";
import { inWords, issuesInWords } from "../model/mistake.js";
import { ProblemError } from "../model/problem.js";
import { children, attribute, element, type Element } from "../xml/element.js";
import { buildMetadata } from "../backends/libvirt/xml/metadata.js";
import { formatPciAddress, parsePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { isVfDevice } from "../backends/libvirt/xml/primary.js";
import { defined } from "../xml/values.js";
import { stepNames, type StepName } from "./step-table.js";
import type { Unplugging } from "./unplugging.js";

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
  /** What the VFs were bound to before they were taken. Undefined: not known to have been taken from any; older versions kept neither. */
  readonly sourceDriver?: string | undefined;
  readonly destinationDriver?: string | undefined;
}

/** A process. All but its machine's name and its number is absent where the system, or the version that wrote it, does not tell. */
export interface Mover {
  readonly machine: string;
  readonly pid: number;
  /** In words. */
  readonly command?: string;
  /** Linux' id of the machine's boot. */
  readonly boot?: string;
  /** The namespace in which `pid` counts: containers have their own. */
  readonly pidNamespace?: string;
  /** Clock ticks from the boot to the process's start. */
  readonly processStart?: string;
}

export interface Journal {
  /** A UUID: two movers tell each other's journals apart by it. */
  readonly id: string;
  /** The VM's own. Absent in journals of versions that did not write it. */
  readonly uuid?: string;
  /**
   * A UUID of the process that works at the move: the mover, or a recovery that has taken it over. It is looked at before
   * each change, so that a mover that was overtaken stops. Absent in journals of versions that did not write it.
   */
  readonly holder?: string;
  /** The VM starts with its host. The move takes that away from the source, and gives it to the destination, which libvirt does not. */
  readonly autostart?: "yes";
  /** When the VFs leave the guest: before the migration, or by QEMU's own unplug. Absent in journals of versions that did not write it. */
  readonly unplug?: Unplugging["when"];
  readonly from: string;
  readonly to: string;
  /** The step that is being done. */
  readonly step: StepName;
  /** Who moves. */
  readonly mover: Mover;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** The lease: until then the mover may be at work, unless it is known to have ended. It renews it. Milliseconds since the epoch. */
  readonly until: number;
  readonly interfaces: readonly JournalInterface[];
}

/** As text: `0000:01:10.0`. */
export function destinationVfsOf({ interfaces }: Journal): readonly string[] {
  return interfaces.map(({ destinationVf }) => formatPciAddress(destinationVf));
}

const pci = z.string().transform((text, context) => {
  const address = parsePciAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: "custom", message: "is not a PCI address" });
  return z.NEVER;
});
const schema = z.object({
  id: z.uuid(),
  uuid: z.string().optional(),
  holder: z.string().optional(),
  autostart: z.literal("yes").optional(),
  unplug: z.enum(["early", "late"]).optional(),
  from: z.string().min(1),
  to: z.string().min(1),
  step: z.enum(stepNames),
  machine: z.string(),
  pid: z.coerce.number().int(),
  command: z.string().optional(),
  boot: z.string().optional(),
  pidNamespace: z.string().optional(),
  processStart: z.string().optional(),
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
      sourceDriver: z.string().optional(),
      destinationDriver: z.string().optional(),
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

/**
 * @param vm whose it is, for the error. Default: it is not told.
 * @throws ProblemError for a journal that this version does not understand: it must not be guessed at.
 */
export function parseJournal(metadata: Element | undefined, vm?: string): Journal | undefined {
  if (metadata === undefined) return undefined;
  const parsed = schema.safeParse(
    { ...plain(metadata), interfaces: children(metadata, "interface").map(entry) },
    { error: inWords },
  );
  if (!parsed.success) {
    throw new ProblemError({
      code: "journal-unreadable",
      what: `Unable to read the journal of a move in ${vm === undefined ? "the domain's metadata" : `the metadata of VM "${vm}"`}: ${issuesInWords(parsed.error.issues)}`,
      remedy: "Run `vnic-failover recover` with the version of this package that wrote it, perhaps a newer one.",
    });
  }
  const { machine, pid, command, boot, pidNamespace, processStart, uuid, holder, autostart, unplug, ...journal } =
    parsed.data;
  const interfaces = journal.interfaces.map(({ device, ...nic }) => ({
    ...nic,
    ...(device !== undefined && { device }),
  }));
  return {
    ...journal,
    interfaces,
    ...defined({ uuid, holder, autostart, unplug }),
    mover: { machine, pid, ...defined({ command, boot, pidNamespace, processStart }) },
  };
}

/** The device is an element: an attribute of that name is none. */
function entry(from: Element): Record<string, unknown> {
  return { ...plain(from), device: from.children.find(isVfDevice) };
}

function plain(from: Element): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(from.attributes).map((name) => [name, attribute(from, name)]));
}
