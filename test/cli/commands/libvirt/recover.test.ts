import { beforeEach, expect, test, vi } from "vitest";
import { recoverVms } from "../../../../provider/cli/commands/libvirt/recover.js";
import { named } from "../../../../provider/backends/libvirt/cluster.js";
import { surveyVms, type VmSurvey } from "../../../../provider/cli/commands/libvirt/vm-survey.js";
import { HostUnreachable } from "../../../../provider/backends/libvirt/host-errors.js";
import { recover } from "../../../../provider/migration/recover.js";
import { missingVfsOf, plugMissingVfs } from "../../../../provider/migration/repair.js";
import { moveUnderWay } from "../../../../provider/migration/steps.js";
import type { Journal } from "../../../../provider/migration/journal.js";
import { ProblemError } from "../../../../provider/model/problem.js";
import { contextWith } from "../../command-context.js";

vi.mock(import("../../../../provider/migration/recover.js"), async (original) => ({
  ...(await original()),
  recover: vi.fn(),
}));
vi.mock(import("../../../../provider/migration/repair.js"), () => ({ missingVfsOf: vi.fn(), plugMissingVfs: vi.fn() }));
vi.mock(import("../../../../provider/cli/commands/libvirt/vm-survey.js"), async (original) => ({
  ...(await original()),
  surveyVms: vi.fn(),
}));

const all = { vm: undefined, now: false };

function surveyed(vm: string, over: Partial<VmSurvey>): VmSurvey {
  return { vm, state: "running", hosts: ["host1"], interfaces: [], missing: [], journal: undefined, ...over };
}

beforeEach(() => {
  vi.mocked(recover)
    .mockReset()
    .mockImplementation((_cluster, vm) =>
      Promise.resolve({
        vm: named(vm).name,
        uuid: named(vm).uuid,
        outcome: "finished",
        host: "host2",
        journal: undefined,
        settled: [],
        owed: [],
      }),
    );
  vi.mocked(plugMissingVfs).mockReset().mockResolvedValue();
  vi.mocked(missingVfsOf).mockReset().mockResolvedValue([]);
});

test("without a name: those with a journal, a missing VF or two lives, and no others", async () => {
  vi.mocked(surveyVms).mockResolvedValue({
    vms: [
      surveyed("cut", { journal: {} as Journal }),
      surveyed("fine", {}),
      surveyed("lacking", { missing: ["the VF of 52:54:00:aa:00:50"] }),
      surveyed("off", { state: "shut off", hosts: ["host1", "host2"] }),
      surveyed("twice", { hosts: ["host1", "host2"] }),
    ],
    unreachable: [],
  });
  const { outcome, text } = await recoverVms(contextWith(), all);
  expect(vi.mocked(recover).mock.calls.map(([, vm]) => vm)).toEqual(["cut", "lacking", "twice"]);
  expect(outcome).toBe("ok");
  expect(text).toMatch(/^cut +host2 +finished +- +-$/m);
});

test("nothing to do is said", async () => {
  vi.mocked(surveyVms).mockResolvedValue({ vms: [surveyed("fine", {})], unreachable: [] });
  const { outcome, text, document } = await recoverVms(contextWith(), all);
  expect({ outcome, document }).toEqual({ outcome: "ok", document: { recovered: [], unreachableHosts: [] } });
  expect(text).toMatch(/^Nothing to recover/);
});

test("an unreachable host leaves it unclear whether that was all", async () => {
  const unreachable = new HostUnreachable("host2", new Error("timed out"));
  vi.mocked(surveyVms).mockResolvedValue({ vms: [], unreachable: [unreachable] });
  const { outcome, errors, text } = await recoverVms(contextWith(), all);
  expect(outcome).toBe("unclear");
  expect(text).toMatch(/^Nothing to recover on the hosts that answer\./);
  expect(errors).toEqual([unreachable]);
});

test("the VFs that were missing and are plugged now are told", async () => {
  vi.mocked(surveyVms).mockResolvedValue({ vms: [surveyed("web", { missing: ["a"] })], unreachable: [] });
  vi.mocked(missingVfsOf).mockResolvedValueOnce(["a", "b"]).mockResolvedValueOnce(["b"]);
  const { outcome, document } = await recoverVms(contextWith(), all);
  expect(outcome).toBe("moved-without-vf");
  expect(document["recovered"]).toEqual([
    {
      vm: "web",
      outcome: "moved-without-vf",
      move: "finished",
      host: "host2",
      plugged: ["a"],
      missing: ["b"],
      settled: [],
      owed: [],
    },
  ]);
});

test.each([
  ["the mover lives", "recover", moveUnderWay("web", { machine: "m", pid: 1 }), "refused", /web +- +under way/],
  ["a host is unreachable", "recover", new HostUnreachable("host2", new Error("x")), "unclear", /web +- +unclear/],
  [
    "it could not be rolled back",
    "recover",
    new ProblemError({ code: "recovery-incomplete", what: "no" }),
    "unclear",
    /web +- +unclear/,
  ],
  [
    "no VF is free",
    "plug",
    new ProblemError({ code: "no-free-vf", what: "none" }),
    "moved-without-vf",
    /web +host2 +finished/,
  ],
])("%s", async (_case, where, error, outcome, row) => {
  vi.mocked(surveyVms).mockResolvedValue({
    vms: [surveyed("web", { journal: {} as Journal }), surveyed("zeta", { journal: {} as Journal })],
    unreachable: [],
  });
  if (where === "recover") vi.mocked(recover).mockRejectedValueOnce(error);
  else vi.mocked(plugMissingVfs).mockRejectedValueOnce(error);
  const answer = await recoverVms(contextWith(), all);
  expect(answer.outcome).toBe(outcome);
  expect(answer.text).toMatch(row);
  expect(answer.text).toMatch(/zeta +host2 +finished/);
  expect(answer.errors).toEqual([error]);
});
