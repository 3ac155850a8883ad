import { describe, expect, it, vi } from "vitest";
import { SingleFlight, AsyncCache } from "../../../provider/backends/libvirt/async-cache.js";

/** Questions that are answered when the test says so. */
function questions() {
  const asked: { answer(value: string): void; fail(): void }[] = [];
  const ask = () =>
    new Promise<string>((resolve, reject) =>
      asked.push({ answer: resolve, fail: () => reject(new Error("unreachable host")) }),
    );
  return { asked, ask };
}

/** Whatever is to follow from an answer has followed. */
const flushed = () => new Promise(setImmediate);

describe("Once", () => {
  it("asks once for all, and again when it is forgotten", async () => {
    const { asked, ask } = questions();
    const once = new AsyncCache<string, string>(ask);
    const both = [once.get("web"), once.get("web")];
    asked[0]?.answer("here");
    expect(await Promise.all(both)).toEqual(["here", "here"]);
    await once.get("web");
    expect(asked).toHaveLength(1);
    once.forget("web");
    const again = once.get("web");
    asked[1]?.answer("there");
    expect(await again).toBe("there");
  });

  it("keeps no failure", async () => {
    const { asked, ask } = questions();
    const once = new AsyncCache<string, string>(ask);
    const failing = once.get("web");
    asked[0]?.fail();
    await expect(failing).rejects.toThrow("unreachable host");
    const again = once.get("web");
    asked[1]?.answer("here");
    expect(await again).toBe("here");
  });

  it("keeps a failure that took long, for as long again", async () => {
    vi.useFakeTimers();
    try {
      const { asked, ask } = questions();
      const once = new AsyncCache<string, string>(ask);
      const failing = once.get("web");
      vi.advanceTimersByTime(20_000);
      asked[0]?.fail();
      await expect(failing).rejects.toThrow("unreachable host");
      vi.advanceTimersByTime(19_000);
      await expect(once.get("web")).rejects.toThrow("unreachable host");
      expect(asked).toHaveLength(1);
      vi.advanceTimersByTime(1000);
      const again = once.get("web");
      asked[1]?.answer("here");
      expect(await again).toBe("here");
    } finally {
      vi.useRealTimers();
    }
  });

  it("a failure that comes late does not take away what was answered since", async () => {
    const { asked, ask } = questions();
    const once = new AsyncCache<string, string>(ask);
    const failing = once.get("web");
    once.forget("web");
    const second = once.get("web");
    asked[1]?.answer("here");
    await second;
    asked[0]?.fail();
    await expect(failing).rejects.toThrow("unreachable host");
    expect(await once.get("web")).toBe("here");
    expect(asked).toHaveLength(2);
  });
});

describe("SingleFlight", () => {
  it("shares the next answer among those who ask while one is under way, and never the one under way", async () => {
    const { asked, ask } = questions();
    const freshly = new SingleFlight<string, string>(ask);
    const first = freshly.get("web");
    const later = [freshly.get("web"), freshly.get("web")];
    expect(asked).toHaveLength(1);
    asked[0]?.answer("before");
    expect(await first).toBe("before");
    await flushed();
    expect(asked).toHaveLength(2);
    asked[1]?.answer("after");
    expect(await Promise.all(later)).toEqual(["after", "after"]);
  });

  it("asks again after a failure", async () => {
    const { asked, ask } = questions();
    const freshly = new SingleFlight<string, string>(ask);
    const first = freshly.get("web");
    const second = freshly.get("web");
    asked[0]?.fail();
    await expect(first).rejects.toThrow("unreachable host");
    await flushed();
    asked[1]?.answer("after");
    expect(await second).toBe("after");
  });

  it("keeps keys apart, and nothing that was answered", async () => {
    const { asked, ask } = questions();
    const freshly = new SingleFlight<string, string>(ask);
    const answers = [freshly.get("web"), freshly.get("db")];
    expect(asked).toHaveLength(2);
    for (const question of asked) question.answer("now");
    await Promise.all(answers);
    await flushed();
    void freshly.get("web");
    expect(asked).toHaveLength(3);
  });
});
