/** The time that hosts live in. What sleeps, or looks how late it is, while something is done with a host does so by a clock, so that tests wait for no real time. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Waits for so many milliseconds, 24 days at most. @throws the signal's reason, once it is aborted */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Acts once, after so many milliseconds. The answer cancels it: a timer that is not cancelled keeps the process alive. */
  after(milliseconds: number, act: () => void): () => void;
  /** Acts after so many milliseconds each, until the answer is called; does not keep the process alive. */
  every(milliseconds: number, act: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  every(milliseconds, act) {
    const timer = setInterval(act, milliseconds).unref();
    return () => clearInterval(timer);
  },
};
