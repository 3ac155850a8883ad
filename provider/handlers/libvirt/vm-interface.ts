/** VmInterface: a VM's NIC of a profile; where the profile has a failover, the pair of VF and standby. */
import { randomBytes, randomUUID } from "node:crypto";
import { ProblemError } from "../../model/problem.js";
import { generateMac, normalizeMac } from "../../model/mac.js";
import type { InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import { VmIsAnother } from "../../backends/libvirt/cluster.js";
import type { VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { agreedProfile } from "../../backends/libvirt/profile-store.js";
import { anotherOrError, ofAnotherVm, underItsNewName } from "./another-vm.js";
import { atRestNow, lookAtRest } from "./stable-vm.js";
import { pairOf, recordOfPair } from "./devices-of-nic.js";
import type { Handler } from "../handler.js";
import {
  diffOfInterface,
  withDefaults,
  inputsOfInterface,
  vmAndNic,
  type VmInterfaceInputs,
} from "../inputs/vm-interface.js";
import { readStore } from "../cluster-view.js";
import { declarationsOf } from "../declarations.js";
import { checkInterface, isSelf, type Self } from "../interface-check.js";
import { forgetReplaced, noteAdopted, ownerOf, replacedInputs, soleOwnerOf, wasAdopted } from "../replacement.js";
import { leftUnchecked, warnOfUnreadable } from "../unreachable-warning.js";
import { clusterCacheOf } from "./session.js";
import { type VmInterfaceState, vmOf, idOf, lostRecordInWords, recordIn, stateNow, specOf } from "./interface-state.js";
import { applied, inThePlaceOf, renamed, unplug, requireVm } from "./interface-change.js";
import {
  factsFor,
  untellable,
  lookOnceMore,
  refuseOtherNetworks,
  profileConflict,
  warnOfUntoldReplacement,
} from "./interface-facts.js";

export const vmInterface: Handler<VmInterfaceInputs, VmInterfaceState> = {
  check(ctx, news, olds) {
    return checkInterface(ctx, news, olds, {
      owner: soleOwnerOf(ctx),
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
    const replaced = replacedRecord(snapshot, { replaced: replacedInputs(ctx), owner: soleOwnerOf(ctx) });
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
    forgetReplaced(ctx);
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

/** The VM's interface that the one to be created replaces, where the engine makes the new one first. */
function replacedRecord({ instance, records }: VmSnapshot, self: Self): InterfaceRecord | undefined {
  const owned = records.find(({ owner }) => owner !== undefined && owner === self.owner);
  if (owned !== undefined) return owned;
  const [found, ...more] = records.filter((record) => isSelf({ vm: instance.dom.name, record }, self));
  return more.length === 0 ? found : undefined;
}
