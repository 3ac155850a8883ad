/** Time that passes only when all wait: hours of moves go by in seconds, and always in the same way. */

interface Event {
  readonly at: number;
  readonly order: number;
  readonly happen: () => void;
  cancelled: boolean;
}

export class VirtualClock {
  private time = 0;
  private scheduled = 0;
  /** A heap: no event is later than those at twice its index plus one and two. */
  private readonly events: Event[] = [];

  /** Seconds since the beginning. */
  get now(): number {
    return this.time;
  }

  /** The returned function cancels it. */
  schedule(seconds: number, happen: () => void): () => void {
    const event: Event = { at: this.time + Math.max(0, seconds), order: this.scheduled++, happen, cancelled: false };
    this.events.push(event);
    this.rise(this.events.length - 1);
    return () => void (event.cancelled = true);
  }

  sleep(seconds: number): Promise<void> {
    return new Promise((resolve) => this.schedule(seconds, resolve));
  }

  /** Lets time pass until the work is done. @throws Error when nothing is left that could happen and the work still waits. */
  async run<T>(work: Promise<T>): Promise<T> {
    let over = false as boolean;
    const done = work.finally(() => (over = true));
    done.catch(() => undefined);
    for (;;) {
      // Whatever follows from what has happened so far happens first.
      await new Promise((resolve) => setImmediate(resolve));
      if (over) return done;
      if (!this.happenNext()) throw new Error(`nothing happens any more at ${this.time} s, and the work is not done`);
    }
  }

  /** Lets time pass until the next of what is to come happens; nothing, where nothing is. */
  happenNext(): boolean {
    const next = this.earliest();
    if (next === undefined) return false;
    this.time = next.at;
    next.happen();
    return true;
  }

  private earliest(): Event | undefined {
    for (;;) {
      const [first] = this.events;
      const last = this.events.pop();
      if (first === undefined || last === undefined) return undefined;
      if (this.events.length > 0) {
        this.events[0] = last;
        this.sink(0);
      }
      if (!first.cancelled) return first;
    }
  }

  private rise(index: number): void {
    for (let at = index; at > 0;) {
      const above = (at - 1) >> 1;
      if (!this.isBefore(at, above)) return;
      this.swap(at, above);
      at = above;
    }
  }

  private sink(index: number): void {
    for (let at = index; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const below = right < this.events.length && this.isBefore(right, left) ? right : left;
      if (below >= this.events.length || !this.isBefore(below, at)) return;
      this.swap(at, below);
      at = below;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [one, other] = [this.events[a], this.events[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  private swap(a: number, b: number): void {
    const [one, other] = [this.events[a], this.events[b]];
    if (one === undefined || other === undefined) return;
    this.events[a] = other;
    this.events[b] = one;
  }
}
