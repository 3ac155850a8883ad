/** VFs that a VM should have and has not: after a move that found none free, or when somebody took one out by hand. */
import { networkOn } from "../config.js";
import { formatPciAddress } from "../xml/pci-address.js";
import { replacePrimarySource } from "../xml/domain.js";
import { primaryAliasOf, standbyAliasOf, type InterfaceRecord } from "../xml/interface-record.js";
import type { Progress } from "../progress.js";
import { isActive, type LibvirtCluster, type Presence } from "../backends/libvirt/cluster.js";
import { Affect } from "../backends/libvirt/constants.js";
import { devicesOf, recordsOf, takeVf, type InterfaceSpec } from "../backends/libvirt/interfaces.js";
import { isBoundToVfio, releaseVf, reserveVf, vfUsers } from "../backends/libvirt/inventory.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { unplugStray } from "../backends/libvirt/stray-vf.js";
import { defaultMigrationOptions } from "./options.js";
import { announcingVf, newAnnouncing } from "./announce.js";

/** The interfaces of a running VM that go without their VF, in words. */
export async function missingVfsOf(cluster: LibvirtCluster, vm: string): Promise<readonly string[]> {
  const presence = await cluster.locate(vm);
  if (presence === undefined || !isActive(presence)) return [];
  return (await missingOn(presence)).map(({ mac }) => `the VF of ${mac}`);
}

/**
 * Plugs a VF where one is missing beside its standby: the one that the definition names, if it is to be had, else a free one.
 * Returns when the guest uses it, as far as that can be seen.
 * @throws ProblemError `no-free-vf`
 */
export async function plugMissingVfs(cluster: LibvirtCluster, vm: string, progress: Progress): Promise<void> {
  const presence = await cluster.locate(vm);
  if (presence === undefined || !isActive(presence)) return;
  const { host, dom } = presence;
  for (const record of await missingOn(presence)) {
    progress.report({ phase: "plug", message: `plugging the missing VF of ${record.mac}` });
    const profile = (await cluster.profiles.find(record.profile))?.profile;
    const standby =
      record.standbyProfile === undefined ? undefined : (await cluster.profiles.find(record.standbyProfile))?.profile;
    if (profile === undefined || standby === undefined) continue;
    const stray = await unplugStray(host, dom, primaryAliasOf(record), {
      timeout: defaultMigrationOptions.unplugTimeout,
    });
    if (stray !== undefined) await releaseVf(host, stray);
    const vf = (await ownVf(presence, record)) ?? (await takeVf(cluster, host, profile));
    const spec: InterfaceSpec = { record, profile, standby };
    const { primary } = devicesOf(cluster, host.name, spec, vf);
    if (primary === undefined) continue;
    const nic = { mac: record.mac, standbyAlias: standbyAliasOf(record) ?? "" };
    const bridge = networkOn(cluster.config, host.name, standby.network)?.bridge;
    await announcingVf(newAnnouncing(cluster, vm, progress), host, nic, bridge, async () => {
      try {
        await host.attach(dom, primary, Affect.LIVE);
      } catch (error) {
        if (!(await vfUsers(host)).some(({ address }) => formatPciAddress(address) === formatPciAddress(vf)))
          await releaseVf(host, vf);
        throw error;
      }
    });
    if (await host.isPersistent(dom))
      await host.define(replacePrimarySource((await host.inactiveDomain(dom)).raw, primaryAliasOf(record), vf));
  }
}

async function missingOn(presence: Presence): Promise<readonly InterfaceRecord[]> {
  const { host, dom } = presence;
  const { interfaces } = await host.liveDomain(dom);
  const has = (alias: string) => interfaces.some((nic) => nic.alias === alias);
  return recordsOf(await host.inactiveOrLive(dom)).filter((record) => {
    const standby = standbyAliasOf(record);
    return record.plugged && standby !== undefined && has(standby) && !has(primaryAliasOf(record));
  });
}

/** The VF that the VM's definition names for the interface, if no running domain has it. */
async function ownVf({ host, dom }: Presence, record: InterfaceRecord) {
  if (!(await host.isPersistent(dom))) return undefined;
  const vf = (await host.inactiveDomain(dom)).interfaces.find(({ alias }) => alias === primaryAliasOf(record))?.vf;
  if (vf === undefined) return undefined;
  const others = (await vfUsers(host)).filter(({ domain }) => domain !== dom.name);
  if (others.some(({ address }) => formatPciAddress(address) === formatPciAddress(vf))) return undefined;
  try {
    if (!(await isBoundToVfio(host, vf))) await reserveVf(host, vf);
    return vf;
  } catch (error) {
    if (LibvirtError.is(error)) return undefined;
    throw error;
  }
}
