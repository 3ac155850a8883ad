/** VmInterface on oVirt: one NIC of the engine's, of which it makes the pair where the profile has a failover. */
import {
  findNic,
  findProfile,
  findVm,
  labelsFor,
  listClusters,
  readHostNetworking,
  serves,
  listNics,
  removeNic,
  updateNic,
  type EngineClient,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError, type Problem } from "../../model/problem.js";
import {
  evaluate,
  interfaceRules,
  type InterfaceFacts,
  type Profile,
  type Violation,
  type VmNic,
  type VmOfNic,
} from "../../rules/index.js";
import { isKnown, knownPart, type MaybeUnknown } from "../../model/unknown.js";
import { primaryAliasOf, standbyAliasOf } from "../../backends/libvirt/xml/interface-record.js";
import { normalizeMac } from "../../model/mac.js";
import { sayOnce } from "../notices.js";
import type { OvirtMark } from "../backend-dispatch.js";
import { diffOf, PartialFailure, type Handler, type HandlerContext } from "../handler.js";
import {
  diffOfInterface,
  identity,
  withDefaults,
  inputsOfInterface,
  withoutDefaults,
  vmAndNic,
  type VmInterfaceInputs,
  type VmInterfaceOutputs,
} from "../inputs/vm-interface.js";
import { knownProfiles, referredId } from "../cluster-view.js";
import { declarationsOf, type DeclaredInterface } from "../declarations.js";
import {
  atOddsWithAdopted,
  checkInterface,
  isSelf,
  othersOf,
  previewOf,
  type InterfaceDeclaration,
  type Self,
} from "../interface-check.js";
import { refuse } from "../rule-errors.js";
import { forgetReplaced, noteAdopted, replacedInputs, wasAdopted } from "../replacement.js";
import { leftUnchecked } from "../unreachable-warning.js";
import { asDeclared, madeAgain, renamed } from "./another-vm.js";
import {
  logicalNetworks,
  nicOf,
  readEngine,
  readEngineIfItAnswers,
  spelledAs,
  type EngineView,
} from "./cluster-view.js";
import { addedOnce, setPlugged, type NewNic } from "../../backends/ovirt/plugging.js";
import { replug } from "./replug.js";
import { absenceOf, engineOf, undefinedIfUnreachable, type Engine } from "./session.js";
import { isPassing, lastingRefusal, readyForNics, withoutMigration } from "../../backends/ovirt/stable-vm.js";
import { hasUnpluggedDevice, hostsUnder, isRunning, requireVm, spelledVf, vfOf, vmIfAny } from "./vm.js";

export interface VmInterfaceState extends VmInterfaceInputs, VmInterfaceOutputs, OvirtMark {
  readonly mac: string;
  /** The MAC is of the engine's pool. Absent: it was declared. */
  readonly macMadeUp?: true;
}

export const vmInterface: Handler<VmInterfaceInputs, VmInterfaceState> = {
  check(ctx, news, olds) {
    return checkInterface(ctx, news, olds, {
      async gather(declaration) {
        const { inputs } = declaration;
        const engine = engineOf(ctx);
        const vm = isKnown(inputs.vm) ? await undefinedIfUnreachable(vmIfAny(engine, inputs.vm)) : undefined;
        const view = await readEngineIfItAnswers(engine, vm, declarationsOf(ctx));
        const failures = view.unreachable === undefined ? [] : leftUnchecked(ctx, view.unreachable);
        if (failures.length > 0) return { failures };
        const refusedStatus = vm === undefined ? undefined : lastingRefusal(vm);
        if (refusedStatus !== undefined) return { failures: [{ property: "vm", reason: said(refusedStatus) }] };
        if (vm !== undefined && isPassing(vm))
          ctx.progress.warn(
            `VM "${vm.name}" is in status ${vm.status}: pulumi up waits until its NICs can be changed.`,
          );
        const facts = await factsFor(engine, view, vm, declaration);
        if (view.unreachable === undefined && vm === undefined && isKnown(inputs.vm))
          ctx.progress.warn(`The engine has no VM "${inputs.vm}" yet. Checks that need the VM were skipped.`);
        return { facts, onBackend: (violation) => onEngine(violation, ctx, view) };
      },
    });
  },

  diff: (_ctx, _id, state, news) => Promise.resolve(diffOfInterface(state, news)),

  async create(ctx, inputs) {
    const engine = engineOf(ctx);
    const { client } = engine;
    const vm = await readyForNics(client, await requireVm(engine, inputs.vm), ctx);
    const nics = await listNics(client, vm.id);
    const existing = inputs.mac === undefined ? undefined : nics.find(({ mac }) => mac.toLowerCase() === inputs.mac);
    const self: Self = { replaced: replacedInputs(ctx) };
    const [like, ...more] = nics.filter((nic) => isSelf(nicOf(vm, nic), self));
    // Which of several it is cannot be told: none is touched.
    const replaced = more.length === 0 ? like : undefined;
    if (existing?.profile === inputs.profile && inputs.adopt === true) {
      noteAdopted(ctx, idOf(vm, existing));
      return { id: idOf(vm, existing), state: await applied(client, vm, existing, inputs) };
    }
    if (existing !== undefined && existing.id !== replaced?.id) {
      throw new ProblemError({
        code: "interface-exists",
        what: `Unable to create an interface of VM "${inputs.vm}": its NIC "${existing.name}" has MAC ${existing.mac} already`,
        where: client.where,
        remedy:
          existing.profile === inputs.profile
            ? "Use adopt: true to take it over, or choose another MAC."
            : "Choose another MAC, or give it the profile that the NIC has and adopt: true.",
      });
    }
    const view = await readEngine(engine, vm, declarationsOf(ctx));
    const facts = await factsFor(engine, view, vm, { nic: previewOf(inputs, ctx.urn), inputs, self, others: [] });
    refuse(
      evaluate(interfaceRules, facts).filter(
        ({ severity, rule }) => severity === "error" && rule !== "interface-free-vf",
      ),
    );
    const name = freeName(
      ctx.urn,
      nics.filter(({ id }) => id !== replaced?.id),
    );
    const { plugged, linked } = withDefaults(inputs);
    ctx.progress.report({ phase: "plug", message: `adding NIC ${name} to ${vm.name}` });
    const wanted: NewNic = {
      name,
      profile: inputs.profile,
      interface: profileOf(view, inputs.profile)?.passThrough === "enabled" ? "pci_passthrough" : "virtio",
      plugged,
      linked,
      ...(inputs.mac !== undefined && { mac: inputs.mac }),
    };
    const nic =
      replaced === undefined
        ? await addedOnce(client, vm, wanted)
        : await addedInThePlaceOf(ctx, client, vm, replaced, wanted);
    try {
      return { id: idOf(vm, nic), state: await stateNow(client, vm, nic, declaredBy(inputs)) };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      // It is there, whatever else the engine does not tell: a state without it would leave it behind.
      throw new PartialFailure(error.problem, idOf(vm, nic), stateWithout(vm, nic, declaredBy(inputs)), error.options);
    }
  },

  async read(ctx, id, state) {
    const { client } = engineOf(ctx);
    const found = await locate(client, id);
    const another = found === undefined ? await madeAgain(client, vmOf(id, state)) : undefined;
    if (another !== undefined) {
      sayOnce(ctx, another.message, () => ctx.progress.warn(another.message));
      const next = { ...state, missing: [another.found] };
      return { id, state: next, inputs: inputsOfInterface(next) };
    }
    if (found === undefined) return undefined;
    const next = asDeclared(ctx, state.vm, found.vm, await stateNow(client, found.vm, found.nic, state));
    return { id, state: next, inputs: inputsOfInterface(next) };
  },

  /** By its id, or as `vm/mac`, or with the VM's id and the NIC's name in their places. */
  async import(ctx, name) {
    const engine = engineOf(ctx);
    const wanted = vmAndNic(name);
    const vm = await vmIfAny(engine, wanted.vm);
    if (vm === undefined) return undefined;
    const mac = normalizeMac(wanted.nic);
    const nic = (await listNics(engine.client, vm.id)).find(
      (each) => each.id === wanted.nic || each.name === wanted.nic || each.mac.toLowerCase() === mac,
    );
    if (nic === undefined) return undefined;
    const state = await stateNow(engine.client, vm, nic, { macMadeUp: true });
    return { id: idOf(vm, nic), state, inputs: inputsOfInterface(state) };
  },

  async update(ctx, id, state, news) {
    const { client } = engineOf(ctx);
    const found = await locate(client, id);
    if (found === undefined) {
      const another = await madeAgain(client, vmOf(id, state));
      if (another !== undefined) throw another;
      throw new ProblemError({
        code: "interface-gone",
        what: `Unable to edit the interface of VM "${state.vm}": the engine no longer has its NIC`,
        remedy: "Run pulumi refresh, then pulumi up: it is created again.",
      });
    }
    const other = renamed(state.vm, found.vm);
    if (other !== undefined) throw other;
    const vm = await readyForNics(client, found.vm, ctx);
    // What has been waited for may have plugged it.
    const nic = (await findNic(client, vm.id, found.nic.id)) ?? found.nic;
    return { state: await applied(client, vm, nic, news) };
  },

  async delete(ctx, id, state) {
    forgetReplaced(ctx);
    if (wasAdopted(ctx, id)) return;
    const { client } = engineOf(ctx);
    const found = await locate(client, id);
    if (found === undefined) {
      const another = await madeAgain(client, vmOf(id, state));
      if (another !== undefined) ctx.progress.warn(`Nothing was deleted. Unable to find ${another.found}.`);
      return;
    }
    const { nic } = found;
    // An unplugged NIC can be removed at any time, also one that the engine is about to plug again, beside its standby.
    const vm = await withoutMigration(client, found.vm, ctx);
    ctx.progress.report({ phase: "unplug", message: `removing NIC ${nic.name} from ${vm.name}` });
    if (await hasUnpluggedDevice(client, vm, (await findNic(client, vm.id, nic.id)) ?? nic)) {
      ctx.progress.warn(
        `VM "${vm.name}" keeps the standby of the removed NIC "${nic.name}" and its MAC ${nic.mac} until it is shut down, and the engine may assign that MAC to another VM. Shut VM "${vm.name}" down and start it again as soon as possible.`,
      );
    }
    try {
      await unplugged(ctx, client, vm, nic);
    } catch (error) {
      if (absenceOf(error) === undefined) throw error;
    }
  },
};

function said({ what, remedy = "" }: Problem): string {
  return `${what}. ${remedy}`.trimEnd();
}

/** Brings the NIC to what is declared. @throws PartialFailure where only a part of that could be done. */
async function applied(
  client: EngineClient,
  vm: EngineVm,
  nic: EngineNic,
  inputs: VmInterfaceInputs,
): Promise<VmInterfaceState> {
  const declared = declaredBy(inputs);
  const { plugged, linked } = withDefaults(inputs);
  if (nic.linked !== linked) await updateNic(client, vm.id, nic.id, { linked });
  if (nic.plugged && !plugged) await setPlugged(client, vm, nic, false);
  if (!nic.plugged && plugged && nic.interface !== "pci_passthrough") await setPlugged(client, vm, nic, true);
  else if (!nic.plugged && plugged) {
    const problem = await replug(client, vm, nic);
    if (problem !== undefined) {
      const state = await stateNow(client, vm, { ...nic, linked }, declared);
      throw new PartialFailure(problem, idOf(vm, nic), state);
    }
  }
  return stateNow(client, vm, { ...nic, linked, plugged }, declared);
}

/** @param nic as it was seen: what goes on with the VM may have plugged it since. */
async function unplugged(ctx: HandlerContext, client: EngineClient, vm: EngineVm, nic: EngineNic): Promise<void> {
  const settled = await withoutMigration(client, vm, ctx);
  const now = await findNic(client, vm.id, nic.id);
  // The engine removes no NIC that is plugged into a running VM.
  if (now?.plugged === true && settled.status !== "down")
    await setPlugged(client, await readyForNics(client, settled, ctx), now, false);
  await removeNic(client, vm.id, nic.id);
}

/**
 * Where Pulumi makes the new interface first, the old one goes first all the same: their MAC, standby or name is the same. One
 * like it is added when the new one cannot be. Pulumi's own deletion finds nothing to do then.
 */
async function addedInThePlaceOf(
  ctx: HandlerContext,
  client: EngineClient,
  vm: EngineVm,
  replaced: EngineNic,
  wanted: NewNic,
): Promise<EngineNic> {
  await unplugged(ctx, client, vm, replaced);
  try {
    return await addedOnce(client, vm, wanted);
  } catch (cause) {
    const { id: _, interface: kind, ...before } = replaced;
    await addedOnce(client, vm, { ...before, ...(kind !== "other" && { interface: kind }) });
    throw cause;
  }
}

/** A MAC of the engine's pool is no input: the program need not know it. */

function declaredBy(inputs: VmInterfaceInputs): Partial<VmInterfaceState> {
  const { vm, mac, adopt } = inputs;
  return { vm, ...(mac === undefined && { macMadeUp: true }), ...(adopt !== undefined && { adopt }) };
}

/** What the NIC itself tells; all else comes with the next refresh or update. */
function stateWithout(vm: EngineVm, nic: EngineNic, declared: Partial<VmInterfaceState>): VmInterfaceState {
  return {
    backend: "ovirt",
    vm: spelledAs(declared.vm, vm),
    vmId: vm.id,
    profile: nic.profile ?? "",
    mac: nic.mac.toLowerCase(),
    ...(declared.macMadeUp && { macMadeUp: true }),
    ...withoutDefaults(nic),
    ...(declared.adopt !== undefined && { adopt: declared.adopt }),
    aliases: [primaryAliasOf(nic)],
    missing: [],
  };
}

async function stateNow(
  client: EngineClient,
  vm: EngineVm,
  nic: EngineNic,
  declared: Partial<VmInterfaceState>,
): Promise<VmInterfaceState> {
  const [host, vf, orphan, profile] = await Promise.all([
    hostName(client, vm),
    vfOf(client, vm, nic),
    hasUnpluggedDevice(client, vm, nic),
    nic.profile === undefined ? undefined : findProfile(client, nic.profile),
  ]);
  const standby = standbyAliasOf({
    ...(profile?.failover !== undefined && { standbyProfile: profile.failover }),
  });
  return {
    ...stateWithout(vm, nic, declared),
    ...(host !== undefined && { host }),
    ...(vf !== undefined && { vf }),
    aliases: [...(standby === undefined ? [] : [standby]), primaryAliasOf(nic)],
    missing: orphan ? [spelledVf(nic)] : [],
  };
}

async function hostName(client: EngineClient, vm: EngineVm): Promise<string | undefined> {
  const { host } = vm;
  return host === undefined ? undefined : (await hostsUnder(client, vm)).find(({ id }) => id === host)?.name;
}

// --- ids and names

function idOf(vm: EngineVm, nic: EngineNic): string {
  return `${vm.id}/${nic.id}`;
}

/** A state may come without the name. */
function vmOf(
  id: string,
  { vm }: Partial<VmInterfaceState>,
): { readonly name: string | undefined; readonly id: string } {
  return { name: vm, id: id.split("/")[0] ?? "" };
}

async function locate(client: EngineClient, id: string): Promise<{ vm: EngineVm; nic: EngineNic } | undefined> {
  const [vmId = "", nicId = ""] = id.split("/");
  const [vm, nic] = await Promise.all([findVm(client, vmId), findNic(client, vmId, nicId)]);
  return vm === undefined || nic === undefined ? undefined : { vm, nic };
}

function nicName(urn: string | undefined): string | undefined {
  return urn
    ?.split("::")
    .at(-1)
    ?.replaceAll(/[^\w.-]/g, "_")
    .slice(0, 40);
}

/** The engine wants a name that is unique in the VM: the resource's own, in letters that the engine takes, or one like it. */
function freeName(urn: string | undefined, nics: readonly EngineNic[]): string {
  const wanted = nicName(urn) ?? "nic";
  const taken = new Set(nics.map(({ name }) => name));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wanted : `${wanted}_${number}`;
    if (!taken.has(name)) return name;
  }
}

// --- rules

/** A VF may be allowed by a label, which is not looked at: the engine has the last word. */
function onEngine(violation: Violation, ctx: HandlerContext, view: EngineView): Violation {
  if (violation.rule === "interface-free-vf") return { ...violation, severity: "warning" };
  return atOddsWithAdopted.includes(violation.rule) ? orItself(violation, ctx, view) : violation;
}

/**
 * Where the user asks for a replacement, Pulumi tells nothing of the old resource, and the engine keeps nothing of ours with a
 * NIC: that it has the resource's name is no proof, but reason enough to say what would help.
 */
function orItself(violation: Violation, { urn }: HandlerContext, { interfaces }: EngineView): Violation {
  const name = nicName(urn);
  if (!isKnown(interfaces) || !interfaces.some(({ record }) => record.owner === name)) return violation;
  const remedy = `${violation.remedy} If NIC "${name ?? ""}" belongs to this resource, use adopt: true to take it over as it is.`;
  return { ...violation, remedy };
}

async function factsFor(
  engine: Engine,
  view: EngineView,
  vm: EngineVm | undefined,
  { inputs, self, others, ...declaration }: InterfaceDeclaration,
): Promise<InterfaceFacts> {
  const { olds } = self;
  const withIds = ({ nic, profileUrn }: DeclaredInterface): MaybeUnknown<VmNic> => ({
    ...nic,
    // The user may have written the VM's id.
    vm: isKnown(nic.vm) && nic.vm === vm?.id ? vm.name : nic.vm,
    profile: referredId(view, nic.profile, profileUrn),
  });
  const nic = withIds(declaration);
  const isReplaced = olds !== undefined && diffOf(olds, inputs, { inputs: identity }).changes !== false;
  return {
    // One that is replaced is unplugged and removed first: nothing of it is edited while it is plugged.
    action: olds === undefined || isReplaced ? "add" : "edit",
    backend: "ovirt",
    nic,
    ...(olds !== undefined && !isReplaced && { stored: { name: "interface", ...withDefaults(olds) } }),
    others: othersOf(nic, knownPart(view.interfaces), others.map(withIds), self),
    profiles: knownProfiles(view),
    networks: logicalNetworks(view.clusterNetworks),
    vm:
      vm === undefined || view.unreachable !== undefined
        ? {}
        : await vmFacts(engine, view, vm, profileOf(view, nic.profile)),
  };
}

function profileOf(view: EngineView, id: MaybeUnknown<VmNic>["profile"]): MaybeUnknown<Profile> | undefined {
  const profiles = knownProfiles(view);
  return isKnown(profiles) ? profiles.find((profile) => profile.id === id) : undefined;
}

async function vmFacts(
  { client }: Engine,
  { networks }: EngineView,
  vm: EngineVm,
  profile: MaybeUnknown<Profile> | undefined,
): Promise<VmOfNic> {
  const clusterLevel = (await listClusters(client)).find(({ id }) => id === vm.cluster)?.level;
  const facts = { running: isRunning(vm), ...(clusterLevel !== undefined && { clusterLevel }) };
  if (vm.host === undefined || !isKnown(networks)) return facts;
  const { nics, functions } = await readHostNetworking(client, vm.host);
  const onHost = new Set(nics.flatMap(({ network }) => network ?? []));
  const network =
    profile?.passThrough === "enabled" ? networks.find(({ name }) => name === profile.network) : undefined;
  const labels =
    network === undefined ? new Map<string, readonly string[]>() : await labelsFor(client, functions, [network.id]);
  const serving = network === undefined ? [] : functions.filter((pf) => serves(pf, network.id, labels));
  return {
    ...facts,
    // A VF's network need not be attached to the host: which PFs serve it says whether it is there.
    networksOnHost: networks.filter(({ id }) => onHost.has(id) || id === network?.id).map(({ name }) => name),
    ...(network !== undefined && { freeVfs: serving.flatMap(({ free }) => free).length }),
  };
}
