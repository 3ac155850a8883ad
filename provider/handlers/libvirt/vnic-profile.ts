/** VnicProfile: a libvirt network of that name on every host, with the profile's attributes in its metadata. */
import { randomUUID } from "node:crypto";
import { ProblemError, reasonOf } from "../../model/problem.js";
import type { ProfileFacts } from "../../rules/index.js";
import { warnOfUnreadable } from "../unreachable-warning.js";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import { HostRefused, HostUnreachable, refusedFirst } from "../../backends/libvirt/host-errors.js";
import type { LibvirtCluster } from "../../backends/libvirt/cluster.js";
import { ClusterCache } from "../../backends/libvirt/cluster-cache.js";
import type { StoredProfile } from "../../backends/libvirt/profile-store.js";
import { type Found, type Handler, type HandlerContext } from "../handler.js";
import { attributes, diffOfProfile, type DeclaredInputs, type VnicProfileInputs } from "../inputs/vnic-profile.js";
import { knownProfiles, networksOf, readStore, referredId, usersOf, type StoreView } from "../cluster-view.js";
import { checkProfile, previewOf, refuseProfile, type Subject } from "../profile-check.js";
import { declarationsOf, futureId, type Declarations } from "../declarations.js";
import { isOfSameStack, noteAdopted, ownerOf, replacedInputs, wasAdopted } from "../replacement.js";
import { clusterCacheOf } from "./session.js";
import { isKnown, UNKNOWN, type MaybeUnknown } from "../../model/unknown.js";

export interface VnicProfileState extends VnicProfileInputs {
  /** Hosts that lack the profile or have it otherwise. After an update: those that did not answer. */
  readonly differsOn: readonly string[];
}

export const vnicProfile: Handler<VnicProfileInputs, VnicProfileState> = {
  check(ctx, news, olds) {
    return checkProfile(ctx, news, olds, async (declared, sought) => {
      const cache = clusterCacheOf(ctx);
      const store = await readStore(cache, declarationsOf(ctx));
      warnOfUnreadable(ctx, store.unreadable);
      const { cluster } = cache;
      return {
        unreachable: store.unreachable,
        stored: storedAs(store, sought),
        own: ownedBy(store, ownerOf(ctx.urn), declared),
        factsOf: (subject) => factsFor(cluster, store, declared, subject),
      };
    });
  },

  diff: (_ctx, _id, state, news) => Promise.resolve(diffOfProfile(state, news)),

  async create(ctx, inputs) {
    const cache = clusterCacheOf(ctx);
    const { cluster } = cache;
    const store = await readAnswered(cache, declarationsOf(ctx));
    const same = listed(store).find((profile) => profile.name === inputs.name && profile.network === inputs.network);
    if (same !== undefined && inputs.adopt === true) {
      const record = recordOf(same.id, inputs, ctx.urn);
      noteAdopted(ctx, same.id);
      if (changedAttributes(same, record)) {
        const now = await readAnew(cluster, declarationsOf(ctx));
        refuseUnknownUse(now, same, record);
        refuse(now, factsFor(cluster, now, inputs, { action: "edit", stored: same, urn: ctx.urn }));
      }
      return { id: same.id, state: stateOf(record, inputs.adopt, await save(ctx, cache, record)) };
    }
    const replaced = ownedBy(store, ownerOf(ctx.urn), inputs) ?? storedAs(store, replacedInputs(ctx));
    if (same !== undefined && same.id !== replaced?.id) {
      throw new ProblemError({
        code: "profile-exists",
        what: `Unable to create vNIC profile "${inputs.name}": network "${inputs.network}" already has one of that name (${same.id})`,
        remedy: "Use adopt: true to take it over, or choose another name.",
      });
    }
    refuse(store, factsFor(cluster, store, inputs, { action: "add", stored: undefined, urn: ctx.urn, replaced }));
    const record = recordOf(randomUUID(), inputs, ctx.urn);
    const lacking =
      replaced === undefined ? await save(ctx, cache, record) : await saveInThePlaceOf(ctx, cache, replaced, record);
    return { id: record.id, state: stateOf(record, inputs.adopt, lacking) };
  },

  async read(ctx, id, state) {
    const { stored, unreachable } = await clusterCacheOf(ctx).answeredProfiles();
    const found = stored.find(({ profile }) => profile.id === id);
    const [first] = refusedFirst(unreachable);
    // A host that refuses the login is an error; one that does not answer may have the profile where the others have it.
    if (first !== undefined && (found === undefined || first instanceof HostRefused)) throw first;
    if (found === undefined) return undefined;
    const unasked = new Set(unreachable.map(({ host }) => host));
    const differsOn = found.differsOn.filter((host) => !unasked.has(host) || state.differsOn.includes(host));
    return foundAs({ ...found, differsOn }, state.adopt);
  },

  /** By its id, or as `network/name`. */
  async import(ctx, name) {
    const stored = await clusterCacheOf(ctx).profiles();
    const found = stored.find(({ profile }) => profile.id === name || `${profile.network}/${profile.name}` === name);
    return found && foundAs(found, undefined);
  },

  async update(ctx, id, state, news) {
    const cache = clusterCacheOf(ctx);
    const { cluster } = cache;
    const store = await readAnew(cluster, declarationsOf(ctx));
    const stored = listed(store).find((profile) => profile.id === id);
    const record = recordOf(id, news, ctx.urn);
    if (stored === undefined || changedAttributes(stored, record)) {
      const before = stored ?? recordOf(id, state);
      refuseUnknownUse(store, before, record);
      refuse(store, factsFor(cluster, store, news, { action: "edit", stored: before, urn: ctx.urn }));
    }
    return { state: stateOf(record, news.adopt, await save(ctx, cache, record)) };
  },

  async delete(ctx, id, state) {
    if (wasAdopted(ctx, id)) return;
    const cache = clusterCacheOf(ctx);
    const { cluster } = cache;
    // Every host must say whether a VM of its uses the profile, and lose it.
    const store = await readNow(cluster, declarationsOf(ctx));
    const stored = listed(store).find((profile) => profile.id === id);
    if (stored !== undefined)
      refuseProfile(
        factsFor(cluster, store, inputsOf(stateOf(stored, state.adopt, [])), {
          action: "remove",
          stored,
          urn: ctx.urn,
        }),
      );
    await cluster.profiles.remove(id).finally(() => cache.forgetProfiles());
  },
};

function factsFor(
  cluster: LibvirtCluster,
  store: StoreView,
  inputs: MaybeUnknown<DeclaredInputs>,
  { action, stored, urn, failoverUrn, replaced, withInterfaces }: Subject,
): ProfileFacts {
  const id = stored?.id ?? (urn === undefined ? "new" : futureId(urn));
  const users = usersOf(store, id, ({ owner }) => withInterfaces === true && isOfSameStack(owner, ownerOf(urn)));
  const profile = previewOf(inputs, id);
  const failover = referredId(store, profile.failover, failoverUrn);
  return {
    action,
    backend: "libvirt",
    profile: { ...profile, failover },
    stored,
    others: knownProfiles(store, urn, stored?.id ?? replaced?.id),
    networks: networksOf(cluster),
    // Whether a VM that cannot be read uses the profile is not known: as long as it may, the profile stays.
    usedByVms:
      action === "remove" && isKnown(users.direct)
        ? [...users.direct, ...(store.unreadable ?? []).map(({ vm }) => vm)]
        : users.direct,
    standbyOfVms: users.standby,
    usedByTemplates: [],
    qosNames: UNKNOWN,
    networkFilters: UNKNOWN,
    customPropertyNames: UNKNOWN,
  };
}

/**
 * Where the engine makes the new profile first, the old one goes first all the same: they have one name. It comes back when the
 * new one cannot be made. The engine's own deletion finds nothing to do then.
 */
async function saveInThePlaceOf(
  ctx: HandlerContext,
  cache: ClusterCache,
  replaced: ProfileRecord,
  record: ProfileRecord,
): Promise<readonly string[]> {
  const { cluster } = cache;
  const store = await readNow(cluster, declarationsOf(ctx));
  const facts = factsFor(cluster, store, inputsOf(stateOf(replaced, undefined, [])), {
    action: "remove",
    stored: replaced,
  });
  try {
    refuseProfile(facts);
  } catch (cause) {
    if (!(cause instanceof ProblemError)) throw cause;
    const remedy = "Set the resource option deleteBeforeReplace: true: its interfaces are then replaced with it.";
    throw new ProblemError({ ...cause.problem, remedy }, { cause });
  }
  await cluster.profiles.remove(replaced.id);
  try {
    return await save(ctx, cache, record);
  } catch (cause) {
    await save(ctx, cache, replaced);
    throw cause;
  }
}

/** @returns the hosts that do not have it now, since they do not answer: the next update writes it there. */
async function save(ctx: HandlerContext, cache: ClusterCache, record: ProfileRecord): Promise<readonly string[]> {
  const unreachable = await cache.cluster.profiles.save(record).finally(() => cache.forgetProfiles());
  for (const error of unreachable)
    ctx.progress.warn(
      `vNIC profile "${record.name}" was not written to host "${error.host}": ${reasonOf(error)}. The next pulumi up writes it there.`,
    );
  return unreachable.map(({ host }) => host);
}

/** What depends on whether VMs use the profile, which a host that does not answer cannot say. */
const fixedInUse = ["passThrough", "portMirroring", "failover"] as const;

/** @throws HostUnreachable */
function refuseUnknownUse({ unreachable }: StoreView, before: ProfileRecord, after: ProfileRecord): void {
  if (unreachable === undefined) return;
  if (fixedInUse.some((property) => before[property] !== after[property])) throw unreachable;
}

/** What a host that does not answer may have is not missing. @throws ProblemError of the first rule that is broken. */
function refuse({ unreachable }: StoreView, facts: ProfileFacts): void {
  refuseProfile(facts, unreachable === undefined ? [] : ["profile-exists", "failover-exists"]);
}

/** Whether a profile is in use must not be an old answer. */
function readAnew(cluster: LibvirtCluster, program: Declarations): Promise<StoreView> {
  return readAnswered(new ClusterCache(cluster), program);
}

/**
 * The store; where a host does not answer, as far as the others know it.
 * @throws HostUnreachable where none answers, HostRefused where one refuses the login; DriverMissing
 */
async function readAnswered(cache: ClusterCache, program: Declarations): Promise<StoreView> {
  const store = await readStore(cache, program);
  if (store.unreachable === undefined) return store;
  if (!(store.unreachable instanceof HostUnreachable) || store.unreachable instanceof HostRefused)
    throw store.unreachable;
  const { stored, unreachable } = await cache.answeredProfiles();
  if (unreachable.length === cache.cluster.hosts.length) throw store.unreachable;
  return { ...store, profiles: stored.map(({ profile }) => profile) };
}

/** Of every host. @throws HostUnreachable where one does not answer. */
function readNow(cluster: LibvirtCluster, program: Declarations): Promise<StoreView> {
  return readStoreOrFail(new ClusterCache(cluster), program);
}

async function readStoreOrFail(cache: ClusterCache, program: Declarations): Promise<StoreView> {
  const store = await readStore(cache, program);
  if (store.unreachable !== undefined) throw store.unreachable;
  return store;
}

function listed({ profiles }: StoreView): readonly ProfileRecord[] {
  return isKnown(profiles) ? profiles : [];
}

/** The stored profile that the old inputs declared: of their name on their network. */
function storedAs(
  store: StoreView,
  inputs: Pick<MaybeUnknown<VnicProfileInputs>, "name" | "network"> | undefined,
): ProfileRecord | undefined {
  return listed(store).find(({ name, network }) => name === inputs?.name && network === inputs.network);
}

/** The stored profile of that name that the resource has made. */
function ownedBy(
  store: StoreView,
  owner: string | undefined,
  { name }: Pick<MaybeUnknown<VnicProfileInputs>, "name">,
): ProfileRecord | undefined {
  return owner === undefined ? undefined : listed(store).find((each) => each.owner === owner && each.name === name);
}

/** @param urn of the resource that it is of, where that is known. */
function recordOf(id: string, inputs: VnicProfileInputs, urn?: string): ProfileRecord {
  const owner = ownerOf(urn);
  const {
    name,
    network,
    passThrough,
    migratable,
    failover,
    portMirroring,
    networkFilter,
    qos,
    customProperties,
    description,
  } = inputs;
  return {
    id,
    name,
    network,
    passThrough,
    migratable,
    portMirroring,
    customProperties,
    ...(failover !== undefined && { failover }),
    ...(networkFilter !== undefined && { networkFilter }),
    ...(qos !== undefined && { qos }),
    ...(description !== undefined && { description }),
    ...(owner !== undefined && { owner }),
  };
}

function stateOf(
  { id: _, owner: __, ...profile }: ProfileRecord,
  adopt: boolean | undefined,
  differsOn: readonly string[],
): VnicProfileState {
  return { ...profile, ...(adopt !== undefined && { adopt }), differsOn };
}

function foundAs(
  { profile, differsOn }: StoredProfile,
  adopt: boolean | undefined,
): Found<VnicProfileInputs, VnicProfileState> {
  const state = stateOf(profile, adopt, differsOn);
  return { id: profile.id, state, inputs: inputsOf(state) };
}

function inputsOf({ differsOn: _, ...inputs }: VnicProfileState): VnicProfileInputs {
  return inputs;
}

function changedAttributes(one: ProfileRecord, other: ProfileRecord): boolean {
  return attributes.some((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
}
