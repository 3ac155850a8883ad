/**
 * vNIC profiles on a libvirt cluster: each is a libvirt network of its name and UUID on every host, its attributes in the
 * network's metadata. So other stacks and tools see it, and one host's loss loses no profile.
 */
import { networkOn, pfsOf, type ClusterConfig } from "../../config/index.js";
import { ProblemError } from "../../model/problem.js";
import { buildProfileNetwork, parseProfileNetwork, type ProfileRecord } from "./xml/network.js";
import { formatXml } from "../../xml/element.js";
import type { LibvirtHost } from "./host.js";
import { undefinedOn } from "./host.js";
import type { Network } from "./rpc/datatypes.js";

/** One host's view of a profile. */
interface Copy {
  readonly host: LibvirtHost;
  readonly profile: ProfileRecord;
  readonly xml: string;
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
    remedy: "Run pulumi up of the stack that declares it, then retry.",
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
   * Makes the profile so on every host, or on none: a failure puts the hosts back that were written already.
   * @throws ProblemError when a libvirt network of the name is there that is no profile of ours.
   */
  async save(profile: ProfileRecord): Promise<void> {
    const before = await Promise.all(this.hosts.map((host) => copyOf(host, profile.id)));
    await Promise.all(this.hosts.map((host) => refuseForeign(host, profile)));
    const written: number[] = [];
    try {
      for (const [index, host] of this.hosts.entries()) {
        const known = before[index];
        // libvirt keys networks by UUID and refuses another name for one: the old definition has to go first.
        if (known !== undefined && known.profile.name !== profile.name) await undefine(host, profile.id);
        written.push(index);
        await define(host, this.xmlFor(profile, host));
      }
    } catch (cause) {
      await Promise.allSettled(
        written.map(async (index) => {
          const host = this.hosts[index];
          const known = before[index];
          if (host === undefined) return;
          await undefine(host, profile.id);
          if (known !== undefined) await define(host, known.xml);
        }),
      );
      throw new ProblemError(
        {
          code: "profile-not-saved",
          what: `Unable to save vNIC profile "${profile.name}"`,
          state: "The hosts already updated were restored.",
        },
        { cause },
      );
    }
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
