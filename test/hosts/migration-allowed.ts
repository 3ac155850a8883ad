/**
 * What libvirt looks at in the Begin of a migration (src/qemu/qemu_migration.c): `qemuMigrationSrcIsAllowed`, with QEMU's own blockers
 * (query-migrate, blocked-reasons), and `qemuMigrationSrcIsSafe`. Checked against 11.3.0.
 */
import { Migrate } from "../../provider/backends/libvirt/constants.js";
import { attribute, child, children, find, type Element } from "../../provider/xml/element.js";
import { hostPciAddress } from "../../provider/backends/libvirt/xml/interface.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { devicesOf } from "./definition.js";
import type { DomainModel } from "./domains.js";
import { refusals } from "./refusals.js";

export interface BegunMigration {
  readonly flags: number;
  /** VIR_MIGRATE_PARAM_MIGRATE_DISKS. Empty: not given. */
  readonly disks: readonly string[];
  /** Folders of the source that are on a file system which libvirt takes for shared (virFileIsSharedFS). */
  readonly sharedFolders: readonly string[];
}

/** @throws Refusal, the first that libvirt would come to. */
export function refuseMigration(domain: DomainModel & { live: Element }, migration: BegunMigration): void {
  refuseNotAllowed(domain);
  refuseUnsafe(domain.live, migration);
}

/** qemuMigrationSrcIsAllowed: snapshots, QEMU's blockers, and then what libvirt itself knows not to work. */
function refuseNotAllowed({ live, kept, blockJob, blockers }: DomainModel & { live: Element }): void {
  if (kept.snapshots > 0) throw refusals.migrateSnapshots(kept.snapshots);
  const reasons = [...blockers, ...devicesOf(live).flatMap(qemuBlockerOf)];
  if (reasons.length > 0) throw refusals.migrateBlocked(reasons);
  if (blockJob) throw refusals.migrateBlockJob();
  const cpu = child(live, "cpu");
  const invtsc = children(cpu, "feature").some(
    (each) => attribute(each, "name") === "invtsc" && attribute(each, "policy") === "require",
  );
  const timers = children(child(live, "clock"), "timer");
  if (invtsc && !timers.some((each) => attribute(each, "name") === "tsc" && Number(attribute(each, "frequency")) > 0))
    throw refusals.migrateInvariantTsc();
  for (const device of devicesOf(live)) {
    if (device.name === "shmem" && attribute(device, "role") !== "master")
      throw refusals.migrateShmem(attribute(device, "name") ?? "");
    if (device.name === "filesystem" && attribute(child(device, "driver"), "type") === "virtiofs")
      throw refusals.migrateVirtiofs();
    if (device.name === "disk" && child(device, "transient") !== undefined) throw refusals.migrateTransientDisk();
  }
}

/**
 * QEMU's hw/vfio/pci.c and hw/vfio/migration.c: a VFIO device blocks a migration unless its driver can migrate it, or it is the
 * primary of a failover pair.
 */
function qemuBlockerOf(device: Element): string[] {
  if (child(device, "teaming") !== undefined) return [];
  const address = hostPciAddress(device);
  if (address !== undefined) return [`${formatPciAddress(address)}: VFIO migration is not supported in kernel`];
  const mdev = attribute(device, "type") === "mdev" ? attribute(find(device, "source", "address"), "uuid") : undefined;
  return mdev === undefined ? [] : [`${mdev}: VFIO migration is not supported in kernel`];
}

function refuseUnsafe(live: Element, { flags, disks, sharedFolders }: BegunMigration): void {
  const storage = (flags & Migrate.NON_SHARED_DISK) !== 0;
  const all = devicesOf(live).filter(({ name }) => name === "disk");
  for (const disk of all) {
    const source = child(disk, "source");
    if (source === undefined || child(disk, "readonly") !== undefined) continue;
    const target = attribute(child(disk, "target"), "dev") ?? "";
    const shareable = child(disk, "shareable") !== undefined;
    // qemuMigrationAnyCopyDisk: those that are listed, or without a list all that are not shareable.
    if (storage && (disks.length > 0 ? disks.includes(target) : !shareable)) continue;
    const file = attribute(disk, "type") === "file" ? attribute(source, "file") : undefined;
    const isShared = (path: string) => sharedFolders.some((folder) => path.startsWith(`${folder}/`));
    if ((file !== undefined && !isShared(file)) || attribute(disk, "type") === "nvme") throw refusals.migrateUnsafe();
  }
  // qemuMigrationSrcBeginPhase
  for (const disk of disks) {
    if (!storage) throw refusals.disksWithoutStorage();
    if (!all.some((each) => attribute(child(each, "target"), "dev") === disk)) throw refusals.noDiskTarget(disk);
  }
}
