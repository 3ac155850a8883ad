/** What a VmInterface's state says, and what its interface is made by: its record in the VM, and its profiles in the store. */
import type { ProfileRecord } from "../../backends/libvirt/xml/network.js";
import { ProblemError } from "../../model/problem.js";
import type { InterfaceRecord } from "../../backends/libvirt/xml/interface-record.js";
import { formatPciAddress } from "../../backends/libvirt/xml/pci-address.js";
import type { LibvirtCluster, NamedVm } from "../../backends/libvirt/cluster.js";
import { aliasesOf, halvesOf, xmlOf, type InterfaceSpec } from "../../backends/libvirt/interfaces.js";
import type { ClusterCache, VmSnapshot } from "../../backends/libvirt/cluster-cache.js";
import type { StoredProfile } from "../../backends/libvirt/profile-store.js";
import { lostRecord } from "./devices-of-nic.js";
import { withoutDefaults, type VmInterfaceInputs, type VmInterfaceOutputs } from "../inputs/vm-interface.js";

export interface VmInterfaceState extends VmInterfaceInputs, VmInterfaceOutputs {
  readonly mac: string;
  /** The MAC was not declared. Absent: it was. */
  readonly macMadeUp?: true;
  readonly host: string;
  readonly xml: string;
}

export function vmOf({ vm, vmId }: Pick<VmInterfaceState, "vm" | "vmId">): NamedVm {
  return { name: vm, uuid: vmId };
}

export function idOf(vm: string, interfaceId: string): string {
  return `${vm}/${interfaceId}`;
}

/** What a state says where the VM's metadata has lost the record. */
export const lostRecordInWords = "record in the VM's metadata";

/** The record of the interface; where it is lost, one that the state and the VM's devices tell. */
export async function recordIn(
  cache: ClusterCache,
  { domain, records }: VmSnapshot,
  id: string,
  state: VmInterfaceState,
): Promise<{ readonly record: InterfaceRecord; readonly lost: boolean } | undefined> {
  const record = records.find((candidate) => idOf(state.vm, candidate.id) === id);
  if (record !== undefined) return { record, lost: false };
  const profile = (await cache.profile(state.profile))?.profile;
  const lost = lostRecord(domain, records, id.slice(state.vm.length + 1), state, profile);
  return lost && { record: lost, lost: true };
}

export function stateNow(
  cluster: LibvirtCluster,
  { instance: { host, dom }, domain }: VmSnapshot,
  spec: InterfaceSpec,
  declared: Pick<Partial<VmInterfaceState>, "macMadeUp" | "adopt" | "xml">,
): VmInterfaceState {
  const { record } = spec;
  const halves = halvesOf(domain, spec);
  const vf = halves.primary?.vf;
  const aliases = aliasesOf(spec);
  const missing = record.plugged
    ? (["standby", "primary"] as const).flatMap((half) => {
        const alias = aliases[half];
        return alias === undefined || halves[half] !== undefined ? [] : `${half} ${alias}`;
      })
    : [];
  const { standby, primary } = aliases;
  return {
    vm: dom.name,
    vmId: dom.uuid,
    profile: record.profile,
    mac: record.mac,
    ...(declared.macMadeUp && { macMadeUp: true }),
    ...withoutDefaults(record),
    ...(declared.adopt !== undefined && { adopt: declared.adopt }),
    host: host.name,
    ...(vf !== undefined && { vf: formatPciAddress(vf) }),
    aliases: [standby, primary].filter((alias) => alias !== undefined),
    xml: xmlOf(cluster, host.name, spec, vf, declared.xml),
    missing,
  };
}

/**
 * The interface with its profiles from the store.
 * @param read `agreedProfile` where something is to be plugged by them.
 * @throws ProblemError when the store lacks one.
 */
export async function specOf(
  cache: ClusterCache,
  record: InterfaceRecord,
  read: (stored: StoredProfile | undefined) => ProfileRecord | undefined = (stored) => stored?.profile,
): Promise<InterfaceSpec> {
  const profile = read(await cache.knownProfile(record.profile));
  if (profile === undefined) throw missingProfile(record.profile);
  if (profile.failover === undefined) return { record, profile };
  const standby = read(await cache.knownProfile(profile.failover));
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
