/** Progress on a terminal: one line a VM with a bar, redrawn in place; warnings scroll away above them. */
import type { Progress, ProgressStep } from "../../model/progress.js";
import { printable } from "../../model/foreign-text.js";
import type { ProgressBoard, TextSink } from "./progress-board.js";

export interface Terminal extends TextSink {
  /** Undefined: the terminal does not tell. */
  readonly columns?: number | undefined;
}

const barWidth = 24;

/** ECMA-48: cursor up by `lines`, then erase from there to the end of the screen. */
const eraseLines = (lines: number) => (lines === 0 ? "" : `\u001b[${lines}A\u001b[J`);

export function barBoard(terminal: Terminal): ProgressBoard {
  const rows = new Map<string, ProgressStep>();
  let drawn = 0;

  const draw = (above = ""): void => {
    const width = Math.max(20, terminal.columns ?? 80);
    const longest = Math.max(0, ...[...rows.keys()].map((vm) => vm.length));
    const lines = [...rows].map(([vm, step]) => `${barLine(vm.padEnd(longest), step, width)}\n`);
    terminal.write(`${eraseLines(drawn)}${above}${lines.join("")}`);
    drawn = lines.length;
  };

  return {
    of(vm): Progress {
      return {
        report(step) {
          rows.set(vm, step);
          draw();
        },
        info: (message) => draw(`${printable(`${vm}: ${message}`)}\n`),
        warn: (message) => draw(`${printable(`${vm}: warning: ${message}`)}\n`),
        done() {
          rows.delete(vm);
          draw();
        },
      };
    },
    note: (text) => draw(`${printable(text)}\n`),
    close() {
      rows.clear();
      draw();
    },
  };
}

/** `web  migrate  [=========               ]  40 %  1.2 GiB of 3.0 GiB left`, at most a column less than `width`. */
export function barLine(vm: string, { phase, percent, message }: ProgressStep, width: number): string {
  const text = [
    vm,
    phase.padEnd("preflight".length),
    ...(percent === undefined ? [] : [`${bar(percent)} ${String(Math.floor(percent)).padStart(3)} %`]),
    ...(message === undefined ? [] : [message]),
  ].join("  ");
  // A line that wraps would take two rows, and the next redraw would leave the first one behind.
  return printable(text)
    .replaceAll("\n", " ")
    .slice(0, width - 1);
}

/** As long for 0 as for 100; full only at 100. */
export function bar(percent: number): string {
  const filled = Math.floor((Math.max(0, Math.min(100, percent)) / 100) * barWidth);
  return `[${"=".repeat(filled)}${" ".repeat(barWidth - filled)}]`;
}
