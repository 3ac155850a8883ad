import { describe, expect, it } from "vitest";
import { parseXml } from "../../provider/xml/parse.js";
import { movePicture } from "./move-picture.js";
import { rowOf, type MoveRow, type Sample } from "./move-rows.js";
import type { Setting } from "./matrix.js";
import type { WayName } from "./way-names.js";

const sample: Sample = {
  ...{ lost: 6, total: 11, withoutVf: 9, overhead: 1, linkUp: 2, downtime: 200, plugToRegistered: 1, hostCpu: 5 },
  ...{ untilVf: 12, beforeUnplug: 5, steps: {} },
  ...{ announcedFrames: 300, announcedBytes: 18_000, packetsLost: NaN, packets: NaN, stall: NaN, throughput: [] },
};
const setting: Setting = { topology: "separate", guest: "quiet", rttMs: 0 };
const row = (way: WayName, changes: Partial<Sample> = {}, where: Partial<Setting> = {}): MoveRow =>
  rowOf({ ...setting, ...where }, way, [{ ...sample, ...changes }]);

/** Widths of the bars of a colour, in the picture's order. */
const bars = (svg: string, colour: string): number[] =>
  [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="12" fill="(#\w+)"\/>/g)]
    .filter(([, width, fill]) => fill === colour && width !== "12")
    .map(([, width]) => Number(width));

const [virtio, failover, ours] = ["#8d99ae", "#e09f3e", "#005f9e"];

describe("the picture of a run", () => {
  it("has a bar for each way and measure, as long as its median", () => {
    const svg = movePicture([
      row("ours"),
      row("libvirt-failover", { lost: 60, withoutVf: 4.5, total: 5.5, hostCpu: 5 }),
    ]);
    const [lost = 0, withoutVf = 0, total = 0, cpu = 0] = bars(svg, ours);
    const [lostThere = 0, withoutVfThere = 0, totalThere = 0, cpuThere = 0] = bars(svg, failover);
    expect(lostThere / lost).toBeCloseTo(10, 0);
    expect(withoutVf / withoutVfThere).toBeCloseTo(2, 1);
    expect(total / totalThere).toBeCloseTo(2, 1);
    expect(cpu).toBe(cpuThere);
  });

  it("has a dash and no bar where there is nothing", () => {
    const svg = movePicture([row("ours"), row("virtio-only", { withoutVf: NaN, untilVf: NaN })]);
    expect(bars(svg, virtio)).toHaveLength(3);
    expect(svg).toContain(">–</text>");
  });

  it("names ways, guests, topologies and far hosts", () => {
    const svg = movePicture([row("ours"), row("ours", {}, { topology: "shared", guest: "receives", rttMs: 80 })]);
    for (const words of ["this package", "quiet, 256 MiB", "receives 2,000 packets/s", "on the VFs' PF", "80 ms away"])
      expect(svg).toContain(words);
    expect(svg).not.toContain("a runbook");
  });

  it("draws a stream's throughput", () => {
    const throughput = [
      { seconds: -1, megabitsPerSecond: 8 },
      { seconds: 0, megabitsPerSecond: 0 },
      { seconds: 1, megabitsPerSecond: 16 },
    ];
    const svg = movePicture([row("ours", { stall: 1, throughput }, { guest: "stream" })]);
    const points =
      /points="([^"]+)"/
        .exec(svg)?.[1]
        ?.split(" ")
        .map((each) => each.split(",").map(Number)) ?? [];
    const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = points;
    expect(x1 - x0).toBeCloseTo(x2 - x1, 0);
    expect(y1).toBeGreaterThan(y0);
    expect(y1 - y2).toBeCloseTo(2 * (y1 - y0), 0);
    expect(movePicture([row("ours")])).not.toContain("polyline");
  });

  it("is XML, also of no rows", () => {
    for (const rows of [[], [row("ours"), row("runbook")]]) expect(() => parseXml(movePicture(rows))).not.toThrow();
  });
});
