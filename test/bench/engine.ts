/**
 * What Pulumi's real engine takes for a program of many interfaces: ours against hosts in a process of their own, the same
 * resources doing nothing (the engine's floor), these with as many outputs as ours have, and with a local process for each
 * (what a user would write). By turns, so that what else the machine does hits all ways alike.
 */
import { interfacesPerVm } from "../hosts/fleet.js";
import { withStack, type TestStack } from "../pulumi/stack.js";
import { withHosts, type HostProcess } from "./host-process.js";
import type { Calls } from "./host-server.js";
import { program, programWays, type ProgramWay } from "./programs.js";
import { spread, type Spread } from "./statistics.js";

export const engineBenches = ["preview", "up", "refresh"] as const;
export type EngineBench = (typeof engineBenches)[number];

export interface EngineOptions {
  /** A multiple of the interfaces of a VM. */
  readonly resources: number;
  readonly rounds: number;
  /** Milliseconds. */
  readonly roundTrips: readonly number[];
  readonly benches: readonly EngineBench[];
}

export interface EngineRow {
  readonly bench: EngineBench;
  readonly way: ProgramWay;
  readonly rttMs: number;
  readonly resources: number;
  readonly rounds: number;
  readonly seconds: Spread | null;
  /** Median of the rounds' own ratios to the floor of the same round. */
  readonly timesFloor: Spread | null;
  /** Of ours: calls of the hosts' RPC in one command, the connections' opening among them. */
  readonly roundTrips?: { readonly perVm: number; readonly perHost: number };
}

interface Sample {
  /** Of several times the median. */
  readonly seconds: number;
  /** In the last of them. */
  readonly calls?: Calls;
}

type Samples = Partial<Record<EngineBench, Sample>>;

export async function benchEngine(options: EngineOptions, say: (line: string) => void): Promise<EngineRow[]> {
  const { resources, rounds, roundTrips, benches } = options;
  if (resources % interfacesPerVm !== 0) throw new Error(`--resources must be a multiple of ${interfacesPerVm}.`);
  const rows: EngineRow[] = [];
  for (const roundTrip of roundTrips) {
    const measured: Record<ProgramWay, Samples>[] = [];
    for (let round = 0; round < rounds; round++) {
      const samples = Object.fromEntries(programWays.map((way) => [way, {}])) as Record<ProgramWay, Samples>;
      // None is always first.
      const order = programWays.map((_, index) => programWays[(index + round) % programWays.length] ?? "ours");
      for (const way of order) {
        samples[way] = await measure(way, { resources, roundTrip, benches });
        say(`${roundTrip} ms, round ${round + 1}, ${way}: ${inWords(samples[way])}`);
      }
      measured.push(samples);
    }
    for (const bench of benches)
      for (const way of programWays) rows.push(rowOf(bench, way, { ...options, roundTrip }, measured));
  }
  return rows;
}

type Case = Pick<EngineOptions, "resources" | "benches"> & { readonly roundTrip: number };

async function measure(way: ProgramWay, each: Case): Promise<Samples> {
  if (way !== "ours") return onStack(way, each);
  return withHosts({ vms: each.resources / interfacesPerVm, roundTrip: each.roundTrip }, (hosts) =>
    onStack(way, each, hosts),
  );
}

async function onStack(way: ProgramWay, { benches, ...each }: Case, hosts?: HostProcess): Promise<Samples> {
  const samples: Samples = {};
  const config = hosts === undefined ? {} : { config: { "vnic-failover:cluster": hosts.cluster } };
  await withStack({ program: program(way, each), ...config }, async (stack) => {
    for (const bench of engineBenches) {
      // A refresh needs what an update has made.
      if (!benches.includes(bench) && !(bench === "up" && benches.includes("refresh"))) continue;
      const seconds: number[] = [];
      let calls: Calls | undefined;
      for (let time = 0; time < times[bench]; time++) {
        seconds.push(await timed(stack, bench));
        calls = await hosts?.calls();
      }
      samples[bench] = { seconds: spread(seconds)?.median ?? NaN, ...(calls !== undefined && { calls }) };
    }
  });
  return samples;
}

const commands: Readonly<Record<EngineBench, readonly string[]>> = {
  preview: ["preview"],
  up: ["up", "--yes", "--skip-preview"],
  refresh: ["refresh", "--yes", "--skip-preview"],
};

/** A refresh is short beside the update that it needs, and leaves nothing behind: it is timed more than once in a round. */
const times: Readonly<Record<EngineBench, number>> = { preview: 1, up: 1, refresh: 5 };

async function timed(stack: TestStack, bench: EngineBench): Promise<number> {
  const began = performance.now();
  await stack.pulumi(...commands[bench]);
  return (performance.now() - began) / 1000;
}

function rowOf(
  bench: EngineBench,
  way: ProgramWay,
  { resources, rounds, roundTrip }: EngineOptions & { readonly roundTrip: number },
  measured: readonly Record<ProgramWay, Samples>[],
): EngineRow {
  const secondsOf = (each: ProgramWay) => measured.map((samples) => samples[each][bench]?.seconds ?? NaN);
  const floor = secondsOf("floor");
  const seconds = secondsOf(way);
  const calls = measured.at(-1)?.[way][bench]?.calls;
  const vms = resources / interfacesPerVm;
  return {
    bench,
    way,
    rttMs: roundTrip,
    resources,
    rounds,
    seconds: spread(seconds),
    timesFloor: spread(seconds.map((value, round) => value / (floor[round] ?? NaN))),
    ...(calls !== undefined && {
      roundTrips: { perVm: rounded(calls.ofDomains / vms), perHost: rounded(calls.ofHosts / calls.hosts) },
    }),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function inWords(samples: Samples): string {
  return Object.entries(samples)
    .map(([bench, { seconds, calls }]) => {
      const counted = calls === undefined ? "" : ` (${calls.ofDomains} calls of domains, ${calls.ofHosts} of hosts)`;
      return `${bench} ${seconds.toFixed(1)} s${counted}`;
    })
    .join(", ");
}
