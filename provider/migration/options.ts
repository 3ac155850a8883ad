/** What a move may be told. Every wait has an end. */
import { z } from "zod";

const seconds = z.number().positive().max(86_400);

/** How the network learns where the guest's MAC is while the pair changes hands. */
export const announceStrategies = ["probe", "qemu", "none"] as const;

export const migrationOptionsSchema = z.strictObject({
  /** Seconds that the guest has to release a VF. Default 30. */
  unplugTimeout: seconds.default(30),
  /** Seconds for libvirt's migration; then it is aborted. Default 1800. */
  migrateTimeout: seconds.default(1800),
  /** Seconds for plugging a VF on the destination, and for the guest to use it. Default 30. */
  plugTimeout: seconds.default(30),
  /** MiB/s. Default: no limit. */
  bandwidth: z.number().int().positive().optional(),
  /** Milliseconds that the VM may stand still at the switch-over. Default: QEMU's, 300. */
  maxDowntime: z.number().int().positive().max(60_000).optional(),
  /** Slows the guest down where it writes faster than the network carries. Default false. */
  autoConverge: z.boolean().default(false),
  /**
   * - `probe`: a small program on the hosts asks for the guest's address with ARP, 20 times a second, while the pair
   *   changes hands: the guest's answers show every switch the port that it is behind. Needs python3 and root on the
   *   hosts, and `hostCommands` of the cluster; without them, as `qemu`.
   * - `qemu`: QEMU announces the standby when the VF has gone (QMP announce-self). Nothing can tell the switches of the
   *   VF when it comes back: that waits until the guest sends something.
   * - `none`: nothing.
   *
   * Default `probe`.
   */
  announce: z.enum(announceStrategies).default("probe"),
  /**
   * `early`: the VF is unplugged before libvirt's migration begins. `late`: QEMU unplugs it itself as the migration's
   * first act and plugs the destination's before the guest runs there. Default `early`.
   */
  unplug: z.enum(["early", "late"]).default("early"),
  /** IPv4 addresses of the guest to ask for. Default: those that the guest's own frames tell. */
  addresses: z.array(z.ipv4()).max(16).default([]),
});

export type MigrationOptions = z.output<typeof migrationOptionsSchema>;

export const defaultMigrationOptions: MigrationOptions = migrationOptionsSchema.parse({});
