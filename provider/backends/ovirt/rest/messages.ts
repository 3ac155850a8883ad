/** Which of the engine's messages a text is. A fault over REST has no id, only the message filled in. */
import { rules } from "../../../rules/index.js";

/** Messages that no rule of ours stands for: English texts of ovirt-engine's AppErrors and VdsmErrors properties. */
const further: Readonly<Record<string, string>> = {
  CANNOT_PERFORM_HOT_UPDATE:
    "Cannot ${action} ${type}. Updating some of the properties is not supported while the interface is plugged into a running virtual machine. Please un-plug the interface, update the properties, and then plug it back.",
  ACTION_TYPE_FAILED_VM_INTERFACE_TYPE_NOT_MATCH_PROFILE:
    "Cannot ${action} ${type}. The network interface type doesn't match the profile. Virtual machine interface of type 'PCI Passthrough' should have 'Passthrough' profile and vice versa.",
  ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES:
    "This VM network interface profile is used by ${entities} (${ENTITIES_USING_VNIC_PROFILE_COUNTER}): ${ENTITIES_USING_VNIC_PROFILE}",
  ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_ID_CONFIGURATION:
    "Illegal configuration. vNIC '${VAR_VNIC_PROFILE_NAME}' is configured with network filter id value",
  NETWORK_CANNOT_ADD_INTERFACE_WHEN_VM_STATUS_NOT_UP_DOWN_LOCKED:
    "Cannot ${action} a Network Interface when VM is not Down, Up or Image-Locked.",
  NETWORK_INTERFACE_NAME_ALREADY_IN_USE: "Network interface name is already in use",
  NETWORK_MAC_ADDRESS_IN_USE: "MAC Address ${MacAddress} is already in use by VM or snapshot: ${VmName}.",
  ACTION_TYPE_FAILED_CANNOT_REMOVE_ACTIVE_DEVICE: "The VM Network Interface is plugged to a running VM.",
  ACTION_TYPE_FAILED_VM_STATUS_ILLEGAL: "Cannot ${action} ${type} because the VM is in ${vmStatus} status.",
  ACTION_TYPE_FAILED_VM_IS_BEING_MIGRATED: "Cannot ${action} ${type}. VM ${VmName} is being migrated.",
  ACTION_TYPE_FAILED_MIGRATION_IN_PROGRESS: "Cannot ${action} ${type}. VM migration is in progress",
  ACTION_TYPE_FAILED_VM_IS_NOT_RUNNING: "Cannot ${action} ${type}. VM is not running.",
  ACTION_TYPE_FAILED_MIGRATE_BETWEEN_TWO_CLUSTERS:
    "If target Cluster is not specified VM can be migrated only between Hosts in the same Cluster.",
  ACTION_TYPE_FAILED_VDS_STATUS_ILLEGAL: "Operation can be performed only when Host status is ${hostStatus}.",
  ACTION_TYPE_FAILED_OBJECT_LOCKED: "Related operation is currently in progress. Please try again later.",
  ACTION_TYPE_FAILED_VM_NOT_FOUND: "Cannot ${action} ${type}. VM is not found.",
  VM_CANNOT_CANCEL_MIGRATION_WHEN_VM_IS_NOT_MIGRATING: "Cannot cancel migration for non migrating VM.",
  VALIDATION_NAME_INVALID_WITH_DOT: 'Name must be formed of alphanumeric characters, numbers or "-_.".',
  VALIDATION_VM_NETWORK_MAC_ADDRESS_INVALID: 'MAC address must be in format "HH:HH:HH:HH:HH:HH"',
  VALIDATION_VM_NETWORK_MAC_ADDRESS_MULTICAST: "Multi-cast MAC address is not allowed.",
  SCHEDULING_NO_HOSTS: "There are no hosts to use. Check that the cluster contains at least one host in Up state.",
  VDS_CANNOT_MAINTENANCE_VDS_IS_IN_MAINTENANCE:
    "Cannot switch Host to Maintenance mode. Host is already in Maintenance mode.",
  CANNOT_MAINTENANCE_VDS_RUN_VMS_NO_OTHER_RUNNING_VDS:
    "The following Hosts have running VMs and cannot be switched to maintenance mode: ${HostsList}.",
  VDS_INVALID_SERVER_ID: "Cannot ${action} ${type}. Invalid Host Id.",
  VAR__DETAIL__SAME_HOST: "it currently hosts the VM",
  ACTIVATE_NIC_FAILED: "Failed to activate VM Network Interface.",
  DEACTIVATE_NIC_FAILED: "Failed to deactivate VM Network Interface.",
  CAN_DO_ACTION_GENERAL_FAILURE: "General command validation failure.",
  // The last one: it heads the reasons of hosts, which say more.
  SCHEDULING_ALL_HOSTS_FILTERED_OUT: "There is no host that satisfies current scheduling constraints.",
};

const known = [
  ...rules.flatMap(({ engineId, engineText }) =>
    engineId === undefined || engineText === undefined ? [] : [[engineId, engineText] as const],
  ),
  ...Object.entries(further),
].map(([id, text]) => ({ id, literals: literalsOf(text) }));

/** Characters; a message is shorter, and what a server sends must not cost time. */
const longest = 10_000;

/** The id of the engine's message that is in the text, the most telling one first; undefined: none that is known. */
export function messageIdOf(text: string): string | undefined {
  const plain = withoutBlanks(text.slice(0, longest));
  return known.find(({ literals }) => standInOrder(literals, plain))?.id;
}

/** What stands between the variables of a message's template. */
function literalsOf(template: string): readonly string[] {
  return withoutBlanks(template).split(/\$\{\w+\}/);
}

/** Whether the text has all of them, one after the other. The first place of each will do, so the time is linear. */
function standInOrder(literals: readonly string[], text: string): boolean {
  let from = 0;
  for (const literal of literals) {
    const at = text.indexOf(literal, from);
    if (at < 0) return false;
    from = at + literal.length;
  }
  return true;
}

/** The engine puts tabs and line ends into lists of names, and a name may be empty. */
function withoutBlanks(text: string): string {
  return text.replaceAll(/\s+/g, "");
}
