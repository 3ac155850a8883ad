/**
 * The engine's messages, as a REST fault carries them: English texts of AppErrors.properties (VdsmErrors.properties for
 * the last two), statuses by EngineMessage.java's ErrorType and ErrorMessageHelper.java: BAD_PARAMETERS and NOT_SUPPORTED
 * are 400, CONFLICT is 409, INTERNAL_ERROR is 500, and none given is 400.
 *
 * Written from the engine's sources and apart from provider/rules, which these are the check on.
 */
interface Message {
  readonly status: 400 | 409 | 500;
  readonly text: string;
}

const vnicProfileUse = "This VM network interface profile is used by ${entities}";

export const messages = {
  // --- profiles
  ACTION_TYPE_FAILED_VNIC_PROFILE_NOT_EXISTS: bad("The specified VM network interface profile doesn't exist."),
  NETWORK_HAVING_ID_NOT_EXISTS: {
    status: 400,
    text: "Logical Network (id '${NETWORK_HAVING_ID_NOT_EXISTS_ENTITY}') doesn't exist.",
  },
  ACTION_TYPE_FAILED_NETWORK_QOS_NOT_EXISTS: { status: 400, text: "The specified Network QoS doesn't exist." },
  ACTION_TYPE_FAILED_CANNOT_ADD_VNIC_PROFILE_TO_NON_VM_NETWORK: bad(
    "VM network interface profiles cannot be added to a non-VM network. Please make sure the network is a VM network.",
  ),
  ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE: conflict(
    "The VM network interface profile's name is already used by an existing profile for the same network.\n-Please choose a different name.",
  ),
  ACTION_TYPE_FAILED_CANNOT_CHANGE_VNIC_PROFILE_NETWORK: bad(
    "VM network interface profile's network cannot be changed.",
  ),
  ACTION_TYPE_FAILED_EXTERNAL_NETWORK_CANNOT_BE_PORT_MIRRORED: bad(
    "External network cannot be used when port mirroring is set.",
  ),
  ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_KEYS: {
    status: 400,
    text: "Cannot ${action} ${type} if some of the specified custom properties are not configured by the system. The keys are: ${MissingKeys}",
  },
  ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_CONTAINS_NOT_SUPPORTED_PROPERTIES: bad(
    "'Port Mirroring,'Qos' and 'Network Filter' are not supported on passthrough profiles.",
  ),
  ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_NOT_SUPPORTS_PORT_ISOLATION: bad(
    "Networks with Port Isolation enabled are not supported on passthrough profiles.",
  ),
  ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_ID_CONFIGURATION: bad(
    "Illegal configuration. vNIC '${VAR_VNIC_PROFILE_NAME}' is configured with network filter id value '${VAR_NETWORK_FILTER_ID}' and use default network filter flag is set to true.\nEither set the flag to false or do not mentioned the network filter id.",
  ),
  ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_FILTER_ID: bad(
    "vNIC profile '${VAR_VNIC_PROFILE_NAME}' has an invalid network filter id '${VAR_NETWORK_FILTER_ID}'.",
  ),
  ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_CANNOT_POINT_TO_SELF: bad(
    "Failover vNIC profile cannot point to itself.",
  ),
  ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_IS_NOT_VALID: bad("Failover must be valid non-passthrough vNIC profile."),
  ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_NOT_SUPPORTED_WITH_EXTERNAL_NETWORK: bad(
    "Failover vNIC profile based on external network is not supported.",
  ),
  // The misspelling is the engine's.
  ACTION_TYPE_FAILED_FAILOVER_IS_SUPPORTED_ONLY_FOR_MIGRATABLE_PASSTROUGH: bad(
    "Failover vNIC profile is supported only for migratable passthrough vNIC profiles.",
  ),
  ACTION_TYPE_FAILED_UPDATE_OF_FAILOVER_PROFILE_IS_NOT_SUPPORTED: bad(
    "Profile is selected as failover for: ${ENTITIES_USING_FAILOVER}.",
  ),
  ACTION_TYPE_FAILED_VNIC_PROFILE_IN_ONE_USE: conflict(
    `${vnicProfileUse}:  \${ENTITIES_USING_VNIC_PROFILE}.\n - Please remove it from this \${entities} and try again.`,
  ),
  ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES: conflict(
    `${vnicProfileUse} (\${ENTITIES_USING_VNIC_PROFILE_COUNTER}): \${ENTITIES_USING_VNIC_PROFILE}\n - Please detach \${entities} using this profile and try again.`,
  ),

  // --- what a command's parameters must be, whatever the command
  VALIDATION_NAME_INVALID_WITH_DOT: {
    status: 400,
    text: 'Name must be formed of alphanumeric characters, numbers or "-_.".',
  },
  VALIDATION_VM_NETWORK_MAC_ADDRESS_INVALID: {
    status: 400,
    text: 'MAC address must be in format "HH:HH:HH:HH:HH:HH" where H is a hexadecimal character (either a digit or A-F, case is insignificant).',
  },
  VALIDATION_VM_NETWORK_MAC_ADDRESS_MULTICAST: { status: 400, text: "Multi-cast MAC address is not allowed." },

  // --- NICs
  NETWORK_CANNOT_ADD_INTERFACE_WHEN_VM_STATUS_NOT_UP_DOWN_LOCKED: {
    status: 409,
    text: "Cannot ${action} a Network Interface when VM is not Down, Up or Image-Locked.",
  },
  NETWORK_INTERFACE_NAME_ALREADY_IN_USE: { status: 409, text: "Network interface name is already in use" },
  NETWORK_MAC_ADDRESS_IN_USE: {
    status: 409,
    text: "MAC Address ${MacAddress} is already in use by VM or snapshot: ${VmName}.",
  },
  NETWORK_NOT_EXISTS_IN_CURRENT_CLUSTER: {
    status: 409,
    text: "The specified Logical Network doesn't exist in the current Cluster.",
  },
  ACTION_TYPE_FAILED_VM_INTERFACE_TYPE_NOT_MATCH_PROFILE: conflict(
    "The network interface type doesn't match the profile. Virtual machine interface of type 'PCI Passthrough' should have 'Passthrough' profile and vice versa.",
  ),
  ACTION_TYPE_FAILED_UNLINKING_OF_PASSTHROUGH_VNIC_IS_NOT_SUPPORTED: bad(
    "Unlinking of 'passthrough' vm network interface is not supported.",
  ),
  ACTION_TYPE_FAILED_VM_INTERFACE_WITH_FAILOVER_IS_SUPPORTED_ONLY_IN_CLUSTER_4_6_AND_ABOVE: bad(
    "VM interface with failover vNIC profile is supported only in cluster level >= 4.6.",
  ),
  CANNOT_PERFORM_HOT_UPDATE: conflict(
    "Updating some of the properties is not supported while the interface is plugged into a running virtual machine. Please un-plug the interface, update the properties, and then plug it back.",
  ),
  ACTIVATE_DEACTIVATE_NETWORK_NOT_IN_VDS: {
    status: 409,
    text: "The Network does not exist on the host the VM is running on.\n Either add the Network to the Host, migrate the VM to a Host that has this Network, or add the vNic as unplugged.",
  },
  CANNOT_PLUG_PASSTHROUGH_VNIC_NO_SUITABLE_VF: bad(
    "There is no free virtual function which is suitable for virtual nic ${vnicName}. A virtual function is considered as suitable if the VF's configuration of its physical function contains the virtual nic's network/network label.",
  ),
  ACTION_TYPE_FAILED_CANNOT_REMOVE_ACTIVE_DEVICE: conflict("The VM Network Interface is plugged to a running VM."),

  // --- VMs
  ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL: {
    status: 409,
    text: "Cannot ${action} ${type} because the VM is in ${vmStatus} status.",
  },
  ACTION_TYPE_FAILED_VM_NOT_FOUND: bad("VM is not found."),
  VM_CANNOT_CANCEL_MIGRATION_WHEN_VM_IS_NOT_MIGRATING: {
    status: 409,
    text: "Cannot cancel migration for non migrating VM.",
  },
  VDS_CANNOT_MAINTENANCE_VDS_IS_IN_MAINTENANCE: {
    status: 409,
    text: "Cannot switch Host to Maintenance mode. Host is already in Maintenance mode.",
  },
  CANNOT_MAINTENANCE_VDS_RUN_VMS_NO_OTHER_RUNNING_VDS: {
    status: 409,
    text: "The following Hosts have running VMs and cannot be switched to maintenance mode: ${HostsList}.\nPlease ensure that the following Clusters have at least one Host in UP state: ${ClustersList}.",
  },
  VDS_INVALID_SERVER_ID: bad("Invalid Host Id."),
  ACTION_TYPE_FAILED_VDS_STATUS_ILLEGAL: conflict("Operation can be performed only when Host status is ${hostStatus}."),
  ACTION_TYPE_FAILED_VM_IS_BEING_MIGRATED: conflict("VM ${VmName} is being migrated."),
  ACTION_TYPE_FAILED_MIGRATION_IN_PROGRESS: {
    status: 409,
    text: "Cannot ${action} ${type}. VM migration is in progress",
  },
  ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING: conflict("VM is not running."),
  ACTION_TYPE_FAILED_MIGRATION_OF_NON_MIGRATABLE_PASSTHROUGH_VNICS_IS_NOT_SUPPORTED: bad(
    "Migration is not supported for VMs containing 'non migratable' 'passthrough' VM Network Interfaces (VM: ${vmName}, problematic interfaces: ${interfaces}). You can mark VM Network Interfaces as migratable or unplug it to be able to migrate.",
  ),
  ACTION_TYPE_FAILED_MIGRATE_BETWEEN_TWO_CLUSTERS: conflict(
    "If target Cluster is not specified VM can be migrated only between Hosts in the same Cluster.\n-Please select target Host in the same Cluster to run the VM or specify a target Cluster.",
  ),
  SCHEDULING_NO_HOSTS: {
    status: 400,
    text: "There are no hosts to use. Check that the cluster contains at least one host in Up state.",
  },
  SCHEDULING_ALL_HOSTS_FILTERED_OUT: conflict(
    "There is no host that satisfies current scheduling constraints. See below for details:",
  ),
  SCHEDULING_HOST_FILTERED_REASON_WITH_DETAIL: {
    status: 400,
    text: "The host ${hostName} did not satisfy ${filterType} filter ${filterName} because ${detailMessage}.",
  },
  CAN_DO_ACTION_GENERAL_FAILURE: { status: 500, text: "General command validation failure." },

  // --- what the host refused
  ACTIVATE_NIC_FAILED: { status: 400, text: "Failed to activate VM Network Interface." },
  DEACTIVATE_NIC_FAILED: { status: 400, text: "Failed to deactivate VM Network Interface." },
} as const satisfies Readonly<Record<string, Message>>;

export type MessageId = keyof typeof messages;

export type Variables = Readonly<Record<string, string | number>>;

/** The message with its variables filled in; an unknown one stays as it is written, as in the engine. */
export function worded(id: MessageId, variables: Variables): string {
  return messages[id].text.replaceAll(/\$\{(\w+)\}/g, (reference, name: string) =>
    String(variables[name] ?? reference),
  );
}

/**
 * Names as the engine prints them: after a TAB each, `,` and a line end between, five at most, then `\t...`
 * (ReplacementUtils.java).
 */
export function printed(names: readonly string[]): string {
  const lines = names.slice(0, 5).map((name) => `\t${name}`);
  return [...lines, ...(names.length > 5 ? ["\t..."] : [])].join(",\n");
}

function bad(text: string): { readonly status: 400; readonly text: string } {
  return { status: 400, text: `Cannot \${action} \${type}. ${text}` };
}

function conflict(text: string): { readonly status: 409; readonly text: string } {
  return { status: 409, text: `Cannot \${action} \${type}. ${text}` };
}
