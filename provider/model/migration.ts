/** What a move may be told: the `migration` of a placement and the command line's options. Every wait has an end. */
import * as z from "zod";
import { enumType, objectType, optional, withDefault } from "./describe.js";

const seconds = z.number().positive().max(86_400);

const announce = enumType(
  {
    probe:
      "A small program on the hosts sends ARP requests for the guest's address 20 times a second while the traffic switches between standby and VF. The guest's answers update the switches. Needs python3 and root on the hosts, and `hostCommands` of the cluster; otherwise `qemu` is used.",
    qemu: "QEMU announces the standby after the VF is unplugged (QMP announce-self). The VF is not announced: the switches learn its port when the guest sends its first frame.",
    none: "No announcement: the switches learn the guest's port from the frames that it sends.",
  },
  "Announce",
  "How the switches are updated when the traffic switches between standby and VF.",
);

const unplug = enumType(
  {
    auto: "Chosen so that the fewest packets are lost, at present `early` (docs/moves.md); plan and report say which it is.",
    early: "Before libvirt's migration begins.",
    late: "When the migration starts: QEMU unplugs the VF itself, and plugs the one of the destination before the guest runs there.",
  },
  "Unplug",
  "When the VF is unplugged from the guest.",
);

const nonSharedStorage = enumType(
  {
    refuse: "The move is refused where libvirt says that it is not safe without shared storage.",
    copy: "libvirt copies those disks to the destination while the VM runs. The destination needs a storage pool of their folder, or files of the same size; the files on the source stay, and are not used any more.",
  },
  "NonSharedStorage",
  "What happens to disks that are files on storage that the hosts do not share.",
);

export const migration = objectType(
  "Migration",
  "Options of a move. An omitted option has its default. On oVirt only `unplugTimeout`, `migrateTimeout` and `plugTimeout` have an effect; the engine's migration policy decides the rest, and a preview warns about the others.",
  {
    unplugTimeout: withDefault(seconds, 30, "Seconds that the guest has to release a VF.", {
      flag: "--unplug-timeout <s>",
    }),
    migrateTimeout: withDefault(
      seconds,
      1800,
      "Seconds after which the migration is aborted. On oVirt `pulumi up` fails after that time and the engine continues.",
      { flag: "--migrate-timeout <s>" },
    ),
    plugTimeout: withDefault(
      seconds,
      30,
      "Seconds to wait until a VF is plugged on the destination and the guest uses it. On oVirt the move does not wait for the guest.",
      { flag: "--plug-timeout <s>" },
    ),
    bandwidth: optional(z.number().int().positive(), "MiB/s that the migration may send.", {
      defaultText: "no limit",
      flag: "--bandwidth <MiB/s>",
    }),
    maxDowntime: optional(
      z.number().int().positive().max(60_000),
      "Maximum downtime at the switch-over, in milliseconds.",
      { defaultText: "QEMU's default, 300", flag: "--max-downtime <ms>" },
    ),
    autoConverge: withDefault(
      z.boolean(),
      false,
      "Throttles the guest's CPUs if it writes memory faster than the network can transfer it (QEMU auto-converge).",
      { flag: "--auto-converge" },
    ),
    tls: withDefault(
      z.boolean(),
      false,
      "Encrypts the stream of the migration by libvirt's TLS, for which both hosts need certificates (docs/tls.md).",
      { flag: "--tls" },
    ),
    announce: withDefault(
      announce.schema,
      "probe",
      "How the switches are updated when the traffic switches between standby and VF.",
      { flag: "--announce <how>" },
    ),
    unplug: withDefault(unplug.schema, "auto", "When the VF is unplugged from the guest.", { flag: "--unplug <when>" }),
    nonSharedStorage: withDefault(
      nonSharedStorage.schema,
      "refuse",
      "What happens to disks that are files on storage that, according to libvirt, the hosts do not share.",
      { flag: "--non-shared-storage <how>" },
    ),
    ignoreRules: withDefault(
      z.array(z.string().min(1).max(64)).max(32),
      [],
      "Ids of rules that only estimate (`move-memory`). Their errors are warnings for this move.",
      { defaultText: "none", flag: "--ignore-rule <id...>" },
    ),
    addresses: withDefault(z.array(z.ipv4()).max(16), [], "IPv4 addresses of the guest, for the ARP probes.", {
      defaultText: "learned from the guest's frames",
      flag: "--address <ip...>",
    }),
  },
);
