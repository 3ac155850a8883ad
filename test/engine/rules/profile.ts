/**
 * AddVnicProfileCommand, UpdateVnicProfileCommand and RemoveVnicProfileCommand: `validate()`, in their order. The methods
 * are VnicProfileValidator's.
 */
import { printed } from "../messages.js";
import type { Model, NamedThing, Network, Profile } from "../model.js";
import { rule, type EngineRule, type Refusal } from "./rule.js";

export interface ProfileFacts {
  readonly model: Model;
  /** As it is to be: for an update, what was sent merged into what is stored. */
  readonly profile: Profile;
  /** As it is stored. Undefined: the profile is new, or does not exist. */
  readonly stored?: Profile | undefined;
  /** `useDefaultNetworkFilterId`: the request said nothing of a filter. */
  readonly defaultFilter?: boolean;
}

type ProfileRule = EngineRule<ProfileFacts>;

const vnicProfileExists: ProfileRule = rule(
  "vnicProfileExists",
  "ACTION_TYPE_FAILED_VNIC_PROFILE_NOT_EXISTS",
  ({ stored }) => stored === undefined,
);

const networkExists: ProfileRule = {
  name: "networkExists",
  refuse: (facts) =>
    networkOf(facts) === undefined
      ? {
          id: "NETWORK_HAVING_ID_NOT_EXISTS",
          variables: { NETWORK_HAVING_ID_NOT_EXISTS_ENTITY: facts.profile.network },
        }
      : undefined,
};

const networkQosExistsOrNull: ProfileRule = rule(
  "networkQosExistsOrNull",
  "ACTION_TYPE_FAILED_NETWORK_QOS_NOT_EXISTS",
  ({ model, profile }) => profile.qos !== undefined && !model.qos.has(profile.qos),
);

const vnicProfileForVmNetworkOnly: ProfileRule = rule(
  "vnicProfileForVmNetworkOnly",
  "ACTION_TYPE_FAILED_CANNOT_ADD_VNIC_PROFILE_TO_NON_VM_NETWORK",
  (facts) => networkOf(facts)?.vmNetwork === false,
);

const vnicProfileNameNotUsed: ProfileRule = rule(
  "vnicProfileNameNotUsed",
  "ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE",
  ({ model, profile }) =>
    model.profilesOf(profile.network).some(({ id, name }) => name === profile.name && id !== profile.id),
);

const networkNotChanged: ProfileRule = rule(
  "networkNotChanged",
  "ACTION_TYPE_FAILED_CANNOT_CHANGE_VNIC_PROFILE_NETWORK",
  ({ profile, stored }) => profile.network !== stored?.network,
);

const portMirroringNotSetIfExternalNetwork: ProfileRule = rule(
  "portMirroringNotSetIfExternalNetwork",
  "ACTION_TYPE_FAILED_EXTERNAL_NETWORK_CANNOT_BE_PORT_MIRRORED",
  (facts) => facts.profile.portMirroring && networkOf(facts)?.external === true,
);

const validateCustomProperties: ProfileRule = {
  name: "validateCustomProperties",
  refuse: ({ model, profile }) => {
    const unknown = Object.keys(profile.customProperties).filter((key) => !model.customPropertyNames.has(key));
    return unknown.length > 0
      ? {
          id: "ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_KEYS",
          variables: { MissingKeys: unknown.join(",") },
        }
      : undefined;
  },
};

const passthroughProfileContainsSupportedProperties: ProfileRule = rule(
  "passthroughProfileContainsSupportedProperties",
  "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_CONTAINS_NOT_SUPPORTED_PROPERTIES",
  ({ profile }) =>
    profile.passThrough && (profile.portMirroring || profile.qos !== undefined || profile.networkFilter !== undefined),
);

const passthroughProfileNoPortIsolation: ProfileRule = rule(
  "passthroughProfileNoPortIsolation",
  "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_NOT_SUPPORTS_PORT_ISOLATION",
  (facts) => facts.profile.passThrough && networkOf(facts)?.portIsolation === true,
);

const validUseDefaultNetworkFilterFlag: ProfileRule = {
  name: "validUseDefaultNetworkFilterFlag",
  refuse: ({ profile, defaultFilter }) =>
    defaultFilter === true && profile.networkFilter !== undefined
      ? {
          id: "ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_ID_CONFIGURATION",
          variables: { VAR_VNIC_PROFILE_NAME: profile.name, VAR_NETWORK_FILTER_ID: profile.networkFilter },
        }
      : undefined,
};

const validNetworkFilterId: ProfileRule = {
  name: "validNetworkFilterId",
  refuse: ({ model, profile }) =>
    profile.networkFilter !== undefined && !model.networkFilters.has(profile.networkFilter)
      ? {
          id: "ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_FILTER_ID",
          variables: { VAR_VNIC_PROFILE_NAME: profile.name, VAR_NETWORK_FILTER_ID: profile.networkFilter },
        }
      : undefined,
};

/** Its checks on the failover profile come before the one on this profile. */
const validFailoverId: ProfileRule = {
  name: "validFailoverId",
  refuse: ({ model, profile }) => {
    if (profile.failover === undefined) return undefined;
    if (profile.failover === profile.id) {
      return { id: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_CANNOT_POINT_TO_SELF" };
    }
    const failover = model.profiles.get(profile.failover);
    if (failover === undefined || failover.passThrough) {
      return { id: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_IS_NOT_VALID" };
    }
    if (model.networks.get(failover.network)?.external === true) {
      return { id: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_NOT_SUPPORTED_WITH_EXTERNAL_NETWORK" };
    }
    return profile.passThrough && profile.migratable
      ? undefined
      : { id: "ACTION_TYPE_FAILED_FAILOVER_IS_SUPPORTED_ONLY_FOR_MIGRATABLE_PASSTROUGH" };
  },
};

const validateProfileNotUpdatedIfFailover: ProfileRule = {
  name: "validateProfileNotUpdatedIfFailover",
  refuse: ({ model, profile }) => {
    const bearers = [...model.profiles.values()].filter(({ failover }) => failover === profile.id);
    return bearers.length > 0
      ? {
          id: "ACTION_TYPE_FAILED_UPDATE_OF_FAILOVER_PROFILE_IS_NOT_SUPPORTED",
          variables: { ENTITIES_USING_FAILOVER: printed(bearers.map(({ name }) => name)) },
        }
      : undefined;
  },
};

const vnicProfileNotUsedByVms: ProfileRule = {
  name: "vnicProfileNotUsedByVms",
  refuse: ({ model, profile }) => usedBy(model.vmsUsing(profile.id), "virtual machine"),
};

const vnicProfileNotUsedByTemplates: ProfileRule = {
  name: "vnicProfileNotUsedByTemplates",
  refuse: ({ model, profile }) => usedBy(model.templatesUsing(profile.id), "template"),
};

/** The three rules `…NotChangedIfUsedByVms`. */
function notChangedIfUsedByVms(property: "portMirroring" | "passThrough" | "failover", name: string): ProfileRule {
  return {
    name: `${name}NotChangedIfUsedByVms`,
    refuse: (facts) =>
      facts.profile[property] === facts.stored?.[property] ? undefined : vnicProfileNotUsedByVms.refuse(facts),
  };
}

export const addProfileRules: readonly ProfileRule[] = [
  networkExists,
  networkQosExistsOrNull,
  vnicProfileForVmNetworkOnly,
  vnicProfileNameNotUsed,
  portMirroringNotSetIfExternalNetwork,
  validateCustomProperties,
  passthroughProfileContainsSupportedProperties,
  passthroughProfileNoPortIsolation,
  validUseDefaultNetworkFilterFlag,
  validNetworkFilterId,
  validFailoverId,
];

export const updateProfileRules: readonly ProfileRule[] = [
  vnicProfileExists,
  vnicProfileNameNotUsed,
  networkNotChanged,
  networkQosExistsOrNull,
  notChangedIfUsedByVms("portMirroring", "portMirroring"),
  portMirroringNotSetIfExternalNetwork,
  validateCustomProperties,
  notChangedIfUsedByVms("passThrough", "passthrough"),
  passthroughProfileContainsSupportedProperties,
  passthroughProfileNoPortIsolation,
  validNetworkFilterId,
  validFailoverId,
  validateProfileNotUpdatedIfFailover,
  notChangedIfUsedByVms("failover", "failover"),
];

export const removeProfileRules: readonly ProfileRule[] = [
  vnicProfileExists,
  vnicProfileNotUsedByVms,
  vnicProfileNotUsedByTemplates,
];

function networkOf({ model, profile }: ProfileFacts): Network | undefined {
  return model.networks.get(profile.network);
}

function usedBy(users: readonly NamedThing[], kind: string): Refusal | undefined {
  if (users.length === 0) return undefined;
  const one = users.length === 1;
  return {
    id: one ? "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_ONE_USE" : "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES",
    variables: {
      entities: one ? kind : `${kind}s`,
      ENTITIES_USING_VNIC_PROFILE: printed(users.map(({ name }) => name)),
      ENTITIES_USING_VNIC_PROFILE_COUNTER: users.length,
    },
  };
}
