/** Changes a VM's interface: plugs, unplugs, takes over, and makes one in the place of another. */
import { randomUUID } from "node:crypto";
import { primaryAliasOf, standbyAliasOf, type InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import { isActive, named, type VmRef } from "../../backends/libvirt/cluster.js";
import { changeRecords } from "../../backends/libvirt/records.js";
import {
  aliasesOf,
  halvesOf,
  plugInterface,
  saveRecord,
  setLink,
  unplugInterface,
  type InterfaceSpec,
} from "../../backends/libvirt/interfaces.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import { plugMissingVfs } from "../../migration/repair.js";
import { atRestNow } from "./stable-vm.js";
import type { HandlerContext } from "../handler.js";
import type { VmInterfaceInputs } from "../inputs/vm-interface.js";
import { type VmInterfaceState, stateNow, specOf } from "./interface-state.js";

/** Brings the VM's interface to what the specification says, and reads back what came of it. */
export async function applied(
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

/**
 * On one VM the old interface and the new cannot be at once: their MAC, standby or VF is the same. So the old one goes first,
 * and comes back when the new one cannot be made. The engine's own deletion finds nothing to do then.
 */
export async function inThePlaceOf<T>(
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

/** The interface under another id, its devices as they are: so that the deletion of the replaced one is not for it. */
export async function renamed({ instance }: VmSnapshot, record: InterfaceRecord): Promise<InterfaceRecord> {
  const standby = standbyAliasOf(record);
  const adopted = { primaryAlias: primaryAliasOf(record), ...(standby !== undefined && { standbyAlias: standby }) };
  const taken = { ...record, id: randomUUID(), adopted };
  await changeRecords(instance, (records) => records.map((each) => (each.id === record.id ? taken : each)));
  return taken;
}

export async function unplug(
  cache: ClusterCache,
  { instance }: VmSnapshot,
  spec: InterfaceSpec,
  how: { readonly forget: boolean },
): Promise<void> {
  await unplugInterface(cache.cluster, instance, spec, how).finally(() => cache.forgetVm(instance.dom.name));
}

async function plug(cache: ClusterCache, { instance }: VmSnapshot, spec: InterfaceSpec): Promise<void> {
  const { host } = instance;
  const look = () => cache.physicalFunctions(host, spec.profile.network);
  const vf = await plugInterface(cache.cluster, instance, spec, look);
  if (vf !== undefined) cache.took(host, formatPciAddress(vf), instance.dom.name);
}

/** The pair's standby is there, in a VM that runs, and its VF is not. */
function standsAlone({ instance, domain }: VmSnapshot, spec: InterfaceSpec): boolean {
  const { standby, primary } = halvesOf(domain, spec);
  return isActive(instance) && aliasesOf(spec).primary !== undefined && standby !== undefined && primary === undefined;
}

/** As it is at this moment: something is about to be changed, or was. @throws ProblemError when there is no such VM. */
export async function requireVm(ctx: HandlerContext, cache: ClusterCache, vm: VmRef): Promise<VmSnapshot> {
  const snapshot = await atRestNow(ctx, cache, vm);
  if (snapshot === undefined) throw cache.cluster.unknownVm(named(vm).name);
  return snapshot;
}
