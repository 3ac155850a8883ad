import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { boundedReport, MOST_OF_A_REPORT } from "../../../provider/migration/report/bounded.js";
import { bytes, describeJob, summarizeJob } from "../../../provider/migration/job.js";
import { lineOfReport, moveLine } from "../../../provider/migration/report/line.js";
import { reportPage } from "../../../provider/migration/report/page.js";
import { saveReport } from "../../../provider/migration/report/files.js";
import type { MoveReport } from "../../../provider/migration/report/report.js";
import { timelinePicture } from "../../../provider/migration/report/timeline-svg.js";
import { Timeline } from "../../../provider/migration/report/timeline.js";
import { parseXml } from "../../../provider/xml/element.js";
import { report, start } from "../a-report.js";

describe("the time line", () => {
  it("has each phase from its begin to its end, and nothing that never began", () => {
    let now = 10;
    const timeline = new Timeline({ now: () => now });
    timeline.begin("a");
    now = 25;
    timeline.end("a", "done");
    timeline.end("b", "failed");
    timeline.end("a", "undone");
    expect(timeline.phases).toEqual([{ name: "a", start: 10, end: 25, outcome: "done" }]);
  });

  it("has moments and samples with their time", () => {
    const timeline = new Timeline({ now: () => 7 });
    timeline.mark("vf-plugged", "now");
    timeline.mark("vf-unplugged", "before", 3);
    timeline.sample({ percent: 1, remaining: 2, rate: 3 });
    expect(timeline.moments).toEqual([
      { kind: "vf-plugged", at: 7, what: "now" },
      { kind: "vf-unplugged", at: 3, what: "before" },
    ]);
    expect(timeline.samples).toEqual([{ at: 7, percent: 1, remaining: 2, rate: 3 }]);
  });
});

describe("the report's page", () => {
  it("says what happened", () => {
    const page = reportPage(report(), { lostAt: [start / 1000 + 2.5], sent: 400, lost: 1 });
    for (const text of [
      "web: host1 → host2",
      "12.3 s",
      "42 ms",
      "1.5 GiB",
      "0000:01:10.0 → 0000:01:10.2",
      "1 of 400",
      "No agent. Install it.",
      "No probing.",
      "1.99 s",
    ])
      expect(page).toContain(text);
  });

  it("says that there is no VF, and why", () => {
    const page = reportPage(
      report({
        outcome: "moved-without-vf",
        error: "No VF is free.",
        interfaces: [{ mac: "52:54:00:aa:00:50", network: "data-vf", vfBefore: "0000:01:10.0", vfAfter: null }],
      }),
    );
    expect(page).toContain("0000:01:10.0 → none");
    expect(page).toContain("<strong>No VF is free.</strong>");
  });

  it("fetches nothing and runs nothing", () => {
    const page = reportPage(report(), { lostAt: [], sent: 1, lost: 0 });
    expect(page).not.toMatch(/\s(src|href|action|srcset|on\w+)\s*=/i);
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|base|form)\b/i);
    expect(page).not.toMatch(/url\(|@import/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it("escapes whatever a name, a message or an error holds", () => {
    const nasty = `<script>alert("1")</script>&'"`;
    fc.assert(
      fc.property(fc.constantFrom(nasty, "]]><svg onload=x>", "<!--", "&lt;", "a\u0000b"), (text) => {
        const page = reportPage(
          report({
            vm: text,
            from: text,
            to: text,
            error: text,
            interfaces: [{ mac: text, network: text, vfBefore: text, vfAfter: text }],
            phases: [{ name: text, start, end: start + 1, outcome: "failed" }],
            moments: [{ at: start, what: text }],
            announced: { by: "qemu", notes: [text] },
            warnings: [{ rule: text, message: text, remedy: text }],
          }),
        );
        expect(page).not.toMatch(/<script|<svg onload|<!--/i);
        expect(page.match(/<svg\b/g)).toHaveLength(2);
      }),
    );
  });
});

describe("the picture of the time line", () => {
  it("is well-formed XML with a bar a phase and a tick a lost probe", () => {
    const svg = parseXml(timelinePicture(report(), { lostAt: [start / 1000 + 1, start / 1000 + 2], sent: 9, lost: 2 }));
    expect(svg.name).toBe("svg");
    const fills = svg.children.filter(({ name }) => name === "rect").map(({ attributes }) => attributes["fill"]);
    expect(fills.filter((fill) => fill === "#c1121f")).toHaveLength(2);
    expect(fills).toEqual(expect.arrayContaining(["#e07a5f", "#3d5a80"]));
  });

  it("is well-formed and stays in its frame, whatever the times and the names", () => {
    const phase = fc.record({
      name: fc.string({ maxLength: 10, unit: fc.constantFrom("a", "<", "&", '"', ">", "é") }),
      start: fc.integer({ min: start, max: start + 100_000 }),
      end: fc.integer({ min: start + 100_000, max: start + 4_000_000 }),
      outcome: fc.constantFrom("done" as const, "failed" as const, "undone" as const),
    });
    fc.assert(
      fc.property(fc.array(phase, { maxLength: 8 }), fc.string(), (phases, vm) => {
        const svg = parseXml(timelinePicture(report({ phases, vm: vm.replaceAll(/[^ -~]/g, "?") })));
        for (const rect of svg.children.filter(({ name }) => name === "rect")) {
          const x = Number(rect.attributes["x"] ?? 0);
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x + Number(rect.attributes["width"])).toBeLessThanOrEqual(1002);
        }
      }),
    );
  });

  it("is drawn for a move without a single phase", () => {
    expect(parseXml(timelinePicture(report({ phases: [] }))).name).toBe("svg");
  });
});

describe("libvirt's job in words", () => {
  const job = (values: Record<string, bigint | number>) => ({ type: 2, values });

  it("tells how much is left, how fast, which pass, and the downtime that libvirt expects", () => {
    expect(
      describeJob(
        job({
          memory_total: 268_435_456n,
          memory_remaining: 67_108_864n,
          memory_bps: 104_857_600n,
          memory_iteration: 3n,
          downtime: 30n,
        }),
      ),
    ).toEqual({
      sample: { percent: 75, remaining: 67_108_864, rate: 104_857_600 },
      text: "64.0 MiB of 256 MiB left, 100 MiB/s, pass 3, downtime about 30 ms",
    });
  });

  it("leaves out what libvirt does not tell", () => {
    expect(describeJob(job({}))).toEqual({
      sample: { percent: 0, remaining: 0, rate: 0 },
      text: "0 B of 0 B left",
    });
    expect(summarizeJob(undefined)).toEqual({});
    expect(summarizeJob(job({ downtime: 5n, operation: 5 }))).toEqual({ downtime: 5 });
  });

  it("stays between 0 and 100 percent, whatever libvirt counts", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1n << 50n }),
        fc.bigInt({ min: 0n, max: 1n << 50n }),
        (total, remaining) => {
          const { percent } = describeJob(job({ memory_total: total, memory_remaining: remaining })).sample;
          expect(percent).toBeGreaterThanOrEqual(0);
          expect(percent).toBeLessThanOrEqual(100);
        },
      ),
    );
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1_610_612_736, "1.5 GiB"],
    [2 ** 60, "1048576 TiB"],
  ])("%i bytes are %s", (count, text) => {
    expect(bytes(count)).toBe(text);
  });
});

describe("the report's files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "reports-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are the report itself and its page, under the VM's name and the time", async () => {
    const saved = await saveReport(report({ vm: "../web/1" }), join(folder, "new"));
    if (typeof saved === "string") throw new Error(saved);
    expect(saved.json).toBe(join(folder, "new", ".._web_1-2023-11-14T22-13-20-000Z.json"));
    expect(JSON.parse(await readFile(saved.json, "utf8"))).toEqual(report({ vm: "../web/1" }));
    expect(await readFile(saved.html, "utf8")).toBe(reportPage(report({ vm: "../web/1" })));
  });

  it("that cannot be written are said, not thrown", async () => {
    await writeFile(join(folder, "file"), "");
    expect(await saveReport(report(), join(folder, "file"))).toMatch(/^Unable to write the report/);
  });
});

describe("the report that a state keeps", () => {
  const size = (value: MoveReport) => Buffer.byteLength(JSON.stringify(value));

  it("is the report itself where that is small", () => {
    expect(boundedReport(report())).toEqual(report());
  });

  it("is within bounds for a move of half an hour with 16 VFs and long texts, and still says what counts", () => {
    let now = start;
    const timeline = new Timeline({ now: () => now });
    timeline.begin("migrate");
    for (; now < start + 1_800_000; now += 500) {
      timeline.sample(
        describeJob({
          type: 1,
          values: {
            memory_total: 2n ** 36n,
            memory_remaining: BigInt(1_800_000 - (now - start)) * 1000n,
            memory_bps: 123_456_789n,
          },
        }).sample,
      );
      if (now % 30_000 === 0) timeline.mark("vf-used", `the guest uses 0000:01:10.${(now / 30_000) % 8}`);
    }
    timeline.end("migrate", "done");
    const interfaces = Array.from({ length: 16 }, (_, index) => ({
      mac: `52:54:00:aa:00:${(16 + index).toString(16)}`,
      network: "data-vf",
      vfBefore: `0000:01:1${index >> 3}.${index % 8}`,
      vfAfter: `0000:02:1${index >> 3}.${index % 8}`,
    }));
    const { samples, moments, phases } = timeline;
    const error = "The VF did not come back. ".repeat(400);
    const warnings = Array.from({ length: 20 }, () => ({ rule: "move-guest-agent", message: error, remedy: error }));
    const whole = report({ samples, moments, phases, interfaces, error, warnings, ended: now });
    expect(size(whole)).toBeGreaterThan(300_000);
    const kept = boundedReport(whole);
    expect(size(kept)).toBeLessThanOrEqual(MOST_OF_A_REPORT);
    expect(kept).toMatchObject({ outcome: "moved", started: start, ended: now, interfaces, job: whole.job });
    expect(kept.error).toMatch(/^The VF did not come back\. .*…$/);
    expect(kept.warnings.length).toBeGreaterThan(0);
  });

  it("thins samples from the first to the last before it cuts any text", () => {
    const samples = Array.from({ length: 500 }, (_, at) => ({ at, percent: 1, remaining: 2, rate: 3 }));
    const kept = boundedReport(report({ samples }));
    expect(kept).toEqual(report({ samples: kept.samples }));
    expect(kept.samples).toHaveLength(12);
    expect([kept.samples[0], kept.samples.at(-1)]).toEqual([samples[0], samples.at(-1)]);
  });

  it("X18: is within bounds whatever there is in it", () => {
    const text = fc.string({ unit: "binary", maxLength: 3000 });
    const long = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 40, size: "max" });
    const at = fc.integer({ min: start, max: start + 1e7 });
    const reports = fc.record({
      ...{ vm: text, from: text, to: text, error: text },
      interfaces: long(
        fc.record({ mac: text, network: text, vfBefore: text, vfAfter: fc.option(text, { nil: null }) }),
      ),
      phases: long(
        fc.record({ name: text, start: at, end: at, outcome: fc.constantFrom("done" as const, "undone" as const) }),
      ),
      moments: long(fc.record({ at, what: text })),
      samples: long(fc.record({ at, percent: fc.double(), remaining: fc.double(), rate: fc.double() })),
      announced: fc.record({ by: fc.constant("qemu" as const), notes: long(text) }),
      warnings: long(fc.record({ rule: text, message: text, remedy: text })),
    });
    fc.assert(
      fc.property(reports, (parts) => {
        const kept = boundedReport(report(parts));
        expect(size(kept)).toBeLessThanOrEqual(MOST_OF_A_REPORT);
        expect(Object.keys(kept)).toEqual(Object.keys(report(parts)));
      }),
      { numRuns: 60 },
    );
  });
});

describe("the line after a move", () => {
  it("has what was measured, and where the report is", () => {
    expect(lineOfReport(report(), "r.html")).toBe(
      'VM "web" moved from "host1" to "host2" in 12.3 s: downtime 42 ms, without VF 9.5 s, VF 0000:01:10.0 → 0000:01:10.2. Report: r.html',
    );
    const [nic] = report().interfaces;
    if (nic === undefined) throw new Error("no interface");
    expect(lineOfReport(report({ interfaces: [nic, { ...nic, vfAfter: null }], job: {} }))).toContain(
      "without VF 9.5 s, VFs 0000:01:10.0 → 0000:01:10.2, 0000:01:10.0 → none.",
    );
    expect(moveLine({ vm: "web", from: "a", to: "b", milliseconds: 50 })).toBe(
      'VM "web" moved from "a" to "b" in 0.1 s.',
    );
  });
});

describe("the package's own folder", () => {
  const here = process.cwd();
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "project-"));
    process.chdir(folder);
  });
  afterEach(async () => {
    process.chdir(here);
    await rm(folder, { recursive: true });
  });

  it("keeps itself out of the user's repository when it is made, and leaves alone one that is there", async () => {
    const ignored = join(folder, ".vnic-failover", ".gitignore");
    await saveReport(report());
    expect(await readFile(ignored, "utf8")).toBe("*\n");
    await rm(ignored);
    await saveReport(report());
    await expect(readFile(ignored)).rejects.toThrow("ENOENT");
    const elsewhere = join(folder, "reports");
    await saveReport(report(), elsewhere);
    await expect(readFile(join(elsewhere, ".gitignore"))).rejects.toThrow("ENOENT");
  });
});
