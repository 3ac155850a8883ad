/** Who did what when in a move: collected as it goes, and the raw material of its report. */

import { systemClock, type Clock } from "../../model/clock.js";
import type { JobSample, MoveMoment as Moment, MovePhase as PhaseTime } from "../../model/values.js";

export type { JobSample, Moment, PhaseTime };

/** What a moment is, for programs; `what` is for people. */
export type MomentKind = NonNullable<Moment["kind"]>;

/** The largest of the values, at least `least`. A spread into Math.max would end with some 120,000 arguments. */
export function largest(least: number, values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), least);
}

export class Timeline {
  readonly phases: PhaseTime[] = [];
  readonly samples: JobSample[] = [];
  readonly moments: Moment[] = [];
  private readonly open = new Map<string, number>();

  constructor(private readonly clock: Pick<Clock, "now"> = systemClock) {}

  begin(name: string): void {
    this.open.set(name, this.clock.now());
  }

  end(name: string, outcome: PhaseTime["outcome"]): void {
    const start = this.open.get(name);
    if (start === undefined) return;
    this.open.delete(name);
    this.phases.push({ name, start, end: this.clock.now(), outcome });
  }

  /** Something that happened at one moment: the guest released the VF. */
  mark(kind: MomentKind, what: string, at = this.clock.now()): void {
    this.moments.push({ kind, at, what });
  }

  sample(sample: Omit<JobSample, "at">): void {
    this.samples.push({ at: this.clock.now(), ...sample });
  }
}
