/** VmInterface: a VM's NIC of a profile; where the profile has a failover, the pair of VF and standby. */
import { randomBytes, randomUUID } from "node:crypto";
import { ProblemError } from "../problem.js";
import {
  evaluate,
  interfaceRules,
  notYetKnown,
  problemOf,
  type InterfaceFacts,
  type Preview,
  type VmNic,
  type VmOfNic,
} from "../rules/index.js";
import { generateMac } from "../xml/mac.js";
import type { Domain } from "../xml/domain.js";
import type { InterfaceRecord } from "../xml/interface-record.js";
import { pairs } from "../xml/teaming.js";
import { formatPciAddress } from "../xml/pci-address.js";
import { isActive, type LibvirtCluster, type Presence } from "../backends/libvirt/cluster.js";
import { isFree } from "../backends/libvirt/inventory.js";
import {
  aliasesOf,
  describe,
  physicalFunctionsOf,
  plugInterface,
  primaryOf,
  recordsOf,
  saveRecords,
  setLink,
  unplugInterface,
  type InterfaceSpec,
} from "../backends/libvirt/interfaces.js";
import { checkFailures, diffOf, type Checked, type Handler } from "./handler.js";
import { compared, vmInterfaceSchema, type VmInterfaceInputs } from "./inputs/vm-interface.js";
import { knownProfiles, networksOf, readStore, referredId, ruleNic, type StoreView } from "./knowledge.js";
import { declaredInterfaces, type DeclaredInterface } from "./program.js";
import { clusterOf } from "./session.js";
import type { MaybeUnknown } from "./unknown.js";

export interface VmInterfaceState extends VmInterfaceInputs {
  readonly schemaVersion: 1;
  readonly mac: string;
  /** What the MAC was declared as; absent: it was made up. */
  readonly declaredMac?: string;
  /** Where the VM was when this was read last. */
  readonly host: string;
  readonly vf?: string;
  readonly aliases: readonly string[];
  readonly xml: string;
  /** What is missing of what was declared, in words; empty when nothing is. */
  readonly missing: readonly string[];
}

export const vmInterface: Handler<VmInterfaceInputs, VmInterfaceState> = {
  async check(ctx, news, olds): Promise<Checked<VmInterfaceInputs>> {
    const parsed = vmInterfaceSchema.safeParse(news);
    if (!parsed.success)
      return { inputs: news as MaybeUnknown<VmInterfaceInputs>, failures: checkFailures(parsed.error) };
    const inputs = parsed.data as MaybeUnknown<VmInterfaceInputs>;
    const profileUrn = ctx.references?.["profile"];
    const others = declaredOthers(ctx.urn);
    if (ctx.urn !== undefined) declaredInterfaces.set(ctx.urn, { nic: previewOf(inputs, ctx.urn), profileUrn });
    if (olds !== undefined && diffOf(olds, inputs, { inputs: compared }).changes === false)
      return { inputs, failures: [] };
    const cluster = clusterOf(ctx);
    const store = await readStore(cluster);
    if (store.silence !== undefined)
      ctx.progress.warn(`${store.silence.message} What that host knows could not be checked.`);
    const facts = await factsFor(cluster, store, { nic: previewOf(inputs, ctx.urn), profileUrn }, olds, others);
    const failures = evaluate(interfaceRules, facts)
      .filter(({ severity, rule }) => {
        // A VF that is missing today may be there when the interface is made; what is certain is refused.
        return (
          severity === "error" &&
          !(
            inputs.adopt === true &&
            (rule === "interface-mac-once-per-vm" ||
              rule === "interface-mac-once-in-cluster" ||
              rule === "interface-failover-once-per-vm")
          )
        );
      })
      .map(({ property = "", message, remedy }) => ({ property, reason: `${message} ${remedy}` }));
    return { inputs, failures };
  },

  diff(_ctx, _id, state, news) {
    const { mac, ...rest } = news;
    // A MAC that was never declared stays the one that was made up.
    const wanted = {
      ...rest,
      mac: mac ?? (state.declaredMac === undefined ? state.mac : undefined),
    } as MaybeUnknown<VmInterfaceInputs>;
    return Promise.resolve(
      diffOf<VmInterfaceInputs>(state, wanted, {
        inputs: compared,
        replaceOn: ["vm", "profile", "mac"],
        deleteBeforeReplace: true,
        drifted: state.missing.length > 0,
      }),
    );
  },

  async create(ctx, inputs) {
    const cluster = clusterOf(ctx);
    const presence = await cluster.require(inputs.vm);
    const domain = await presence.host.inactiveOrLive(presence.dom);
    const existing = existingInterface(domain, inputs);
    if (existing !== undefined && inputs.adopt === true) {
      const spec = await specOf(cluster, { ...existing, plugged: inputs.plugged, linked: inputs.linked });
      return { id: idOf(inputs.vm, existing.id), state: await applied(cluster, presence, spec, inputs) };
    }
    if (existing !== undefined) {
      throw new ProblemError({
        code: "interface-exists",
        what: `Unable to create an interface of VM "${inputs.vm}": it has one with MAC ${existing.mac} already`,
        where: presence.host.name,
        remedy: "Use adopt: true to take it over, or choose another MAC.",
      });
    }
    await refuse(cluster, inputs);
    const record: InterfaceRecord = {
      id: randomUUID(),
      profile: inputs.profile,
      mac: inputs.mac ?? generateMac(randomBytes(3)),
      plugged: inputs.plugged,
      linked: inputs.linked,
    };
    const spec = await specOf(cluster, record);
    ctx.progress.report({
      phase: "plug",
      message: `plugging ${record.mac} into ${inputs.vm} on ${presence.host.name}`,
    });
    return { id: idOf(inputs.vm, record.id), state: await applied(cluster, presence, spec, inputs) };
  },

  async read(ctx, id, state) {
    const cluster = clusterOf(ctx);
    const presence = await cluster.locate(state.vm);
    if (presence === undefined) return undefined;
    const domain = await presence.host.inactiveOrLive(presence.dom);
    const record = recordsOf(domain).find((candidate) => idOf(state.vm, candidate.id) === id);
    if (record === undefined) return undefined;
    const next = await stateNow(cluster, presence, await specOf(cluster, record), state);
    const { vm, profile, plugged, linked, adopt } = next;
    return {
      id,
      state: next,
      inputs: {
        vm,
        profile,
        plugged,
        linked,
        ...(state.declaredMac !== undefined && { mac: next.mac }),
        ...(adopt !== undefined && { adopt }),
      },
    };
  },

  async update(ctx, id, state, news) {
    const cluster = clusterOf(ctx);
    const presence = await cluster.require(state.vm);
    const records = recordsOf(await presence.host.inactiveOrLive(presence.dom));
    const record = records.find((candidate) => idOf(state.vm, candidate.id) === id) ?? {
      id: id.slice(state.vm.length + 1),
      profile: state.profile,
      mac: state.mac,
      plugged: false,
      linked: true,
    };
    const spec = await specOf(cluster, { ...record, plugged: news.plugged, linked: news.linked });
    return { state: await applied(cluster, presence, spec, news, state) };
  },

  async delete(ctx, id, state) {
    const cluster = clusterOf(ctx);
    const presence = await cluster.locate(state.vm);
    if (presence === undefined) return;
    const record = recordsOf(await presence.host.inactiveOrLive(presence.dom)).find(
      (candidate) => idOf(state.vm, candidate.id) === id,
    );
    if (record === undefined) return;
    ctx.progress.report({ phase: "unplug", message: `unplugging ${record.mac} from ${state.vm}` });
    await unplugInterface(cluster, presence, await specOf(cluster, record), { forget: true });
  },
};

/**
 * The VM's interface with the declared MAC: one of ours, or a pair that oVirt or somebody by hand has made, which has
 * aliases of its own. Any other device with that MAC is for the rules to refuse.
 */
function existingInterface(
  domain: Domain,
  { mac, profile, plugged, linked }: VmInterfaceInputs,
): InterfaceRecord | undefined {
  if (mac === undefined) return undefined;
  const recorded = recordsOf(domain).find((record) => record.mac === mac && record.profile === profile);
  if (recorded !== undefined) return recorded;
  const pair = pairs(domain).pairs.find(({ standby, primary }) => standby.mac === mac && primary.mac === mac);
  if (pair?.primary.alias === undefined || pair.standby.alias === undefined) return undefined;
  const adopted = { primaryAlias: pair.primary.alias, standbyAlias: pair.standby.alias };
  return { id: randomUUID(), profile, mac, plugged, linked, adopted };
}

/** Brings the VM's interface to what the specification says, and reads back what came of it. */
async function applied(
  cluster: LibvirtCluster,
  presence: Presence,
  spec: InterfaceSpec,
  inputs: VmInterfaceInputs,
  before?: VmInterfaceState,
): Promise<VmInterfaceState> {
  const { host, dom } = presence;
  const now = await (isActive(presence) ? host.liveDomain(dom) : host.inactiveDomain(dom));
  const aliases = Object.values(aliasesOf(spec));
  const present = aliases.filter((alias) => now.interfaces.some((nic) => nic.alias === alias));
  if (!spec.record.plugged) {
    if (present.length > 0) await unplugInterface(cluster, presence, spec, { forget: false });
    else
      await saveRecords(presence, [
        ...recordsOf(await host.inactiveOrLive(dom)).filter(({ id }) => id !== spec.record.id),
        spec.record,
      ]);
  } else if (present.length < aliases.length) {
    if (present.length > 0) await unplugInterface(cluster, presence, spec, { forget: false });
    await plugInterface(cluster, presence, spec);
  } else {
    const before = recordsOf(await host.inactiveOrLive(dom)).find(({ id }) => id === spec.record.id);
    if (before === undefined) await saveRecords(presence, [...recordsOf(await host.inactiveOrLive(dom)), spec.record]);
    else if (before.linked !== spec.record.linked) await setLink(presence, spec);
  }
  return stateNow(cluster, presence, spec, {
    ...inputs,
    ...(before?.declaredMac !== undefined || inputs.mac !== undefined ? { declaredMac: spec.record.mac } : {}),
  });
}

async function stateNow(
  cluster: LibvirtCluster,
  presence: Presence,
  spec: InterfaceSpec,
  declared: Partial<VmInterfaceState> & Pick<VmInterfaceInputs, "adopt">,
): Promise<VmInterfaceState> {
  const { host, dom } = presence;
  const { record } = spec;
  const domain = await (isActive(presence) ? host.liveDomain(dom) : host.inactiveDomain(dom));
  const vf = primaryOf(domain, spec)?.vf;
  const missing = record.plugged
    ? Object.entries(aliasesOf(spec))
        .filter(([, alias]) => !domain.interfaces.some((nic) => nic.alias === alias))
        .map(([half, alias]) => `${half} ${alias}`)
    : [];
  const { aliases, xml } = describe(cluster, host.name, spec, vf);
  return {
    schemaVersion: 1,
    vm: dom.name,
    profile: record.profile,
    mac: record.mac,
    ...(declared.declaredMac !== undefined && { declaredMac: record.mac }),
    plugged: record.plugged,
    linked: record.linked,
    ...(declared.adopt !== undefined && { adopt: declared.adopt }),
    host: host.name,
    ...(vf !== undefined && { vf: formatPciAddress(vf) }),
    aliases,
    xml,
    missing,
  };
}

/** The interface with its profiles from the store. @throws ProblemError when the store lacks one. */
async function specOf(cluster: LibvirtCluster, record: InterfaceRecord): Promise<InterfaceSpec> {
  const profile = (await cluster.profiles.find(record.profile))?.profile;
  if (profile === undefined) throw missingProfile(record.profile);
  if (profile.failover === undefined) return { record, profile };
  const standby = (await cluster.profiles.find(profile.failover))?.profile;
  if (standby === undefined) throw missingProfile(profile.failover);
  return { record: { ...record, standbyProfile: standby.id }, profile, standby };
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

function previewOf(inputs: MaybeUnknown<VmInterfaceInputs>, urn: string | undefined): Preview<VmNic> {
  const { vm, profile, mac, plugged, linked } = inputs;
  return {
    name: urn?.split("::").at(-1) ?? "interface",
    vm,
    profile,
    mac,
    plugged,
    linked,
  };
}

function declaredOthers(urn: string | undefined): readonly DeclaredInterface[] {
  return [...declaredInterfaces].filter(([other]) => other !== urn).map(([, declared]) => declared);
}

/** A profile that this program is about to create has no id yet; that two interfaces name the same one is known. */
function withProfileId(store: StoreView, { nic, profileUrn }: DeclaredInterface): Preview<VmNic> {
  return { ...nic, profile: referredId(store, nic.profile, profileUrn) };
}

async function factsFor(
  cluster: LibvirtCluster,
  store: StoreView,
  declaration: DeclaredInterface,
  olds: VmInterfaceInputs | undefined,
  declared: readonly DeclaredInterface[],
): Promise<InterfaceFacts> {
  const nic = withProfileId(store, declaration);
  const stored = store.interfaces === notYetKnown ? [] : store.interfaces;
  // An interface of the program that exists is in the store too: once is enough.
  const isSelf = (entry: (typeof stored)[number]) =>
    olds?.vm === entry.vm &&
    entry.record.profile === olds.profile &&
    (olds.mac === undefined || entry.record.mac === olds.mac);
  const others = stored.filter((entry) => !isSelf(entry)).map(ruleNic);
  const isStored = (each: Preview<VmNic>) =>
    others.some(
      (other) =>
        other.vm === each.vm && other.profile === each.profile && (each.mac === undefined || other.mac === each.mac),
    );
  return {
    action: olds === undefined ? "add" : "edit",
    backend: "libvirt",
    nic,
    ...(olds !== undefined && { stored: { name: typeof nic.name === "string" ? nic.name : "interface", ...olds } }),
    others: [...others, ...declared.map((each) => withProfileId(store, each)).filter((each) => !isStored(each))],
    profiles: knownProfiles(store),
    networks: networksOf(cluster),
    vm:
      typeof nic.vm === "string" && store.silence === undefined
        ? await vmFacts(cluster, store, nic.vm, nic.profile)
        : {},
  };
}

async function vmFacts(
  cluster: LibvirtCluster,
  store: StoreView,
  vm: string,
  profileId: Preview<VmNic>["profile"],
): Promise<VmOfNic> {
  const presence = await cluster.locate(vm);
  if (presence === undefined) return {};
  const domain = await (isActive(presence)
    ? presence.host.liveDomain(presence.dom)
    : presence.host.inactiveDomain(presence.dom));
  const profile = store.profiles === notYetKnown ? undefined : store.profiles.find(({ id }) => id === profileId);
  const functions =
    profile?.passThrough === "enabled" ? await physicalFunctionsOf(cluster, presence.host, profile.network) : undefined;
  return {
    running: isActive(presence),
    machine: domain.machine,
    freeRootPorts: domain.rootPorts.filter(({ free }) => free).length,
    ...(functions !== undefined && {
      freeVfs: functions
        .filter(({ linkUp }) => linkUp)
        .flatMap(({ virtualFunctions }) => virtualFunctions)
        .filter(isFree).length,
    }),
  };
}

/** What could not be known at preview is looked at once more before anything changes. */
async function refuse(cluster: LibvirtCluster, inputs: VmInterfaceInputs): Promise<void> {
  const store = await readStore(cluster);
  if (store.silence !== undefined) throw store.silence;
  const facts = await factsFor(cluster, store, { nic: previewOf(inputs, undefined) }, undefined, []);
  const first = evaluate(interfaceRules, facts).find(({ severity }) => severity === "error");
  if (first !== undefined) throw new ProblemError(problemOf(first));
}
