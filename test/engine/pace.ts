/** When what takes time in an engine goes on: after a while by itself, or when a test says so. */
export class Pace {
  readonly #waiting: (() => void)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();

  /** @param stepMillis how long a step takes; "manual": until {@link advance}. */
  constructor(private readonly stepMillis: number | "manual") {}

  then(step: () => void): void {
    if (this.stepMillis === "manual") {
      this.#waiting.push(step);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, this.stepMillis);
    this.#timers.add(timer);
  }

  /** Takes the next step of everything that waits. */
  advance(): void {
    for (const step of this.#waiting.splice(0)) step();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#waiting.length = 0;
  }
}
