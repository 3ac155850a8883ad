/**
 * Time for tests: it passes only when nothing else happens, and then at once. What waits for it wakes in the order of its
 * time, so that a wait of hours takes no longer than one of milliseconds, and goes the same way every time.
 */
import type { Clock } from "../../provider/model/clock.js";
import { VirtualClock } from "../simulation/clock.js";

/** A clock that hears when a host is called: what follows from a call comes before time goes on. */
export interface HostClock extends Clock {
  readonly touch?: () => void;
}

/** Turns of the event loop without a call to a host, after which nothing more is on its way: a call takes some four. */
const turnsOfQuiet = 20;

export class TestClock implements HostClock {
  private readonly time = new VirtualClock();
  private readonly beginning = Date.now();
  /** Timers for which time passes; those of {@link every} come only along the way. */
  private waiting = 0;
  private touches = 0;
  private passing = false;

  readonly touch = (): void => void (this.touches += 1);

  now(): number {
    return this.beginning + Math.round(this.time.now * 1000);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, milliseconds, signal);
  }

  after(milliseconds: number, act: () => void): () => void {
    this.waiting += 1;
    let isOpen = true;
    const close = () => {
      if (isOpen) this.waiting -= 1;
      isOpen = false;
    };
    const cancel = this.time.schedule(milliseconds / 1000, () => {
      close();
      act();
    });
    if (!this.passing) void this.pass();
    return () => {
      close();
      cancel();
    };
  }

  every(milliseconds: number, act: () => void): () => void {
    let cancel: () => void;
    const again = () => {
      cancel = this.time.schedule(milliseconds / 1000, () => {
        again();
        act();
      });
    };
    again();
    return () => cancel();
  }

  private async pass(): Promise<void> {
    this.passing = true;
    for (;;) {
      await this.quiet();
      if (this.waiting === 0) break;
      this.time.happenNext();
    }
    this.passing = false;
  }

  private async quiet(): Promise<void> {
    let seen = this.touches;
    for (let turns = 0; turns < turnsOfQuiet; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (seen !== this.touches) turns = 0;
      seen = this.touches;
    }
  }
}

/** The clock of one process, which can be suspended: what is due meanwhile comes when it goes on. */
export class ProcessClock implements Clock {
  private asleep = false;
  private readonly due: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  suspend(): void {
    this.asleep = true;
  }

  resume(): void {
    this.asleep = false;
    for (const act of this.due.splice(0)) act();
  }

  now(): number {
    return this.clock.now();
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, milliseconds, signal);
  }

  after(milliseconds: number, act: () => void): () => void {
    return this.whileAwake(act, (awake) => this.clock.after(milliseconds, awake));
  }

  every(milliseconds: number, act: () => void): () => void {
    return this.whileAwake(act, (awake) => this.clock.every(milliseconds, awake));
  }

  private whileAwake(act: () => void, begin: (awake: () => void) => () => void): () => void {
    let cancelled = false;
    const unlessCancelled = () => {
      if (!cancelled) act();
    };
    const cancel = begin(() => {
      if (!this.asleep) act();
      // A timer that comes again and again does so once.
      else if (!this.due.includes(unlessCancelled)) this.due.push(unlessCancelled);
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }
}

function sleepBy(clock: Pick<Clock, "after">, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(milliseconds, () => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    });
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
