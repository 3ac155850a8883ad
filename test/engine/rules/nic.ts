/** The commands on a VM's NICs: `validate()` in their order. The methods are VmNicValidator's where they have one. */
import type { Model, Nic, Profile, Vm, VmStatus } from "../model.js";
import { suitableVf } from "../virtual-functions.js";
import { rule, type EngineRule, type Refusal } from "./rule.js";

export interface NicFacts {
  readonly model: Model;
  readonly vm: Vm;
  /** As it is to be. */
  readonly nic: Nic;
  /** As it is stored; undefined: it is new. */
  readonly stored?: Nic | undefined;
  /** The request names a MAC: without one the pool gives one that is free. */
  readonly macGiven?: boolean;
}

type NicRule = EngineRule<NicFacts>;

const vmStatusLegal: NicRule = rule(
  "vmStatusLegal",
  "NETWORK_CANNOT_ADD_INTERFACE_WHEN_VM_STATUS_NOT_UP_DOWN_LOCKED",
  ({ vm }) => !["up", "down", "image_locked"].includes(vm.status),
);

const uniqueInterfaceName: NicRule = rule(
  "uniqueInterfaceName",
  "NETWORK_INTERFACE_NAME_ALREADY_IN_USE",
  ({ vm, nic }) => vm.nics.some(({ id, name }) => id !== nic.id && name === nic.name),
);

const profileValid: NicRule = {
  name: "profileValid",
  refuse: ({ model, vm, nic }) => {
    if (nic.profile === undefined) return undefined;
    const profile = model.profiles.get(nic.profile);
    if (profile === undefined) return { id: "ACTION_TYPE_FAILED_VNIC_PROFILE_NOT_EXISTS" };
    return model.clusters.get(vm.cluster)?.networks.has(profile.network) === true
      ? undefined
      : { id: "NETWORK_NOT_EXISTS_IN_CURRENT_CLUSTER" };
  },
};

const typeMatchesProfile: NicRule = rule(
  "typeMatchesProfile",
  "ACTION_TYPE_FAILED_VM_INTERFACE_TYPE_NOT_MATCH_PROFILE",
  ({ model, nic }) => (model.profileOf(nic)?.passThrough ?? false) !== isPassthrough(nic),
);

const passthroughIsLinked: NicRule = rule(
  "passthroughIsLinked",
  "ACTION_TYPE_FAILED_UNLINKING_OF_PASSTHROUGH_VNIC_IS_NOT_SUPPORTED",
  ({ nic }) => isPassthrough(nic) && !nic.linked,
);

const isFailoverInSupportedClusterVersion: NicRule = rule(
  "isFailoverInSupportedClusterVersion",
  "ACTION_TYPE_FAILED_VM_INTERFACE_WITH_FAILOVER_IS_SUPPORTED_ONLY_IN_CLUSTER_4_6_AND_ABOVE",
  ({ model, vm, nic }) => {
    const version = model.clusters.get(vm.cluster)?.version ?? { major: 0, minor: 0 };
    const old = version.major < 4 || (version.major === 4 && version.minor < 6);
    return old && model.profileOf(nic)?.failover !== undefined;
  },
);

const unplugPlugNotRequired: NicRule = rule(
  "unplugPlugNotRequired",
  "CANNOT_PERFORM_HOT_UPDATE",
  ({ vm, nic, stored }) =>
    vm.status === "up" &&
    stored?.plugged === true &&
    nic.plugged &&
    (stored.interface !== nic.interface || isPassthrough(stored) || stored.mac !== nic.mac),
);

const macAvailable: NicRule = {
  name: "macAvailable",
  refuse: ({ model, nic, stored, macGiven }) =>
    macGiven !== false && stored?.mac !== nic.mac ? macInUse(model, nic) : undefined,
};

export const addNicRules: readonly NicRule[] = [
  vmStatusLegal,
  uniqueInterfaceName,
  profileValid,
  typeMatchesProfile,
  passthroughIsLinked,
  isFailoverInSupportedClusterVersion,
  macAvailable,
];

export const updateNicRules: readonly NicRule[] = [
  vmStatusLegal,
  uniqueInterfaceName,
  unplugPlugNotRequired,
  profileValid,
  typeMatchesProfile,
  passthroughIsLinked,
  isFailoverInSupportedClusterVersion,
  {
    name: "networkExistsOnHost",
    refuse: (facts) => (isLiveUpdate(facts) ? networkOnHost(facts) : undefined),
  },
  macAvailable,
];

export const removeNicRules: readonly NicRule[] = [
  rule(
    "vmStatus, isPlugged",
    "ACTION_TYPE_FAILED_CANNOT_REMOVE_ACTIVE_DEVICE",
    ({ vm, nic }) => vm.status !== "down" && vm.status !== "image_locked" && nic.plugged,
  ),
];

/** ActivateDeactivateVmNicCommand. */
const allowedVmStates: NicRule = {
  name: "ALLOWED_VM_STATES",
  refuse: ({ vm }) =>
    ["up", "down", "powering_up", "powering_down", "image_locked"].includes(vm.status)
      ? undefined
      : { id: "ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL", variables: { vmStatus: printedStatus(vm.status) } },
};

/** Of a passthrough NIC neither its own network nor its failover's is looked for on the host. */
const networkAttachedToVds: NicRule = {
  name: "networkAttachedToVds",
  refuse: (facts) => (isHot(facts) && !isPassthrough(facts.nic) ? networkOnHost(facts) : undefined),
};

const findFreeVf: NicRule = {
  name: "findFreeVf",
  refuse: ({ model, vm, nic }) => {
    const host = vm.host === undefined ? undefined : model.hosts.get(vm.host);
    const network = model.networks.get(model.profileOf(nic)?.network ?? "");
    if (vm.status !== "up" || !isPassthrough(nic) || host === undefined || network === undefined) return undefined;
    return suitableVf(host, network) === undefined
      ? { id: "CANNOT_PLUG_PASSTHROUGH_VNIC_NO_SUITABLE_VF", variables: { vnicName: nic.name } }
      : undefined;
  },
};

const macFree: NicRule = {
  name: "macAvailable",
  refuse: ({ model, nic }) => macInUse(model, nic),
};

export const plugNicRules: readonly NicRule[] = [allowedVmStates, networkAttachedToVds, findFreeVf, macFree];

export const unplugNicRules: readonly NicRule[] = [allowedVmStates, networkAttachedToVds];

export function isPassthrough(nic: Nic): boolean {
  return nic.interface === "pci_passthrough";
}

function isHot({ vm }: NicFacts): boolean {
  return vm.status === "up";
}

/** RequiredAction.UPDATE_VM_DEVICE. */
function isLiveUpdate({ vm, nic, stored }: NicFacts): boolean {
  return (
    vm.status === "up" &&
    stored?.plugged === true &&
    nic.plugged &&
    (stored.profile !== nic.profile || stored.linked !== nic.linked)
  );
}

function networkOnHost({ model, vm, nic }: NicFacts): Refusal | undefined {
  const host = vm.host === undefined ? undefined : model.hosts.get(vm.host);
  const profile: Profile | undefined = model.profileOf(nic);
  const network = profile === undefined ? undefined : model.networks.get(profile.network);
  if (host === undefined || network === undefined || network.external) return undefined;
  return model.hostHasNetwork(host, network.id) ? undefined : { id: "ACTIVATE_DEACTIVATE_NETWORK_NOT_IN_VDS" };
}

/** The pool knows the MACs of NICs. That a standby may still use one of a NIC that was removed, it does not. */
function macInUse(model: Model, nic: Nic): Refusal | undefined {
  const user = [...model.vms.values()].find(({ nics }) =>
    nics.some(({ id, mac }) => id !== nic.id && mac.toLowerCase() === nic.mac.toLowerCase()),
  );
  return user === undefined
    ? undefined
    : { id: "NETWORK_MAC_ADDRESS_IN_USE", variables: { MacAddress: nic.mac, VmName: user.name } };
}

/** VMStatus, as messages print it. */
const statusNames: Readonly<Record<VmStatus, string>> = {
  up: "Up",
  down: "Down",
  migrating: "MigratingFrom",
  paused: "Paused",
  suspended: "Suspended",
  powering_up: "PoweringUp",
  powering_down: "PoweringDown",
  reboot_in_progress: "RebootInProgress",
  image_locked: "ImageLocked",
};

export function printedStatus(status: VmStatus): string {
  return statusNames[status];
}
