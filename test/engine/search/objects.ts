/**
 * What the engine's search knows of each kind of object: its fields with their types, and the objects that a search may
 * refer to (searchbackend: the ConditionFieldAutoCompleters and CrossRefAutoCompleters).
 */

/** `text` is matched with wildcards; the values of a list are the only ones that a condition may name. */
export type FieldType = "text" | "number" | "boolean" | "date" | "id" | readonly string[];

export interface SearchObject {
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly references: readonly string[];
}

const architecture = ["UNDEFINED", "X86_64", "PPC64", "S390X"];

export const searchObjects = {
  vm: {
    fields: {
      ...all("text", "NAME COMMENT ON_HOST IP FQDN OS ADDRESS APPS CLUSTER POOL LOGGEDINUSER TAG DATACENTER QUOTA"),
      ...all("text", "DESCRIPTION CUSTOM_EMULATED_MACHINE CUSTOM_CPU_TYPE COMPATIBILITY_LEVEL K8S_NAMESPACE"),
      ...all("number", "CPU_USAGE MEM_USAGE NETWORK_USAGE MIGRATION_PROGRESS_PERCENT MEMORY GUARANTEED_MEMORY VCPUS"),
      ...all("date", "CREATIONDATE UPTIME"),
      ...all("id", "ID CREATED_BY_USER_ID"),
      ...all("boolean", "NEXT_RUN_CONFIG_EXISTS HAS_ILLEGAL_IMAGES"),
      ...all("text", "CUSTOM_COMPATIBILITY_LEVEL BIOS_TYPE"),
      TYPE: ["DESKTOP", "SERVER", "HIGHPERFORMANCE"],
      ARCHITECTURE: architecture,
      STATUS: [
        ..."UP POWERINGUP DOWN PAUSED POWEREDDOWN MIGRATING POWERINGDOWN REBOOTINPROGRESS SUSPENDED".split(" "),
        ..."SAVINGSTATE RESTORINGSTATE NOTRESPONDING UNKNOWN IMAGELOCKED IMAGEILLEGAL WAITFORLAUNCH UNASSIGNED".split(
          " ",
        ),
      ],
    },
    references: ["HOST", "TEMPLATE", "EVENT", "USER", "STORAGE", "DISK", "VNIC"],
  },
  host: {
    fields: {
      ...all("text", "NAME ADDRESS CLUSTER DATACENTER COMMENT VERSION CPU_MODEL TAG ARCHITECTURE HW_ID"),
      ...all("number", "ACTIVE_VMS MEM_USAGE CPU_USAGE NETWORK_USAGE LOAD CPUS MEMORY CPU_SPEED MIGRATING_VMS"),
      ...all("number", "COMMITTED_MEM HA_SCORE SPM_ID"),
      UPDATE_AVAILABLE: "boolean",
      EXTERNAL_STATUS: ["OK", "INFO", "WARNING", "ERROR", "FAILURE"],
      TYPE: ["RHEL", "OVIRT-NODE", "OVIRT_NODE", "RHEV-H"],
      STATUS: [
        ..."UNASSIGNED DOWN MAINTENANCE UP ERROR INSTALLING REBOOT PREPARINGFORMAINTENANCE PENDINGAPPROVAL".split(" "),
        ..."INITIALIZING CONNECTING INSTALLFAILED NONOPERATIONAL NONRESPONSIVE INSTALLINGOS KDUMPING".split(" "),
      ],
    },
    references: ["VM", "TEMPLATE", "EVENT", "USER", "STORAGE", "HOST_NETWORK"],
  },
  network: {
    fields: {
      ...all("text", "NAME DESCRIPTION COMMENT DATACENTER LABEL PROVIDER_NAME QOS_NAME"),
      ...all("number", "VLANID MTU"),
      ...all("boolean", "STP VMNETWORK"),
    },
    references: ["CLUSTER_NETWORK", "HOST_NETWORK"],
  },
  cluster: {
    fields: {
      ...all("text", "NAME DESCRIPTION COMMENT CPU_TYPE"),
      COMPATIBILITY_LEVEL: "number",
      ARCHITECTURE: architecture,
    },
    references: ["EVENT", "STORAGE", "VOLUME", "CLUSTER_NETWORK"],
  },
  dataCenter: {
    fields: {
      ...all("text", "NAME DESCRIPTION COMMENT COMPATIBILITY_VERSION"),
      LOCAL: "boolean",
      STATUS: ["UNINITIALIZED", "UP", "MAINTENANCE", "NOTOPERATIONAL", "NONRESPONSIVE", "CONTEND"],
    },
    references: ["EVENT", "STORAGE", "CLUSTER"],
  },
  event: {
    fields: {
      ...all("number", "TYPE CUSTOM_EVENT_ID"),
      ...all("text", "MESSAGE USRNAME EVENT_HOST EVENT_VM EVENT_TEMPLATE EVENT_STORAGE EVENT_DATACENTER"),
      ...all("text", "CORRELATION_ID ORIGIN EVENT_VOLUME"),
      ...all("id", "USRID _EVENT_HOST_ID _EVENT_VM_ID _EVENT_TEMPLATE_ID _EVENT_STORAGE_ID _EVENT_DATACENTER_ID"),
      ...all("id", "_EVENT_QUOTA_ID _EVENT_VOLUME_ID"),
      TIME: "date",
      DELETED: "boolean",
      SEVERITY: ["NORMAL", "WARNING", "ERROR", "ALERT"],
    },
    references: ["VM", "TEMPLATE", "USER", "HOST", "STORAGE", "CLUSTER", "VOLUME"],
  },
} as const satisfies Readonly<Record<string, SearchObject>>;

/** All that a search may begin with: an unfinished word may still become one. */
export const objectNames: readonly string[] = [
  ..."HOST HOSTS VM VMS EVENT EVENTS TEMPLATE TEMPLATES USER USERS GROUP GROUPS POOL POOLS CLUSTER".split(" "),
  ..."CLUSTERS DATACENTER STORAGE STORAGES DISK DISKS VOLUME VOLUMES QUOTA QUOTAS NETWORK NETWORKS PROVIDER".split(" "),
  ..."PROVIDERS INSTANCETYPE INSTANCETYPES IMAGETYPE IMAGETYPES SESSION SESSIONS JOB JOBS VNICPROFILE".split(" "),
  "VNICPROFILES",
];

/** The object that a reference is to; undefined: one that is not modelled. */
export function referred(name: string): SearchObject | undefined {
  const byName: Readonly<Record<string, SearchObject>> = {
    HOST: searchObjects.host,
    VM: searchObjects.vm,
    EVENT: searchObjects.event,
    CLUSTER: searchObjects.cluster,
  };
  return byName[name];
}

function all<Type extends FieldType>(type: Type, names: string): Readonly<Record<string, Type>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, type]));
}
