/** Other users of the operator's machine, and names that hosts make. */
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DrainRecord } from "../../provider/drain/report.js";
import { saveReport } from "../../provider/migration/report/files.js";
import { report } from "../migration/a-report.js";

/** Only who owns a folder is made up: another user's cannot be made without root's rights. */
vi.mock(import("node:fs/promises"), async (original) => {
  const real = await original();
  return { ...real, stat: vi.fn(real.stat) as unknown as typeof real.stat };
});

async function ownedBy(uid: number): Promise<void> {
  const found = await lstat(folder);
  vi.mocked(stat).mockImplementation(() => Promise.resolve(Object.assign(found, { uid })));
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "reports-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.mocked(stat).mockImplementation(lstat);
  await rm(folder, { recursive: true });
});

async function saved(...args: Parameters<typeof saveReport>): Promise<{ json: string; html: string }> {
  const files = await saveReport(...args);
  if (typeof files === "string") throw new Error(files);
  return files;
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe("X23: the report of a move", () => {
  test("is for its owner only, file and folder", async () => {
    const { json, html } = await saved(report(), join(folder, "new"));
    expect(await Promise.all([json, html, join(folder, "new")].map(modeOf))).toEqual(["600", "600", "700"]);
  });

  test("is never written through a link, nor over another file", async () => {
    const victim = join(folder, "victim");
    await writeFile(victim, "precious");
    const first = await saved(report(), folder);
    await rm(first.html);
    await symlink(victim, first.html);
    const second = await saved(report(), folder);
    expect(await readFile(victim, "utf8")).toBe("precious");
    expect((await lstat(first.html)).isSymbolicLink()).toBe(true);
    expect(second.html).not.toBe(first.html);
    expect(second.json).not.toBe(first.json);
    expect(JSON.parse(await readFile(second.json, "utf8"))).toEqual(report());
  });

  test.runIf(process.getuid !== undefined)(
    "is not written into a folder of another user, and root's is none",
    async () => {
      const own = process.getuid?.() ?? 0;
      await ownedBy(own + 1);
      expect(await saveReport(report(), folder)).toBe(
        `Unable to write the report to ${folder}: Folder "${folder}" belongs to another user`,
      );
      const file = new DrainRecord("drain", "host1", folder, 0);
      file.begin({ vm: "web", uuid: "00112233-4455-6677-8899-aabbccddeeff", from: "host1", to: "host2" });
      expect((await file.close()).problem?.message).toContain("belongs to another user");
      expect(await readdir(folder)).toEqual([]);
      vi.spyOn(process, "getuid").mockReturnValue(1000);
      await ownedBy(0);
      expect(await saveReport(report(), folder)).toHaveProperty("json");
    },
  );

  test("of a drain is written so, too", async () => {
    const victim = join(folder, "victim");
    await writeFile(victim, "precious");
    const file = new DrainRecord("drain", "host1", folder, 0);
    const name = "drain-host1-1970-01-01T00-00-00-000Z.json";
    await symlink(victim, join(folder, `${name}.new`));
    file.begin({ vm: "web", uuid: "00112233-4455-6677-8899-aabbccddeeff", from: "host1", to: "host2" });
    expect(await file.close()).toEqual({ file: join(folder, name) });
    expect(await readFile(victim, "utf8")).toBe("precious");
    expect(await modeOf(join(folder, name))).toBe("600");
  });
});

describe("X24: a report", () => {
  test("of a VM with a name of any length is written, and told apart from others", async () => {
    const long = "x".repeat(255);
    await saved(report({ vm: long }), folder);
    await saved(report({ vm: `${"x".repeat(254)}y` }), folder);
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    expect(new Set(names.map((name) => name.slice(0, 113))).size).toBe(2);
    for (const name of names) expect(name.length).toBeLessThan(200);
  });

  test("of a move of a day is written", async () => {
    const samples = Array.from({ length: 200_000 }, (_, at) => ({ at, percent: 1, remaining: 1, rate: at }));
    await saved(report({ samples }), folder);
  });
});
