/** What the hosts have told, as the rules of a host want it. Pure. */
import { heldVfs, isFree, isVfioDriver, type VirtualFunction } from "../../../backends/libvirt/inventory.js";
import { pfsOfHost, type ClusterHealth, type PfHealth, type VfHealth } from "../../../rules/index.js";
import { formatPciAddress, nodeDeviceName } from "../../../backends/libvirt/xml/pci-address.js";
import { claimName } from "../../../backends/libvirt/xml/vf-claim.js";
import type { AnsweringHost, HostSurvey, SurveyedPf } from "../../../backends/libvirt/host-survey.js";

export interface DoctorFacts {
  readonly hosts: readonly HostSurvey[];
  /** By `host address`: the VM in whose move that VF is reserved. */
  readonly reservedFor: ReadonlyMap<string, string>;
  /** Profiles that some hosts lack or have otherwise. */
  readonly unevenProfiles: readonly { readonly name: string; readonly differsOn: readonly string[] }[];
}

export function healthOf({ hosts, reservedFor, unevenProfiles }: DoctorFacts): ClusterHealth {
  return {
    unevenProfiles,
    hosts: hosts.map((host) => {
      if (!host.answers) return host;
      const vfHealth = (vf: VirtualFunction) => healthOfVf(vf, reservedFor.has(vfKey(host.name, vf)));
      return {
        ...host,
        networks: host.networks.map((network) => ({
          ...network,
          physicalFunctions: network.physicalFunctions.map((pf) => healthOfPf(pf, vfHealth)),
        })),
      };
    }),
  };
}

function healthOfPf({ pf, name, found }: SurveyedPf, vfHealth: (vf: VirtualFunction) => VfHealth): PfHealth {
  if (found === "unknown") return { name, found, heldIdle: [] };
  const vfs = found?.virtualFunctions ?? [];
  return {
    name,
    found: found && { linkUp: found.linkUp, virtualFunctions: vfs.map(vfHealth) },
    heldIdle: heldVfs({ name: pf ?? name, virtualFunctions: vfs.filter(({ usedBy }) => usedBy === undefined) }),
  };
}

function healthOfVf(vf: VirtualFunction, reserved: boolean): VfHealth {
  const { address, driver, sharesIommuGroup, leftBy } = vf;
  return {
    address: formatPciAddress(address),
    driver,
    free: isFree(vf),
    sharesIommuGroup,
    ...(isLeftBehind(vf) &&
      !reserved && {
        leftBehind: { vm: leftBy ?? "", nodeDevice: nodeDeviceName(address), claim: claimName(address) },
      }),
  };
}

/** Every VF of the host's networks once, though networks may share PFs. */
export function vfsOf(host: AnsweringHost): readonly VirtualFunction[] {
  const all = pfsOfHost(host).flatMap(({ found }) => (found === "unknown" ? [] : (found?.virtualFunctions ?? [])));
  return [...new Map(all.map((vf) => [formatPciAddress(vf.address), vf])).values()];
}

/** Bound to VFIO by a process that died: nothing else tells that from a host that binds its VFs at boot. */
export function isLeftBehind({ driver, usedBy, reservedFor, leftBy }: VirtualFunction): boolean {
  return isVfioDriver(driver) && usedBy === undefined && reservedFor === undefined && leftBy !== undefined;
}

/** The key of {@link DoctorFacts.reservedFor}. */
export function vfKey(host: string, { address }: Pick<VirtualFunction, "address">): string {
  return `${host} ${formatPciAddress(address)}`;
}
