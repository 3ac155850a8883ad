/** Ctrl-C: once brings what was begun to an end and waits for that; twice exits at once, whatever that leaves behind. */
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../model/problem.js";

/** The signals that ask to stop, with their numbers. SIGHUP: the terminal was closed. */
const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export type StopSignal = keyof typeof signals;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** From here on a signal ends the process as usual. */
  release(): void;
}

/** What is said to Ctrl-C. */
export interface Interruption {
  readonly first: string;
  readonly second: string;
  /** Closes what must not be left open, before the process exits at once. Default: nothing. */
  readonly leave?: () => Promise<void>;
}

/** ms that the last goodbyes may take. */
const grace = 2000;

export const libvirtInterruption: Interruption = {
  first: "Rolling back (not possible after the switch-over). Press Ctrl-C again to abort immediately.",
  second: "Aborted without rolling back. Run vnic-failover recover.",
};

type SignalSource = Pick<NodeJS.Process, "on" | "off"> & { exit(code: number): void };

/**
 * @param say tells the operator; never called before the first signal.
 * @param source the process, or what stands for it in a test.
 * @param interruption what is said, by what is known of the backend at that moment.
 */
export function catchInterrupts(
  say: (text: string) => void,
  source: SignalSource = process,
  interruption: () => Interruption = () => libvirtInterruption,
): Interrupts {
  const controller = new AbortController();
  let leaving = false;
  const onSignal = (name: StopSignal): void => {
    if (controller.signal.aborted) {
      const { second, leave } = interruption();
      if (!leaving) say(second);
      if (leaving || leave === undefined) source.exit(128 + signals[name]);
      else void briefly(leave).then(() => source.exit(128 + signals[name]));
      leaving = true;
      return;
    }
    say(interruption().first);
    controller.abort(
      new ProblemError({ code: "interrupted", what: `Interrupted by ${name}`, remedy: "Run the command again." }),
    );
  };
  return { signal: controller.signal, release: listen(source, onSignal) };
}

/** For commands that have nothing to bring to an end: the first signal closes what is open and exits, the second exits at once. */
export function leaveOnInterrupt(
  close: () => Promise<void>,
  source: SignalSource = process,
): Pick<Interrupts, "release"> {
  let leaving = false;
  return {
    release: listen(source, (name) => {
      const exit = () => source.exit(128 + signals[name]);
      if (leaving) exit();
      else void briefly(close).then(exit);
      leaving = true;
    }),
  };
}

/** @returns how to stop listening. */
function listen(source: SignalSource, onSignal: (name: StopSignal) => void): () => void {
  const names = Object.keys(signals) as StopSignal[];
  for (const name of names) source.on(name, onSignal);
  return () => {
    for (const name of names) source.off(name, onSignal);
  };
}

/** Ends with the goodbyes, or without where they take too long. */
async function briefly(close: () => Promise<void>): Promise<void> {
  const late = new AbortController();
  await Promise.race([
    close().catch(() => undefined),
    sleep(grace, undefined, { signal: late.signal }).catch(() => undefined),
  ]);
  late.abort();
}
