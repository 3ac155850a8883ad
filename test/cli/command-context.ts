/** A command's context without a process: what is shown and reported is kept. */
import { vi } from "vitest";
import type { CommandContext } from "../../provider/cli/command.js";
import type { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import type { MoveReport } from "../../provider/migration/report/report.js";
import { StepFailed } from "../../provider/migration/runner.js";

export interface KeptContext extends CommandContext {
  readonly shown: string[];
  readonly reported: string[];
}

export function contextWith(over: Partial<CommandContext> = {}): KeptContext {
  const shown: string[] = [];
  const reported: string[] = [];
  return {
    shown,
    reported,
    cluster: clusterOf("host1", "host2"),
    progress: {
      of: (vm) => ({
        report: ({ phase }) => void reported.push(`${vm} ${phase}`),
        info: (message) => void reported.push(`${vm} info ${message}`),
        warn: (message) => void reported.push(`${vm} warning ${message}`),
        done: () => void reported.push(`${vm} done`),
      }),
      note: (text) => void reported.push(text),
      close: () => undefined,
    },
    signal: new AbortController().signal,
    show: (text) => void shown.push(text),
    confirm: undefined,
    ...over,
  };
}

/** Only the names: what else a test needs it mocks. */
export function clusterOf(...names: string[]): LibvirtCluster {
  const hosts = names.map((name) => ({ name }));
  return { hosts, close: vi.fn(() => Promise.resolve()) } as unknown as LibvirtCluster;
}

/** A move of that VM that failed, and was rolled back. */
export function stepFailed(vm: string, why: string): StepFailed {
  const words = {
    action: `move VM "${vm}" from "host1" to "host2"`,
    rolledBack: "The move was rolled back.",
    committed: "The VM is running on the destination.",
    remedy: "Recover it.",
  };
  return new StepFailed("migrate", false, [], words, new Error(why));
}

export function reportWith(over: Partial<MoveReport> = {}): MoveReport {
  return {
    schemaVersion: 1,
    vm: "web",
    from: "host1",
    to: "host2",
    outcome: "moved",
    started: 1_700_000_000_000,
    ended: 1_700_000_012_340,
    interfaces: [{ mac: "52:54:00:aa:00:50", network: "data-vf", vfBefore: "0000:01:10.0", vfAfter: "0000:01:10.2" }],
    phases: [],
    moments: [],
    samples: [],
    job: { downtime: 87 },
    secondsWithoutVf: 9.26,
    announced: { by: "probe", notes: [] },
    warnings: [],
    ...over,
  };
}
