/** Who did what when in a move: collected as it goes, and the raw material of its report. */

export interface PhaseTime {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly outcome: "done" | "failed" | "undone";
}

export interface JobSample {
  readonly at: number;
  /** 0 to 100, of the memory's first pass; later passes keep it below 100. */
  readonly percent: number;
  /** Bytes. */
  readonly remaining: number;
  /** Bytes per second. */
  readonly rate: number;
}

/** What a moment is, for programs; `what` is for people. */
export type MomentKind =
  /** The guest released a VF. */
  | "vf-unplugged"
  | "vf-plugged"
  /** The guest's traffic was seen behind the VF. */
  | "vf-used"
  /** The source has stopped the VM: its downtime begins. */
  | "vm-stopped"
  | "vm-moved"
  | "announced"
  /** As oVirt's engine tells it. */
  | "engine-event";

export interface Moment {
  /** Absent in reports of older versions. */
  readonly kind?: MomentKind;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly what: string;
}

/** The largest of the values, at least `least`. A spread into Math.max would end with some 120,000 arguments. */
export function largest(least: number, values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), least);
}

export class Timeline {
  readonly phases: PhaseTime[] = [];
  readonly samples: JobSample[] = [];
  readonly moments: Moment[] = [];
  private readonly open = new Map<string, number>();

  constructor(private readonly now: () => number = Date.now) {}

  begin(name: string): void {
    this.open.set(name, this.now());
  }

  end(name: string, outcome: PhaseTime["outcome"]): void {
    const start = this.open.get(name);
    if (start === undefined) return;
    this.open.delete(name);
    this.phases.push({ name, start, end: this.now(), outcome });
  }

  /** Something that happened at one moment: the guest released the VF. */
  mark(kind: MomentKind, what: string, at = this.now()): void {
    this.moments.push({ kind, at, what });
  }

  sample(sample: Omit<JobSample, "at">): void {
    this.samples.push({ at: this.now(), ...sample });
  }
}
