/** What a move may be told: the `migration` of a placement and the command line's options. Every wait has an end. */
import * as z from "zod";
import { enumType, objectType, optional, withDefault } from "./describe.js";

const seconds = z.number().positive().max(86_400);

const announce = enumType(
  {
    probe:
      "A small program on the hosts asks for the guest's address with ARP, 20 times a second, while the pair changes hands: the guest's answers show every switch its port. Needs python3 and root on the hosts, and `hostCommands` of the cluster; without them, as `qemu`.",
    qemu: "QEMU announces the standby when the VF has gone (QMP announce-self). Nothing can tell the switches of the VF when it comes back: that waits until the guest sends something.",
    none: "Nothing tells the network: it learns from what the guest sends.",
  },
  "Announce",
  "How the network learns where the guest's MAC is while the pair changes hands.",
);

const unplug = enumType(
  {
    auto: "As loses the fewest packets, which is `early` (docs/moves.md); plan and report say which it is.",
    early: "Before libvirt's migration begins.",
    late: "As the migration's first act: QEMU takes it out itself, and plugs the destination's before the guest runs there.",
  },
  "Unplug",
  "When the VF leaves the guest.",
);

const nonSharedStorage = enumType(
  {
    refuse: "The move is refused where libvirt says that it is not safe without shared storage.",
    copy: "libvirt copies those disks to the destination while the VM runs. The destination needs a storage pool of their folder, or files of the same size; the files on the source stay, and are not used any more.",
  },
  "NonSharedStorage",
  "What becomes of disks that are files on storage which the hosts do not share.",
);

export const migration = objectType(
  "Migration",
  "How a move is made. What is left out has its default when the move begins. On oVirt only `migrateTimeout` and `plugTimeout` count: its migration policy decides on the rest, and a preview warns.",
  {
    unplugTimeout: withDefault(seconds, 30, "Seconds that the guest has to release a VF.", {
      flag: "--unplug-timeout <s>",
    }),
    migrateTimeout: withDefault(
      seconds,
      1800,
      "Seconds for the migration; then it is aborted. On oVirt `pulumi up` fails then, and the engine goes on.",
      { flag: "--migrate-timeout <s>" },
    ),
    plugTimeout: withDefault(
      seconds,
      30,
      "Seconds for plugging a VF on the destination, and for the guest to use it. On oVirt the guest's use is not waited for.",
      { flag: "--plug-timeout <s>" },
    ),
    bandwidth: optional(z.number().int().positive(), "MiB/s that the migration may send.", {
      defaultText: "no limit",
      flag: "--bandwidth <MiB/s>",
    }),
    maxDowntime: optional(
      z.number().int().positive().max(60_000),
      "Milliseconds that the VM may stand still at the switch-over.",
      { defaultText: "QEMU's, 300", flag: "--max-downtime <ms>" },
    ),
    autoConverge: withDefault(
      z.boolean(),
      false,
      "Slows the guest down where it writes faster than the network carries.",
      { flag: "--auto-converge" },
    ),
    announce: withDefault(
      announce.schema,
      "probe",
      "How the network learns where the guest is while the pair changes hands.",
      { flag: "--announce <how>" },
    ),
    unplug: withDefault(unplug.schema, "auto", "When the VF leaves the guest.", { flag: "--unplug <when>" }),
    nonSharedStorage: withDefault(
      nonSharedStorage.schema,
      "refuse",
      "What becomes of disks that are files on storage which the hosts do not share, as libvirt judges it.",
      { flag: "--non-shared-storage <how>" },
    ),
    ignoreRules: withDefault(
      z.array(z.string().min(1).max(64)).max(32),
      [],
      "Rules that only estimate, by their ids (`move-memory`), whose errors are warnings for this move.",
      { defaultText: "none", flag: "--ignore-rule <id...>" },
    ),
    addresses: withDefault(z.array(z.ipv4()).max(16), [], "IPv4 addresses of the guest to ask for.", {
      defaultText: "those that the guest's own frames tell",
      flag: "--address <ip...>",
    }),
  },
);
