import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { jsonBoard, lineBoard } from "../../../provider/cli/output/progress-board.js";
import { bar, barBoard, barLine } from "../../../provider/cli/output/terminal-progress.js";

/** As much of a terminal as a bar needs: lines, cursor up, erase to the end. */
class Screen {
  lines: string[] = [];
  readonly columns = 60;

  write(text: string): void {
    for (const part of text.split(/(\u001b\[\d*[AJ]|\n)/)) {
      const up = /^\u001b\[(\d+)A$/.exec(part);
      if (up !== null) this.row -= Number(up[1]);
      else if (part === "\u001b[J") this.lines.length = this.row;
      else if (part === "\n") this.row += 1;
      else if (part !== "") this.lines[this.row] = part;
    }
  }
  private row = 0;
}

describe("bars", () => {
  test.each([
    [0, 0],
    [50, 12],
    [99.9, 23],
    [100, 24],
    [140, 24],
    [-3, 0],
  ])("%d percent fill %d of 24", (percent, filled) => {
    expect(bar(percent)).toBe(`[${"=".repeat(filled)}${" ".repeat(24 - filled)}]`);
  });

  test("a line has the VM, the phase, the bar and what is said", () => {
    expect(barLine("web", { phase: "migrate", percent: 40.7, message: "1.2 GiB left" }, 80)).toBe(
      "web  migrate    [=========               ]  40 %  1.2 GiB left",
    );
    expect(barLine("web", { phase: "unplug", message: "waiting" }, 80)).toBe("web  unplug     waiting");
  });

  test("a line never wraps, and never holds a control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 20, max: 200 }), (message, width) => {
        const line = barLine("web", { phase: "migrate", percent: 5, message }, width);
        expect(line.length).toBeLessThan(width);
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test("each VM has one line, redrawn in place; warnings stay above; what is done disappears", () => {
    const screen = new Screen();
    const board = barBoard(screen);
    const web = board.of("web");
    const db = board.of("db");
    web.report({ phase: "unplug" });
    db.report({ phase: "unplug" });
    web.report({ phase: "migrate", percent: 10 });
    expect(screen.lines).toEqual([
      expect.stringMatching(/^web {2}migrate .* 10 %/),
      expect.stringMatching(/^db {3}unplug/),
    ]);
    db.warn("no guest agent");
    expect(screen.lines[0]).toBe("db: warning: no guest agent");
    expect(screen.lines).toHaveLength(3);
    web.done();
    expect(screen.lines).toEqual(["db: warning: no guest agent", expect.stringMatching(/^db {2}unplug/)]);
    board.note("Stopping");
    db.report({ phase: "migrate" });
    expect(screen.lines.slice(0, 2)).toEqual(["db: warning: no guest agent", "Stopping"]);
    board.close();
    expect(screen.lines).toEqual(["db: warning: no guest agent", "Stopping"]);
  });
});

describe("without a terminal", () => {
  const written: string[] = [];
  const sink = { write: (text: string) => void written.push(text) };

  test("a log gets each phase, and each tenth of it, once", () => {
    written.length = 0;
    const web = lineBoard(sink).of("web");
    web.report({ phase: "unplug", message: "waiting" });
    web.report({ phase: "unplug", message: "waiting" });
    for (const percent of [1, 2, 9, 10, 11, 35]) web.report({ phase: "migrate", percent, message: `${percent} done` });
    web.warn("a\u001b[2J");
    web.done();
    expect(written).toEqual([
      "web: unplug: waiting\n",
      "web: migrate 1 %: 1 done\n",
      "web: migrate 10 %: 10 done\n",
      "web: migrate 35 %: 35 done\n",
      "web: warning: a?[2J\n",
    ]);
  });

  test("a program gets one JSON object a line", () => {
    written.length = 0;
    const web = jsonBoard(sink, () => 7).of("web");
    web.report({ phase: "migrate", percent: 40, message: "two\nlines" });
    web.warn("careful");
    expect(written.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual([
      { at: 7, vm: "web", phase: "migrate", percent: 40, message: "two\nlines" },
      { at: 7, vm: "web", warning: "careful" },
    ]);
  });
});
