/** The flags and the list of disks with which libvirt is asked for a migration: the rehearsal's are those of the real one. */
import { Migrate } from "./constants.js";
import { typed, type TypedParameter } from "./rpc/datatypes.js";

export interface MigrationManner {
  /** Whether the domain is persistent: its definition then moves too. */
  readonly persistent: boolean;
  /** Slows the guest down where it writes faster than the network carries. Default: false. */
  readonly autoConverge?: boolean | undefined;
  /** Whether the stream is encrypted. Default: false. */
  readonly tls?: boolean | undefined;
  /** Targets of the disks whose contents libvirt copies to the destination: `vda`. Default: none. */
  readonly copiedDisks?: readonly string[] | undefined;
}

/** Of both hosts, and of each phase; what only one of them is told is not among them. */
export function migrationFlags({
  persistent,
  autoConverge = false,
  tls = false,
  copiedDisks = [],
}: MigrationManner): number {
  return (
    Migrate.LIVE |
    (persistent ? Migrate.PERSIST_DEST | Migrate.UNDEFINE_SOURCE : 0) |
    (autoConverge ? Migrate.AUTO_CONVERGE : 0) |
    (tls ? Migrate.TLS : 0) |
    (copiedDisks.length > 0 ? Migrate.NON_SHARED_DISK : 0)
  );
}

/** What the destination is told of them: it is the source that slows the guest down. */
export function flagsAtDestination(manner: MigrationManner): number {
  return migrationFlags({ ...manner, autoConverge: false });
}

/**
 * VIR_MIGRATE_PARAM_MIGRATE_DISKS, once for each disk. Without it libvirt would copy every disk that is not `<shareable/>`, also a
 * file that both hosts have, onto itself (src/qemu/qemu_migration.c, qemuMigrationAnyCopyDisk).
 */
export function copiedDisksParameters({ copiedDisks = [] }: Pick<MigrationManner, "copiedDisks">): TypedParameter[] {
  return copiedDisks.map((disk) => ({ field: "migrate_disks", value: typed.string(disk) }));
}
