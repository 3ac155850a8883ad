import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Turns } from "../../provider/handlers/turns.js";

/** Operations whose ends are the test's to choose. */
function operations(turns: Turns) {
  const log: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const begin = (name: string, alone: boolean, { vm = "web", signal }: { vm?: string; signal?: AbortSignal } = {}) =>
    turns.take(
      vm,
      { alone, name },
      () => {
        log.push(`begin ${name}`);
        return new Promise<string>((resolve, reject) =>
          ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error))),
        );
      },
      { waiting: (forWhom) => log.push(`${name} waits for ${forWhom}`), signal },
    );
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error);
    await sleep(1);
  };
  return { log, begin, end };
}

describe("the turns at a VM", () => {
  it("let those be at it together who do not move it, and a mover alone, in the order in which they came", async () => {
    const { log, begin, end } = operations(new Turns());
    const all = [begin("nic1", false), begin("nic2", false), begin("move", true), begin("nic3", false)];
    await sleep(1);
    expect(log).toEqual(["begin nic1", "begin nic2", "move waits for nic1", "nic3 waits for move"]);
    await end("nic2");
    await end("nic1");
    expect(log.slice(4)).toEqual(["begin move"]);
    await end("move");
    await end("nic3");
    expect(await Promise.all(all)).toEqual(["nic1", "nic2", "move", "nic3"]);
  });

  it("pass on after a failure, and do not hold up other VMs", async () => {
    const { log, begin, end } = operations(new Turns());
    const failing = begin("move", true);
    const next = begin("nic", false);
    const other = begin("other", true, { vm: "db" });
    await sleep(1);
    expect(log).toContain("begin other");
    const refused = expect(failing).rejects.toThrow("broken");
    await end("move", new Error("broken"));
    await refused;
    await end("nic");
    await end("other");
    expect(await Promise.all([next, other])).toEqual(["nic", "other"]);
  });

  it("release one that is cancelled while waiting, and those behind go on", async () => {
    const { log, begin, end } = operations(new Turns());
    const cancelled = new AbortController();
    const first = begin("nic1", false);
    const move = begin("move", true, { signal: cancelled.signal });
    const last = begin("nic2", false);
    await sleep(1);
    cancelled.abort(new Error("cancelled"));
    await expect(move).rejects.toThrow("cancelled");
    await sleep(1);
    expect(log).toContain("begin nic2");
    expect(log).not.toContain("begin move");
    await end("nic1");
    await end("nic2");
    expect(await Promise.all([first, last])).toEqual(["nic1", "nic2"]);
  });
});
