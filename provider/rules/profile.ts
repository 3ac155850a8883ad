import { suggestion } from "../model/suggestion.js";
import type { LogicalNetwork } from "./network.js";
import { type Eventual, type MaybeUnknown, agree, differ, isGiven, isKnown, knownPart } from "../model/unknown.js";
import type { Finding, Rule } from "./rule.js";
import { counted, listed, quoted } from "./wording.js";

/**
 * vNIC profiles: what may be added, edited and removed. Each list is in the order of oVirt's commands
 * (AddVnicProfileCommand, UpdateVnicProfileCommand, RemoveVnicProfileCommand: `validate()`), whose first failure is the
 * answer. Two of oVirt's checks have no row, since the inputs can't express what they refuse: vnicProfileIsSet and
 * validUseDefaultNetworkFilterFlag.
 */

export interface Profile {
  /** The store's id; for a profile that is not created yet, not yet known, or any key that is unique to it. */
  readonly id: string;
  readonly name: string;
  /** The name of its logical network. */
  readonly network: string;
  /** Default disabled: a virtio profile. */
  readonly passThrough?: "enabled" | "disabled" | undefined;
  /** Undefined: left out by the user. */
  readonly migratable?: boolean | undefined;
  /** The id of the profile of the standby. */
  readonly failover?: string | undefined;
  /** Default false. */
  readonly portMirroring?: boolean | undefined;
  readonly networkFilter?: string | undefined;
  readonly qos?: string | undefined;
  readonly customProperties?: Readonly<Record<string, string>> | undefined;
  readonly description?: string | undefined;
}

export type ProfileAction = "add" | "edit" | "remove";

export interface ProfileFacts {
  readonly action: ProfileAction;
  readonly backend: "libvirt" | "ovirt";
  /** As it is to be; on removal, as it is. */
  readonly profile: MaybeUnknown<Profile>;
  /** As it stands in the store; undefined where it stands there no longer, or not yet. */
  readonly stored?: Profile | undefined;
  /** Every other profile of the cluster's store and of this program. */
  readonly others: Eventual<readonly MaybeUnknown<Profile>[]>;
  readonly networks: Eventual<readonly LogicalNetwork[]>;
  /** VMs, running or not, with an interface of this very profile. */
  readonly usedByVms: Eventual<readonly string[]>;
  /** VMs, running or not, whose standby is of this profile. */
  readonly standbyOfVms: Eventual<readonly string[]>;
  readonly usedByTemplates: Eventual<readonly string[]>;
  /** The names that a profile's `qos`, `networkFilter` and `customProperties` may take in this cluster. */
  readonly qosNames: Eventual<readonly string[]>;
  readonly networkFilters: Eventual<readonly string[]>;
  readonly customPropertyNames: Eventual<readonly string[]>;
}

type ProfileRule = Rule<ProfileFacts>;

const validator = "ovirt-engine: VnicProfileValidator.java";
const mapper = "ovirt-engine: VnicProfileMapper.java";

const refusedByEngine = { checkedAt: ["check", "engine"], severity: "error" } as const;
const refusedByUs = { checkedAt: ["check"], severity: "error" } as const;

// --- exists, and its surroundings do

const profileExists: ProfileRule = {
  id: "profile-exists",
  title: "The profile to edit exists",
  engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_NOT_EXISTS",
  engineText: "Cannot ${action} ${type}. The specified VM network interface profile doesn't exist.",
  source: `${validator} vnicProfileExists`,
  ...refusedByEngine,
  find: ({ stored, profile }) =>
    stored === undefined
      ? {
          message: `Profile ${quoted(profile.name)} no longer exists.`,
          remedy: "Run pulumi refresh, then pulumi up: the profile is created again.",
        }
      : undefined,
};

const networkExists: ProfileRule = {
  id: "profile-network-exists",
  title: "The profile's logical network exists",
  engineId: "NETWORK_HAVING_ID_NOT_EXISTS",
  engineText: "Logical Network (id '${NETWORK_HAVING_ID_NOT_EXISTS_ENTITY}') doesn't exist.",
  source: `${validator} networkExists`,
  ...refusedByEngine,
  find: ({ profile, networks }) =>
    isKnown(profile.network) && isKnown(networks) && networkOf(profile, networks) === undefined
      ? {
          property: "network",
          message: `Profile ${quoted(profile.name)} is for network ${quoted(profile.network)}, which the cluster does not have.`,
          remedy: suggestion(
            "Networks",
            profile.network,
            networks.map(({ name }) => name),
          ),
        }
      : undefined,
};

const qosExists: ProfileRule = {
  id: "profile-qos-exists",
  title: "The profile's QoS exists",
  engineId: "ACTION_TYPE_FAILED_NETWORK_QOS_NOT_EXISTS",
  engineText: "The specified Network QoS doesn't exist.",
  source: `${validator} networkQosExistsOrNull`,
  ...refusedByEngine,
  find: ({ profile, qosNames }) => unlisted(profile, "qos", profile.qos, qosNames),
};

const vmNetworkOnly: ProfileRule = {
  id: "profile-on-vm-network",
  title: "A profile is for a network that VMs may use",
  engineId: "ACTION_TYPE_FAILED_CANNOT_ADD_VNIC_PROFILE_TO_NON_VM_NETWORK",
  engineText:
    "Cannot ${action} ${type}. VM network interface profiles cannot be added to a non-VM network. Please make sure the network is a VM network.",
  source: `${validator} vnicProfileForVmNetworkOnly`,
  ...refusedByEngine,
  find: ({ profile, networks }) =>
    networkOf(profile, networks)?.vmNetwork === false
      ? {
          property: "network",
          message: `Profile ${quoted(profile.name)} is for network ${quoted(profile.network)}, which is not a VM network.`,
          remedy: "Choose a VM network, or make this one a VM network.",
        }
      : undefined,
};

const networkFilterExists: ProfileRule = {
  id: "profile-network-filter-exists",
  title: "The profile's network filter exists",
  engineId: "ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_FILTER_ID",
  engineText:
    "Cannot ${action} ${type}. vNIC profile '${VAR_VNIC_PROFILE_NAME}' has an invalid network filter id '${VAR_NETWORK_FILTER_ID}'.",
  source: `${validator} validNetworkFilterId`,
  ...refusedByEngine,
  find: ({ profile, networkFilters }) => unlisted(profile, "networkFilter", profile.networkFilter, networkFilters),
};

const customPropertiesDefined: ProfileRule = {
  id: "profile-custom-properties-defined",
  title: "The profile's custom properties are among those that the cluster defines",
  engineId: "ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_KEYS",
  engineText:
    "Cannot ${action} ${type} if some of the specified custom properties are not configured by the system. The keys are: ${MissingKeys}",
  source: "ovirt-engine: AddVnicProfileCommand.java validateCustomProperties",
  // Which ones those are, no answer of its REST API tells.
  checkedAt: ["engine"],
  severity: "error",
  find: ({ profile, customPropertyNames }) =>
    isKnown(profile.customProperties)
      ? Object.keys(profile.customProperties ?? {}).flatMap(
          (key) => unlisted(profile, "customProperties", key, customPropertyNames) ?? [],
        )
      : undefined,
};

// --- names and networks

const nameNotUsed: ProfileRule = {
  id: "profile-name-unique-on-network",
  title: "A profile's name is unique on its network (upper and lower case differ)",
  engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE",
  engineText:
    "Cannot ${action} ${type}. The VM network interface profile's name is already used by an existing profile for the same network.\n-Please choose a different name.",
  source: `${validator} vnicProfileNameNotUsed`,
  ...refusedByEngine,
  find: ({ profile, others }) =>
    knownPart(others).some((other) => agree(other.name, profile.name) && agree(other.network, profile.network))
      ? {
          property: "name",
          message: `Network ${quoted(profile.network)} already has a profile ${quoted(profile.name)}.`,
          remedy: "Choose another name, or take the existing profile over with adopt: true.",
        }
      : undefined,
};

const networkNotChanged: ProfileRule = {
  id: "profile-network-fixed",
  title: "A profile stays on its network",
  engineId: "ACTION_TYPE_FAILED_CANNOT_CHANGE_VNIC_PROFILE_NETWORK",
  engineText: "Cannot ${action} ${type}. VM network interface profile's network cannot be changed.",
  source: `${validator} networkNotChanged`,
  ...refusedByEngine,
  find: ({ profile, stored }) =>
    stored !== undefined && differ(profile.network, stored.network)
      ? {
          property: "network",
          message: `Profile ${quoted(stored.name)} is on network ${quoted(stored.network)} and can't move to ${quoted(profile.network)}.`,
          remedy: "Declare another profile for the other network.",
        }
      : undefined,
};

// --- what excludes what

const portMirroringNotExternal: ProfileRule = {
  id: "profile-port-mirroring-not-external",
  title: "No port mirroring on an external network",
  engineId: "ACTION_TYPE_FAILED_EXTERNAL_NETWORK_CANNOT_BE_PORT_MIRRORED",
  engineText: "Cannot ${action} ${type}. External network cannot be used when port mirroring is set.",
  source: `${validator} portMirroringNotSetIfExternalNetwork`,
  ...refusedByEngine,
  find: ({ profile, networks }) =>
    profile.portMirroring === true && networkOf(profile, networks)?.external === true
      ? {
          property: "portMirroring",
          message: `Profile ${quoted(profile.name)} mirrors ports, but network ${quoted(profile.network)} is external.`,
          remedy: "Set portMirroring to false, or choose a network that is not external.",
        }
      : undefined,
};

const passthroughPlain: ProfileRule = {
  id: "profile-passthrough-plain",
  title: "A passthrough profile has no port mirroring, QoS or network filter",
  engineId: "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_CONTAINS_NOT_SUPPORTED_PROPERTIES",
  engineText:
    "Cannot ${action} ${type}. 'Port Mirroring,'Qos' and 'Network Filter' are not supported on passthrough profiles.",
  source: `${validator} passthroughProfileContainsSupportedProperties`,
  ...refusedByEngine,
  find: ({ profile }) =>
    profile.passThrough === "enabled"
      ? [
          ...(profile.portMirroring === true ? ["portMirroring"] : []),
          ...(isGiven(profile.qos) ? ["qos"] : []),
          ...(isGiven(profile.networkFilter) ? ["networkFilter"] : []),
        ].map((property) => ({
          property,
          message: `Profile ${quoted(profile.name)} is passthrough, so it can't have ${property}: a VF's traffic does not pass through the host.`,
          remedy: `Omit ${property}, or set passThrough to "disabled".`,
        }))
      : undefined,
};

const passthroughNoPortIsolation: ProfileRule = {
  id: "profile-passthrough-no-port-isolation",
  title: "No passthrough profile on a network with port isolation",
  engineId: "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_NOT_SUPPORTS_PORT_ISOLATION",
  engineText:
    "Cannot ${action} ${type}. Networks with Port Isolation enabled are not supported on passthrough profiles.",
  source: `${validator} passthroughProfileNoPortIsolation`,
  ...refusedByEngine,
  find: ({ profile, networks }) =>
    profile.passThrough === "enabled" && networkOf(profile, networks)?.portIsolation === true
      ? {
          property: "passThrough",
          message: `Profile ${quoted(profile.name)} is passthrough, but network ${quoted(profile.network)} isolates its ports.`,
          remedy: "Choose a network without port isolation.",
        }
      : undefined,
};

const passthroughNetworkHasPf: ProfileRule = {
  id: "profile-passthrough-network-has-pf",
  title: "A passthrough profile's network has physical functions",
  source: "libvirt: docs/formatnetwork.rst, forward mode hostdev",
  ...refusedByUs,
  find: ({ profile, networks, backend }) => {
    const network = networkOf(profile, networks);
    return backend === "libvirt" &&
      profile.passThrough === "enabled" &&
      network !== undefined &&
      (network.physicalFunctions ?? []).length === 0
      ? {
          property: "network",
          message: `Profile ${quoted(profile.name)} is passthrough, but network ${quoted(network.name)} has no physical functions to take VFs from.`,
          remedy: "Set physicalFunctions of the network in vnic-failover:cluster.",
        }
      : undefined;
  },
};

const virtioNetworkHasBridge: ProfileRule = {
  id: "profile-virtio-network-has-bridge",
  title: "A virtio profile's network has a bridge",
  source: "oVirt: feature page 'SR-IOV Live Migration without downtime', Limitations",
  ...refusedByUs,
  find: ({ profile, networks, backend }) => {
    const network = networkOf(profile, networks);
    return backend === "libvirt" && isVirtio(profile) && network !== undefined && network.bridge === undefined
      ? {
          property: "network",
          message: `Profile ${quoted(profile.name)} is virtio, but network ${quoted(network.name)} has no bridge to plug it into.`,
          remedy: 'Set bridge of the network in vnic-failover:cluster, or set passThrough to "enabled".',
        }
      : undefined;
  },
};

// --- failover: on the target first, then on this profile, as in VnicProfileValidator.validFailoverId

const failoverNotItself: ProfileRule = {
  id: "failover-not-itself",
  title: "A profile's failover is another profile",
  engineId: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_CANNOT_POINT_TO_SELF",
  engineText: "Cannot ${action} ${type}. Failover vNIC profile cannot point to itself.",
  source: `${validator} validFailoverId`,
  ...refusedByEngine,
  find: ({ profile }) =>
    isGiven(profile.failover) && agree(profile.failover, profile.id)
      ? {
          property: "failover",
          message: `Profile ${quoted(profile.name)} names itself as its failover.`,
          remedy: "Name a virtio profile.",
        }
      : undefined,
};

const invalidFailover = {
  engineId: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_IS_NOT_VALID",
  engineText: "Cannot ${action} ${type}. Failover must be valid non-passthrough vNIC profile.",
  source: `${validator} validFailoverId`,
  ...refusedByEngine,
};

const failoverExists: ProfileRule = {
  id: "failover-exists",
  title: "A profile's failover exists",
  ...invalidFailover,
  find: ({ profile, others }) =>
    isGiven(profile.failover) &&
    !agree(profile.failover, profile.id) &&
    isKnown(others) &&
    others.every(({ id }) => differ(id, profile.failover))
      ? {
          property: "failover",
          message: `Profile ${quoted(profile.name)} names failover ${quoted(profile.failover)}, which does not exist.`,
          remedy: "Name an existing virtio profile by its id, or pass the VnicProfile itself.",
        }
      : undefined,
};

const failoverIsVirtio: ProfileRule = {
  id: "failover-is-virtio",
  title: "A profile's failover is not passthrough",
  ...invalidFailover,
  find: (facts) => {
    const standby = standbyProfile(facts);
    return standby?.passThrough === "enabled"
      ? {
          property: "failover",
          message: `Profile ${quoted(facts.profile.name)} names ${quoted(standby.name)} as its failover, which is passthrough: the standby of a VF must be virtio.`,
          remedy: 'Name a profile with passThrough "disabled".',
        }
      : undefined;
  },
};

const failoverNotExternal: ProfileRule = {
  id: "failover-not-external",
  title: "A profile's failover is not on an external network",
  engineId: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_NOT_SUPPORTED_WITH_EXTERNAL_NETWORK",
  engineText: "Cannot ${action} ${type}. Failover vNIC profile based on external network is not supported.",
  source: `${validator} validFailoverId`,
  ...refusedByEngine,
  find: (facts) => {
    const standby = standbyProfile(facts);
    return standby !== undefined && networkOf(standby, facts.networks)?.external === true
      ? {
          property: "failover",
          message: `Profile ${quoted(facts.profile.name)} names ${quoted(standby.name)} as its failover, whose network ${quoted(standby.network)} is external.`,
          remedy: "Name a profile of a network that is not external.",
        }
      : undefined;
  },
};

const migratablePassthroughOnly = {
  engineId: "ACTION_TYPE_FAILED_FAILOVER_IS_SUPPORTED_ONLY_FOR_MIGRATABLE_PASSTROUGH",
  engineText:
    "Cannot ${action} ${type}. Failover vNIC profile is supported only for migratable passthrough vNIC profiles.",
  ...refusedByEngine,
};

/** The API's documentation says that `migratable` is true by default; the mapper leaves Java's false. */
const failoverMigratableWritten: ProfileRule = {
  id: "failover-migratable-written",
  title: "A profile with a failover sets migratable: omitted, it is false",
  ...migratablePassthroughOnly,
  source: `${mapper} map`,
  find: ({ profile }) =>
    isGiven(profile.failover) && profile.passThrough === "enabled" && profile.migratable === undefined
      ? {
          property: "migratable",
          message: `Profile ${quoted(profile.name)} has a failover but omits migratable, which defaults to false.`,
          remedy: "Set migratable to true.",
        }
      : undefined,
};

const failoverOnMigratablePassthrough: ProfileRule = {
  id: "failover-on-migratable-passthrough",
  title: "Only a migratable passthrough profile has a failover",
  ...migratablePassthroughOnly,
  source: `${validator} validFailoverId`,
  find: ({ profile }) =>
    isGiven(profile.failover) && (isVirtio(profile) || profile.migratable === false)
      ? {
          property: "failover",
          message: `Profile ${quoted(profile.name)} has a failover, but is not ${isVirtio(profile) ? "passthrough" : "migratable"}.`,
          remedy: 'Set passThrough to "enabled" and migratable to true, or omit failover.',
        }
      : undefined,
};

/** net_failover sets the primary's MTU to its own, and does not take the primary where that fails. */
const failoverMtuMatches: ProfileRule = {
  id: "failover-mtu-matches",
  title: "The networks of a profile and of its failover have the same MTU",
  source: "Linux: drivers/net/net_failover.c net_failover_slave_register",
  checkedAt: ["check"],
  severity: "warning",
  find: (facts) => {
    const standby = standbyProfile(facts);
    if (standby === undefined) return undefined;
    const own = networkOf(facts.profile, facts.networks)?.mtu;
    const standbys = networkOf(standby, facts.networks)?.mtu;
    return own !== undefined && standbys !== undefined && own !== standbys
      ? {
          property: "failover",
          message: `The network of profile ${quoted(facts.profile.name)} has MTU ${own}, but that of its failover ${quoted(standby.name)} has MTU ${standbys}: the guest uses the standby's MTU for both devices.`,
          remedy: "Set the same MTU on both networks.",
        }
      : undefined;
  },
};

// --- edits that REST can't do

/** An absent failover keeps the stored one, and with it the demand for a migratable passthrough profile. */
const failoverFixesPassthrough: ProfileRule = {
  id: "failover-fixes-passthrough",
  title: "oVirt's REST API can't switch passthrough or migratable off once failover is set",
  ...migratablePassthroughOnly,
  source: `${mapper} map`,
  find: ({ action, backend, profile, stored }) =>
    action === "edit" &&
    backend === "ovirt" &&
    stored?.failover !== undefined &&
    profile.failover === undefined &&
    (isVirtio(profile) || profile.migratable === false)
      ? {
          property: isVirtio(profile) ? "passThrough" : "migratable",
          message: `Profile ${quoted(stored.name)} must stay passthrough and migratable while it has a failover, and oVirt's REST API cannot clear a failover.`,
          remedy:
            "Choose failover None in the Administration Portal first, or declare a new profile in place of this one.",
        }
      : undefined,
};

const failoverNotCleared: ProfileRule = {
  id: "failover-not-cleared-over-rest",
  title: "oVirt's REST API can't clear a failover: an absent or empty one keeps what is stored",
  source: `${mapper} map`,
  ...refusedByUs,
  find: ({ action, backend, profile, stored }) =>
    action === "edit" && backend === "ovirt" && stored?.failover !== undefined && profile.failover === undefined
      ? {
          property: "failover",
          message: `The failover of profile ${quoted(stored.name)} cannot be cleared by oVirt's REST API.`,
          remedy:
            "Choose failover None in the Administration Portal and run pulumi refresh, or declare a new profile in place of this one.",
        }
      : undefined,
};

// --- in use

const usedByEntities = {
  engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_ONE_USE",
  engineText:
    "Cannot ${action} ${type}. This VM network interface profile is used by ${entities}:  ${ENTITIES_USING_VNIC_PROFILE}.\n - Please remove it from this ${entities} and try again.",
};

const portMirroringFixedInUse = fixedInUse("portMirroring", "profile-port-mirroring-fixed-in-use", "portMirroring");
const passthroughFixedInUse = fixedInUse("passThrough", "profile-passthrough-fixed-in-use", "passthrough");
const failoverFixedInUse = fixedInUse("failover", "profile-failover-fixed-in-use", "failover");

function fixedInUse(property: "portMirroring" | "passThrough" | "failover", id: string, check: string): ProfileRule {
  return {
    id,
    title: `A profile's ${property} stays while any VM, running or not, uses the profile`,
    ...usedByEntities,
    source: `${validator} ${check}NotChangedIfUsedByVms`,
    ...refusedByEngine,
    find: ({ profile, stored, usedByVms }) =>
      stored !== undefined && changed(property, profile, stored)
        ? whereUsed(knownPart(usedByVms), "VM", (users) => ({
            property,
            message: `Profile ${quoted(stored.name)} is used by ${users} so its ${property} cannot be changed.`,
            remedy: "Remove the interfaces of this profile first, or declare a new profile.",
          }))
        : undefined,
  };
}

/** oVirt refuses any update of such a profile, even a new description. */
const actingFailoverFixed: ProfileRule = {
  id: "failover-profile-fixed",
  title: "A profile that acts as failover is not edited",
  engineId: "ACTION_TYPE_FAILED_UPDATE_OF_FAILOVER_PROFILE_IS_NOT_SUPPORTED",
  engineText: "Cannot ${action} ${type}. Profile is selected as failover for: ${ENTITIES_USING_FAILOVER}.",
  source: `${validator} validateProfileNotUpdatedIfFailover`,
  ...refusedByEngine,
  find: ({ profile, stored, others }) => {
    if (stored === undefined) return undefined;
    const referrers = referrersOf(stored, others);
    if (referrers.length === 0) return undefined;
    return properties
      .filter((property) => changed(property, profile, stored))
      .map((property) => ({
        property,
        message: `Profile ${quoted(stored.name)} acts as failover of ${listed(referrers)}, so its ${property} cannot be changed.`,
        remedy: "Declare a new profile with the change, and name it as failover in profiles that no VM uses.",
      }));
  },
};

const removedProfileUnused: ProfileRule = {
  id: "profile-removed-unused",
  title: "A profile is removed only when no VM uses it",
  ...usedByEntities,
  source: `${validator} vnicProfileNotUsedByVms`,
  ...refusedByEngine,
  find: ({ profile, usedByVms }) =>
    whereUsed(knownPart(usedByVms), "VM", (users) => ({
      message: `Profile ${quoted(profile.name)} is used by ${users} and can't be removed.`,
      remedy: "Remove the interfaces of this profile first.",
    })),
};

const removedProfileNotInTemplates: ProfileRule = {
  id: "profile-removed-not-in-templates",
  title: "A profile is removed only when no template uses it",
  ...usedByEntities,
  source: `${validator} vnicProfileNotUsedByTemplates`,
  // The engine refuses before it changes anything, and names them: to read the NICs of every template would tell no more.
  checkedAt: ["engine"],
  severity: "error",
  find: ({ profile, usedByTemplates }) =>
    whereUsed(knownPart(usedByTemplates), "template", (users) => ({
      message: `Profile ${quoted(profile.name)} is used by ${users} and can't be removed.`,
      remedy: "Remove the interfaces of this profile first.",
    })),
};

/** oVirt counts only interfaces of the profile itself: it removes the profile under a running standby. */
const removedProfileNoStandby: ProfileRule = {
  id: "profile-removed-not-standby",
  title: "A profile is removed only when no VM has a standby of it (oVirt removes it)",
  source: "ovirt-engine: RemoveVnicProfileCommand.java, vnic profiles' DAO GetVmsByVnicProfileId",
  ...refusedByUs,
  find: ({ profile, standbyOfVms }) => {
    const users = knownPart(standbyOfVms);
    return users.length > 0
      ? {
          message: `Profile ${quoted(profile.name)} is the profile of the standby in ${counted(users.length, "VM")}, ${listed(users)}, and can't be removed.`,
          remedy:
            "Remove their interfaces first: without the profile, a VF would be plugged again without its standby.",
        }
      : undefined;
  },
};

/** oVirt's foreign key is ON DELETE SET NULL: it clears the failover of every profile that names this one, and says nothing. */
const removedProfileNoFailover: ProfileRule = {
  id: "profile-removed-not-failover",
  title:
    "A profile is removed only when no other profile has it as failover (oVirt silently clears the failover of the others)",
  source: "ovirt-engine: dbscripts/upgrade/04_04_1050_add_failover_vnic_id.sql",
  ...refusedByUs,
  find: ({ profile, others }) => {
    const referrers = referrersOf(profile, others);
    return referrers.length > 0
      ? {
          message: `Profile ${quoted(profile.name)} acts as failover of ${listed(referrers)} and can't be removed.`,
          remedy: "Remove those profiles first, or give them another failover.",
        }
      : undefined;
  },
};

const failoverTarget = [failoverNotItself, failoverExists, failoverIsVirtio, failoverNotExternal];
const failoverBearer = [failoverMigratableWritten, failoverOnMigratablePassthrough];

/** The rules of each action, in oVirt's order; ours after them. */
export const profileRules: Readonly<Record<ProfileAction, readonly ProfileRule[]>> = {
  add: [
    networkExists,
    qosExists,
    vmNetworkOnly,
    nameNotUsed,
    portMirroringNotExternal,
    customPropertiesDefined,
    passthroughPlain,
    passthroughNoPortIsolation,
    networkFilterExists,
    ...failoverTarget,
    ...failoverBearer,
    passthroughNetworkHasPf,
    virtioNetworkHasBridge,
    failoverMtuMatches,
  ],
  edit: [
    profileExists,
    nameNotUsed,
    networkNotChanged,
    qosExists,
    portMirroringFixedInUse,
    portMirroringNotExternal,
    customPropertiesDefined,
    passthroughFixedInUse,
    passthroughPlain,
    passthroughNoPortIsolation,
    networkFilterExists,
    ...failoverTarget,
    ...failoverBearer,
    failoverFixesPassthrough,
    actingFailoverFixed,
    failoverFixedInUse,
    failoverNotCleared,
    passthroughNetworkHasPf,
    virtioNetworkHasBridge,
    failoverMtuMatches,
  ],
  // A profile that is gone is removed: oVirt's vnicProfileExists has no place in a declaration.
  remove: [removedProfileUnused, removedProfileNotInTemplates, removedProfileNoStandby, removedProfileNoFailover],
};

// --- what the rules ask

function networkOf(
  profile: MaybeUnknown<Profile>,
  networks: Eventual<readonly LogicalNetwork[]>,
): LogicalNetwork | undefined {
  return knownPart(networks).find(({ name }) => agree(name, profile.network));
}

function standbyProfile({ profile, others }: ProfileFacts): MaybeUnknown<Profile> | undefined {
  return isGiven(profile.failover) ? knownPart(others).find(({ id }) => agree(id, profile.failover)) : undefined;
}

function referrersOf(
  { id }: Pick<MaybeUnknown<Profile>, "id">,
  others: Eventual<readonly MaybeUnknown<Profile>[]>,
): Eventual<string>[] {
  return knownPart(others)
    .filter(({ failover }) => agree<string | undefined>(failover, id))
    .map(({ name }) => name);
}

function isVirtio({ passThrough }: MaybeUnknown<Profile>): boolean {
  return passThrough === undefined || passThrough === "disabled";
}

/** What each property comes to: to leave it out and to write its default is the same. */
const meanings: Readonly<Record<Exclude<keyof Profile, "id">, (profile: MaybeUnknown<Profile>) => unknown>> = {
  name: ({ name }) => name,
  network: ({ network }) => network,
  passThrough: ({ passThrough }) => passThrough ?? "disabled",
  migratable: ({ migratable }) => migratable ?? false,
  failover: ({ failover }) => failover,
  portMirroring: ({ portMirroring }) => portMirroring ?? false,
  networkFilter: ({ networkFilter }) => networkFilter,
  qos: ({ qos }) => qos,
  customProperties: ({ customProperties }) =>
    isKnown(customProperties) ? JSON.stringify(Object.entries(customProperties ?? {}).sort()) : customProperties,
  description: ({ description }) => description ?? "",
};

const properties = Object.keys(meanings) as (keyof typeof meanings)[];

function changed(property: keyof typeof meanings, profile: MaybeUnknown<Profile>, stored: Profile): boolean {
  return differ(meanings[property](profile), meanings[property](stored));
}

/** A finding on the value of a property that must be one of the cluster's. */
function unlisted(
  { name }: MaybeUnknown<Profile>,
  property: "qos" | "networkFilter" | "customProperties",
  value: Eventual<string | undefined>,
  inCluster: Eventual<readonly string[]>,
): Finding | undefined {
  if (!isGiven(value) || !isKnown(inCluster) || inCluster.includes(value)) return undefined;
  return {
    property,
    message: `Profile ${quoted(name)} names ${property} ${quoted(value)}, which the cluster does not have.`,
    remedy: inCluster.length === 0 ? "Omit it: the cluster has none." : `Name one of ${listed(inCluster)}.`,
  };
}

/** The finding on those who use a profile, if any do. The engine has a message for one, and another for several. */
function whereUsed(
  users: readonly string[],
  kind: "VM" | "template",
  finding: (users: string) => Finding,
): Finding | undefined {
  if (users.length === 0) return undefined;
  const found = finding(`${counted(users.length, kind)}, ${listed(users)},`);
  return users.length === 1 ? found : { ...found, engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES" };
}
