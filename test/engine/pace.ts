/** How long things take in an engine: as measured on a real one, or fast, or when a test says so. */
import { setTimeout as sleep } from "node:timers/promises";

/** In ms, as measured (engine 4.5.7). */
export interface Durations {
  /** vdsm takes a VF out of the guest; `/migrate` answers after the last one. */
  readonly unplug: number;
  /** Between two reports of a migration's progress. */
  readonly step: number;
  /** From `up` on the destination until the engine begins to plug: it asks the source for the migration's status first. */
  readonly beforeReplug: number;
  /** The same for the first migration since the engine was started, which was seen to take longest. */
  readonly beforeFirstReplug: number;
  /** vdsm gives a VF to the guest. */
  readonly plug: number;
  /** A wrong password is answered only after that time. */
  readonly wrongPassword: number;
}

export const realDurations: Durations = {
  unplug: 300,
  step: 1000,
  beforeReplug: 300,
  beforeFirstReplug: 3500,
  plug: 300,
  wrongPassword: 5000,
};

/** A step of so many ms, and nothing else takes time. */
export function fastDurations(step: number): Durations {
  return { unplug: 0, step, beforeReplug: step, beforeFirstReplug: step, plug: 0, wrongPassword: 0 };
}

export class Pace {
  readonly #waiting: (() => void)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #ended = new AbortController();
  readonly durations: Durations;

  /** @param durations "manual": each step waits until {@link advance}, and nothing else takes time. */
  constructor(durations: Durations | "manual") {
    this.#manual = durations === "manual";
    this.durations = durations === "manual" ? fastDurations(0) : durations;
  }

  readonly #manual: boolean;

  /** Goes on after that many ms (default: a step), or with the next {@link advance}. */
  then(step: () => void, milliseconds = this.durations.step): void {
    if (this.#manual) {
      this.#waiting.push(step);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, milliseconds);
    this.#timers.add(timer);
  }

  /** Lets time pass, which never waits for {@link advance}. */
  async pass(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: this.#ended.signal }).catch(() => undefined);
  }

  /** Takes the next step of everything that waits. */
  advance(): void {
    for (const step of this.#waiting.splice(0)) step();
  }

  stop(): void {
    this.#ended.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#waiting.length = 0;
  }
}
