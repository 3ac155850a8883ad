/**
 * vNIC profiles on a libvirt cluster: each is a libvirt network of its name and UUID on every host, its attributes in the
 * network's metadata. So other stacks and tools see it, and one host's loss loses no profile.
 */
import { networkOn, pfsOf, type ClusterConfig } from "../../config/index.js";
import { ProblemError } from "../../model/problem.js";
import { buildProfileNetwork, parseProfileNetwork, type ProfileRecord } from "./xml/network.js";
import { formatXml } from "../../xml/element.js";
import { undefinedOn, type LibvirtHost } from "./host.js";
import { asUnreachable, HostRefused, HostUnreachable, refusedFirst } from "./host-errors.js";
import type { Network } from "./rpc/datatypes.js";

/** One host's view of a profile. */
interface Copy {
  readonly host: LibvirtHost;
  readonly profile: ProfileRecord;
  readonly xml: string;
}

export interface AnsweredProfiles {
  readonly stored: readonly StoredProfile[];
  readonly unreachable: readonly HostUnreachable[];
}

export interface StoredProfile {
  readonly profile: ProfileRecord;
  /** Hosts that do not have it, or have it otherwise than the first one. */
  readonly differsOn: readonly string[];
  /** What copies say differently, in words: `network: "mgmt" on "host1", "data" on "host2"`. Undefined: they agree. */
  readonly conflict?: string;
}

/**
 * The profile, for what is about to be plugged by it. Of copies that differ none is believed: one host's word would choose the
 * network of VMs on all others.
 * @throws ProblemError `profile-differs`
 */
export function agreedProfile(stored: StoredProfile | undefined): ProfileRecord | undefined {
  const conflict = stored && conflictOf(stored);
  if (conflict !== undefined) throw conflict;
  return stored?.profile;
}

/** Undefined: the hosts that have the profile agree. */
export function conflictOf({ profile, conflict }: StoredProfile): ProblemError | undefined {
  if (conflict === undefined) return undefined;
  return new ProblemError({
    code: "profile-differs",
    what: `Unable to use vNIC profile "${profile.name}": it differs between the hosts (${conflict})`,
    remedy: "Run pulumi up in the stack that declares it, then retry.",
  });
}

export class ProfileStore {
  constructor(
    private readonly hosts: readonly LibvirtHost[],
    private readonly cluster: ClusterConfig,
  ) {}

  /** Every profile of the cluster. @throws HostUnreachable: an unreachable host may hold profiles that the others lack. */
  async all(): Promise<readonly StoredProfile[]> {
    const copies = (await Promise.all(this.hosts.map(copiesOn))).flat();
    const ids = [...new Set(copies.map(({ profile }) => profile.id))];
    return ids.flatMap((id) => this.merge(copies.filter(({ profile }) => profile.id === id)) ?? []);
  }

  /** Those of the hosts that answer, and the hosts that do not. Profiles that these alone have are not among them. */
  async answered(): Promise<AnsweredProfiles> {
    const answers = await Promise.all(this.hosts.map((host) => orUnreachable(copiesOn(host))));
    const copies = answers.flatMap((answer) => (answer instanceof HostUnreachable ? [] : answer));
    const ids = [...new Set(copies.map(({ profile }) => profile.id))];
    return {
      stored: ids.flatMap((id) => this.merge(copies.filter(({ profile }) => profile.id === id)) ?? []),
      unreachable: answers.filter((answer) => answer instanceof HostUnreachable),
    };
  }

  /** Undefined: no host has it. @throws HostUnreachable */
  async find(id: string): Promise<StoredProfile | undefined> {
    const copies = await Promise.all(this.hosts.map((host) => copyOf(host, id)));
    return this.merge(copies.filter((copy) => copy !== undefined));
  }

  /**
   * The profile as the hosts that answer have it: each has all of them. Undefined: none of them has it.
   * @throws HostUnreachable where none has it and one does not answer.
   */
  async known(id: string): Promise<StoredProfile | undefined> {
    const answers = await Promise.allSettled(this.hosts.map((host) => copyOf(host, id)));
    const copies = answers.flatMap((answer) => (answer.status === "fulfilled" ? (answer.value ?? []) : []));
    if (copies.length > 0) return this.merge(copies);
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return undefined;
  }

  /**
   * Makes the profile so on every host that answers, or on none: one that refuses it puts those back that were written already.
   * @returns the hosts that do not answer: they get it when it is saved the next time.
   * @throws HostUnreachable where none answers, HostRefused where one refuses the login; ProblemError when a libvirt network of the name
   *   is there that is no profile of ours.
   */
  async save(profile: ProfileRecord): Promise<readonly HostUnreachable[]> {
    const asked = await Promise.all(
      this.hosts.map(async (host) => ({ host, known: await orUnreachable(lookBefore(host, profile)) })),
    );
    const unreachable = asked.flatMap(({ known }) => (known instanceof HostUnreachable ? known : []));
    const [first] = refusedFirst(unreachable);
    if (first !== undefined && (first instanceof HostRefused || unreachable.length === this.hosts.length)) throw first;
    const written: { readonly host: LibvirtHost; readonly known: Copy | undefined }[] = [];
    let kept = 0;
    try {
      for (const { host, known } of asked) {
        if (known instanceof HostUnreachable) continue;
        const lost = await orUnreachable(this.write(host, profile, known, () => written.push({ host, known })));
        if (lost === undefined) kept += 1;
        else unreachable.push(lost);
      }
      const [only] = unreachable;
      if (kept === 0 && only !== undefined) throw only;
      return unreachable;
    } catch (cause) {
      const restored = await Promise.allSettled(
        written.map(async ({ host, known }) => {
          await undefine(host, profile.id);
          if (known !== undefined) await define(host, known.xml);
        }),
      );
      const left = written.flatMap(({ host }, at) => (restored[at]?.status === "rejected" ? host.name : []));
      throw notSaved(profile, left, cause);
    }
  }

  private async write(
    host: LibvirtHost,
    profile: ProfileRecord,
    known: Copy | undefined,
    begins: () => void,
  ): Promise<undefined> {
    // libvirt keys networks by UUID and refuses another name for one: the old definition has to go first.
    if (known !== undefined && known.profile.name !== profile.name) await undefine(host, profile.id);
    begins();
    await define(host, this.xmlFor(profile, host));
  }

  /** Done, too, where it is gone already. */
  async remove(id: string): Promise<void> {
    // All hosts must answer before the first one loses it.
    await Promise.all(this.hosts.map((host) => host.connection()));
    for (const host of this.hosts) await undefine(host, id);
  }

  private xmlFor(profile: ProfileRecord, host: LibvirtHost): string {
    const network = networkOn(this.cluster, host.name, profile.network);
    const physicalFunction = pfsOf(network)?.[0]?.name;
    return formatXml(
      buildProfileNetwork(profile, {
        ...(network?.bridge !== undefined && { bridge: network.bridge }),
        ...(physicalFunction !== undefined && { physicalFunction }),
      }),
    );
  }

  private merge(copies: readonly Copy[]): StoredProfile | undefined {
    const first = copies[0];
    if (first === undefined) return undefined;
    const same = (copy: Copy | undefined) =>
      copy !== undefined && JSON.stringify(copy.profile) === JSON.stringify(first.profile);
    const differsOn = this.hosts
      .filter((host) => !same(copies.find((copy) => copy.host === host)))
      .map(({ name }) => name);
    const conflict = differenceOf(copies);
    return { profile: first.profile, differsOn, ...(conflict !== undefined && { conflict }) };
  }
}

/** What a host has of the profile before it is written. @throws ProblemError where a network of its name is another. */
async function lookBefore(host: LibvirtHost, profile: ProfileRecord): Promise<Copy | undefined> {
  const known = await copyOf(host, profile.id);
  await refuseForeign(host, profile);
  return known;
}

async function orUnreachable<T>(answer: Promise<T>): Promise<T | HostUnreachable> {
  try {
    return await answer;
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable === undefined) throw error;
    return unreachable;
  }
}

/** @param left hosts that may have the new profile, or none, since the old one could not be put back. */
function notSaved({ name }: ProfileRecord, left: readonly string[], cause: unknown): ProblemError {
  const outcome =
    left.length === 0
      ? { state: "The hosts that had been updated were restored." }
      : {
          state: `The profile could not be restored on ${left.map((host) => `"${host}"`).join(" and ")}.`,
          remedy: "Run pulumi refresh, then pulumi up, in the stack that declares it.",
        };
  return new ProblemError(
    { code: "profile-not-saved", what: `Unable to save vNIC profile "${name}"`, ...outcome },
    { cause, remedyFirst: left.length > 0 },
  );
}

/** The first attribute that copies have differently, with what each has. */
function differenceOf(copies: readonly Copy[]): string | undefined {
  const attributes = new Set(copies.flatMap(({ profile }) => Object.keys(profile) as (keyof ProfileRecord)[]));
  for (const attribute of attributes) {
    const said = copies.map(({ host, profile }) => ({ host, value: JSON.stringify(profile[attribute] ?? null) }));
    if (said.some(({ value }) => value !== said[0]?.value))
      return `${attribute}: ${said.map(({ host, value }) => `${value} on "${host.name}"`).join(", ")}`;
  }
  return undefined;
}

async function copiesOn(host: LibvirtHost): Promise<readonly Copy[]> {
  const connection = await host.connection();
  const { nets } = await connection.call("connect_list_all_networks", { need_results: 1, flags: 0 });
  const copies = await Promise.all(nets.map((net) => copyIn(host, net)));
  return copies.filter((copy) => copy !== undefined);
}

async function copyOf(host: LibvirtHost, id: string): Promise<Copy | undefined> {
  const connection = await host.connection();
  const named = await undefinedOn("NO_NETWORK", () => connection.call("network_lookup_by_uuid", { uuid: id }));
  return named && copyIn(host, named.net);
}

/** Undefined: the network is gone, or no profile of ours. */
async function copyIn(host: LibvirtHost, net: Network): Promise<Copy | undefined> {
  const connection = await host.connection();
  const found = await undefinedOn("NO_NETWORK", () => connection.call("network_get_xml_desc", { net, flags: 0 }));
  const parsed = found && parseProfileNetwork(found.xml);
  return found && parsed && { host, profile: parsed.profile, xml: found.xml };
}

async function refuseForeign(host: LibvirtHost, profile: ProfileRecord): Promise<void> {
  const connection = await host.connection();
  const named = await undefinedOn(
    "NO_NETWORK",
    async () => (await connection.call("network_lookup_by_name", { name: profile.name })).net,
  );
  if (named === undefined || named.uuid === profile.id) return;
  throw new ProblemError({
    code: "network-exists",
    what: `Unable to save vNIC profile "${profile.name}": a libvirt network of that name exists already`,
    where: host.name,
    remedy:
      "Choose another name for the profile; if that network is this profile, created by another stack, use adopt: true.",
  });
}

async function define(host: LibvirtHost, xml: string): Promise<void> {
  await (await host.connection()).call("network_define_xml_flags", { xml, flags: 0 });
}

async function undefine(host: LibvirtHost, id: string): Promise<void> {
  const connection = await host.connection();
  await undefinedOn("NO_NETWORK", async () => {
    const { net } = await connection.call("network_lookup_by_uuid", { uuid: id });
    await connection.call("network_undefine", { net });
  });
}
