import { printable } from "./foreign-text.js";

/** Where a long operation says how far it is: a resource's row in `pulumi up`, a terminal, a test's list. */
export interface Progress {
  /** What is going on now. It replaces the report before it, and may be skipped if another follows at once. */
  report(step: ProgressStep): void;
  /** What the reader should know and need do nothing about: what a move has done. Never skipped. */
  info(message: string): void;
  /** Something the reader should know when all is over, though the operation goes on. Never skipped. */
  warn(message: string): void;
  /** The operation is over: the last report is no longer true. */
  done(): void;
}

export interface ProgressStep {
  /** The step's name, as the plan of the operation calls it: `unplug`, `migrate`. */
  readonly phase: string;
  /** 0 to 100 of this phase, where that is known. */
  readonly percent?: number;
  readonly message?: string;
}

export const noProgress: Progress = {
  report: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  done: () => undefined,
};

/** A place that shows lines of text, the newest in place of the one before. */
export interface StatusLine {
  show(line: string): void;
  info(line: string): void;
  warn(line: string): void;
}

/** Two lines a second: libvirt reports a migration's job far more often than a person reads. */
const MILLISECONDS_PER_LINE = 500;

/** Progress as lines of text: the first one at once, then the newest one of each half second. */
export function progressOn(status: StatusLine): Progress {
  let shown: string | undefined;
  let next: string | undefined;
  let pause: NodeJS.Timeout | undefined;

  const show = (line: string): void => {
    if (line === shown) return;
    shown = line;
    status.show(printable(line));
    // A line that is never shown must not keep the process alive.
    pause = setTimeout(resume, MILLISECONDS_PER_LINE).unref();
  };
  const resume = (): void => {
    pause = undefined;
    const line = next;
    next = undefined;
    if (line !== undefined) show(line);
  };

  return {
    report(step) {
      if (pause === undefined) show(progressLine(step));
      else next = progressLine(step);
    },
    info: (message) => status.info(printable(message)),
    warn: (message) => status.warn(printable(message)),
    done() {
      clearTimeout(pause);
      pause = next = undefined;
      if (shown !== undefined && shown !== "") status.show("");
      shown = undefined;
    },
  };
}

/** `migrate 40 %: 1.2 of 3.0 GiB` */
export function progressLine({ phase, percent, message }: ProgressStep): string {
  const part = percent === undefined ? phase : `${phase} ${Math.floor(percent)} %`;
  return message === undefined ? part : `${part}: ${message}`;
}
