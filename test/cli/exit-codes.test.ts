import { describe, expect, test } from "vitest";
import { exitCodes, exitCodesInWords, worst, type Outcome } from "../../provider/cli/exit-codes.js";
import { outcomeOf } from "../../provider/cli/outcome.js";
import { HostUnreachable } from "../../provider/backends/libvirt/host-errors.js";
import { ConnectionLostError } from "../../provider/backends/libvirt/rpc/errors.js";
import { VmOnSeveralHosts } from "../../provider/backends/libvirt/cluster.js";
import { MoveFailed } from "../../provider/migration/move.js";
import { MoveRefused } from "../../provider/migration/plan.js";
import { moveUnderWay } from "../../provider/migration/steps.js";
import type { MoveOutcome } from "../../provider/migration/report/report.js";
import { ConfigError } from "../../provider/config/index.js";
import { reportWith, stepFailed } from "./command-context.js";

const failed = (outcome: MoveOutcome) => new MoveFailed(stepFailed("web", "no"), reportWith({ outcome }));

describe("exit codes", () => {
  test.each<[string, unknown, number]>([
    ["a refused move", new MoveRefused("web", "host2", []), 1],
    ["bad configuration", new ConfigError({ code: "config-missing", what: "no cluster" }), 1],
    ["an unreachable host", new HostUnreachable("host2", new Error("timed out")), 1],
    ["another mover at work", moveUnderWay("web", { machine: "m", pid: 1 }), 1],
    ["a move rolled back", failed("failed-on-source"), 2],
    ["a move that lost its VF", failed("moved-without-vf"), 3],
    ["a move that could not be rolled back", failed("unclear"), 4],
    ["a VM on two hosts", new VmOnSeveralHosts("web", []), 4],
    ["a lost connection", new ConnectionLostError("host1"), 4],
    ["an unexpected error", new TypeError("x is not a function"), 4],
  ])("%s", (_case, error, code) => {
    expect(exitCodes[outcomeOf(error)]).toBe(code);
  });

  test("the worst of several counts", () => {
    expect(worst([])).toBe("ok");
    expect(worst(["moved", "failed-on-source", "refused"])).toBe("failed-on-source");
    expect(worst(["moved-without-vf", "unclear", "moved"])).toBe("unclear");
  });

  test("the help tells each of them", () => {
    const told = [...exitCodesInWords.matchAll(/^ {2}(\d) /gm)].map(([, code]) => Number(code));
    expect(told).toEqual([...new Set((Object.keys(exitCodes) as Outcome[]).map((outcome) => exitCodes[outcome]))]);
  });
});
