import { describe, expect, it } from "vitest";
import { moveRow, rowOf, type Sample } from "./move-rows.js";

const sample: Sample = {
  lost: 6,
  total: 11,
  withoutVf: 9,
  untilVf: 12,
  overhead: 1,
  linkUp: 2,
  beforeUnplug: 5,
  steps: { preflight: 1, unplug: 2 },
  downtime: 200,
  plugToRegistered: 1,
  hostCpu: 5,
  announcedFrames: 300,
  announcedBytes: 18_000,
  packetsLost: NaN,
  packets: NaN,
  stall: NaN,
  throughput: [],
};
const setting = { topology: "separate", guest: "stream", rttMs: 80 } as const;

describe("a row", () => {
  it("names its setting and way, and has median and spread of each measure", () => {
    const row = rowOf(setting, "ours", [sample, { ...sample, lost: 8, hostCpu: 7 }, { ...sample, lost: 7 }]);
    expect(row).toMatchObject({ topology: "separate", guest: "stream", rttMs: 80, way: "ours", moves: 3 });
    expect(row.probesLost).toEqual({ median: 7, min: 6, max: 8 });
    expect(row.hostCpuSeconds).toEqual({ median: 5, min: 5, max: 7 });
    expect(row.totalSeconds?.median).toBe(11);
    expect(row.secondsWithoutVf?.median).toBe(9);
    expect(row.secondsUntilVf?.median).toBe(12);
    expect(row.secondsBeforeUnplug?.median).toBe(5);
    expect(row.stepSeconds).toEqual({
      preflight: { median: 1, min: 1, max: 1 },
      unplug: { median: 2, min: 2, max: 2 },
    });
    expect(row.announcedFrames?.median).toBe(300);
    expect(row.announcedBytes?.median).toBe(18_000);
  });

  it("is null where nothing was measured", () => {
    expect(rowOf(setting, "ours", [sample])).toMatchObject({ packetsLost: null, packets: null, stallSeconds: null });
  });

  it("has the throughput of the move whose stall is the middle one", () => {
    const streamed = [3, 1, 2, NaN].map((stall) => ({
      ...sample,
      stall,
      throughput: [{ seconds: stall, megabitsPerSecond: 8 }],
    }));
    expect(rowOf(setting, "ours", streamed).throughput).toEqual([{ seconds: 2, megabitsPerSecond: 8 }]);
  });

  it("is read again as it was written", () => {
    const row = rowOf(setting, "runbook", [sample]);
    expect(moveRow.parse(JSON.parse(JSON.stringify(row)))).toEqual(row);
  });

  it("is read of older versions, which had a quiet guest and near hosts", () => {
    const spread = { median: 1, min: 1, max: 1 };
    const old = {
      topology: "shared",
      way: "ours",
      moves: 7,
      ...{ probesLost: spread, totalSeconds: spread, secondsWithoutVf: spread, overheadSeconds: null },
      ...{ guestLinkUpSeconds: spread, downtime: spread, plugToRegisteredSeconds: null },
    };
    expect(moveRow.parse(old)).toMatchObject({ guest: "quiet", rttMs: 0, hostCpuSeconds: null, throughput: [] });
  });
});
