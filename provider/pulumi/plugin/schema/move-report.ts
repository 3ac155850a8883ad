import type { InterfaceReport, LibvirtJob, MoveReport as Report } from "../../../migration/report/report.js";
import type { JobSample as Sample, Moment as MomentOf, PhaseTime } from "../../../migration/report/timeline.js";
import { integer, listOf, number, text, typeNamed, type ObjectSpec } from "./spec.js";

const instant = { ...number, description: "Milliseconds since the epoch." } as const;

export const MoveReport: ObjectSpec<keyof Report> = {
  description: "What a move did.",
  properties: {
    schemaVersion: { ...integer, description: "Of this report: 1." },
    backend: { ...text, description: "`ovirt`: the engine has moved it. Absent: with libvirt." },
    vm: { ...text, description: "The VM's name." },
    from: { ...text, description: "The host that it came from." },
    to: { ...text, description: "The host that it was to go to." },
    outcome: {
      ...text,
      description:
        "`moved`: it runs there with all its VFs. `moved-without-vf`: it runs there on the standby. `failed-on-source`: it runs where it was. `unclear`: it was not possible to say.",
    },
    error: { ...text, description: "What went wrong, in words. Absent where nothing did." },
    started: instant,
    ended: instant,
    interfaces: { ...listOf(typeNamed("MovedInterface")), description: "The pairs that moved." },
    phases: { ...listOf(typeNamed("MovePhase")), description: "What was done, one after another." },
    moments: { ...listOf(typeNamed("MoveMoment")), description: "What was seen on the way." },
    samples: { ...listOf(typeNamed("JobSample")), description: "How libvirt's migration went." },
    job: { ...typeNamed("MigrationJob"), description: "What libvirt and QEMU measured." },
    secondsWithoutVf: {
      ...number,
      description: "From the first VF's leaving to the last one's being in use, or plugged where its use was not seen.",
    },
    announced: {
      ...typeNamed("MoveAnnouncement"),
      description: "How the network was told, and what was not possible.",
    },
    warnings: { ...listOf(typeNamed("MoveWarning")), description: "What was worth knowing before the move." },
  },
  required: [
    "schemaVersion",
    "vm",
    "from",
    "to",
    "outcome",
    "started",
    "ended",
    "interfaces",
    "phases",
    "moments",
    "samples",
    "job",
    "announced",
    "warnings",
  ],
};

export const MovedInterface: ObjectSpec<keyof InterfaceReport> = {
  description: "A pair that moved.",
  properties: {
    mac: { ...text, description: "Of both halves." },
    network: { ...text, description: "The VF's network." },
    vfBefore: { ...text, description: "PCI address on the host that it came from, `0000:01:10.0`." },
    vfAfter: { ...text, description: "PCI address on the host that it went to. Null: the VM runs without." },
  },
  required: ["mac", "network", "vfBefore"],
};

export const MovePhase: ObjectSpec<keyof PhaseTime> = {
  description: "One step of a move.",
  properties: {
    name: { ...text, description: "Such as `preflight`, `unplug` or `migrate`." },
    start: instant,
    end: instant,
    outcome: { ...text, description: "`done`, `failed`, or `undone`: taken back after a failure." },
  },
  required: ["name", "start", "end", "outcome"],
};

export const MoveMoment: ObjectSpec<keyof MomentOf> = {
  description: "Something that was seen in a move.",
  properties: {
    kind: {
      ...text,
      description:
        "`vf-unplugged`, `vf-plugged`, `vf-used`, `vm-stopped`, `vm-moved`, `announced` or `engine-event`. Absent in reports of older versions.",
    },
    at: instant,
    what: { ...text, description: "In words." },
  },
  required: ["at", "what"],
};

export const JobSample: ObjectSpec<keyof Sample> = {
  description: "How far libvirt's migration was.",
  properties: {
    at: instant,
    percent: { ...number, description: "0 to 100, of the memory's first pass; later passes keep it below 100." },
    remaining: { ...number, description: "Bytes." },
    rate: { ...number, description: "Bytes per second." },
  },
  required: ["at", "percent", "remaining", "rate"],
};

export const MigrationJob: ObjectSpec<keyof LibvirtJob> = {
  description: "What libvirt and QEMU measured. What they did not is absent.",
  properties: {
    downtime: {
      ...number,
      description: "Milliseconds that the VM stood still, as the destination's libvirt measured.",
    },
    total: { ...number, description: "Milliseconds from the migration's first step to its last." },
    setup: { ...number, description: "Milliseconds that QEMU took to set up, including its own wait for an unplug." },
    transferred: { ...number, description: "Bytes of memory that went over the network." },
  },
};

export const MoveAnnouncement: ObjectSpec<keyof Report["announced"]> = {
  description: "How the network was told where the guest is.",
  properties: {
    by: { ...text, description: "`probe`, `qemu` or `none`: what was really done." },
    notes: { ...listOf(text), description: "What was not possible, in words." },
  },
  required: ["by", "notes"],
};

export const MoveWarning: ObjectSpec<keyof Report["warnings"][number]> = {
  description: "Something that was worth knowing before a move.",
  properties: {
    rule: { ...text, description: "The rule's id." },
    message: { ...text, description: "What it found." },
    remedy: { ...text, description: "What can be done about it." },
  },
  required: ["rule", "message", "remedy"],
};
