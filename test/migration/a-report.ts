/** A report of a move that went well. */
import type { MoveReport } from "../../provider/migration/report/report.js";

export const start = 1_700_000_000_000;

export function report(parts: Partial<MoveReport> = {}): MoveReport {
  return {
    schemaVersion: 1,
    vm: "web",
    from: "host1",
    to: "host2",
    outcome: "moved",
    started: start,
    ended: start + 12_345,
    interfaces: [{ mac: "52:54:00:aa:00:50", network: "data-vf", vfBefore: "0000:01:10.0", vfAfter: "0000:01:10.2" }],
    phases: [
      { name: "unplug", start, end: start + 2000, outcome: "done" },
      { name: "migrate", start: start + 2000, end: start + 9000, outcome: "done" },
    ],
    moments: [{ kind: "vf-unplugged", at: start + 1990, what: "the guest released VF 0000:01:10.0" }],
    samples: [
      { at: start + 3000, percent: 10, remaining: 900, rate: 50 },
      { at: start + 4000, percent: 90, remaining: 100, rate: 100 },
    ],
    job: { downtime: 42, total: 7000, transferred: 1_610_612_736 },
    secondsWithoutVf: 9.5,
    announced: { by: "qemu", notes: ["No probing."] },
    warnings: [{ rule: "move-guest-agent", message: "No agent.", remedy: "Install it." }],
    ...parts,
  };
}
