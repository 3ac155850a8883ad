/** What the cluster and the program together know, as the rules want it. */
import { pfsOf } from "../config/index.js";
import { asUnreachable } from "../backends/libvirt/host-errors.js";
import type { LibvirtCluster } from "../backends/libvirt/cluster.js";
import type { ClusterCache } from "../backends/libvirt/cluster-cache.js";
import { DriverMissing } from "../backends/libvirt/rpc/optional-drivers.js";
import type { UnreadableVm } from "../backends/libvirt/unreadable-vm.js";
import type { ProblemError } from "../model/problem.js";
import type { LogicalNetwork, Profile, VmNic } from "../rules/index.js";
import { UNKNOWN, type Eventual, type MaybeUnknown } from "../model/unknown.js";
import type { InterfaceRecord } from "../backends/libvirt/xml/interface-record.js";
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import { futureId, type Declarations, type DeclaredProfile } from "./declarations.js";

export interface RecordedInterface {
  readonly vm: string;
  /** The VM's own: two VMs may have one name. Undefined: they have not. */
  readonly vmId?: string;
  readonly record: InterfaceRecord;
}

export interface StoreView {
  /** What the program has declared beside it. */
  readonly program: Declarations;
  readonly profiles: Eventual<readonly ProfileRecord[]>;
  readonly interfaces: Eventual<readonly RecordedInterface[]>;
  /** Why something is not known. */
  readonly unreachable: ProblemError | undefined;
  /** VMs whose interfaces are not known, since what is written about them cannot be read. Default: none. */
  readonly unreadable?: readonly UnreadableVm[];
}

/** Reads the store of the hosts. A host that does not answer makes it unknown, and never a rule's error. */
export async function readStore(cache: ClusterCache, program: Declarations): Promise<StoreView> {
  try {
    const [profiles, { seen, unreadable }] = await Promise.all([cache.profiles(), cache.vms()]);
    const interfaces = seen.flatMap(({ domain: { name: vm, uuid: vmId }, records }) =>
      records.map((record) => ({ vm, vmId, record })),
    );
    return {
      program,
      profiles: profiles.map(({ profile }) => profile),
      interfaces,
      unreachable: undefined,
      unreadable,
    };
  } catch (error) {
    if (error instanceof DriverMissing) return { program, profiles: UNKNOWN, interfaces: UNKNOWN, unreachable: error };
    const unreachable = asUnreachable(error);
    if (unreachable === undefined) throw error;
    // Another host may refuse, which is told first.
    const [first = unreachable] = await cache.unreachable();
    return { program, profiles: UNKNOWN, interfaces: UNKNOWN, unreachable: first };
  }
}

export function networksOf(cluster: LibvirtCluster): readonly LogicalNetwork[] {
  return Object.entries(cluster.config.networks).map(([name, network]) => ({
    name,
    bridge: network.bridge,
    mtu: network.mtu,
    physicalFunctions: pfsOf(network)?.map((pf) => pf.name),
  }));
}

export function ruleNic({ vm, record }: RecordedInterface): VmNic {
  return {
    name: record.mac,
    vm,
    profile: record.profile,
    mac: record.mac,
    plugged: record.plugged,
    linked: record.linked,
  };
}

/** The store's profiles and those that the program has declared and the store does not have; without the one of `urn`. */
export function knownProfiles(
  store: StoreView,
  exceptUrn?: string,
  exceptId?: string,
): Eventual<readonly MaybeUnknown<Profile>[]> {
  if (store.profiles === UNKNOWN) return UNKNOWN;
  const stored = store.profiles.filter(({ id }) => id !== exceptId);
  const declared = [...store.program.profiles]
    .filter(([urn]) => urn !== exceptUrn)
    .map(([, each]) => declaredProfile(store, each));
  const isStored = ({ name, network }: MaybeUnknown<Profile>) =>
    stored.some((profile) => profile.name === name && profile.network === network);
  return [...stored, ...declared.filter((profile) => !isStored(profile))];
}

/** A failover that this program is about to create has no id yet; which profile it is, is known all the same. */
function declaredProfile(store: StoreView, { profile, failoverUrn }: DeclaredProfile): MaybeUnknown<Profile> {
  const failover = referredId(store, profile.failover, failoverUrn);
  return failover === profile.failover ? profile : { ...profile, failover };
}

/**
 * The id behind a reference to a profile of this program: the stored one's where the profile exists already (it may be
 * about to be adopted), else one that stands for it.
 */
export function referredId<Id>(store: StoreView, id: Id, urn: string | undefined): Id | string {
  const declared = urn === undefined ? undefined : store.program.profiles.get(urn)?.profile;
  if (id !== UNKNOWN || urn === undefined || declared === undefined) return id;
  const { profiles } = store;
  const stored = profiles === UNKNOWN ? [] : profiles;
  return (
    stored.find(({ name, network }) => name === declared.name && network === declared.network)?.id ?? futureId(urn)
  );
}

/**
 * The names of the VMs that have an interface of the profile, and of those whose standby is of it.
 * @param except interfaces that go before the profile does.
 */
export function usersOf(
  store: StoreView,
  profileId: string,
  except: (record: InterfaceRecord) => boolean = () => false,
): { direct: Eventual<readonly string[]>; standby: Eventual<readonly string[]> } {
  if (store.interfaces === UNKNOWN) return { direct: UNKNOWN, standby: UNKNOWN };
  const names = (which: (record: InterfaceRecord) => boolean) => [
    ...new Set(
      store.interfaces === UNKNOWN
        ? []
        : store.interfaces.filter(({ record }) => which(record) && !except(record)).map(({ vm }) => vm),
    ),
  ];
  return {
    direct: names(({ profile }) => profile === profileId),
    standby: names(({ standbyProfile }) => standbyProfile === profileId),
  };
}
