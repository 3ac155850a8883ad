/** Ctrl-C: once takes the move back and waits for that; twice leaves at once, whatever that leaves behind. */
import { ProblemError } from "../problem.js";

/** The signals that ask to stop, with their numbers. SIGHUP: the terminal was closed. */
const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export type StopSignal = keyof typeof signals;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** From here on a signal ends the process as usual. */
  release(): void;
}

type SignalSource = Pick<NodeJS.Process, "on" | "off"> & { exit(code: number): void };

/**
 * @param say tells the operator; never called before the first signal.
 * @param source the process, or what stands for it in a test.
 */
export function catchInterrupts(say: (text: string) => void, source: SignalSource = process): Interrupts {
  const controller = new AbortController();
  const onSignal = (name: StopSignal): void => {
    if (controller.signal.aborted) {
      say("Left where it stands. The VM will need: vnic-failover recover");
      source.exit(128 + signals[name]);
      return;
    }
    say(
      "Stopping: what was begun is taken back, unless it has passed the point of no return. Ctrl-C again leaves at once.",
    );
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
