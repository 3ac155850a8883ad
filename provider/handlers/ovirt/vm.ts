/** The VM that a resource is about, and what it has of the engine's. */
import {
  emptyList,
  findProfile,
  isLostIn,
  listHostDevices,
  listHosts,
  listNics,
  lookUpVm,
  recentEvents,
  reportedDevices,
  type EngineClient,
  type EngineHost,
  type EngineNic,
  type EngineVm,
} from "../../backends/ovirt/rest/index.js";
import { ProblemError } from "../../model/problem.js";
import { primaryAliasOf } from "../../backends/libvirt/xml/interface-record.js";
import type { HandlerContext } from "../handler.js";
import type { VmKey } from "../in-turn.js";
import { absenceOf, engineOf, type Engine } from "./session.js";

/** @throws ProblemError when there is none, or it is of another cluster. */
export async function requireVm({ client, cluster }: Engine, nameOrId: string): Promise<EngineVm> {
  const [vm, own] = await Promise.all([lookUpVm(client, nameOrId), cluster()]);
  if (vm.cluster === own.id) return vm;
  throw new ProblemError({
    code: "vm-in-other-cluster",
    what: `VM "${nameOrId}" is not in cluster "${own.name}", which the stack is configured for`,
    where: client.where,
    remedy: "Name a VM of that cluster, or another cluster in vnic-failover:ovirt.",
  });
}

/** Undefined where there is none of that name or id, which an engine that does not answer never says. */
export async function vmIfAny({ client, cluster }: Engine, nameOrId: string): Promise<EngineVm | undefined> {
  // That the cluster is not there says nothing of the VM.
  const own = await cluster();
  try {
    return await requireVm({ client, cluster: () => Promise.resolve(own) }, nameOrId);
  } catch (error) {
    if (absenceOf(error) === undefined) throw error;
    return undefined;
  }
}

const idsByEngine = new WeakMap<Engine, Map<string, Promise<string>>>();

/** By its id, which is asked for once: a program may call a VM by its name here and by its id there. */
export async function keyOfVm(ctx: Pick<HandlerContext, "config">, nameOrId: string): Promise<VmKey> {
  const engine = engineOf(ctx);
  const ids = idsByEngine.get(engine) ?? new Map<string, Promise<string>>();
  idsByEngine.set(engine, ids);
  const asked = ids.get(nameOrId) ?? lookUpVm(engine.client, nameOrId).then(({ id }) => id);
  ids.set(nameOrId, asked);
  try {
    return { scope: engine, vm: await asked };
  } catch {
    // What is wrong with it is the operation's own to say.
    ids.delete(nameOrId);
    return { scope: engine, vm: nameOrId };
  }
}

/** Whether a VM's name and an id are of one VM. Two different names, or ids, are not: the engine need not be asked. */
export async function areOneVm(ctx: Pick<HandlerContext, "config">, one: string, other: string): Promise<boolean> {
  if (isId(one) === isId(other)) return false;
  return (await keyOfVm(ctx, one)).vm === (await keyOfVm(ctx, other)).vm;
}

function isId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** Whether it has a domain on a host, also one that comes up or is paused. */
export function isRunning({ status }: EngineVm): boolean {
  return status !== "down" && status !== "suspended" && status !== "image_locked";
}

/** The hosts, of which there is one where the VM runs on one. @throws ProblemError `engine-list-empty` */
export async function hostsUnder(client: EngineClient, { host }: EngineVm): Promise<readonly EngineHost[]> {
  const hosts = await listHosts(client);
  if (hosts.length === 0 && host !== undefined) throw emptyList("hosts", client.where);
  return hosts;
}

/** For people: `VF of NIC "nic" (ua-…)`. */
export function spelledVf(nic: EngineNic): string {
  return `VF of NIC "${nic.name}" (${primaryAliasOf(nic)})`;
}

/**
 * The passthrough NICs that a VM should have plugged and has not: those that are said to be wanted, also while it is
 * down, when they can be plugged for its next start; and those of a running VM that a migration has lost, by the engine's events.
 * What its guest reports counts for nothing: a NIC that an administrator has unplugged stays so.
 */
export async function nicsWithoutVf(
  client: EngineClient,
  vm: EngineVm,
  wanted: readonly string[],
): Promise<readonly EngineNic[]> {
  const unplugged = (await listNics(client, vm.id)).filter(
    (nic) => nic.interface === "pci_passthrough" && !nic.plugged,
  );
  if (!isRunning(vm) || unplugged.every(({ id }) => wanted.includes(id)))
    return unplugged.filter(({ id }) => wanted.includes(id));
  const events = await recentEvents(client);
  return unplugged.filter(({ id, name }) => wanted.includes(id) || isLostIn(events, vm.id, name));
}

/** Whether the guest reports a device of a NIC that is not plugged: for people, who know whether it should be. */
export async function hasUnpluggedDevice(client: EngineClient, vm: EngineVm, nic: EngineNic): Promise<boolean> {
  if (nic.plugged || !isRunning(vm) || nic.profile === undefined) return false;
  if ((await findProfile(client, nic.profile))?.failover === undefined) return false;
  const devices = await reportedDevices(client, vm.id, nic.id);
  return devices.some(({ mac }) => mac?.toLowerCase() === nic.mac.toLowerCase());
}

/**
 * The PCI address of the NIC's VF, `0000:b3:02.3`. The engine tells only which devices a VM has, not which NIC: it is
 * known where there is one of either.
 */
export async function vfOf(client: EngineClient, vm: EngineVm, nic: EngineNic): Promise<string | undefined> {
  if (vm.host === undefined || !nic.plugged || nic.interface !== "pci_passthrough") return undefined;
  const plugged = (await listNics(client, vm.id)).filter(
    (each) => each.interface === "pci_passthrough" && each.plugged,
  );
  const devices = (await listHostDevices(client, vm.host)).filter((device) => device.vm === vm.id);
  const [device, ...more] = devices.flatMap(({ name }) => pciAddressOf(name) ?? []);
  return plugged.length === 1 && more.length === 0 ? device : undefined;
}

/** `0000:b3:02.3` of libvirt's `pci_0000_b3_02_3`. */
export function pciAddressOf(device: string): string | undefined {
  const parts = /^pci_([0-9a-f]{4})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])$/.exec(device);
  return parts === null ? undefined : `${parts[1] ?? ""}:${parts[2] ?? ""}:${parts[3] ?? ""}.${parts[4] ?? ""}`;
}
