import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { askYes } from "../../provider/cli/prompt.js";
import { catchInterrupts } from "../../provider/cli/signals.js";

function interrupted() {
  const exits: number[] = [];
  const said: string[] = [];
  const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  const interrupts = catchInterrupts((text) => void said.push(text), source as unknown as NodeJS.Process);
  return { exits, said, source, interrupts };
}

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"])("%s once aborts, with a reason that names it", (name) => {
    const { exits, said, source, interrupts } = interrupted();
    expect(interrupts.signal.aborted).toBe(false);
    source.emit(name, name);
    expect(interrupts.signal.aborted).toBe(true);
    expect((interrupts.signal.reason as Error).message).toBe(`Interrupted by ${name}. Run the command again.`);
    expect(said).toHaveLength(1);
    expect(exits).toEqual([]);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])("twice exits at once: %s with %d, and says what is needed then", (name, code) => {
    const { exits, said, source } = interrupted();
    source.emit("SIGINT", "SIGINT");
    source.emit(name, name);
    expect(exits).toEqual([code]);
    expect(said[1]).toContain("vnic-failover recover");
  });

  test("is the system's again afterwards", () => {
    const { source, interrupts } = interrupted();
    interrupts.release();
    expect(source.eventNames()).toEqual([]);
  });
});

describe("asking", () => {
  const asked = (text: string | undefined, signal = new AbortController().signal) => {
    const input = new PassThrough();
    if (text !== undefined) input.end(text);
    return askYes("Move?", { input, output: new PassThrough(), signal });
  };

  test.each([
    ["y\n", true],
    ["YES \n", true],
    ["n\n", false],
    ["\n", false],
    ["yesterday\n", false],
    ["", false],
  ])("%j is %s", async (text, expected) => {
    expect(await asked(text)).toBe(expected);
  });

  test("Ctrl-C is a no", async () => {
    const controller = new AbortController();
    const answer = asked(undefined, controller.signal);
    controller.abort();
    expect(await answer).toBe(false);
  });
});
