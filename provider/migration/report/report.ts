/** What a move did, for machines and for people. Holds no secret and no more of the guest than its addresses. */
import type { Violation } from "../../rules/index.js";
import type { JobSample, Moment, PhaseTime } from "./timeline.js";

export type MoveOutcome =
  /** The VM runs on the destination with all its VFs. */
  | "moved"
  /** It runs there on the standby; at least one VF is missing. */
  | "moved-without-vf"
  /** It runs on the source as before. */
  | "failed-on-source"
  /** It was not known, or not possible, to say so. */
  | "unclear";

export interface InterfaceReport {
  readonly mac: string;
  readonly network: string;
  /** `0000:01:10.0` */
  readonly vfBefore: string;
  /** Null: the VM runs without. */
  readonly vfAfter: string | null;
}

export interface LibvirtJob {
  /** Milliseconds that the VM stood still, as the destination's libvirt measured it. */
  readonly downtime?: number;
  /** Milliseconds from the migration's first step to its last. */
  readonly total?: number;
  /** Milliseconds that QEMU took to set up, including its own wait for an unplug. */
  readonly setup?: number;
  /** Bytes of memory that went over the network. */
  readonly transferred?: number;
}

export interface MoveReport {
  readonly schemaVersion: 1;
  /** Absent: with libvirt. */
  readonly backend?: "ovirt";
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  readonly outcome: MoveOutcome;
  /** What went wrong, in the words that the operator saw. */
  readonly error?: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly ended: number;
  readonly interfaces: readonly InterfaceReport[];
  readonly phases: readonly PhaseTime[];
  readonly moments: readonly Moment[];
  readonly samples: readonly JobSample[];
  readonly job: LibvirtJob;
  /** Seconds from the first VF's leaving to the last one's being in use, or plugged where its use was not seen. */
  readonly secondsWithoutVf?: number;
  /** How the network was told, and what was not possible. */
  readonly announced: { readonly by: "probe" | "qemu" | "none"; readonly notes: readonly string[] };
  readonly warnings: readonly Pick<Violation, "rule" | "message" | "remedy">[];
}

/** For people: who has measured the downtime. */
export function downtimeLabel({ backend }: Pick<MoveReport, "backend">): string {
  return `downtime, as ${backend === "ovirt" ? "the engine" : "libvirt"} says`;
}
