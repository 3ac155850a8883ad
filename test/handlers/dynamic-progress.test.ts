import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { engineAddress, engineProgress } from "../../provider/pulumi/dynamic/engine-log.js";
import { closeAll, onShutdown } from "../../provider/handlers/shutdown.js";
import { progressOn, noProgress } from "../../provider/model/progress.js";

describe("progressOn", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function lines(): { shown: string[]; warned: string[]; progress: ReturnType<typeof progressOn> } {
    const shown: string[] = [];
    const warned: string[] = [];
    return {
      shown,
      warned,
      progress: progressOn({
        show: (l) => shown.push(l),
        info: (l) => shown.push(`info ${l}`),
        warn: (l) => warned.push(l),
      }),
    };
  }

  test("shows the first line at once, then the newest of each half second", () => {
    const { shown, progress } = lines();
    for (let percent = 0; percent <= 100; percent += 10) {
      progress.report({ phase: "migrate", percent });
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(1000);
    expect(shown).toEqual(["migrate 0 %", "migrate 40 %", "migrate 90 %", "migrate 100 %"]);
  });

  test("does not repeat itself", () => {
    const { shown, progress } = lines();
    progress.report({ phase: "unplug", message: "waiting for the guest" });
    progress.report({ phase: "unplug", message: "waiting for the guest" });
    vi.advanceTimersByTime(2000);
    expect(shown).toEqual(["unplug: waiting for the guest"]);
  });

  test("clears the line when all is over, and says nothing after that", () => {
    const { shown, warned, progress } = lines();
    progress.report({ phase: "plug" });
    progress.report({ phase: "verify" });
    progress.warn("the guest has no agent");
    progress.done();
    vi.advanceTimersByTime(2000);
    expect(shown).toEqual(["plug", ""]);
    expect(warned).toEqual(["the guest has no agent"]);
  });

  test("has nothing to clear if it said nothing", () => {
    const { shown, progress } = lines();
    progress.done();
    expect(shown).toEqual([]);
  });
});

describe("the engine's log", () => {
  const script = "/x/node_modules/@pulumi/pulumi/cmd/dynamic-provider";

  test.each([
    [["node", script, "127.0.0.1:4001"], "127.0.0.1:4001"],
    [["node", `${script}/index.js`, "127.0.0.1:4001"], "127.0.0.1:4001"],
    [["node", script], undefined],
    [["node", script, "--help"], undefined],
    [["node", "/usr/bin/vnic-failover", "127.0.0.1:4001"], undefined],
    [[], undefined],
  ])("of a process %j is at %j", (argv, address) => {
    expect(engineAddress(argv)).toBe(address);
  });

  test("logs nothing where nothing listens", () => {
    expect(engineProgress("urn:pulumi:a::b::c::d", ["node", "vitest"])).toBe(noProgress);
    expect(engineProgress(undefined, ["node", script, "127.0.0.1:4001"])).toBe(noProgress);
  });
});

describe("shutdown", () => {
  test("closes what is open, once, whatever fails", async () => {
    const closed: string[] = [];
    onShutdown(() => closed.push("one"));
    onShutdown(() => {
      throw new Error("broken");
    });
    onShutdown(() => Promise.reject(new Error("broken later")));
    const early = onShutdown(() => closed.push("closed earlier"));
    early();
    onShutdown(() => Promise.resolve().then(() => closed.push("two")));
    await closeAll();
    await closeAll();
    expect(closed).toEqual(["one", "two"]);
  });
});
