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
  /** Of the turns' own ratios to the floor of the same turn. */
  readonly timesFloor: Spread | null;
  /** Of ours: calls of the hosts' RPC in one command, the connections' opening among them. */
  readonly roundTrips?: { readonly perVm: number; readonly perHost: number };
}

interface Sample {
  readonly seconds: number;
  readonly calls?: Calls;
}

/** One command in each way, right after one another. */
type Turn = Readonly<Partial<Record<ProgramWay, Sample>>>;

export async function benchEngine(options: EngineOptions, say: (line: string) => void): Promise<EngineRow[]> {
  const { resources, rounds, roundTrips, benches } = options;
  if (resources % interfacesPerVm !== 0) throw new Error(`--resources must be a multiple of ${interfacesPerVm}.`);
  const rows: EngineRow[] = [];
  for (const roundTrip of roundTrips) {
    const turns: Record<EngineBench, Turn[]> = { preview: [], up: [], refresh: [] };
    for (let round = 0; round < rounds; round++) {
      await withStacks({ resources, roundTrip }, async (stacks) => {
        for (const bench of engineBenches) {
          // A refresh needs what an update has made.
          if (!benches.includes(bench) && !(bench === "up" && benches.includes("refresh"))) continue;
          for (let time = 0; time < times[bench]; time++) {
            const turn = await inTurn(rotated(stacks, round + time), bench);
            turns[bench].push(turn);
            say(`${roundTrip} ms, round ${round + 1}, ${bench}: ${inWords(turn)}`);
          }
        }
      });
    }
    for (const bench of benches)
      for (const way of programWays) rows.push(rowOf(bench, way, { ...options, roundTrip }, turns[bench]));
  }
  return rows;
}

interface BenchStack {
  readonly way: ProgramWay;
  readonly stack: TestStack;
  /** Of ours. */
  readonly hosts?: HostProcess;
}

/** Makes a stack for each way; they are there at once, so that one command after another is timed on all of them. */
async function withStacks(
  each: { readonly resources: number; readonly roundTrip: number },
  act: (stacks: readonly BenchStack[]) => Promise<void>,
): Promise<void> {
  const vms = each.resources / interfacesPerVm;
  const make = async (ways: readonly ProgramWay[], made: readonly BenchStack[], hosts: HostProcess): Promise<void> => {
    const [way, ...others] = ways;
    if (way === undefined) return act(made);
    const ours = way === "ours";
    const config = ours ? { config: { "vnic-failover:cluster": hosts.cluster } } : {};
    await withStack({ program: program(way, each), ...config }, (stack) =>
      make(others, [...made, { way, stack, ...(ours && { hosts }) }], hosts),
    );
  };
  await withHosts({ vms, roundTrip: each.roundTrip }, (hosts) => make(programWays, [], hosts));
}

async function inTurn(stacks: readonly BenchStack[], bench: EngineBench): Promise<Turn> {
  const turn: Partial<Record<ProgramWay, Sample>> = {};
  for (const { way, stack, hosts } of stacks) {
    const seconds = await timed(stack, bench);
    turn[way] = { seconds, ...(hosts !== undefined && { calls: await hosts.calls() }) };
  }
  return turn;
}

/** None is always first. */
function rotated<T>(all: readonly T[], by: number): readonly T[] {
  return all.map((_, index) => all[(index + by) % all.length]).filter((one) => one !== undefined);
}

const commands: Readonly<Record<EngineBench, readonly string[]>> = {
  preview: ["preview"],
  up: ["up", "--yes", "--skip-preview"],
  refresh: ["refresh", "--yes", "--skip-preview"],
};

/** A refresh is short beside the update that it needs, and leaves nothing behind: it is timed more than once in a round. */
const times: Readonly<Record<EngineBench, number>> = { preview: 1, up: 1, refresh: 7 };

async function timed(stack: TestStack, bench: EngineBench): Promise<number> {
  const began = performance.now();
  await stack.pulumi(...commands[bench]);
  return (performance.now() - began) / 1000;
}

function rowOf(
  bench: EngineBench,
  way: ProgramWay,
  { resources, rounds, roundTrip }: EngineOptions & { readonly roundTrip: number },
  turns: readonly Turn[],
): EngineRow {
  const secondsOf = (each: ProgramWay) => turns.map((turn) => turn[each]?.seconds ?? NaN);
  const floor = secondsOf("floor");
  const seconds = secondsOf(way);
  const calls = turns.at(-1)?.[way]?.calls;
  const vms = resources / interfacesPerVm;
  return {
    bench,
    way,
    rttMs: roundTrip,
    resources,
    rounds,
    seconds: spread(seconds),
    timesFloor: spread(seconds.map((value, turn) => value / (floor[turn] ?? NaN))),
    ...(calls !== undefined && {
      roundTrips: { perVm: rounded(calls.ofDomains / vms), perHost: rounded(calls.ofHosts / calls.hosts) },
    }),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function inWords(turn: Turn): string {
  return Object.entries(turn)
    .map(([way, { seconds, calls }]) => {
      const counted = calls === undefined ? "" : ` (${calls.ofDomains} calls of domains, ${calls.ofHosts} of hosts)`;
      return `${way} ${seconds.toFixed(1)} s${counted}`;
    })
    .join(", ");
}
