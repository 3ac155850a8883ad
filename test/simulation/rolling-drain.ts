/**
 * Every host of a cluster is drained, maintained and used again, so many at a time: the product's plan, queue and second
 * try, on simulated hosts and a simulated clock.
 */
import { elsewhere, planDrain } from "../../provider/drain/plan.js";
import { runMoves } from "../../provider/drain/queue.js";
import { withSecondTry } from "../../provider/drain/retry.js";
import { Chance } from "./chance.js";
import { VirtualClock } from "./clock.js";
import { asDrainVm, Broken, SimulatedCluster, type ClusterShape, type SimulatedHost } from "./cluster.js";
import { Links } from "./links.js";
import { simulatedMove, type Moved } from "./move.js";

export interface Scenario extends ClusterShape {
  readonly seed: number;
  /** Hosts that are drained at a time. */
  readonly hostsAtOnce: number;
  readonly outgoing: number;
  readonly incoming: number;
  /** MiB/s of a host's link. */
  readonly linkMiBs: number;
  /** MiB/s of one move. */
  readonly moveMiBs: number;
  /** Of a move. */
  readonly failureRate: number;
  /** Seconds that a host is away once it is empty. */
  readonly maintenance: number;
}

export interface Outcome {
  /** Of simulated time. */
  readonly hours: number;
  /** Moves that were begun. */
  readonly moves: number;
  readonly moved: number;
  readonly failed: number;
  readonly refused: number;
  /** VMs for which the plan had no place. */
  readonly notPlanned: number;
  /** VMs that stayed on their host in the end; it was not maintained then. */
  readonly leftBehind: number;
  readonly hostsMaintained: number;
  readonly mostOutgoing: number;
  readonly mostIncoming: number;
  /** The fewest free VFs that any host ever had. */
  readonly fewestFreeVfs: number;
  /** The most that any link carried, as a part of what it can. */
  readonly busiestLink: number;
  /** Seconds of this machine's processor for all plans together. */
  readonly planning: number;
}

/** @throws Broken when a promise is broken on the way. */
export async function rollingDrain(scenario: Scenario): Promise<Outcome> {
  const clock = new VirtualClock();
  const cluster = new SimulatedCluster(scenario);
  const links = new Links(clock, scenario.linkMiBs, scenario.moveMiBs);
  const world = { cluster, clock, links, chance: new Chance(scenario.seed), failureRate: scenario.failureRate };
  const limits = { total: Infinity, outgoing: scenario.outgoing, incoming: scenario.incoming };
  const hosts = [...cluster.hosts.values()];
  const ended: Moved["outcome"][] = [];
  let [planning, notPlanned, leftBehind, hostsMaintained] = [0, 0, 0, 0];

  const drain = async (sources: readonly SimulatedHost[]): Promise<void> => {
    const plan = (tried?: ReadonlyMap<string, string>) => {
      const vms = sources.flatMap((host) => [...host.vms].map(asDrainVm));
      const destinations = hosts.filter((host) => !sources.includes(host)).map((host) => host.asDestination());
      const began = process.cpuUsage();
      const made = planDrain(tried === undefined ? vms : elsewhere(vms, tried), destinations);
      planning += process.cpuUsage(began).user / 1_000_000;
      return made;
    };
    const first = plan();
    notPlanned += first.stuck.length;
    await withSecondTry<Moved>(first, {
      make: async ({ moves }) => {
        const results = await runMoves(
          moves.map((move) => ({ ...move, from: cluster.vm(move.vm).host.name })),
          limits,
          (move, reserved) => simulatedMove(world, move, reserved),
        );
        ended.push(...results.map(({ outcome }) => outcome));
        return results;
      },
      isAsBefore: ({ outcome }) => outcome !== "moved",
      planAgain: (tried) => Promise.resolve(plan(tried)),
    });
    for (const host of sources) {
      leftBehind += host.vms.size;
      if (host.vms.size === 0) hostsMaintained += 1;
    }
    await clock.sleep(scenario.maintenance);
  };
  const all = async () => {
    for (let at = 0; at < hosts.length; at += scenario.hostsAtOnce)
      await drain(hosts.slice(at, at + scenario.hostsAtOnce));
  };
  await clock.run(all());

  expectWhole(cluster, scenario);
  const many = (outcome: Moved["outcome"]) => ended.filter((each) => each === outcome).length;
  return {
    hours: clock.now / 3600,
    moves: ended.length,
    moved: many("moved"),
    failed: many("failed-on-source"),
    refused: many("refused"),
    notPlanned,
    leftBehind,
    hostsMaintained,
    mostOutgoing: Math.max(...hosts.map(({ peak }) => peak.outgoing)),
    mostIncoming: Math.max(...hosts.map(({ peak }) => peak.incoming)),
    fewestFreeVfs: Math.min(...hosts.map(({ fewestFree }) => fewestFree)),
    busiestLink: links.peak / scenario.linkMiBs,
    planning,
  };
}

/** Every VM is there, once, with all its VFs; no VF and no memory is taken without a VM. */
function expectWhole(cluster: SimulatedCluster, { hosts, vmsPerHost, vfs, hostMemoryMiB }: ClusterShape): void {
  const found = [...cluster.hosts.values()].flatMap((host) => [...host.vms].map((vm) => ({ host, vm })));
  if (found.length !== hosts * vmsPerHost || new Set(found.map(({ vm }) => vm.name)).size !== found.length)
    throw new Broken(`${found.length} VMs are left of ${hosts * vmsPerHost}`);
  for (const { host, vm } of found) {
    if (vm.host !== host) throw new Broken(`${vm.name} is elsewhere than it thinks`);
    if (vm.functions.length !== vm.pairs.length || vm.functions.includes(undefined))
      throw new Broken(`${vm.name} lacks a VF`);
  }
  const existing = Object.values(vfs).reduce((sum, many) => sum + many, 0);
  for (const host of cluster.hosts.values()) {
    const [vms, { freeMemoryKiB }] = [[...host.vms], host.asDestination()];
    const taken = vms.reduce((sum, { pairs }) => sum + pairs.length, 0);
    if (taken + host.freeInAll !== existing) throw new Broken(`${host.name} has lost VFs`);
    const memory = vms.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
    if (memory + freeMemoryKiB / 1024 !== hostMemoryMiB) throw new Broken(`${host.name} has lost memory`);
    if (host.jobs.outgoing + host.jobs.incoming !== 0) throw new Broken(`${host.name} is still at it`);
  }
}
