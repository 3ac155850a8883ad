/**
 * Moves a VM in each way, in both topologies, in one run and by turns, so that what else the machine does hits all ways
 * alike. Everything is measured from outside: by the peer's probe, by libvirt, and by the guest's kernel log.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { consoleOf, currentLab, down, guestShows, reset, up, type LabState } from "../lab/lab.js";
import { guestNamed, hosts, type LabHost, type Topology } from "../lab/layout.js";
import { parseDeparture, parsePrimaryTimes } from "../lab/guest.js";
import { probeInterval, readProbe, startProbe, stopProbe } from "../lab/probe.js";
import { ssh } from "../lab/ssh.js";
import { spread, type Spread } from "./statistics.js";
import { ways, type WayName } from "./ways.js";

export interface MoveRow {
  readonly topology: Topology;
  readonly way: WayName;
  readonly moves: number;
  readonly probesLost: Spread | null;
  readonly totalSeconds: Spread | null;
  readonly secondsWithoutVf: Spread | null;
  /** Total time less the unplug, libvirt's migration and plug, and the guest's link-up; only of ours. */
  readonly overheadSeconds: Spread | null;
  /** From 'primary registered' to link up in the guest. */
  readonly guestLinkUpSeconds: Spread | null;
  /** Milliseconds, as the destination's libvirt says. */
  readonly downtime: Spread | null;
  /** Seconds from the plug's beginning to 'primary registered' in the guest; only of ours. */
  readonly plugToRegisteredSeconds: Spread | null;
}

interface Sample {
  readonly lost: number;
  readonly total: number;
  readonly withoutVf: number;
  readonly overhead: number;
  readonly linkUp: number;
  readonly downtime: number;
  readonly plugToRegistered: number;
}

const guest = guestNamed("web");

export async function benchMoves(
  { moves, only, topology }: { moves: number; only: readonly WayName[]; topology: Topology },
  say: (line: string) => void,
): Promise<MoveRow[]> {
  await down();
  let lab = await up(topology, say);
  const samples = new Map<WayName, Sample[]>(only.map((way) => [way, []]));
  // Each host's libvirt looks at its QEMU anew before its first domain: not a part of any move that is compared.
  await oneWay(lab, "virtio-only", 2, () => undefined);
  for (let done = 0; done < moves;) {
    const round = Math.min(4, moves - done);
    for (const way of only) {
      try {
        samples.get(way)?.push(...(await oneWay(lab, way, round, say)));
      } catch (error) {
        // A host that its emulator lost says nothing of the way: the round is made once more, on new hosts.
        if (currentLab() !== undefined) throw error;
        say(`A host of the lab died (${String(error)}): this round once more.`);
        lab = await up(topology, say);
        samples.get(way)?.push(...(await oneWay(lab, way, round, say)));
      }
    }
    done += round;
  }
  await down();
  return [...samples].map(([way, measured]) => rowOf(topology, way, measured));
}

/** Gives the guest that way's network and moves it there and back, `moves` times in all. */
async function oneWay(lab: LabState, way: WayName, moves: number, say: (line: string) => void): Promise<Sample[]> {
  await reset(lab, guest);
  let [from, to] = hosts as [LabHost, LabHost];
  await ways[way].prepare(lab, guest, from);
  await ready(lab, way, from);
  const samples: Sample[] = [];
  for (let move = 0; move < moves; move++) {
    const sample = await measure(lab, way, from, to);
    say(`${lab.topology} ${way}: ${sample.lost} probes lost, ${sample.total.toFixed(1)} s`);
    samples.push(sample);
    [from, to] = [to, from];
  }
  return samples;
}

async function measure(lab: LabState, way: WayName, from: LabHost, to: LabHost): Promise<Sample> {
  await startProbe(guest.address);
  await sleep(2500);
  const began = Date.now();
  const moved = await ways[way].move(lab, guest, from, to);
  const total = moved?.seconds ?? (Date.now() - began) / 1000;
  const report = moved?.report;
  const left = await consoleOf(lab, guest, from);
  await quiet();
  const { lost } = await stopProbe();
  await ready(lab, way, to);
  const came = await consoleOf(lab, guest, to);
  const { stdout } = await ssh(lab.image, to, `virsh domjobinfo ${guest.name} --completed --keep-completed`, {
    accept: [0, 1],
  });
  const departure = parseDeparture(left);
  const times = parsePrimaryTimes(came);
  const phase = (name: string) => report?.phases.find((each) => each.name === name);
  const seconds = (name: string) => ((phase(name)?.end ?? 0) - (phase(name)?.start ?? 0)) / 1000;
  const linkUp = times?.linkUp === undefined ? NaN : times.linkUp - times.registered;
  const withoutVf = departure === undefined || times?.linkUp === undefined ? NaN : times.linkUp - departure;
  const plugged = phase("plug")?.start;
  const used = report?.moments.find(({ kind }) => kind === "vf-used")?.at;
  return {
    lost,
    total,
    withoutVf: way === "virtio-only" ? NaN : withoutVf,
    linkUp: way === "virtio-only" ? NaN : linkUp,
    downtime: Number(/Total downtime:\s+(\d+)/.exec(stdout)?.[1] ?? NaN),
    overhead:
      report === undefined
        ? NaN
        : total - ["unplug", "migrate", "plug", "verify"].reduce((sum, name) => sum + seconds(name), 0),
    plugToRegistered: plugged === undefined || used === undefined ? NaN : (used - plugged) / 1000 - linkUp,
  };
}

/** Waits until no probe has been lost for 2.5 s, at most 90 s: some ways leave the guest deaf for long. */
async function quiet(): Promise<void> {
  let answeredLast = readProbe().to;
  for (let waited = 0, calm = 0; waited < 90 && calm < 2.5; waited += 0.5) {
    await sleep(500);
    const { to, lostAt } = readProbe();
    calm = to > answeredLast && (lostAt.at(-1) ?? 0) < to - calm - 0.5 - probeInterval ? calm + 0.5 : 0;
    answeredLast = to;
  }
}

async function ready(lab: LabState, way: WayName, host: LabHost): Promise<void> {
  const driver = way === "virtio-only" ? "virtio_net" : "igbvf";
  await guestShows(
    lab,
    guest,
    host,
    (interfaces) => interfaces.some((nic) => nic.driver === driver && nic.carrier),
    90,
  );
  await sleep(3000);
}

function rowOf(topology: Topology, way: WayName, samples: readonly Sample[]): MoveRow {
  const of = (pick: (sample: Sample) => number) => spread(samples.map(pick));
  return {
    topology,
    way,
    moves: samples.length,
    probesLost: of(({ lost }) => lost),
    totalSeconds: of(({ total }) => total),
    secondsWithoutVf: of(({ withoutVf }) => withoutVf),
    overheadSeconds: of(({ overhead }) => overhead),
    guestLinkUpSeconds: of(({ linkUp }) => linkUp),
    downtime: of(({ downtime }) => downtime),
    plugToRegisteredSeconds: of(({ plugToRegistered }) => plugToRegistered),
  };
}
