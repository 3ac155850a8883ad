/**
 * A VM's interfaces on a libvirt host: plugging and unplugging act on both devices of a pair, and what was done first is
 * undone when the second fails. Only a move touches the VF alone.
 */
import { networkOn } from "../../config.js";
import { ProblemError } from "../../problem.js";
import { element, formatXml, withChildren, type Element } from "../../xml/element.js";
import {
  parseInterfaceRecords,
  primaryAliasOf,
  standbyAliasOf,
  type InterfaceRecord,
} from "../../xml/interface-record.js";
import { findMetadata } from "../../xml/metadata.js";
import { type ProfileRecord } from "../../xml/network.js";
import type { PciAddress } from "../../xml/pci-address.js";
import { buildPrimary, buildStandby, standbyAlias, type DomainInterface } from "../../xml/teaming.js";
import { withoutDevice, type Domain } from "../../xml/domain.js";
import { attachable, findPrimary, isUserAlias } from "../../xml/primary.js";
import { isActive, type LibvirtCluster, type Presence } from "./cluster.js";
import { Affect } from "./constants.js";
import type { LibvirtHost } from "./host.js";
import {
  isBoundToVfio,
  physicalFunction,
  releaseVf,
  reserveVf,
  vfUsers,
  type PhysicalFunction,
  type VfUser,
} from "./inventory.js";
import { changeRecords } from "./records.js";
import { isDeviceMissing, unplug } from "./unplug.js";
import { setVf, unsetVf } from "./vf-settings/vf-settings.js";
import { chooseVf } from "./vf-scheduler.js";

/** An interface and the profiles that say what it is made of. */
export interface InterfaceSpec {
  readonly record: InterfaceRecord;
  readonly profile: ProfileRecord;
  /** Of the profile's `failover`. */
  readonly standby?: ProfileRecord | undefined;
}

/** Seconds to wait for a guest that lets go of a device, outside a move. */
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
  return buildPrimary({
    mac: record.mac,
    vf,
    alias: primaryAliasOf(record),
    standbyAlias: standby === undefined ? "" : (standbyAliasOf(record) ?? standbyAlias(standby.id)),
    linkState: "up",
    ...(network?.vlan !== undefined && { vlan: network.vlan }),
  });
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
  return parseInterfaceRecords(findMetadata("interfaces", domain.raw));
}

/** The VM's records with this one in the place of the one of its id, or behind them. `persistent`: where it is known. */
export async function saveRecord(presence: Presence, record: InterfaceRecord, persistent?: boolean): Promise<void> {
  await changeRecords(presence, (records) => [...records.filter(({ id }) => id !== record.id), record], persistent);
}

export async function removeRecord(presence: Presence, removed: Pick<InterfaceRecord, "id">): Promise<void> {
  await changeRecords(presence, (records) => records.filter(({ id }) => id !== removed.id));
}

// --- VFs

/** A free VF of the profile's network on the host, bound to vfio. @throws ProblemError with what stands in the way. */
export async function takeVf(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  profile: ProfileRecord,
  look = () => physicalFunctionsOf(cluster, host, profile.network),
): Promise<PciAddress> {
  // Two who look at once would choose the same one, and libvirt binds it for either.
  return takingTurns(host, async () => {
    const found = await look();
    const bound: PciAddress[] = [];
    for (;;) {
      const chosen = chooseVf(found, bound);
      if (chosen === undefined) throw noFreeVf(host, profile, found);
      // What was seen may be some time ago.
      if (!(await isBoundToVfio(host, chosen.address))) {
        await reserveVf(host, chosen.address);
        return chosen.address;
      }
      bound.push(chosen.address);
    }
  });
}

function noFreeVf(host: LibvirtHost, { network }: ProfileRecord, found: readonly PhysicalFunction[]): ProblemError {
  const seen = found
    .map(
      ({ name, linkUp, virtualFunctions }) =>
        `${name}${linkUp ? "" : " (link down)"}: ${virtualFunctions.length} VFs, none free`,
    )
    .join("; ");
  return new ProblemError({
    code: "no-free-vf",
    what: `Unable to find a free VF of network "${network}" on host "${host.name}"${seen === "" ? "" : ` (${seen})`}`,
    where: host.name,
    remedy: "Free one, or add VFs (sriov_numvfs) or PFs (physicalFunctions in vnic-failover:cluster).",
  });
}

const turns = new WeakMap<LibvirtHost, Promise<unknown>>();

/** One after another on each host. */
function takingTurns<T>(host: LibvirtHost, act: () => Promise<T>): Promise<T> {
  const mine = (turns.get(host) ?? Promise.resolve()).then(act, act);
  turns.set(host, mine);
  return mine;
}

/**
 * The PFs that the network names on the host, as they are.
 * @param users of VFs, where they are known already.
 * @throws ProblemError when the network names none.
 */
export async function physicalFunctionsOf(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  network: string,
  users?: readonly VfUser[],
): Promise<readonly PhysicalFunction[]> {
  const names = networkOn(cluster.config, host.name, network)?.physicalFunctions;
  if (names === undefined) {
    throw new ProblemError({
      code: "network-not-configured",
      what: `Unable to find a VF: network "${network}" names no physicalFunctions on host "${host.name}"`,
      remedy: "Set physicalFunctions of the network in vnic-failover:cluster.",
    });
  }
  const using = users ?? (await vfUsers(host));
  const found = await Promise.all(names.map((name) => physicalFunction(host, name, using)));
  return found.filter((pf) => pf !== undefined);
}

// --- plug and unplug

/**
 * Gives the VM the interface, live where it runs, and in its definition. Undoes what it did when it fails.
 * @param look at the PFs of the profile's network. Default: as they are now.
 * @returns the VF that it has got, where its profile wants one.
 */
export async function plugInterface(
  cluster: LibvirtCluster,
  presence: Presence,
  spec: InterfaceSpec,
  look?: () => Promise<readonly PhysicalFunction[]>,
): Promise<PciAddress | undefined> {
  const { host, dom } = presence;
  const flags = await affects(presence);
  const undo: (() => Promise<unknown>)[] = [];
  try {
    let vf: PciAddress | undefined;
    if (spec.profile.passThrough === "enabled") {
      const taken = await takeVf(cluster, host, spec.profile, look);
      undo.push(() => releaseVf(host, taken));
      vf = taken;
    }
    const devices = devicesOf(cluster, host.name, spec, vf);
    const aliases = aliasesOf(spec);
    // The standby first: QEMU hides a primary whose standby it does not know (hw/net/virtio-net.c).
    for (const half of ["standby", "primary"] as const) {
      const device = devices[half];
      const alias = aliases[half];
      if (device === undefined || alias === undefined) continue;
      await host.attach(dom, device, flags);
      undo.push(() => detach(presence, alias));
    }
    await saveRecord(presence, spec.record, (flags & Affect.CONFIG) !== 0);
    return vf;
  } catch (cause) {
    const left = (await settle(undo.toReversed())).map((error) =>
      error instanceof Error ? error.message : String(error),
    );
    throw new ProblemError(
      {
        code: "interface-not-plugged",
        what: `Unable to plug interface ${spec.record.mac} into VM "${dom.name}"`,
        where: host.name,
        remedy:
          left.length === 0
            ? "What had been done for it is undone."
            : `Not everything could be undone: ${left.join("; ")}`,
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
  presence: Presence,
  spec: InterfaceSpec,
  { forget }: { readonly forget: boolean },
): Promise<void> {
  const { host, dom } = presence;
  const live = isActive(presence) ? halvesOf(await host.liveDomain(dom), spec) : {};
  const defined = (await host.isPersistent(dom)) ? halvesOf(await host.inactiveDomain(dom), spec) : {};
  const vf = live.primary?.vf ?? defined.primary?.vf;
  await detachHalf(presence, spec, "primary");
  try {
    await detachHalf(presence, spec, "standby");
  } catch (cause) {
    if (live.primary !== undefined && vf !== undefined)
      await host.attach(dom, attachable(live.primary.raw, vf), Affect.LIVE);
    if (defined.primary !== undefined) await host.attach(dom, defined.primary.raw, Affect.CONFIG);
    throw cause;
  }
  if (vf !== undefined) {
    await releaseVf(host, vf);
    // libvirt takes a VF's MAC away with it, but not a <hostdev>'s, to which the NIC would go on giving frames.
    if (live.primary?.device === "hostdev" && cluster.config.hostCommands) await unsetWhereCommandsRun(host, vf);
  }
  if (forget) await removeRecord(presence, spec.record);
  else await saveRecord(presence, { ...spec.record, plugged: false });
}

/** Where a host runs no commands for us, its owner has set the MAC by other means, and unsets it so. */
async function unsetWhereCommandsRun(host: LibvirtHost, vf: PciAddress): Promise<void> {
  await setVf(host, vf, unsetVf).catch((error: unknown) => {
    if (!(error instanceof ProblemError) || error.problem.code !== "vf-settings-failed") throw error;
  });
}

/** The interface's VF among the domain's devices. */
export function primaryOf(domain: Domain, spec: InterfaceSpec): DomainInterface | undefined {
  const { primary } = halvesOf(domain, spec);
  return primary?.vf === undefined ? undefined : primary;
}

/** libvirt's XML of its devices, as they are given to it. */
export function xmlOf(cluster: LibvirtCluster, host: string, spec: InterfaceSpec, vf: PciAddress | undefined): string {
  const { standby, primary } = devicesOf(cluster, host, spec, vf);
  return formatXml(element("devices", {}, [standby, primary]));
}

/** Removes a device by its alias from the running domain, waiting for the guest, and from its definition. */
async function detach(presence: Presence, alias: string): Promise<void> {
  const { host, dom } = presence;
  const flags = await affects(presence);
  if ((flags & Affect.LIVE) !== 0) await unplug(host, dom, alias, { timeout: unplugTimeout });
  if ((flags & Affect.CONFIG) === 0) return;
  await host.detachAlias(dom, alias, Affect.CONFIG).catch((error: unknown) => {
    if (!isDeviceMissing(error)) throw error;
  });
}

/** The same with a half of an interface, which may have no alias in the definition, and any in the running domain. */
async function detachHalf(presence: Presence, spec: InterfaceSpec, half: "standby" | "primary"): Promise<void> {
  const { host, dom } = presence;
  const flags = await affects(presence);
  if ((flags & Affect.LIVE) !== 0) {
    const alias = halvesOf(await host.liveDomain(dom), spec)[half]?.alias;
    if (alias !== undefined) await unplug(host, dom, alias, { timeout: unplugTimeout });
  }
  if ((flags & Affect.CONFIG) === 0) return;
  const definition = await host.inactiveDomain(dom);
  const defined = halvesOf(definition, spec)[half];
  if (defined === undefined) return;
  if (isUserAlias(defined.alias)) await host.detachAlias(dom, defined.alias, Affect.CONFIG);
  else await host.define(withoutDevice(definition.raw, defined.raw));
}

/** A running domain is changed live; a persistent one also in its definition. */
async function affects(presence: Presence): Promise<number> {
  const { host, dom } = presence;
  return (isActive(presence) ? Affect.LIVE : 0) | ((await host.isPersistent(dom)) ? Affect.CONFIG : 0);
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
export async function setLink(presence: Presence, spec: InterfaceSpec): Promise<void> {
  const { host, dom } = presence;
  const alias = aliasesOf(spec).standby;
  const flags = await affects(presence);
  const state = spec.record.linked ? "up" : "down";
  for (const flag of [Affect.LIVE, Affect.CONFIG]) {
    if ((flags & flag) === 0) continue;
    const { interfaces } = await (flag === Affect.LIVE ? host.liveDomain(dom) : host.inactiveDomain(dom));
    const nic = interfaces.find((candidate) => candidate.alias === alias);
    if (nic !== undefined) await host.updateDevice(dom, withLink(nic.raw, state), flag);
  }
  await saveRecord(presence, spec.record, (flags & Affect.CONFIG) !== 0);
}

function withLink(nic: Element, state: "up" | "down"): Element {
  return withChildren(nic, [...nic.children.filter(({ name }) => name !== "link"), element("link", { state })]);
}
