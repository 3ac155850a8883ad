/** What the rules of an interface are asked with: gathered from the hosts, the store and the program. */
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
import type { InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import { isActive, VmNameTwice, type NamedVm } from "../../backends/libvirt/cluster.js";
import { isFree } from "../../backends/libvirt/inventory.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { conflictOf } from "../../backends/libvirt/profile-store.js";
import { devicesInTheWay, devicesOfRecord, differencesFrom, pairOf } from "./devices-of-nic.js";
import type { HandlerContext } from "../handler.js";
import { withDefaults, type VmInterfaceInputs } from "../inputs/vm-interface.js";
import { knownProfiles, networksOf, readStore, referredId, type StoreView } from "../cluster-view.js";
import { declarationsOf, type DeclaredInterface } from "../declarations.js";
import { isNear, isSelf, othersOf, previewOf, type InterfaceDeclaration, type Self } from "../interface-check.js";
import { refuse } from "../rule-errors.js";
import { DriverMissing } from "../../backends/libvirt/rpc/optional-drivers.js";
import { isKnown, knownPart, UNKNOWN, type Eventual, type MaybeUnknown } from "../../model/unknown.js";

export async function factsFor(
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

/** A profile that this program is about to create has no id yet; that two interfaces name the same one is known. */
function withProfileId(store: StoreView, { nic, profileUrn }: DeclaredInterface): MaybeUnknown<VmNic> {
  return { ...nic, profile: referredId(store, nic.profile, profileUrn) };
}

/** Why the facts cannot be had, where the user is to hear of it at preview. */
export function untellable(error: unknown): VmNameTwice | DriverMissing {
  if (error instanceof VmNameTwice || error instanceof DriverMissing) return error;
  throw error;
}

/** What could not be known at preview is looked at once more before anything changes. */
export async function lookOnceMore(
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

/** @throws ProblemError where the pair that is to be taken over is on other networks than its profiles'. */
export async function refuseOtherNetworks(
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

/** Whether the hosts keep the profile, or its failover, differently. */
export async function profileConflict(
  cache: ClusterCache,
  store: StoreView,
  id: unknown,
): Promise<ProblemError | undefined> {
  if (typeof id !== "string" || store.profiles === UNKNOWN) return undefined;
  const stored = await cache.profile(id);
  if (stored === undefined) return undefined;
  const failover = stored.profile.failover === undefined ? undefined : await cache.profile(stored.profile.failover);
  return conflictOf(stored) ?? (failover && conflictOf(failover));
}

/** What the engine was asked to replace and what a lost state has forgotten look the same: the user knows which it is. */
export function warnOfUntoldReplacement(
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
