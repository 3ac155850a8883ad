/** libvirt's public constants that this package passes or reads (include/libvirt/libvirt-domain.h, libvirt-nodedev.h). */

export const DomainState = {
  NOSTATE: 0,
  RUNNING: 1,
  BLOCKED: 2,
  PAUSED: 3,
  SHUTDOWN: 4,
  SHUTOFF: 5,
  CRASHED: 6,
  PMSUSPENDED: 7,
} as const;

/** virDomainPausedReason, as far as a move meets it. */
export const PausedReason = {
  USER: 1,
  MIGRATION: 2,
  STARTING_UP: 11,
  POSTCOPY: 12,
  POSTCOPY_FAILED: 13,
  API_ERROR: 14,
} as const;

/** virDomainModificationImpact. */
export const Affect = { CURRENT: 0, LIVE: 1 << 0, CONFIG: 1 << 1 } as const;

/** virDomainXMLFlags. */
export const DomainXml = { SECURE: 1 << 0, INACTIVE: 1 << 1, MIGRATABLE: 1 << 3 } as const;

/** virDomainMigrateFlags. */
export const Migrate = {
  LIVE: 1 << 0,
  PERSIST_DEST: 1 << 3,
  UNDEFINE_SOURCE: 1 << 4,
  NON_SHARED_DISK: 1 << 6,
  CHANGE_PROTECTION: 1 << 8,
  AUTO_CONVERGE: 1 << 13,
  POSTCOPY: 1 << 15,
  TLS: 1 << 16,
  POSTCOPY_RESUME: 1 << 19,
} as const;

/** virDomainUndefineFlagsValues. */
export const Undefine = {
  MANAGED_SAVE: 1 << 0,
  SNAPSHOTS_METADATA: 1 << 1,
  KEEP_NVRAM: 1 << 3,
  CHECKPOINTS_METADATA: 1 << 4,
  KEEP_TPM: 1 << 6,
} as const;

/** virDomainMetadataType. */
export const Metadata = { ELEMENT: 2 } as const;

/** virDomainJobType. */
export const JobType = { NONE: 0, BOUNDED: 1, UNBOUNDED: 2, COMPLETED: 3, FAILED: 4, CANCELLED: 5 } as const;

/** virDomainGetJobStatsFlags. */
export const JobStats = { COMPLETED: 1 << 0, KEEP_COMPLETED: 1 << 1 } as const;

/** virDomainJobOperation (include/libvirt/libvirt-domain.h): 6 is a snapshot. */
export const JobOperation = { MIGRATION_IN: 4, MIGRATION_OUT: 5 } as const;

/** virConnectListAllNodeDeviceFlags. */
export const ListNodeDevices = { NET: 1 << 4, VDPA: 1 << 17 } as const;

/** virCPUCompareResult. */
export const CpuCompare = { INCOMPATIBLE: 0, IDENTICAL: 1, SUPERSET: 2 } as const;
