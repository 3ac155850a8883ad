/** Where the progress of one or several moves is shown: bars on a terminal, lines in a log, JSON for programs. */
import { progressLine, type Progress } from "../../model/progress.js";
import { printable, printableJson } from "../../model/foreign-text.js";

export interface ProgressBoard {
  /** The progress of one VM. */
  of(vm: string): Progress;
  /** Says something that is not one VM's progress. */
  note(text: string): void;
  /** Leaves the screen as it is wanted after the command. */
  close(): void;
}

export interface TextSink {
  write(text: string): unknown;
}

/**
 * Lines for a log: a new phase, and every tenth of a phase. A migration reports several times a second, and no log wants
 * to read that in a CI's log.
 */
export function lineBoard(sink: TextSink): ProgressBoard {
  return {
    of(vm) {
      let before = "";
      const line = (text: string) => sink.write(`${printable(`${vm}: ${text}`)}\n`);
      return {
        report(step) {
          const { phase, percent, message = "" } = step;
          const mark = `${phase} ${percent === undefined ? message : Math.floor(percent / 10)}`;
          if (mark !== before) line(progressLine(step));
          before = mark;
        },
        info: line,
        warn: (message) => line(`warning: ${message}`),
        done: () => undefined,
      };
    },
    note: (text) => void sink.write(`${printable(text)}\n`),
    close: () => undefined,
  };
}

/** One JSON object a line, every report. `at` is in milliseconds since the epoch. */
export function jsonBoard(sink: TextSink, now: () => number = Date.now): ProgressBoard {
  return {
    of(vm) {
      const line = (entry: object) => sink.write(`${printableJson({ at: now(), vm, ...entry })}\n`);
      return {
        report: (step) => line(step),
        info: (note) => line({ note }),
        warn: (warning) => line({ warning }),
        done: () => undefined,
      };
    },
    note: (note) => void sink.write(`${printableJson({ at: now(), note })}\n`),
    close: () => undefined,
  };
}
