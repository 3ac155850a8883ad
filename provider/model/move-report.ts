/** What a report tells of a move. Reports that were written by older versions lack what came later. */
import * as z from "zod";
import { enumType, objectType, optional, required } from "./describe.js";

const instant = required(z.number(), "Milliseconds since the epoch.");
const list = <Of extends z.ZodType>(items: Of) => z.array(items).readonly();

const movedInterface = objectType("MovedInterface", "A pair that moved.", {
  mac: required(z.string(), "MAC address of both halves of the pair."),
  network: required(z.string(), "The VF's network."),
  vfBefore: required(z.string(), "PCI address on the host that it came from, `0000:01:10.0`."),
  vfAfter: required(z.nullable(z.string()), "PCI address on the host that it went to. Null: the VM has no VF there."),
});

const movePhase = objectType("MovePhase", "One step of a move.", {
  name: required(z.string(), "Such as `preflight`, `unplug` or `migrate`."),
  start: instant,
  end: instant,
  outcome: required(
    enumType({ done: "It was done.", failed: "It failed.", undone: "It was rolled back after a failure." }).schema,
    "How it ended.",
  ),
});

const moveMoment = objectType("MoveMoment", "Something that was seen in a move.", {
  kind: optional(
    enumType({
      "vf-unplugged": "The guest released a VF.",
      "vf-plugged": "A VF was plugged.",
      "vf-used": "The guest's traffic was seen behind the VF.",
      "vm-stopped": "The source has stopped the VM, and its downtime begins.",
      "vm-moved": "The VM runs on the destination.",
      announced: "An event of the announcer, such as a new bridge port of the guest.",
      "engine-event": "An event as oVirt's engine tells it.",
    }).schema,
    "What it is, for programs. Absent in reports of older versions.",
  ),
  at: instant,
  what: required(z.string(), "In words, for people."),
});

const jobSample = objectType("JobSample", "How far libvirt's migration was.", {
  at: instant,
  percent: required(
    z.number(),
    "Progress of the memory copy, 0 to 100. It can decrease while changed memory is copied again.",
  ),
  remaining: required(z.number(), "Bytes."),
  rate: required(z.number(), "Bytes per second."),
});

const migrationJob = objectType("MigrationJob", "What libvirt and QEMU measured. What they did not is absent.", {
  downtime: optional(z.number(), "Downtime in milliseconds, as measured by libvirt on the destination."),
  total: optional(z.number(), "Milliseconds from the migration's first step to its last."),
  setup: optional(z.number(), "Milliseconds that QEMU took to set up, including its own wait for an unplug."),
  transferred: optional(z.number(), "Bytes of memory that went over the network."),
});

const moveAnnouncement = objectType("MoveAnnouncement", "How the guest's new location was announced to the network.", {
  by: required(
    enumType({ probe: "The hosts' own probes.", qemu: "QEMU alone.", none: "Nothing." }).schema,
    "What was really done.",
  ),
  notes: required(list(z.string()), "What was not possible, in words."),
});

export const vfUnplug = objectType("VfUnplug", "When the VF leaves the guest for a move.", {
  when: required(
    enumType({ early: "Before libvirt's migration begins.", late: "As its first act, by QEMU." }).schema,
    "`early` or `late`.",
  ),
  why: required(z.string(), "Why then, in words."),
});

const moveWarning = objectType("MoveWarning", "Something that was worth knowing before a move.", {
  rule: required(z.string(), "The rule's id."),
  message: required(z.string(), "What it found."),
  remedy: required(z.string(), "What can be done about it."),
});

export const moveReport = objectType("MoveReport", "What a move did.", {
  schemaVersion: required(z.literal(1), "Version of the report's format: 1."),
  backend: optional(z.literal("ovirt"), "`ovirt`: the engine moved the VM. Absent: libvirt moved it."),
  vm: required(z.string(), "The VM's name."),
  from: required(z.string(), "The host that it came from."),
  to: required(z.string(), "The host that it was to go to."),
  outcome: required(
    enumType({
      moved: "It runs on the destination with all its VFs.",
      "moved-without-vf": "It runs there on the standby, and at least one VF is missing.",
      "failed-on-source": "It runs where it was, as before.",
      unclear: "The state of the VM could not be determined.",
    }).schema,
    "How it ended.",
  ),
  error: optional(z.string(), "What went wrong, in the words that the operator saw. Absent where nothing did."),
  started: instant,
  ended: instant,
  interfaces: required(list(movedInterface.schema), "The pairs that moved."),
  phases: required(list(movePhase.schema), "What was done, one after another."),
  moments: required(list(moveMoment.schema), "What was seen on the way."),
  samples: required(list(jobSample.schema), "How libvirt's migration went."),
  job: required(migrationJob.schema, "What libvirt and QEMU measured."),
  secondsWithoutVf: optional(
    z.number(),
    "Seconds from the unplugging of the first VF until the last one was in use (or plugged, if its use was not observed).",
  ),
  unplug: optional(
    vfUnplug.schema,
    "When the VF was unplugged, and why then. Absent on oVirt, and in reports of older versions.",
  ),
  announced: required(
    moveAnnouncement.schema,
    "How the guest's new location was announced, and what was not possible.",
  ),
  warnings: required(list(moveWarning.schema), "What was worth knowing before the move."),
});
