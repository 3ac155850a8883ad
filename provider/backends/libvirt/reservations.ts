/**
 * VFs that are spoken for although no domain names them yet: by the journals of the cluster's moves, and by the claims of
 * any process that takes a VF of the host at this moment.
 */
import { metadataNamespace } from "./xml/metadata.js";
import { vfsOfJournal, type JournalVf } from "./xml/journal-vfs.js";
import { isClaimName, parseVfClaim, type VfClaim } from "./xml/vf-claim.js";
import { attribute } from "../../xml/element.js";
import { UnreadableVm } from "./unreadable-vm.js";
import { undefinedOn, type DomainRef, type LibvirtHost } from "./host.js";
import { asUnreachable } from "./host-errors.js";
import { unlessMissing } from "./rpc/optional-drivers.js";

/** A VF that a journal names. */
export interface JournalReservation extends JournalVf {
  readonly vm: string;
  /** The journal's id. */
  readonly move: string;
}

export interface JournalReservations {
  readonly vfs: readonly JournalReservation[];
  /** Whether every host could be asked. */
  readonly complete: boolean;
}

/** Of all journals in the metadata of the hosts' domains, running or not. A host that cannot be asked is left out. */
export async function journalReservations(hosts: readonly LibvirtHost[]): Promise<JournalReservations> {
  const answers = await Promise.all(hosts.map((host) => journalsOn(host).catch(undefinedIfUnreachable)));
  return {
    vfs: answers.flatMap((answer) => answer ?? []),
    complete: answers.every((answer) => answer !== undefined),
  };
}

async function journalsOn(host: LibvirtHost): Promise<readonly JournalReservation[]> {
  const found = await Promise.all((await host.domains()).map((dom) => journalOf(host, dom)));
  return found.flat();
}

async function journalOf(host: LibvirtHost, dom: DomainRef): Promise<readonly JournalReservation[]> {
  const journal = await undefinedOn("NO_DOMAIN", () => host.metadata(dom, metadataNamespace("journal"), 0)).catch(
    // What nothing can read reserves nothing: else one VM's metadata would stop the plugs and moves of all.
    noneWhereUnreadable,
  );
  const move = attribute(journal, "id") ?? "";
  return vfsOfJournal(journal).map((vf) => ({ ...vf, vm: dom.name, move }));
}

/** Claims on a host's VFs, those of the dead among them. */
export async function claimsOn(host: LibvirtHost): Promise<readonly VfClaim[]> {
  const connection = await host.connection();
  const { nets } = (await unlessMissing(() =>
    connection.call("connect_list_all_networks", { need_results: 1, flags: 0 }),
  )) ?? { nets: [] };
  const found = await Promise.all(
    nets
      .filter(({ name }) => isClaimName(name))
      .map((net) => undefinedOn("NO_NETWORK", () => connection.call("network_get_xml_desc", { net, flags: 0 }))),
  );
  return found.flatMap((answer) => (answer === undefined ? [] : (parseVfClaim(answer.xml) ?? [])));
}

/** Whether the holder of the claim still wants the VF, or may. */
export function isClaimAlive(claim: VfClaim, journals: JournalReservations, now: number): boolean {
  if (now < claim.until) return true;
  // What cannot be asked may have the journal of a move that has to be finished.
  return (
    claim.kind === "move" &&
    (!journals.complete || journals.vfs.some(({ move }) => claim.holder.startsWith(move) && move !== ""))
  );
}

function noneWhereUnreadable(error: unknown): undefined {
  if (!(error instanceof UnreadableVm)) throw error;
}

function undefinedIfUnreachable(error: unknown): undefined {
  if (asUnreachable(error) === undefined) throw error;
}
