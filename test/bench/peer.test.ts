import { execFileSync, spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { longestStall, peerOf, throughputOf } from "./peer.js";

const stream: [number, number][] = [
  [100, 0],
  [100.1, 100_000],
  [100.2, 200_000],
  [100.3, 200_000],
  [100.8, 200_000],
  [100.9, 700_000],
];

describe("a stream's throughput", () => {
  it("is that between two looks, in seconds from the move's beginning", () => {
    expect(throughputOf(stream, 100.2)).toEqual([
      { seconds: -0.1, megabitsPerSecond: 8 },
      { seconds: 0, megabitsPerSecond: 8 },
      { seconds: 0.1, megabitsPerSecond: 0 },
      { seconds: 0.6, megabitsPerSecond: 0 },
      { seconds: 0.7, megabitsPerSecond: 40 },
    ]);
  });

  it("begins two seconds before the move", () => {
    expect(throughputOf(stream, 102.5)).toEqual([
      { seconds: -1.7, megabitsPerSecond: 0 },
      { seconds: -1.6, megabitsPerSecond: 40 },
    ]);
    expect(throughputOf([], 100)).toEqual([]);
  });
});

describe("a stream's stall", () => {
  it("is the longest time in which nothing was acknowledged", () => {
    expect(longestStall(stream)).toBeCloseTo(0.6);
  });

  it("is unknown without a stream", () => {
    expect(longestStall([])).toBeNaN();
  });
});

describe("the peer's process", () => {
  const traffic = { receives: 2000, sends: 0, stream: 0 };
  const started = (lines: string) => peerOf(spawn("python3", ["-c", lines]), { address: "10.78.0.50" }, traffic);

  it("is told the guest and its traffic, and says at its end what it saw", async () => {
    const peer = await started(`import json, sys
task = json.loads(sys.stdin.readline())
print(json.dumps({"ready": True}), flush=True)
sys.stdin.read()
print(json.dumps({"announced": {"frames": 2, "bytes": 120}, "received": {"packets": task["receives"], "lost": 3},
                  "sent": None, "stream": [[1.5, 2]], "guest": task["guest"]}))`);
    expect(await peer.stop()).toEqual({
      announced: { frames: 2, bytes: 120 },
      received: { packets: 2000, lost: 3 },
      sent: null,
      stream: [[1.5, 2]],
    });
  });

  it("says why it ended too early", async () => {
    await expect(started('raise SystemExit("the guest is not there")')).rejects.toThrow(/the guest is not there/);
    const peer = await started('print("{}", flush=True); raise SystemExit("the guest has gone")');
    await expect(peer.stop()).rejects.toThrow(/the guest has gone/);
  });
});

/** What the peer's program says to a line of Python of its own. */
function python(lines: string): unknown {
  const program = `import json, sys; sys.dont_write_bytecode = True; sys.path.insert(0, ${JSON.stringify(import.meta.dirname)}); import peer\n${lines}`;
  return JSON.parse(execFileSync("python3", ["-c", program], { encoding: "utf8" }));
}

describe("the peer's count", () => {
  it("goes on where ICMP's numbers begin again, and takes those that come late or twice", () => {
    const numbers = [65533, 65534, 0, 65535, 0, 3, 65530];
    const counted = python(
      `n = peer.Numbers()\nfor each in ${JSON.stringify(numbers)}: n.come_short(each)\nprint(json.dumps(n.counted()))`,
    );
    // 65530 to 65539, of which 65531, 65532, 65537 and 65538 never came.
    expect(counted).toEqual({ packets: 10, lost: 4 });
  });

  it("is nothing where nothing came", () => {
    expect(python("print(json.dumps(peer.Numbers().counted()))")).toEqual({ packets: 0, lost: 0 });
  });
});

describe("the peer's echo request", () => {
  it("has a number beyond ICMP's own, and a checksum with which all words add up to 0xffff", () => {
    const bytes = python("print(json.dumps(list(peer.echo(0xfffe, 0x12345678))))") as number[];
    const words = Array.from({ length: 6 }, (_, index) => (bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0));
    expect(words.filter((_, index) => index !== 1)).toEqual([0x0800, 0xfffe, 0x5678, 0x1234, 0x5678]);
    const total = words.reduce((sum, word) => sum + word, 0);
    expect((total & 0xffff) + (total >> 16)).toBe(0xffff);
  });
});
