/** Ctrl-C: once brings what was begun to an end and waits for that; twice leaves at once, whatever that leaves behind. */
import { ProblemError } from "../problem.js";

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
}

export const libvirtInterruption: Interruption = {
  first:
    "Stopping: what was begun is taken back, unless it has passed the point of no return. Ctrl-C again leaves at once.",
  second: "Left where it stands. The VM will need: vnic-failover recover",
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
  const onSignal = (name: StopSignal): void => {
    if (controller.signal.aborted) {
      say(interruption().second);
      source.exit(128 + signals[name]);
      return;
    }
    say(interruption().first);
    controller.abort(new ProblemError({ code: "interrupted", what: `Interrupted by ${name}` }));
  };
  const names = Object.keys(signals) as StopSignal[];
  for (const name of names) source.on(name, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) source.off(name, onSignal);
    },
  };
}
