/** VFs that a VM should have and has not: after a move that found none free, or when one was taken out by hand. */
import { networkOn } from "../config/index.js";
import type { Element } from "../xml/element.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { replacePrimarySource } from "../backends/libvirt/xml/domain.js";
import {
  identityOf,
  primaryAliasOf,
  standbyAliasOf,
  type InterfaceRecord,
} from "../backends/libvirt/xml/interface-record.js";
import { fitsVlan, findPrimary, withVlan } from "../backends/libvirt/xml/primary.js";
import type { DomainInterface } from "../backends/libvirt/xml/teaming.js";
import type { Progress } from "../model/progress.js";
import { isActive, named, type LibvirtCluster, type DomainInstance, type VmRef } from "../backends/libvirt/cluster.js";
import { Affect } from "../backends/libvirt/constants.js";
import { recordsOf, type InterfaceSpec } from "../backends/libvirt/interfaces.js";
import { deviceOf, isVfioDriver, reserveVf, returnVf, vfUsers } from "../backends/libvirt/inventory.js";
import { agreedProfile } from "../backends/libvirt/profile-store.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { unplugStray } from "../backends/libvirt/stray-vf.js";
import type { TakenVf } from "../backends/libvirt/vf-claims.js";
import { rememberDriver, rememberedDriver } from "../backends/libvirt/vf-drivers.js";
import { attachVf, placeChanged, primaryDevice, takeVf } from "../backends/libvirt/vf-plugging.js";
import { anyDriver, noDriver } from "../backends/libvirt/xml/vf-drivers.js";
import { defaultMigrationOptions } from "./options.js";
import { announcingVf, newAnnouncing, plugBesideFilters } from "./announce.js";

/** The interfaces of a running VM that go without their VF, in words. */
export async function missingVfsOf(cluster: LibvirtCluster, vm: VmRef): Promise<readonly string[]> {
  const instance = await cluster.locate(vm);
  if (instance === undefined || !isActive(instance)) return [];
  return (await missingOn(instance)).map(({ mac }) => `the VF of ${mac}`);
}

/**
 * Plugs a VF where one is missing beside its standby: the one that the definition names, if it is to be had, else a free one.
 * The standby stays, and with it the traffic. Returns when the guest uses the VF, as far as that can be seen.
 * @param declared the one interface that is meant, as its program declares it. Default: all of the VM's that its definition has: what
 *   its metadata says alone gives it no VF of any network.
 * @throws ProblemError `no-free-vf`
 */
export async function plugMissingVfs(
  cluster: LibvirtCluster,
  vm: VmRef,
  progress: Progress,
  declared?: InterfaceSpec,
): Promise<void> {
  // They write the VM's definition as a whole.
  const ofCluster = repairs.get(cluster) ?? new Map<string, Promise<void>>();
  repairs.set(cluster, ofCluster);
  const { name } = named(vm);
  const before = ofCluster.get(name) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => plugInTurn(cluster, vm, progress, declared));
  ofCluster.set(name, mine);
  await mine;
}

/** Of each VM the last one that was asked for. */
const repairs = new WeakMap<LibvirtCluster, Map<string, Promise<void>>>();

async function plugInTurn(
  cluster: LibvirtCluster,
  wanted: VmRef,
  progress: Progress,
  declared: InterfaceSpec | undefined,
): Promise<void> {
  const instance = await cluster.locate(wanted);
  if (instance === undefined || !isActive(instance)) return;
  const { host, dom } = instance;
  const { name: vm } = dom;
  const persistent = await host.isPersistent(dom);
  for (const recorded of await missingOn(instance)) {
    if (declared !== undefined && declared.record.id !== recorded.id) continue;
    const spec = declared ?? (await recordedSpec(cluster, recorded));
    if (spec?.standby === undefined || spec.profile.passThrough === "disabled") continue;
    const { record, profile, standby } = spec;
    progress.report({ phase: "plug", message: `plugging the missing VF of ${record.mac}` });
    const vlan = networkOn(cluster.config, host.name, profile.network)?.vlan;
    const defined = await definedPrimary(instance, record);
    if (declared === undefined && persistent && !isDefinedSo(record, defined, vlan)) {
      progress.warn(
        `Unable to plug the missing VF of ${record.mac} into VM "${vm}": the VM's definition has no VF of network "${profile.network}" for this interface. Run pulumi up in the stack that declares it.`,
      );
      continue;
    }
    const stray = await unplugStray(host, dom, primaryAliasOf(record), {
      timeout: defaultMigrationOptions.unplugTimeout,
    });
    if (stray !== undefined) await returnVf(host, stray, (await rememberedDriver(host, dom, stray)) ?? anyDriver);
    const taken = (await ownVf(instance, defined)) ?? (await takeVf(cluster, host, { network: profile.network, vm }));
    const vf = taken.address;
    const pair = { ...identityOf(record), vlan };
    // As its owner made it, but in the network of the profile.
    const device = defined && withVlan(defined.raw, vlan, defined.vlan);
    const primary = primaryDevice({ ...pair, device }, vf);
    const bridge = networkOn(cluster.config, host.name, standby.network)?.bridge;
    await announcingVf(newAnnouncing(cluster, dom, progress), host, pair, bridge, async (announcing) => {
      try {
        const place = await plugBesideFilters(announcing, host, () =>
          attachVf(host, dom, { device: primary, vf, settings: { mac: record.mac, vlan: vlan ?? 0 } }),
        );
        if (place === "at another place") progress.warn(placeChanged(vm, formatPciAddress(vf)));
      } catch (error) {
        await taken.release();
        throw error;
      }
    });
    await taken.plugged(dom);
    if (persistent) await definePrimary(instance, record, primary, vf);
  }
}

/** As the VM's metadata has it. Undefined: it is no pair, or of a profile that is not there. */
async function recordedSpec(cluster: LibvirtCluster, record: InterfaceRecord): Promise<InterfaceSpec | undefined> {
  const { standbyProfile } = record;
  const profile = agreedProfile(await cluster.profiles.known(record.profile));
  const standby =
    standbyProfile === undefined ? undefined : agreedProfile(await cluster.profiles.known(standbyProfile));
  return profile === undefined || standby === undefined ? undefined : { record, profile, standby };
}

/** Whether the VM's definition has that VF, with that MAC and in that VLAN; a libvirt network has its own VLAN. */
function isDefinedSo(
  { mac }: InterfaceRecord,
  defined: DomainInterface | undefined,
  vlan: number | undefined,
): boolean {
  if (defined === undefined || (defined.mac !== undefined && defined.mac !== mac)) return false;
  return defined.device !== "interface" || defined.type !== "hostdev" || fitsVlan(defined.vlan, vlan);
}

/** The definition names the VF that is plugged, unless a libvirt network does; the guest finds it where it was. */
async function definePrimary({ host, dom }: DomainInstance, record: InterfaceRecord, primary: Element, vf: PciAddress) {
  const { raw, interfaces } = await host.definitionToChange(dom);
  const pair = identityOf(record);
  if (findPrimary(interfaces, pair) === undefined) await host.attach(dom, primary, Affect.CONFIG);
  else {
    const definition = replacePrimarySource(raw, pair, vf);
    if (definition !== raw) await host.define(definition);
  }
}

async function missingOn(instance: DomainInstance): Promise<readonly InterfaceRecord[]> {
  const { host, dom } = instance;
  const live = await host.liveDomain(dom);
  const { interfaces } = live;
  const defined = recordsOf(await host.inactiveOrLive(dom));
  // A definition that was written again has none.
  return (defined.length === 0 ? recordsOf(live) : defined).filter((record) => {
    const standby = standbyAliasOf(record);
    return (
      record.plugged &&
      standby !== undefined &&
      interfaces.some(({ alias }) => alias === standby) &&
      findPrimary(interfaces, identityOf(record)) === undefined
    );
  });
}

/** The interface's VF in the VM's definition. */
async function definedPrimary(
  { host, dom }: DomainInstance,
  record: InterfaceRecord,
): Promise<DomainInterface | undefined> {
  if (!(await host.isPersistent(dom))) return undefined;
  return findPrimary((await host.inactiveDomain(dom)).interfaces, identityOf(record));
}

/** The VF that the VM's definition names, if no other domain has it: that names it for all others as long as it waits to be plugged. */
async function ownVf(
  { host, dom }: DomainInstance,
  defined: DomainInterface | undefined,
): Promise<TakenVf | undefined> {
  const vf = defined?.vf;
  if (vf === undefined) return undefined;
  const others = (await vfUsers(host)).filter(({ domain }) => domain !== dom.name);
  if (others.some(({ address }) => samePciAddress(address, vf))) return undefined;
  try {
    const driver = (await deviceOf(host, vf))?.driver ?? noDriver;
    if (!isVfioDriver(driver)) {
      await reserveVf(host, vf);
      await rememberDriver(host, dom, vf, driver);
    }
    return { address: vf, driver, plugged: () => Promise.resolve(), release: () => Promise.resolve() };
  } catch (error) {
    if (LibvirtError.is(error)) return undefined;
    throw error;
  }
}
