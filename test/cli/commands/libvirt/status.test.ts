import { describe, expect, test } from "vitest";
import { describeSurvey } from "../../../../provider/cli/commands/libvirt/status.js";
import type { VmSurvey } from "../../../../provider/cli/commands/libvirt/vm-survey.js";
import { HostUnreachable } from "../../../../provider/backends/libvirt/host-errors.js";
import type { Journal } from "../../../../provider/migration/journal.js";
import { moverOf, ownerStatus } from "../../../../provider/migration/mover.js";
import { ProblemError } from "../../../../provider/model/problem.js";

const nic = { mac: "52:54:00:aa:00:50", bridge: "br0", standbyNetwork: "data", network: "data-vf", vf: "0000:01:10.0" };

function vm(over: Partial<VmSurvey> = {}): VmSurvey {
  return { vm: "web", state: "running", hosts: ["host1"], interfaces: [nic], missing: [], journal: undefined, ...over };
}

function journal(mover: Journal["mover"], until: number): Journal {
  return {
    id: "",
    from: "host1",
    to: "host2",
    step: "migrate",
    mover,
    started: 0,
    until,
    interfaces: [],
  };
}

/** Above the largest number that Linux gives to a process (PID_MAX_LIMIT, include/linux/threads.h). */
const deadPid = 2 ** 22 + 1;
const far = Date.now() + 1e9;

describe("status", () => {
  test("shows where each VM runs, with which VF", () => {
    const off = vm({ vm: "off", state: "shut off", hosts: ["host1", "host2"], interfaces: [] });
    const { outcome, text, document } = describeSurvey({ vms: [off, vm()], unreachable: [] });
    expect(outcome).toBe("ok");
    expect(text).toBe(`VM   STATE     HOST             MAC                BRIDGE  NETWORK  VF            MOVE
off  shut off  host1 and host2  -                  -       -        -             -
web  running   host1            52:54:00:aa:00:50  br0     data-vf  0000:01:10.0  -`);
    expect(document).toMatchObject({ vms: [{ vm: "off" }, { interfaces: [nic], move: null }], needRecovery: [] });
  });

  test("says which VF is missing, and what fixes it", () => {
    const lacking = vm({ interfaces: [{ ...nic, vf: undefined }], missing: ["the VF of 52:54:00:aa:00:50"] });
    const { text, document } = describeSurvey({ vms: [lacking], unreachable: [] });
    expect(text).toMatch(/ none +-$/m);
    expect(text).toContain('VM "web" runs without the VF of 52:54:00:aa:00:50.');
    expect(text).toContain("Repair web with: vnic-failover recover");
    expect(document["needRecovery"]).toEqual(["web"]);
  });

  test.each([
    ["at work", journal(moverOf(process.ppid), far), "under way", []],
    [
      "perhaps at work",
      journal({ machine: "elsewhere", pid: deadPid }, far),
      "in progress on another machine, or interrupted",
      [],
    ],
    ["gone", journal({ ...moverOf(process.ppid), processStart: "0" }, far), "interrupted", ["web"]],
    ["gone", journal({ machine: "elsewhere", pid: process.pid }, 0), "interrupted", ["web"]],
  ])("a mover that is %s", (status, begun, words, needRecovery) => {
    expect(ownerStatus(begun)).toBe(status);
    const { text, document } = describeSurvey({ vms: [vm({ journal: begun })], unreachable: [] });
    expect(text).toContain(`host1 -> host2, migrate, ${words}`);
    expect(document["needRecovery"]).toEqual(needRecovery);
  });

  test("what could not be told is an error, and hides nothing else", () => {
    const unreachable = new HostUnreachable("host2", new Error("timed out"));
    const problem = new ProblemError({ code: "journal-unreadable", what: "no" });
    const { outcome, errors, text } = describeSurvey({
      vms: [vm(), vm({ vm: "odd", problem })],
      unreachable: [unreachable],
    });
    expect(outcome).toBe("refused");
    expect(errors).toEqual([unreachable, problem]);
    expect(text).toMatch(/^web/m);
    expect(describeSurvey({ vms: [], unreachable: [unreachable] }).text).toBe("No VMs on the hosts that answer.");
  });
});
