import { normalizeMac, isMulticastMac, isZeroMac, sameMac } from "../model/mac.js";
import type { LogicalNetwork } from "./network.js";
import { type Eventual, type MaybeUnknown, agree, differ, isGiven, isKnown, knownPart } from "../model/unknown.js";
import type { Profile } from "./profile.js";
import type { Rule } from "./rule.js";
import { counted, quoted } from "./wording.js";

/** Interfaces of VMs: oVirt's checks first (AddVmInterfaceCommand, UpdateVmInterfaceCommand), ours after them. */

export interface VmNic {
  /** How the user calls it. */
  readonly name: string;
  readonly vm: string;
  /** The id of its profile. */
  readonly profile: string;
  /** Undefined: one is made up. */
  readonly mac?: string | undefined;
  /** Default true. */
  readonly plugged?: boolean | undefined;
  /** Default true. */
  readonly linked?: boolean | undefined;
}

/** What is known of the VM; undefined is not known. */
export interface VmOfNic {
  readonly running?: boolean | undefined;
  /** As libvirt has it: `pc-q35-9.2`, `q35`, `pc`, `pc-i440fx-9.2`. */
  readonly machine?: string | undefined;
  /** pcie-root-port controllers with nothing plugged in. */
  readonly freeRootPorts?: number | undefined;
  /** Those that are empty, and take no device while the VM runs. Default 0. */
  readonly fixedRootPorts?: number | undefined;
  /** oVirt's cluster level. */
  readonly clusterLevel?: { readonly major: number; readonly minor: number } | undefined;
  /** The logical networks on the VM's host. */
  readonly networksOnHost?: readonly string[] | undefined;
  /** VFs of the network of the interface's profile that are free on the VM's host. */
  readonly freeVfs?: number | undefined;
  /** Devices of no known interface that have the MAC or the standby's alias of the one that is to be made. */
  readonly inTheWay?: readonly DeviceInTheWay[] | undefined;
  /** In what the pair that is to be taken over differs from what the profiles would make; in words. */
  readonly differences?: readonly string[] | undefined;
}

export interface DeviceInTheWay {
  /** In words: `bridge NIC net0 on bridge "br0"`. */
  readonly device: string;
  readonly mac?: string | undefined;
  /** It is a whole pair that `adopt: true` takes over. */
  readonly adoptable: boolean;
}

export interface InterfaceFacts {
  readonly action: "add" | "edit";
  readonly backend: "libvirt" | "ovirt";
  /** As it is to be. */
  readonly nic: MaybeUnknown<VmNic>;
  /** As it stands; undefined on add. */
  readonly stored?: VmNic | undefined;
  /** Every other interface of the cluster and of this program, of this VM and of others. */
  readonly others: Eventual<readonly MaybeUnknown<VmNic>[]>;
  /** Every profile of the cluster's store and of this program. */
  readonly profiles: Eventual<readonly MaybeUnknown<Profile>[]>;
  /** The cluster's logical networks. */
  readonly networks: Eventual<readonly LogicalNetwork[]>;
  readonly vm: VmOfNic;
}

type InterfaceRule = Rule<InterfaceFacts>;

const validator = "ovirt-engine: VmNicValidator.java";
const featurePage = "oVirt: feature page 'SR-IOV Live Migration without downtime', Limitations";

const refusedByEngine = { checkedAt: ["check", "engine"], severity: "error" } as const;
const refusedByUs = { checkedAt: ["check"], severity: "error" } as const;
const warnedOfByUs = { checkedAt: ["check"], severity: "warning" } as const;

// --- oVirt's

const profileExists: InterfaceRule = {
  id: "interface-profile-exists",
  title: "The interface's profile exists",
  engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_NOT_EXISTS",
  engineText: "Cannot ${action} ${type}. The specified VM network interface profile doesn't exist.",
  source: `${validator} profileValid`,
  ...refusedByEngine,
  find: ({ nic, profiles }) =>
    isKnown(nic.profile) && isKnown(profiles) && profiles.every(({ id }) => differ(id, nic.profile))
      ? {
          property: "profile",
          message: `Interface ${quoted(nic.name)} names profile ${quoted(nic.profile)}, which does not exist.`,
          remedy: "Name an existing profile by its id, or pass the VnicProfile itself.",
        }
      : undefined,
};

const networkInCluster: InterfaceRule = {
  id: "interface-network-in-cluster",
  title:
    "The network of the interface's profile, and of its standby's, is in the VM's cluster (oVirt: only the former)",
  engineId: "NETWORK_NOT_EXISTS_IN_CURRENT_CLUSTER",
  engineText: "The specified Logical Network doesn't exist in the current Cluster.",
  source: `${validator} profileValid`,
  ...refusedByEngine,
  find: (facts) => {
    const { nic, networks } = facts;
    return profilesOf(facts)
      .filter(({ network }) => isKnown(network) && isKnown(networks) && networks.every(({ name }) => name !== network))
      .map(({ name, network }) => ({
        property: "profile",
        message: `Interface ${quoted(nic.name)} needs network ${quoted(network)} of profile ${quoted(name)}, which the cluster does not have.`,
        remedy: "Add the network to the cluster, or name a profile of another network.",
      }));
  },
};

const passthroughLinked: InterfaceRule = {
  id: "interface-passthrough-linked",
  title: "A VF is not unlinked",
  engineId: "ACTION_TYPE_FAILED_UNLINKING_OF_PASSTHROUGH_VNIC_IS_NOT_SUPPORTED",
  engineText: "Cannot ${action} ${type}. Unlinking of 'passthrough' vm network interface is not supported.",
  source: `${validator} passthroughIsLinked`,
  ...refusedByEngine,
  find: (facts) =>
    profileOf(facts)?.passThrough === "enabled" && facts.nic.linked === false
      ? {
          property: "linked",
          message: `Interface ${quoted(facts.nic.name)} is a VF, whose link cannot be set down from outside the guest.`,
          remedy: "Set plugged to false, which unplugs the VF.",
        }
      : undefined,
};

const freeVfHere: InterfaceRule = {
  id: "interface-free-vf",
  title: "The VM's host has a free VF for the interface",
  engineId: "CANNOT_PLUG_PASSTHROUGH_VNIC_NO_SUITABLE_VF",
  engineText:
    "Cannot ${action} ${type}. There is no free virtual function which is suitable for virtual nic ${vnicName}. A virtual function is considered as suitable if the VF's configuration of its physical function contains the virtual nic's network/network label.",
  source: "ovirt-engine: ActivateDeactivateVmNicCommand.java",
  ...refusedByEngine,
  find: (facts) => {
    const profile = profileOf(facts);
    return isToBePlugged(facts) && profile?.passThrough === "enabled" && facts.vm.freeVfs === 0
      ? {
          property: "profile",
          message: `Interface ${quoted(facts.nic.name)} needs a VF of network ${quoted(profile.network)}, and none is free on the host of VM ${quoted(facts.nic.vm)}.`,
          remedy: "Free one, enable more VFs on the physical function, or move the VM to another host.",
        }
      : undefined;
  },
};

const networkOnHost: InterfaceRule = {
  id: "interface-network-on-host",
  title: "The VM's host has the network of the interface and of its standby (oVirt does not check the standby's)",
  engineId: "ACTIVATE_DEACTIVATE_NETWORK_NOT_IN_VDS",
  engineText:
    "The Network does not exist on the host the VM is running on.\n Either add the Network to the Host, migrate the VM to a Host that has this Network, or add the vNic as unplugged.",
  source: "ovirt-engine: ActivateDeactivateVmNicCommand.java",
  ...refusedByEngine,
  find: (facts) => {
    const { nic, vm } = facts;
    if (!isToBePlugged(facts)) return undefined;
    return profilesOf(facts)
      .filter(({ network }) => isKnown(network) && vm.networksOnHost?.includes(network) === false)
      .map(({ name, network }) => ({
        property: "profile",
        message: `Interface ${quoted(nic.name)} needs network ${quoted(network)} of profile ${quoted(name)}, which the host of VM ${quoted(nic.vm)} does not have.`,
        remedy: "Add the network to the host, or move the VM to a host that has it.",
      }));
  },
};

const clusterLevel: InterfaceRule = {
  id: "interface-failover-cluster-level",
  title: "An interface with a failover needs cluster level 4.6",
  engineId: "ACTION_TYPE_FAILED_VM_INTERFACE_WITH_FAILOVER_IS_SUPPORTED_ONLY_IN_CLUSTER_4_6_AND_ABOVE",
  engineText:
    "Cannot ${action} ${type}. VM interface with failover vNIC profile is supported only in cluster level >= 4.6.",
  source: `${validator} isFailoverInSupportedClusterVersion`,
  ...refusedByEngine,
  find: (facts) => {
    const profile = profileOf(facts);
    const level = facts.vm.clusterLevel;
    if (profile === undefined || !isGiven(profile.failover) || level === undefined) return undefined;
    return level.major < 4 || (level.major === 4 && level.minor < 6)
      ? {
          property: "profile",
          message: `Profile ${quoted(profile.name)} of interface ${quoted(facts.nic.name)} has a failover, which needs cluster level 4.6; the cluster of VM ${quoted(facts.nic.vm)} has level ${level.major}.${level.minor}.`,
          remedy: "Raise the cluster's level, or use a profile without failover.",
        }
      : undefined;
  },
};

// --- what libvirt and QEMU can't do, or accept although it can't work

/** The standby's alias is made of its profile's id (oVirt: VmDeviceCommonUtils.createFailoverVmDevice). */
const oneVfPerFailover: InterfaceRule = {
  id: "interface-failover-once-per-vm",
  title: "Two VFs of one VM don't share a failover profile",
  source: featurePage,
  ...refusedByUs,
  find: (facts) => {
    const profile = profileOf(facts);
    const standby = profile !== undefined && isGiven(profile.failover) ? profile.failover : undefined;
    if (profile === undefined || standby === undefined) return undefined;
    return onSameVm(facts)
      .filter((other) => agree(profileNamed(other.profile, facts.profiles)?.failover, standby))
      .map((other) => ({
        property: "profile",
        message: `Interfaces ${quoted(facts.nic.name)} and ${quoted(other.name)} of VM ${quoted(facts.nic.vm)} have the same failover ${quoted(profileNamed(standby, facts.profiles)?.name ?? standby)}.`,
        remedy: "Give one of them a profile with another failover profile.",
      }));
  },
};

const macUnicast: InterfaceRule = {
  id: "interface-mac-unicast",
  title: "An interface's MAC address is unicast",
  source: "libvirt: src/conf/domain_conf.c virDomainNetDefParseXML",
  ...refusedByUs,
  find: ({ nic }) =>
    isGiven(nic.mac) && normalizeMac(nic.mac) !== undefined && isMulticastMac(nic.mac)
      ? {
          property: "mac",
          message: `Interface ${quoted(nic.name)} has MAC address ${nic.mac}, which is multicast.`,
          remedy: "Make the first octet even.",
        }
      : undefined,
};

/** libvirt reads zeros as 'none given' and makes up one address for each of the two devices. */
const macNotZero: InterfaceRule = {
  id: "interface-mac-not-zero",
  title: "An interface's MAC address is not zero",
  source: "libvirt: src/conf/domain_conf.c virDomainNetDefParseXML",
  ...refusedByUs,
  find: ({ nic }) =>
    isGiven(nic.mac) && isZeroMac(nic.mac)
      ? {
          property: "mac",
          message: `Interface ${quoted(nic.name)} has MAC address 00:00:00:00:00:00: standby and VF would get different generated addresses, and the guest would not pair them.`,
          remedy: "Use another address, or omit mac.",
        }
      : undefined,
};

/** net_failover pairs by MAC address. */
const macOnceOnVm: InterfaceRule = {
  id: "interface-mac-once-per-vm",
  title: "Two interfaces of one VM don't share a MAC address",
  source: "Linux: Documentation/networking/net_failover.rst",
  ...refusedByUs,
  find: (facts) => {
    const { nic } = facts;
    return onSameVm(facts)
      .filter((other) => isGiven(nic.mac) && isGiven(other.mac) && sameMac(nic.mac, other.mac))
      .map((other) => ({
        property: "mac",
        message: `Interfaces ${quoted(nic.name)} and ${quoted(other.name)} of VM ${quoted(nic.vm)} have the same MAC address ${String(nic.mac)}: the guest pairs devices by it.`,
        remedy: "Give one of them another address, or omit its mac.",
      }));
  },
};

const macOnceInCluster: InterfaceRule = {
  id: "interface-mac-once-in-cluster",
  title: "Interfaces of different VMs don't share a MAC address",
  source: "IEEE 802.1D: a bridge learns one port for an address",
  ...warnedOfByUs,
  find: ({ nic, others }) =>
    knownPart(others)
      .filter(
        (other) => differ(other.vm, nic.vm) && isGiven(nic.mac) && isGiven(other.mac) && sameMac(nic.mac, other.mac),
      )
      .map((other) => ({
        property: "mac",
        message: `Interface ${quoted(nic.name)} of VM ${quoted(nic.vm)} has MAC address ${String(nic.mac)}, and so has ${quoted(other.name)} of VM ${quoted(other.vm)}.`,
        remedy: "Give one of them another address, unless the two never run at once on one network.",
      })),
};

/** libvirt takes a second device with a MAC, and a bridge then has two ports for it. */
const macFreeOnVm: InterfaceRule = {
  id: "interface-devices-free-on-vm",
  title: "The VM has no device yet with the interface's MAC address, or with its standby's alias",
  source: "Linux: Documentation/networking/net_failover.rst",
  ...refusedByUs,
  find: ({ nic, vm }) =>
    (vm.inTheWay ?? []).map(({ device, mac, adoptable }) => ({
      property: "mac",
      message: `VM ${quoted(nic.vm)} has ${device} already${mac === undefined ? "" : `, with MAC address ${mac}`}, which interface ${quoted(nic.name)} would duplicate.`,
      remedy: adoptable
        ? `Take it over with adopt: true${mac === undefined ? "" : ` and mac: ${quoted(mac)}`}, or unplug it first.`
        : "Unplug it first, or give the interface another address.",
    })),
};

const adoptedLikeProfile: InterfaceRule = {
  id: "interface-adopted-like-profile",
  title: "A pair that is taken over is on the bridge, the physical function and the VLAN of its profiles' networks",
  source: "vnic-failover:cluster, networks",
  ...refusedByUs,
  find: ({ nic, vm }) =>
    vm.differences === undefined || vm.differences.length === 0
      ? undefined
      : {
          property: "profile",
          message: `Interface ${quoted(nic.name)} can't take over the pair with MAC address ${String(nic.mac)} of VM ${quoted(nic.vm)}: ${vm.differences.join("; ")}.`,
          remedy: "Use profiles of the networks that the pair is on, or correct the networks in vnic-failover:cluster.",
        },
};

/** Profiles that were not made here can have what the profile's own rules refuse. */
const vfPlain: InterfaceRule = {
  id: "interface-vf-plain",
  title: "A VF has no network filter, QoS or port mirroring: libvirt drops the filter and refuses bandwidth at start",
  source: "libvirt: src/conf/domain_validate.c virDomainActualNetDefValidate",
  ...refusedByUs,
  find: (facts) => {
    const profile = profileOf(facts);
    return profile?.passThrough === "enabled"
      ? [
          ...(isGiven(profile.networkFilter) ? ["networkFilter"] : []),
          ...(isGiven(profile.qos) ? ["qos"] : []),
          ...(profile.portMirroring === true ? ["portMirroring"] : []),
        ].map((setting) => ({
          property: "profile",
          message: `Interface ${quoted(facts.nic.name)} is a VF, but its profile ${quoted(profile.name)} has ${setting}, which has no effect on a VF.`,
          remedy: `Remove ${setting} from the profile.`,
        }))
      : undefined;
  },
};

const vfHasStandby: InterfaceRule = {
  id: "interface-vf-has-standby",
  title:
    "A VF has a standby; otherwise its VM cannot be moved with libvirt, and loses that network during a move on oVirt",
  source: "QEMU: docs/system/virtio-net-failover.rst",
  ...warnedOfByUs,
  find: (facts) => {
    const profile = profileOf(facts);
    return profile?.passThrough === "enabled" && profile.failover === undefined
      ? {
          property: "profile",
          message: `Profile ${quoted(profile.name)} of interface ${quoted(facts.nic.name)} has no failover: VM ${quoted(facts.nic.vm)} ${facts.backend === "libvirt" ? "cannot be moved while it has this interface" : "will have no network on this interface during a move"}.`,
          remedy: "Give the profile a failover, or use one that has it.",
        }
      : undefined;
  },
};

/** On i440fx libvirt and QEMU start the VM, the VF never appears, and only QEMU's log tells. */
const machineQ35: InterfaceRule = {
  id: "interface-machine-q35",
  title: "A VF with a standby needs a q35 machine",
  source: "QEMU: hw/net/virtio-net.c failover_hide_primary_device, hw/pci/pci.c pci_qdev_realize",
  ...refusedByUs,
  find: (facts) => {
    const { nic, vm } = facts;
    const profile = profileOf(facts);
    return profile !== undefined && isGiven(profile.failover) && vm.machine !== undefined && !vm.machine.includes("q35")
      ? {
          property: "vm",
          message: `Interface ${quoted(nic.name)} needs PCI Express, but VM ${quoted(nic.vm)} has machine type ${quoted(vm.machine)}.`,
          remedy: "Use machine type q35 for the VM.",
        }
      : undefined;
  },
};

/** Hot-plug on PCI Express fills one root port for each device; libvirt adds ports only to a VM that is shut off. */
const freeRootPort: InterfaceRule = {
  id: "interface-free-root-port",
  title: "A running VM has a free pcie-root-port for each device that is plugged in",
  source: "libvirt: docs/pci-hotplug.rst",
  ...refusedByUs,
  find: (facts) => {
    const { backend, nic, vm } = facts;
    const profile = profileOf(facts);
    if (backend !== "libvirt" || vm.running !== true || vm.freeRootPorts === undefined) return undefined;
    if (profile === undefined || !isToBePlugged(facts)) return undefined;
    const needed = isGiven(profile.failover) ? 2 : 1;
    return vm.freeRootPorts < needed
      ? {
          property: "vm",
          message: `Interface ${quoted(nic.name)} needs ${counted(needed, "free pcie-root-port")}, but running VM ${quoted(nic.vm)} has ${vm.freeRootPorts}.${fixedPorts(vm.fixedRootPorts)}`,
          remedy: "Shut the VM off and add pcie-root-port controllers that hot-plug to it.",
        }
      : undefined;
  },
};

function fixedPorts(count = 0): string {
  return count === 0 ? "" : ` ${count} more cannot be used while it runs (<target hotplug='off'/>).`;
}

export const interfaceRules: readonly InterfaceRule[] = [
  profileExists,
  networkInCluster,
  passthroughLinked,
  freeVfHere,
  networkOnHost,
  clusterLevel,
  oneVfPerFailover,
  macUnicast,
  macNotZero,
  macOnceOnVm,
  macOnceInCluster,
  macFreeOnVm,
  adoptedLikeProfile,
  vfPlain,
  vfHasStandby,
  machineQ35,
  freeRootPort,
];

// --- what the rules ask

function profileNamed(
  id: Eventual<string>,
  profiles: Eventual<readonly MaybeUnknown<Profile>[]>,
): MaybeUnknown<Profile> | undefined {
  return knownPart(profiles).find((profile) => agree(profile.id, id));
}

function profileOf({ nic, profiles }: InterfaceFacts): MaybeUnknown<Profile> | undefined {
  return profileNamed(nic.profile, profiles);
}

/** The interface's profile, and its standby's. */
function profilesOf(facts: InterfaceFacts): MaybeUnknown<Profile>[] {
  const profile = profileOf(facts);
  if (profile === undefined) return [];
  const standby = isGiven(profile.failover) ? profileNamed(profile.failover, facts.profiles) : undefined;
  return standby === undefined ? [profile] : [profile, standby];
}

function onSameVm({ nic, others }: InterfaceFacts): readonly MaybeUnknown<VmNic>[] {
  return knownPart(others).filter(({ vm }) => agree(vm, nic.vm));
}

/** Known to be plugged. */
function isPlugged({ plugged }: MaybeUnknown<VmNic>): boolean {
  return plugged === undefined || plugged === true;
}

function isToBePlugged({ nic, stored }: InterfaceFacts): boolean {
  return isPlugged(nic) && (stored === undefined || !isPlugged(stored));
}
