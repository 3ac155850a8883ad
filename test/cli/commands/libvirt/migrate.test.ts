import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { migrate } from "../../../../provider/cli/commands/libvirt/migrate.js";
import { moveVm, MoveFailed } from "../../../../provider/migration/move.js";
import { defaultMigrationOptions as options } from "../../../../provider/migration/options.js";
import { MoveRefused } from "../../../../provider/migration/plan.js";
import { missingVfsOf } from "../../../../provider/migration/repair.js";
import { contextWith, reportWith, stepFailed } from "../../command-context.js";

vi.mock(import("../../../../provider/migration/move.js"), async (original) => ({
  ...(await original()),
  moveVm: vi.fn(),
}));
vi.mock(import("../../../../provider/migration/repair.js"), async (original) => ({
  ...(await original()),
  missingVfsOf: vi.fn(),
}));

let reportDir: string;
beforeEach(async () => {
  reportDir = await mkdtemp(join(tmpdir(), "vnic-failover-reports-"));
});
afterEach(() => rm(reportDir, { recursive: true }));

const request = () => ({ vm: "web", to: "host2", options, reportDir });

test("a move's answer: from, to, VFs, downtime, and where the report is", async () => {
  vi.mocked(moveVm).mockResolvedValue(reportWith());
  const context = contextWith();
  const { outcome, text, document, errors } = await migrate(context, request());
  expect(outcome).toBe("moved");
  expect(errors).toBeUndefined();
  for (const part of [
    'VM "web" has moved from "host1" to "host2".',
    "52:54:00:aa:00:50 on data-vf: VF 0000:01:10.0 -> 0000:01:10.2",
    "took 12.3 s",
    "downtime (libvirt): 87 ms",
    "without VF: 9.3 s",
  ])
    expect(text).toContain(part);
  const files = (await readdir(reportDir)).map((name) => join(reportDir, name));
  expect(files).toHaveLength(2);
  for (const path of files) expect(text).toContain(path);
  expect(document).toMatchObject({ report: { outcome: "moved" }, files: {} });
  expect(vi.mocked(moveVm).mock.lastCall?.[1]).toMatchObject({
    vm: "web",
    to: "host2",
    options,
    signal: context.signal,
  });
  expect(context.reported).toContain("web done");
});

test("a failed move is reported, too, with its error", async () => {
  const failure = new MoveFailed(stepFailed("web", "out of memory"), reportWith({ outcome: "failed-on-source" }));
  vi.mocked(moveVm).mockRejectedValue(failure);
  const { outcome, text, errors } = await migrate(contextWith(), request());
  expect(outcome).toBe("failed-on-source");
  expect(text).toContain('VM "web" has not moved: it is on "host1", with its VF.');
  expect(errors).toEqual([failure]);
  expect(await readdir(reportDir)).toHaveLength(2);
});

test("a VF that is missing afterwards is said with the reason", async () => {
  const report = reportWith({ outcome: "moved-without-vf", error: "none is free" });
  vi.mocked(moveVm).mockResolvedValue({
    ...report,
    interfaces: report.interfaces.map((nic) => ({ ...nic, vfAfter: null })),
  });
  const { outcome, text } = await migrate(contextWith(), request());
  expect(outcome).toBe("moved-without-vf");
  expect(text).toMatch(/VF 0000:01:10\.0 -> none\n {2}why: none is free/);
});

test("a refusal leaves no report", async () => {
  const refusal = new MoveRefused("web", "host2", []);
  vi.mocked(moveVm).mockRejectedValue(refusal);
  await expect(migrate(contextWith(), request())).rejects.toBe(refusal);
  expect(await readdir(reportDir)).toEqual([]);
});

test.each([
  [[], "ok", /^Nothing to do: /],
  [["the VF of 52:54:00:aa:00:50"], "moved-without-vf", /without the VF of 52:54:00:aa:00:50.*recover web/s],
])("a VM that is there already, with %j missing", async (missing, outcome, text) => {
  vi.mocked(moveVm).mockResolvedValue(undefined);
  vi.mocked(missingVfsOf).mockResolvedValue(missing);
  const answer = await migrate(contextWith(), request());
  expect(answer.outcome).toBe(outcome);
  expect(answer.text).toMatch(text);
});
