/** VmInterface: a VM's NIC of a profile; where the profile has a failover, the pair of VF and standby. */
import { randomBytes, randomUUID } from "node:crypto";
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import { ProblemError } from "../../model/problem.js";
import {
  evaluate,
  interfaceRules,
  type InterfaceFacts,
  type Profile,
  type VmNic,
  type VmOfNic,
} from "../../rules/index.js";
import { networkOn } from "../../config/index.js";
import { generateMac, normalizeMac } from "../../model/mac.js";
import { primaryAliasOf, standbyAliasOf, type InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import {
  isActive,
  named,
  VmIsAnother,
  VmNameTwice,
  type LibvirtCluster,
  type NamedVm,
  type VmRef,
} from "../../backends/libvirt/cluster.js";
import { isFree } from "../../backends/libvirt/inventory.js";
import { changeRecords } from "../../backends/libvirt/records.js";
import {
  aliasesOf,
  halvesOf,
  plugInterface,
  saveRecord,
  setLink,
  unplugInterface,
  xmlOf,
  type InterfaceSpec,
} from "../../backends/libvirt/interfaces.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { agreedProfile, conflictOf, type StoredProfile } from "../../backends/libvirt/profile-store.js";
import { plugMissingVfs } from "../../migration/repair.js";
import { anotherOrError, ofAnotherVm, underItsNewName } from "./another-vm.js";
import { atRestNow, lookAtRest } from "./stable-vm.js";
import {
  devicesInTheWay,
  devicesOfRecord,
  differencesFrom,
  lostRecord,
  pairOf,
  recordOfPair,
} from "./devices-of-nic.js";
import type { Handler, HandlerContext } from "../handler.js";
import {
  diffOfInterface,
  withDefaults,
  inputsOfInterface,
  withoutDefaults,
  vmAndNic,
  type VmInterfaceInputs,
  type VmInterfaceOutputs,
} from "../inputs/vm-interface.js";
import { knownProfiles, networksOf, readStore, referredId, type StoreView } from "../cluster-view.js";
import { declarationsOf, type DeclaredInterface } from "../declarations.js";
import {
  checkInterface,
  isNear,
  isSelf,
  othersOf,
  previewOf,
  type InterfaceDeclaration,
  type Self,
} from "../interface-check.js";
import { refuse } from "../rule-errors.js";
import { DriverMissing } from "../../backends/libvirt/rpc/optional-drivers.js";
import { noteAdopted, ownerOf, replacedInputs, wasAdopted } from "../replacement.js";
import { leftUnchecked, warnOfUnreadable } from "../unreachable-warning.js";
import { clusterCacheOf } from "./session.js";
import { isKnown, knownPart, UNKNOWN, type Eventual, type MaybeUnknown } from "../../model/unknown.js";

export interface VmInterfaceState extends VmInterfaceInputs, VmInterfaceOutputs {
  readonly mac: string;
  /** The MAC was not declared. Absent: it was. */
  readonly macMadeUp?: true;
  readonly host: string;
  readonly xml: string;
}

export const vmInterface: Handler<VmInterfaceInputs, VmInterfaceState> = {
  check(ctx, news, olds) {
    return checkInterface(ctx, news, olds, {
      owner: ownerOf(ctx.urn),
      async gather(declaration) {
        const { inputs, self } = declaration;
        const cache = clusterCacheOf(ctx);
        const store = await readStore(cache, declarationsOf(ctx));
        const failures = store.unreachable === undefined ? [] : leftUnchecked(ctx, store.unreachable);
        if (failures.length > 0) return { failures };
        warnOfUnreadable(ctx, store.unreadable);
        const conflict = await profileConflict(cache, store, inputs.profile);
        if (conflict !== undefined) return { failures: [{ property: "profile", reason: conflict.message }] };
        const facts = await factsFor(cache, store, declaration).catch(untellable);
        if (facts instanceof ProblemError) return { failures: [{ property: "vm", reason: facts.message }] };
        return {
          facts,
          passed: () => {
            if (inputs.adopt !== true) warnOfUntoldReplacement(ctx, store, inputs, self);
          },
        };
      },
    });
  },

  diff: (_ctx, _id, state, news) => Promise.resolve(diffOfInterface(state, news)),

  async create(ctx, inputs) {
    const cache = clusterCacheOf(ctx);
    const snapshot = await requireVm(ctx, cache, inputs.vm);
    const { host } = snapshot.instance;
    const owner = ownerOf(ctx.urn);
    const replaced = replacedRecord(snapshot, { replaced: replacedInputs(ctx), owner });
    const existing = existingInterface(snapshot, inputs);
    if (existing !== undefined && inputs.adopt === true) {
      await refuseOtherNetworks(cache, snapshot, inputs);
      const { plugged, linked } = withDefaults(inputs);
      const taken = existing.id === replaced?.id ? await renamed(snapshot, existing) : existing;
      const spec = await specOf(
        cache,
        { ...taken, plugged, linked, ...(owner !== undefined && { owner }) },
        agreedProfile,
      );
      noteAdopted(ctx, idOf(inputs.vm, taken.id));
      const now = taken === existing ? snapshot : await requireVm(ctx, cache, snapshot.instance.dom);
      return { id: idOf(inputs.vm, taken.id), state: await applied(ctx, cache, now, spec, inputs) };
    }
    if (existing !== undefined && existing.id !== replaced?.id) {
      throw new ProblemError({
        code: "interface-exists",
        what: `Unable to create an interface of VM "${inputs.vm}": it already has one with MAC ${existing.mac}`,
        where: host.name,
        remedy: "Use adopt: true to take it over, or choose another MAC.",
      });
    }
    await lookOnceMore(ctx, cache, inputs, replaced);
    const { profile, mac = generateMac(randomBytes(3)), plugged, linked } = withDefaults(inputs);
    const record: InterfaceRecord = {
      id: randomUUID(),
      profile,
      mac,
      plugged,
      linked,
      ...(owner !== undefined && { owner }),
    };
    const spec = await specOf(cache, record, agreedProfile);
    const make = (seen: VmSnapshot) => applied(ctx, cache, seen, spec, inputs);
    const state =
      replaced === undefined ? await make(snapshot) : await inThePlaceOf(ctx, cache, { snapshot, replaced }, make);
    return { id: idOf(inputs.vm, record.id), state };
  },

  async read(ctx, id, state) {
    const cache = clusterCacheOf(ctx);
    const snapshot = await lookAtRest(ctx, cache, vmOf(state)).catch(anotherOrError);
    if (snapshot instanceof VmIsAnother) {
      const next = ofAnotherVm(ctx, state, snapshot);
      return { id, state: next, inputs: inputsOfInterface(next) };
    }
    if (snapshot?.moving === true) return { id, state, inputs: inputsOfInterface(state) };
    const found = snapshot && (await recordIn(cache, snapshot, id, state));
    if (snapshot === undefined || found === undefined) return undefined;
    const now = stateNow(cache.cluster, snapshot, await specOf(cache, found.record), state);
    const more = [found.lost ? lostRecordInWords : undefined, snapshot.interrupted].filter(
      (each) => each !== undefined,
    );
    const next = more.length === 0 ? now : { ...now, missing: [...now.missing, ...more] };
    return { id, state: next, inputs: inputsOfInterface(next) };
  },

  /** By its id, `vm/<uuid>`, or as `vm/mac`. */
  async import(ctx, name) {
    const { vm, nic } = vmAndNic(name);
    const cache = clusterCacheOf(ctx);
    const snapshot = await lookAtRest(ctx, cache, vm);
    const mac = normalizeMac(nic);
    const record = snapshot?.records.find((candidate) => candidate.id === nic || candidate.mac === mac);
    if (snapshot === undefined || record === undefined) return undefined;
    const state = stateNow(cache.cluster, snapshot, await specOf(cache, record), { macMadeUp: true });
    return { id: idOf(vm, record.id), state, inputs: inputsOfInterface(state) };
  },

  async update(ctx, id, state, news) {
    const cache = clusterCacheOf(ctx);
    const snapshot = await requireVm(ctx, cache, vmOf(state));
    const record = (await recordIn(cache, snapshot, id, state))?.record ?? {
      id: id.slice(state.vm.length + 1),
      profile: state.profile,
      mac: state.mac,
      plugged: false,
      linked: true,
    };
    const { plugged, linked } = withDefaults(news);
    const owner = ownerOf(ctx.urn);
    const spec = await specOf(
      cache,
      { ...record, plugged, linked, ...(owner !== undefined && { owner }) },
      agreedProfile,
    );
    return { state: await applied(ctx, cache, snapshot, spec, news) };
  },

  async delete(ctx, id, state) {
    if (wasAdopted(ctx, id)) return;
    const cache = clusterCacheOf(ctx);
    const snapshot = await atRestNow(ctx, cache, vmOf(state)).catch((error: unknown) =>
      underItsNewName(ctx, cache, error),
    );
    const record = snapshot && (await recordIn(cache, snapshot, id, state))?.record;
    if (snapshot === undefined || record === undefined) return;
    ctx.progress.report({ phase: "unplug", message: `unplugging ${record.mac} from ${state.vm}` });
    await unplug(cache, snapshot, await specOf(cache, record), { forget: true });
  },
};

/**
 * The VM's interface with the declared MAC: one of ours, or a whole pair that oVirt or a person has made, which has aliases of
 * its own. Any other device with that MAC is for the rules to refuse.
 */
function existingInterface({ domain, records }: VmSnapshot, inputs: VmInterfaceInputs): InterfaceRecord | undefined {
  const { mac, profile } = inputs;
  if (mac === undefined) return undefined;
  const recorded = records.find((record) => record.mac === mac && record.profile === profile);
  if (recorded !== undefined) return recorded;
  const pair = pairOf(domain, mac);
  return pair && recordOfPair(pair, { ...inputs, mac });
}

/** What a state says where the VM's metadata has lost the record. */
const lostRecordInWords = "record in the VM's metadata";

/** The record of the interface; where it is lost, one that the state and the VM's devices tell. */
async function recordIn(
  cache: ClusterCache,
  { domain, records }: VmSnapshot,
  id: string,
  state: VmInterfaceState,
): Promise<{ readonly record: InterfaceRecord; readonly lost: boolean } | undefined> {
  const record = records.find((candidate) => idOf(state.vm, candidate.id) === id);
  if (record !== undefined) return { record, lost: false };
  const profile = (await cache.profile(state.profile))?.profile;
  const lost = lostRecord(domain, records, id.slice(state.vm.length + 1), state, profile);
  return lost && { record: lost, lost: true };
}

/** @throws ProblemError where the pair that is to be taken over is on other networks than its profiles'. */
async function refuseOtherNetworks(
  cache: ClusterCache,
  snapshot: VmSnapshot,
  inputs: VmInterfaceInputs,
): Promise<void> {
  const profiles = (await cache.profiles()).map(({ profile }) => profile);
  const differences = await differencesOf(cache, snapshot, inputs, profiles);
  const nic = previewOf(inputs, undefined);
  const facts = {
    action: "add",
    backend: "libvirt",
    nic,
    others: [],
    profiles,
    networks: [],
    vm: { differences },
  } as const;
  refuse(
    evaluate(
      interfaceRules.filter(({ id }) => id === "interface-adopted-like-profile"),
      facts,
    ),
  );
}

/** Those of the store and of the program of which all is known that a pair is made by. */
function planned(profiles: Eventual<readonly MaybeUnknown<Profile>[]>): readonly PairProfile[] {
  return knownPart(profiles).flatMap(({ id, name, network, passThrough, failover }) =>
    isKnown(id) && isKnown(name) && isKnown(network) && isKnown(passThrough) && isKnown(failover)
      ? { id, name, network, passThrough: passThrough ?? "disabled", failover }
      : [],
  );
}

type PairProfile = Pick<ProfileRecord, "id" | "name" | "network" | "passThrough"> & {
  readonly failover?: string | undefined;
};

/** Undefined: there is no pair of that MAC. */
async function differencesOf(
  cache: ClusterCache,
  { instance: { host }, domain }: VmSnapshot,
  { mac, profile: profileId }: { readonly mac?: string | undefined; readonly profile: unknown },
  profiles: readonly PairProfile[],
): Promise<readonly string[] | undefined> {
  const pair = pairOf(domain, mac);
  const profile = profiles.find(({ id }) => id === profileId);
  if (pair === undefined || profile === undefined) return undefined;
  const hasPfs = networkOn(cache.cluster.config, host.name, profile.network)?.physicalFunctions !== undefined;
  const functions = hasPfs ? await cache.physicalFunctions(host, profile.network) : [];
  const vfs = functions.flatMap(({ virtualFunctions }) => virtualFunctions.map(({ address }) => address));
  const failover = profiles.find(({ id }) => id === profile.failover);
  return differencesFrom(pair, profile, failover, { cluster: cache.cluster.config, host: host.name, vfs });
}

/** The VM's interface that the one to be created replaces, where the engine makes the new one first. */
function replacedRecord({ instance, records }: VmSnapshot, self: Self): InterfaceRecord | undefined {
  const owned = records.find(({ owner }) => owner !== undefined && owner === self.owner);
  if (owned !== undefined) return owned;
  const [found, ...more] = records.filter((record) => isSelf({ vm: instance.dom.name, record }, self));
  return more.length === 0 ? found : undefined;
}

/** The interface under another id, its devices as they are: so that the deletion of the replaced one is not for it. */
async function renamed({ instance }: VmSnapshot, record: InterfaceRecord): Promise<InterfaceRecord> {
  const standby = standbyAliasOf(record);
  const adopted = { primaryAlias: primaryAliasOf(record), ...(standby !== undefined && { standbyAlias: standby }) };
  const taken = { ...record, id: randomUUID(), adopted };
  await changeRecords(instance, (records) => records.map((each) => (each.id === record.id ? taken : each)));
  return taken;
}

/**
 * On one VM the old interface and the new cannot be at once: their MAC, standby or VF is the same. So the old one goes first,
 * and comes back when the new one cannot be made. The engine's own deletion finds nothing to do then.
 */
async function inThePlaceOf<T>(
  ctx: HandlerContext,
  cache: ClusterCache,
  { snapshot, replaced }: { readonly snapshot: VmSnapshot; readonly replaced: InterfaceRecord },
  make: (seen: VmSnapshot) => Promise<T>,
): Promise<T> {
  const vm = snapshot.instance.dom;
  const old = await specOf(cache, replaced);
  ctx.progress.report({ phase: "unplug", message: `unplugging ${replaced.mac} from ${vm.name}, to replace it` });
  await unplug(cache, snapshot, old, { forget: true });
  try {
    return await make(await requireVm(ctx, cache, vm));
  } catch (cause) {
    const { instance } = await requireVm(ctx, cache, vm);
    if (replaced.plugged) await plugInterface(cache.cluster, instance, old);
    else await saveRecord(instance, replaced);
    throw cause;
  } finally {
    cache.forgetVm(vm.name);
  }
}

/** What the engine was asked to replace and what a lost state has forgotten look the same: the user knows which it is. */
function warnOfUntoldReplacement(
  { progress }: HandlerContext,
  { interfaces }: StoreView,
  { vm }: MaybeUnknown<VmInterfaceInputs>,
  { olds, replaced, owner }: Self,
): void {
  if (olds !== undefined || replaced !== undefined || owner === undefined || interfaces === UNKNOWN) return;
  const own = interfaces.find((entry) => entry.vm === vm && entry.record.owner === owner);
  if (own === undefined) return;
  progress.warn(
    `VM "${own.vm}" has interface ${own.record.mac} of this resource: pulumi up unplugs it and plugs the new one; with adopt: true it stays plugged.`,
  );
}

/** Brings the VM's interface to what the specification says, and reads back what came of it. */
async function applied(
  ctx: HandlerContext,
  cache: ClusterCache,
  snapshot: VmSnapshot,
  spec: InterfaceSpec,
  inputs: VmInterfaceInputs,
): Promise<VmInterfaceState> {
  const { instance, domain, records } = snapshot;
  const aliases = Object.values(aliasesOf(spec));
  const present = Object.values(halvesOf(domain, spec)).filter((nic) => nic !== undefined);
  const known = records.find(({ id }) => id === spec.record.id);
  // Devices without a record are the interface's all the same: it was lost, or they are being taken over.
  const recorded = known ?? (present.length > 0 ? { ...spec.record, plugged: true } : undefined);
  if (known === undefined && present.length > 0 && spec.record.plugged) await saveRecord(instance, spec.record);
  // What another client took from the running VM may still be in its definition.
  const hasRest = present.length > 0 || recorded?.plugged === true;
  if (!spec.record.plugged) {
    if (hasRest) await unplug(cache, snapshot, spec, { forget: false });
    else await saveRecord(instance, spec.record);
  } else if (recorded?.plugged === true && standsAlone(snapshot, spec)) {
    // Its standby carries the traffic, and continues to.
    await plugMissingVfs(cache.cluster, instance.dom, ctx.progress, spec);
    cache.forgetVm(inputs.vm);
  } else if (present.length < aliases.length) {
    if (hasRest) await unplug(cache, snapshot, spec, { forget: false });
    await plug(cache, snapshot, spec);
  } else {
    if (known !== undefined && known.owner !== spec.record.owner) await saveRecord(instance, spec.record);
    if (known !== undefined && known.linked !== spec.record.linked) await setLink(instance, spec);
  }
  return stateNow(cache.cluster, await requireVm(ctx, cache, instance.dom), spec, {
    ...inputs,
    ...(inputs.mac === undefined && { macMadeUp: true }),
  });
}

/** The pair's standby is there, in a VM that runs, and its VF is not. */
function standsAlone({ instance, domain }: VmSnapshot, spec: InterfaceSpec): boolean {
  const { standby, primary } = halvesOf(domain, spec);
  return isActive(instance) && aliasesOf(spec).primary !== undefined && standby !== undefined && primary === undefined;
}

async function plug(cache: ClusterCache, { instance }: VmSnapshot, spec: InterfaceSpec): Promise<void> {
  const { host } = instance;
  const look = () => cache.physicalFunctions(host, spec.profile.network);
  const vf = await plugInterface(cache.cluster, instance, spec, look);
  if (vf !== undefined) cache.took(host, formatPciAddress(vf), instance.dom.name);
}

async function unplug(
  cache: ClusterCache,
  { instance }: VmSnapshot,
  spec: InterfaceSpec,
  how: { readonly forget: boolean },
): Promise<void> {
  await unplugInterface(cache.cluster, instance, spec, how).finally(() => cache.forgetVm(instance.dom.name));
}

/** As it is at this moment: something is about to be changed, or was. @throws ProblemError when there is no such VM. */
async function requireVm(ctx: HandlerContext, cache: ClusterCache, vm: VmRef): Promise<VmSnapshot> {
  const snapshot = await atRestNow(ctx, cache, vm);
  if (snapshot === undefined) throw cache.cluster.unknownVm(named(vm).name);
  return snapshot;
}

function vmOf({ vm, vmId }: Pick<VmInterfaceState, "vm" | "vmId">): NamedVm {
  return { name: vm, uuid: vmId };
}

function stateNow(
  cluster: LibvirtCluster,
  { instance: { host, dom }, domain }: VmSnapshot,
  spec: InterfaceSpec,
  declared: Pick<Partial<VmInterfaceState>, "macMadeUp" | "adopt" | "xml">,
): VmInterfaceState {
  const { record } = spec;
  const halves = halvesOf(domain, spec);
  const vf = halves.primary?.vf;
  const aliases = aliasesOf(spec);
  const missing = record.plugged
    ? (["standby", "primary"] as const).flatMap((half) => {
        const alias = aliases[half];
        return alias === undefined || halves[half] !== undefined ? [] : `${half} ${alias}`;
      })
    : [];
  const { standby, primary } = aliases;
  return {
    vm: dom.name,
    vmId: dom.uuid,
    profile: record.profile,
    mac: record.mac,
    ...(declared.macMadeUp && { macMadeUp: true }),
    ...withoutDefaults(record),
    ...(declared.adopt !== undefined && { adopt: declared.adopt }),
    host: host.name,
    ...(vf !== undefined && { vf: formatPciAddress(vf) }),
    aliases: [standby, primary].filter((alias) => alias !== undefined),
    xml: xmlOf(cluster, host.name, spec, vf, declared.xml),
    missing,
  };
}

/**
 * The interface with its profiles from the store.
 * @param read {@link agreedProfile} where something is to be plugged by them.
 * @throws ProblemError when the store lacks one.
 */
async function specOf(
  cache: ClusterCache,
  record: InterfaceRecord,
  read: (stored: StoredProfile | undefined) => ProfileRecord | undefined = (stored) => stored?.profile,
): Promise<InterfaceSpec> {
  const profile = read(await cache.knownProfile(record.profile));
  if (profile === undefined) throw missingProfile(record.profile);
  if (profile.failover === undefined) return { record, profile };
  const standby = read(await cache.knownProfile(profile.failover));
  if (standby === undefined) throw missingProfile(profile.failover);
  return { record: { ...record, standbyProfile: standby.id }, profile, standby };
}

/** Whether the hosts keep the profile, or its failover, differently. */
async function profileConflict(cache: ClusterCache, store: StoreView, id: unknown): Promise<ProblemError | undefined> {
  if (typeof id !== "string" || store.profiles === UNKNOWN) return undefined;
  const stored = await cache.profile(id);
  if (stored === undefined) return undefined;
  const failover = stored.profile.failover === undefined ? undefined : await cache.profile(stored.profile.failover);
  return conflictOf(stored) ?? (failover && conflictOf(failover));
}

function missingProfile(id: string): ProblemError {
  return new ProblemError({
    code: "profile-unknown",
    what: `Unable to find vNIC profile "${id}" on the cluster's hosts`,
    remedy: "Pass the id of a VnicProfile that exists.",
  });
}

function idOf(vm: string, interfaceId: string): string {
  return `${vm}/${interfaceId}`;
}

// --- rules

/** A profile that this program is about to create has no id yet; that two interfaces name the same one is known. */
function withProfileId(store: StoreView, { nic, profileUrn }: DeclaredInterface): MaybeUnknown<VmNic> {
  return { ...nic, profile: referredId(store, nic.profile, profileUrn) };
}

async function factsFor(
  cache: ClusterCache,
  store: StoreView,
  { inputs, self, others, ...declaration }: InterfaceDeclaration,
): Promise<InterfaceFacts> {
  const { olds } = self;
  const nic = withProfileId(store, declaration);
  const recorded = store.interfaces === UNKNOWN ? [] : store.interfaces;
  // Another VM may have the name: the one that has this very interface is meant.
  const own = olds && recorded.find((entry) => entry.vm === nic.vm && isSelf(entry, self))?.vmId;
  const stored = recorded.filter(({ vm, vmId }) => vm !== nic.vm || own === undefined || vmId === own);
  const leaving = olds === undefined ? stored.find((entry) => entry.vm === nic.vm && isSelf(entry, self)) : undefined;
  const near = others.filter((each) => isNear(nic, each.nic)).map((each) => withProfileId(store, each));
  return {
    action: olds === undefined ? "add" : "edit",
    backend: "libvirt",
    nic,
    ...(olds !== undefined && {
      stored: { name: typeof nic.name === "string" ? nic.name : "interface", ...withDefaults(olds) },
    }),
    others: othersOf(nic, stored, near, self),
    profiles: knownProfiles(store),
    networks: networksOf(cache.cluster),
    vm:
      typeof nic.vm === "string" && store.unreachable === undefined
        ? await vmFacts(cache, store, { name: nic.vm, uuid: own }, nic, {
            leaving: leaving?.record,
            adopt: inputs.adopt === true,
            exists: olds !== undefined,
          })
        : {},
  };
}

async function vmFacts(
  cache: ClusterCache,
  store: StoreView,
  vm: NamedVm,
  { profile: profileId, mac }: MaybeUnknown<VmNic>,
  {
    leaving,
    adopt,
    exists,
  }: { readonly leaving: InterfaceRecord | undefined; readonly adopt: boolean; readonly exists: boolean },
): Promise<VmOfNic> {
  const snapshot = await cache.vm(vm).catch((error: unknown) => {
    // Which of the VMs of that name it is, the state tells: the update has it.
    if (exists && error instanceof VmNameTwice) return undefined;
    throw error;
  });
  if (snapshot === undefined) return {};
  const { instance, domain } = snapshot;
  const profileOf = (wanted: unknown) =>
    store.profiles === UNKNOWN ? undefined : store.profiles.find(({ id }) => id === wanted);
  const profile = profileOf(profileId);
  // What the replaced interface has is free when the new one is plugged.
  const freed = leaving === undefined ? [] : devicesOfRecord(domain, leaving);
  const freedVfs =
    profileOf(leaving?.profile)?.network === profile?.network ? freed.filter(({ vf }) => vf !== undefined).length : 0;
  const functions =
    profile?.passThrough === "enabled" ? await cache.physicalFunctions(instance.host, profile.network) : undefined;
  const wanted = typeof mac === "string" ? mac : undefined;
  const taken = adopt ? pairOf(domain, wanted) : undefined;
  const differences =
    taken && (await differencesOf(cache, snapshot, { mac: wanted, profile: profileId }, planned(knownProfiles(store))));
  return {
    ...(!exists && {
      inTheWay: devicesInTheWay(domain, snapshot.records, { mac: wanted, failover: profile?.failover }, taken),
    }),
    ...(differences !== undefined && { differences }),
    running: isActive(instance),
    machine: domain.machine,
    freeRootPorts: domain.rootPorts.filter(({ free }) => free).length + freed.length,
    fixedRootPorts: domain.rootPorts.filter(({ empty, hotPlugs }) => empty && !hotPlugs).length,
    ...(functions !== undefined && {
      freeVfs:
        freedVfs +
        functions
          .filter(({ linkUp }) => linkUp)
          .flatMap(({ virtualFunctions }) => virtualFunctions)
          .filter(isFree).length,
    }),
  };
}

/** Why the facts cannot be had, where the user is to hear of it at preview. */
function untellable(error: unknown): VmNameTwice | DriverMissing {
  if (error instanceof VmNameTwice || error instanceof DriverMissing) return error;
  throw error;
}

/** What could not be known at preview is looked at once more before anything changes. */
async function lookOnceMore(
  ctx: HandlerContext,
  cache: ClusterCache,
  inputs: VmInterfaceInputs,
  replaced: InterfaceRecord | undefined,
): Promise<void> {
  const store = await readStore(cache, declarationsOf(ctx));
  if (store.unreachable !== undefined) throw store.unreachable;
  const self: Self = {
    owner: replaced?.owner,
    replaced: replaced && { vm: inputs.vm, profile: replaced.profile, mac: replaced.mac },
  };
  const facts = await factsFor(cache, store, { nic: previewOf(inputs, undefined), inputs, self, others: [] });
  refuse(evaluate(interfaceRules, facts).filter(({ severity }) => severity === "error"));
}
