/**
 * A VM's interfaces on a libvirt host: plugging and unplugging act on both devices of a pair, and what was done first is
 * undone when the second fails. Only a move touches the VF alone.
 */
import { networkOn } from "../../config/index.js";
import { ProblemError, reasonOf } from "../../model/problem.js";
import {
  attribute,
  element,
  formatXml,
  isWrittenAs,
  withAttributes,
  withChildren,
  type Element,
} from "../../xml/element.js";
import {
  ownRecords,
  parseInterfaceRecords,
  primaryAliasOf,
  standbyAliasOf,
  type InterfaceRecord,
} from "./xml/interface-record.js";
import { findMetadata } from "./xml/metadata.js";
import { type ProfileRecord } from "./xml/network.js";
import type { PciAddress } from "./xml/pci-address.js";
import { buildStandby, standbyAlias, type DomainInterface } from "./xml/teaming.js";
import { withoutDevice, type Domain } from "./xml/domain.js";
import { attachable, findPrimary, isUserAlias } from "./xml/primary.js";
import { isActive, type LibvirtCluster, type DomainInstance } from "./cluster.js";
import { Affect } from "./constants.js";
import type { LibvirtHost } from "./host.js";
import { likelyDriver, reserveVf, returnVf, type PhysicalFunction } from "./inventory.js";
import { physicalFunctionsOf } from "./network-vfs.js";
import { changeRecords } from "./records.js";
import { isDeviceMissing, unplug } from "./unplug.js";
import type { TakenVf } from "./vf-claims.js";
import { forgetDriver, rememberedDriver } from "./vf-drivers.js";
import { primaryDevice, takeVf } from "./vf-plugging.js";
import { anyDriver } from "./xml/vf-drivers.js";
import { setVf, unsetVf } from "./vf-settings/vf-settings.js";

/** An interface and the profiles that say what it is made of. */
export interface InterfaceSpec {
  readonly record: InterfaceRecord;
  readonly profile: ProfileRecord;
  /** Of the profile's `failover`. */
  readonly standby?: ProfileRecord | undefined;
}

/** Seconds to wait for a guest that releases a device, outside a move. */
export const unplugTimeout = 30;

/** The devices of an interface: a virtio NIC, a VF, or both as a pair. */
export function devicesOf(
  cluster: LibvirtCluster,
  host: string,
  { record, profile, standby }: InterfaceSpec,
  vf: PciAddress | undefined,
): { standby?: Element; primary?: Element } {
  if (profile.passThrough === "disabled")
    return { standby: single(bridged(cluster, host, record, profile, primaryAliasOf(record))) };
  const primary = vf === undefined ? undefined : passedThrough(cluster, host, { record, profile, standby }, vf);
  if (standby === undefined) return primary === undefined ? {} : { primary: single(primary) };
  return {
    standby: bridged(cluster, host, record, standby, standbyAliasOf(record) ?? standbyAlias(standby.id)),
    ...(primary !== undefined && { primary }),
  };
}

/** The aliases of an interface's devices, the standby's first. */
export function aliasesOf({ record, profile, standby }: InterfaceSpec): { standby?: string; primary?: string } {
  if (profile.passThrough === "disabled") return { standby: primaryAliasOf(record) };
  return {
    primary: primaryAliasOf(record),
    ...(standby !== undefined && { standby: standbyAliasOf(record) ?? standbyAlias(standby.id) }),
  };
}

/** The halves of the interface that the domain has. A VF without an alias of its own is found by what it is teamed with. */
export function halvesOf(
  { interfaces }: Domain,
  spec: InterfaceSpec,
): { standby?: DomainInterface | undefined; primary?: DomainInterface | undefined } {
  const { standby, primary } = aliasesOf(spec);
  const identity = { mac: spec.record.mac, primaryAlias: primary ?? "", standbyAlias: standby ?? "" };
  return {
    standby: standby === undefined ? undefined : interfaces.find(({ alias }) => alias === standby),
    primary: primary === undefined ? undefined : findPrimary(interfaces, identity),
  };
}

/** The XML of one half that is in no pair. */
function single(half: Element): Element {
  return withChildren(
    half,
    half.children.filter(({ name }) => name !== "teaming"),
  );
}

function bridged(
  cluster: LibvirtCluster,
  host: string,
  { mac, linked }: InterfaceRecord,
  profile: ProfileRecord,
  alias: string,
): Element {
  const network = networkOn(cluster.config, host, profile.network);
  if (network?.bridge === undefined) throw notConfigured(profile, host, "bridge");
  return buildStandby({
    mac,
    bridge: network.bridge,
    linkState: linked ? "up" : "down",
    alias,
    ...(network.mtu !== undefined && { mtu: network.mtu }),
    ...(profile.networkFilter !== undefined && { filter: profile.networkFilter }),
  });
}

function passedThrough(
  cluster: LibvirtCluster,
  host: string,
  { record, profile, standby }: InterfaceSpec,
  vf: PciAddress,
): Element {
  const network = networkOn(cluster.config, host, profile.network);
  const pair = {
    mac: record.mac,
    primaryAlias: primaryAliasOf(record),
    standbyAlias: standby === undefined ? "" : (standbyAliasOf(record) ?? standbyAlias(standby.id)),
  };
  return primaryDevice({ ...pair, vlan: network?.vlan }, vf);
}

function notConfigured({ name, network }: ProfileRecord, host: string, what: string): ProblemError {
  return new ProblemError({
    code: "network-not-configured",
    what: `Unable to use vNIC profile "${name}" on host "${host}": its network "${network}" has no ${what} there`,
    remedy: `Set ${what} of the network in vnic-failover:cluster.`,
  });
}

// --- records

export function recordsOf(domain: Domain): readonly InterfaceRecord[] {
  return ownRecords(parseInterfaceRecords(findMetadata("interfaces", domain.raw)), domain.uuid);
}

/** The VM's records with this one in the place of the one of its id, or behind them. `persistent`: where it is known. */
export async function saveRecord(
  instance: DomainInstance,
  record: InterfaceRecord,
  persistent?: boolean,
): Promise<void> {
  await changeRecords(instance, (records) => [...records.filter(({ id }) => id !== record.id), record], persistent);
}

export async function removeRecord(instance: DomainInstance, removed: Pick<InterfaceRecord, "id">): Promise<void> {
  await changeRecords(instance, (records) => records.filter(({ id }) => id !== removed.id));
}

// --- plug and unplug

/**
 * Gives the VM the interface, live where it runs, and in its definition. Undoes what it did when it fails.
 * @param look at the PFs of the profile's network. Default: as they are now.
 * @returns the VF that it has got, where its profile wants one.
 */
export async function plugInterface(
  cluster: LibvirtCluster,
  instance: DomainInstance,
  spec: InterfaceSpec,
  look?: () => Promise<readonly PhysicalFunction[]>,
): Promise<PciAddress | undefined> {
  const { host, dom } = instance;
  const flags = await affects(instance);
  const undo: (() => Promise<unknown>)[] = [];
  try {
    let taken: TakenVf | undefined;
    if (spec.profile.passThrough === "enabled") {
      taken = await takeVf(cluster, host, { network: spec.profile.network, vm: dom.name }, look);
      undo.push(taken.release);
    }
    const devices = devicesOf(cluster, host.name, spec, taken?.address);
    const aliases = aliasesOf(spec);
    // The standby first: QEMU hides a primary whose standby it does not know (hw/net/virtio-net.c).
    for (const half of ["standby", "primary"] as const) {
      const device = devices[half];
      const alias = aliases[half];
      if (device === undefined || alias === undefined) continue;
      for (const [index, [form, flag]] of formsOf(device, flags).entries()) {
        await host.attach(dom, form, flag);
        if (index === 0) undo.push(() => detach(instance, alias));
      }
    }
    if (taken !== undefined) {
      const { address } = taken;
      undo.push(() => forgetDriver(host, dom, address));
      await taken.plugged(dom, (flags & Affect.CONFIG) !== 0);
    }
    await saveRecord(instance, spec.record, (flags & Affect.CONFIG) !== 0);
    return taken?.address;
  } catch (cause) {
    const left = (await settle(undo.toReversed())).map(reasonOf);
    throw new ProblemError(
      {
        code: "interface-not-plugged",
        what: `Unable to plug interface ${spec.record.mac} into VM "${dom.name}"`,
        where: host.name,
        state:
          left.length === 0
            ? "The changes were rolled back."
            : `Not all changes could be rolled back: ${left.join("; ")}.`,
      },
      { cause },
    );
  }
}

/**
 * Takes the interface from the VM, VF first. When the standby cannot go, the VF comes back.
 * An interface that is not there is done.
 */
export async function unplugInterface(
  cluster: LibvirtCluster,
  instance: DomainInstance,
  spec: InterfaceSpec,
  { forget }: { readonly forget: boolean },
): Promise<void> {
  const { host, dom } = instance;
  const live = isActive(instance) ? halvesOf(await host.liveDomain(dom), spec) : {};
  const defined = (await host.isPersistent(dom)) ? halvesOf(await host.inactiveDomain(dom), spec) : {};
  const vf = live.primary?.vf ?? defined.primary?.vf;
  await detachHalf(instance, spec, "primary");
  try {
    await detachHalf(instance, spec, "standby");
  } catch (cause) {
    if (live.primary !== undefined && vf !== undefined) {
      // libvirt has given it back by itself where it had bound it.
      await reserveVf(host, vf);
      await host.attach(dom, attachable(live.primary.raw, vf), Affect.LIVE);
    }
    if (defined.primary !== undefined) await host.attach(dom, defined.primary.raw, Affect.CONFIG);
    throw cause;
  }
  if (vf !== undefined) {
    const ofOurs = spec.record.adopted === undefined;
    const kept = (await rememberedDriver(host, dom, vf)) ?? (ofOurs ? anyDriver : undefined);
    await returnVf(host, vf, kept ?? likelyDriver(await physicalFunctionsOf(cluster, host, spec.profile.network), vf));
    await forgetDriver(host, dom, vf);
    // libvirt takes a VF's MAC away with it, but not a <hostdev>'s, to which the NIC would go on giving frames.
    if (live.primary?.device === "hostdev" && cluster.config.hostCommands) await unsetWhereCommandsRun(host, vf);
  }
  if (forget) await removeRecord(instance, spec.record);
  else await saveRecord(instance, { ...spec.record, plugged: false });
}

/** Where a host runs no commands for us, its owner has set the MAC by other means, and unsets it so. */
async function unsetWhereCommandsRun(host: LibvirtHost, vf: PciAddress): Promise<void> {
  await setVf(host, vf, unsetVf).catch((error: unknown) => {
    if (!(error instanceof ProblemError) || error.problem.code !== "vf-settings-failed") throw error;
  });
}

/**
 * A device as the definition and the running domain are given it. A VF is bound by us where the VM runs; from the definition
 * libvirt binds it by itself when it starts the VM, as after a reboot of the host.
 */
function formsOf(device: Element, flags: number): readonly (readonly [Element, number])[] {
  const { CONFIG, LIVE } = Affect;
  if (attribute(device, "managed") === undefined || (flags & CONFIG) === 0) return [[device, flags]];
  const defined = [withAttributes(device, { managed: "yes" }), CONFIG] as const;
  return (flags & LIVE) === 0 ? [defined] : [defined, [device, LIVE]];
}

/**
 * libvirt's XML of its devices, as they are given to it.
 * @param before what it was: in hardly any refresh it is another now. Default: not known.
 */
export function xmlOf(
  cluster: LibvirtCluster,
  host: string,
  spec: InterfaceSpec,
  vf: PciAddress | undefined,
  before?: string,
): string {
  const { standby, primary } = devicesOf(cluster, host, spec, vf);
  const devices = element("devices", {}, [standby, primary]);
  return before !== undefined && isWrittenAs(devices, before) ? before : formatXml(devices);
}

/** Removes a device by its alias from the running domain, waiting for the guest, and from its definition. */
async function detach(instance: DomainInstance, alias: string): Promise<void> {
  const { host, dom } = instance;
  const flags = await affects(instance);
  if ((flags & Affect.LIVE) !== 0) await unplug(host, dom, alias, { timeout: unplugTimeout });
  if ((flags & Affect.CONFIG) === 0) return;
  await host.detachAlias(dom, alias, Affect.CONFIG).catch((error: unknown) => {
    if (!isDeviceMissing(error)) throw error;
  });
}

/** The same with a half of an interface, which may have no alias in the definition, and any in the running domain. */
async function detachHalf(instance: DomainInstance, spec: InterfaceSpec, half: "standby" | "primary"): Promise<void> {
  const { host, dom } = instance;
  const flags = await affects(instance);
  if ((flags & Affect.LIVE) !== 0) {
    const alias = halvesOf(await host.liveDomain(dom), spec)[half]?.alias;
    if (alias !== undefined) await unplug(host, dom, alias, { timeout: unplugTimeout });
  }
  if ((flags & Affect.CONFIG) === 0) return;
  const definition = await host.definitionToChange(dom);
  const defined = halvesOf(definition, spec)[half];
  if (defined === undefined) return;
  if (isUserAlias(defined.alias)) await host.detachAlias(dom, defined.alias, Affect.CONFIG);
  else await host.define(withoutDevice(definition.raw, defined.raw));
}

/** A running domain is changed live; a persistent one also in its definition. */
async function affects(instance: DomainInstance): Promise<number> {
  const { host, dom } = instance;
  return (isActive(instance) ? Affect.LIVE : 0) | ((await host.isPersistent(dom)) ? Affect.CONFIG : 0);
}

async function settle(actions: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const action of actions) await action().catch((error: unknown) => errors.push(error));
  return errors;
}

/**
 * Sets the link of a virtio NIC, live and in the definition. A VF's link is its PF's: a pair has none of its own to set,
 * which is refused before it comes to this (oVirt: VmNicValidator.java passthroughIsLinked).
 */
export async function setLink(instance: DomainInstance, spec: InterfaceSpec): Promise<void> {
  const { host, dom } = instance;
  const alias = aliasesOf(spec).standby;
  const flags = await affects(instance);
  const state = spec.record.linked ? "up" : "down";
  for (const flag of [Affect.LIVE, Affect.CONFIG]) {
    if ((flags & flag) === 0) continue;
    const { interfaces } = await (flag === Affect.LIVE ? host.liveDomain(dom) : host.inactiveDomain(dom));
    const nic = interfaces.find((candidate) => candidate.alias === alias);
    if (nic !== undefined) await host.updateDevice(dom, withLink(nic.raw, state), flag);
  }
  await saveRecord(instance, spec.record, (flags & Affect.CONFIG) !== 0);
}

function withLink(nic: Element, state: "up" | "down"): Element {
  return withChildren(nic, [...nic.children.filter(({ name }) => name !== "link"), element("link", { state })]);
}
