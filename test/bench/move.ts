/**
 * Moves a VM in each way, in one run and by turns, so that what else the machine does hits all ways alike: in both topologies,
 * with near and far hosts, with guests that do different things. Everything is measured from outside: by the peer, by
 * libvirt, by the hosts' kernels and by the guest's kernel log.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { consoleOf, currentLab, down, guestShows, reset, up, type LabState } from "../lab/lab.js";
import { guestNamed, hosts, type LabHost } from "../lab/layout.js";
import { parseDeparture, parsePrimaryTimes } from "../lab/guest.js";
import { probeInterval, readProbe, startProbe, stopProbe } from "../lab/probe.js";
import { setRoundTrip } from "../lab/round-trip.js";
import { ssh } from "../lab/ssh.js";
import { HostCpu } from "./host-cpu.js";
import { readClocks, secondsBetween, type ClockReading } from "./guest-clock.js";
import { batchesOf, guestKinds, type Batch, type Setting } from "./matrix.js";
import { rowOf, type MoveRow, type Sample } from "./move-rows.js";
import { longestStall, startPeer, throughputOf, type PeerSaw } from "./peer.js";
import type { WayName } from "./way-names.js";
import { ways, type Moved } from "./ways.js";

const guest = guestNamed("web");

/** Moves between two starts of a guest: then it is another way's turn. */
const movesInTurn = 4;

interface Wanted {
  readonly settings: readonly Setting[];
  readonly ways: readonly WayName[];
  /** Of each way in each setting. */
  readonly moves: number;
}

/**
 * @param keep is told what is known so far, again and again: a run takes long.
 * The lab is down afterwards, whatever happens.
 */
export async function benchMoves(
  { settings, ways: names, moves }: Wanted,
  say: (line: string) => void,
  keep: (rows: readonly MoveRow[]) => void,
): Promise<readonly MoveRow[]> {
  const samples = new Map(settings.map((setting) => [setting, new Map(names.map((way) => [way, [] as Sample[]]))]));
  const rows = () =>
    [...samples].flatMap(([setting, of]) =>
      [...of].filter(([, measured]) => measured.length > 0).map(([way, measured]) => rowOf(setting, way, measured)),
    );
  await down();
  try {
    for (const batch of batchesOf(settings)) {
      let lab = await startLab(batch, say);
      for (let done = 0; done < moves; done += movesInTurn) {
        const turn = Math.min(movesInTurn, moves - done);
        for (const way of names) {
          let measured;
          try {
            measured = await oneWay(lab, batch, way, turn, say);
          } catch (error) {
            // A host that its emulator lost says nothing of the way: the turn is made once more, on new hosts. An alternative that left
            // the guest without its VF is not counted; ours ends the run.
            const isDead = currentLab() === undefined;
            if (!isDead && !(error instanceof NoLink && !way.startsWith("ours"))) throw error;
            say(`${isDead ? "A host of the lab died: " : ""}${String(error)} This turn once more.`);
            if (isDead) lab = await startLab(batch, say);
            measured = await oneWay(lab, batch, way, turn, say);
          }
          for (const [setting, sample] of measured) samples.get(setting)?.get(way)?.push(sample);
          keep(rows());
        }
      }
    }
  } finally {
    await down();
  }
  return rows();
}

/**
 * Each host's libvirt looks at its QEMU again before its first domain: not a part of any move that is compared, so the guest
 * has been on both hosts already.
 */
async function startLab({ topology }: Batch, say: (line: string) => void): Promise<LabState> {
  const same = currentLab()?.topology === topology;
  const lab = await up(topology, say);
  if (same) return lab;
  const settings: readonly Setting[] = [{ topology, guest: "quiet", rttMs: 0 }];
  await oneWay(lab, { topology, memory: guestKinds.quiet.memory, settings }, "virtio-only", 2, () => undefined);
  return lab;
}

/** Gives the guest that way's network and moves it there and back, `turns` times for each setting. */
async function oneWay(
  lab: LabState,
  { memory, settings }: Batch,
  way: WayName,
  turns: number,
  say: (line: string) => void,
): Promise<readonly (readonly [Setting, Sample])[]> {
  await reset(lab, guest, { memory, obeysPeer: true });
  let [from, to] = hosts as [LabHost, LabHost];
  await ways[way].prepare(lab, guest, from);
  await ready(lab, way, from);
  const samples: (readonly [Setting, Sample])[] = [];
  for (let turn = 0; turn < turns; turn++) {
    // Forth and back: every second turn the other way round, or of two settings each would go in one direction only.
    for (const setting of turn % 2 === 0 ? settings : settings.toReversed()) {
      const sample = await measure(lab, setting, way, from, to);
      say(`${describe(setting)} ${way}: ${sample.lost} probes lost, ${sample.total.toFixed(1)} s`);
      samples.push([setting, sample]);
      [from, to] = [to, from];
    }
  }
  return samples;
}

function describe({ topology, guest: name, rttMs }: Setting): string {
  return `${topology}, ${name}, ${rttMs} ms:`;
}

async function measure(lab: LabState, setting: Setting, way: WayName, from: LabHost, to: LabHost): Promise<Sample> {
  const before = await readClocks(guest);
  const peer = await startPeer(guest, guestKinds[setting.guest].traffic);
  const cpus = hosts.map((host) => new HostCpu(lab, host));
  try {
    await startProbe(guest.address);
    await sleep(2500);
    // A pair that was just made may not be heard yet.
    await until(() => readProbe().sent >= 20 && cpus.every((cpu) => cpu.tells), 60);
    const timed = await moveTimed(lab, setting, way, from, to);
    const left = await consoleOf(lab, guest, from);
    const untilVf = way === "virtio-only" ? NaN : await untilVfUsable(lab, to, left, timed);
    await quiet();
    const { lost } = await stopProbe();
    const saw = await peer.stop();
    await ready(lab, way, to);
    const clocks = [before, await readClocks(guest)] as const;
    const came = await consoleOf(lab, guest, to);
    const { stdout } = await ssh(lab.image, to, `virsh domjobinfo ${guest.name} --completed --keep-completed`, {
      accept: [0, 1],
    });
    const { began, seconds } = timed;
    const hostCpu = cpus.reduce((sum, cpu) => sum + cpu.between(began, began + seconds * 1000), 0);
    return {
      lost,
      untilVf,
      hostCpu,
      downtime: Number(/Total downtime:\s+(\d+)/.exec(stdout)?.[1] ?? NaN),
      ...timesOf(way, timed, { left, came, clocks }),
      ...packetsOf(saw, began / 1000),
    };
  } finally {
    peer.abandon();
    for (const cpu of cpus) cpu.stop();
  }
}

/** Only the move itself has far hosts: looks at what it did would be no part of it. */
async function moveTimed(lab: LabState, { rttMs }: Setting, way: WayName, from: LabHost, to: LabHost): Promise<Timed> {
  if (rttMs > 0) await setRoundTrip(lab, rttMs);
  try {
    const began = Date.now();
    const moved = await ways[way].move(lab, guest, from, to);
    return moved ?? { began, seconds: (Date.now() - began) / 1000 };
  } finally {
    if (rttMs > 0) await setRoundTrip(lab, 0);
  }
}

/** Before and after the move. */
type Clocks = readonly [ClockReading, ClockReading];

type Timed = Omit<Moved, "report"> & Partial<Pick<Moved, "report">>;

function timesOf(
  way: WayName,
  { began, seconds: total, report }: Timed,
  { left, came, clocks }: { readonly left: string; readonly came: string; readonly clocks: Clocks },
): Pick<Sample, "total" | "withoutVf" | "overhead" | "linkUp" | "plugToRegistered" | "beforeUnplug" | "steps"> {
  const departure = parseDeparture(left);
  const times = parsePrimaryTimes(came);
  const phase = (name: string) => report?.phases.find((each) => each.name === name);
  const seconds = (name: string) => ((phase(name)?.end ?? 0) - (phase(name)?.start ?? 0)) / 1000;
  const linkUp = times?.linkUp === undefined ? NaN : times.linkUp - times.registered;
  const withoutVf =
    departure === undefined || times?.linkUp === undefined ? NaN : secondsBetween(departure, times.linkUp, clocks);
  const plugged = phase("plug")?.start;
  const used = report?.moments.find(({ kind }) => kind === "vf-used")?.at;
  return {
    total,
    withoutVf: way === "virtio-only" ? NaN : withoutVf,
    linkUp: way === "virtio-only" ? NaN : linkUp,
    overhead:
      report === undefined
        ? NaN
        : total - ["unplug", "migrate", "plug", "verify"].reduce((sum, name) => sum + seconds(name), 0),
    beforeUnplug: ((phase("unplug")?.start ?? NaN) - began) / 1000,
    steps: Object.fromEntries((report?.phases ?? []).map(({ name }) => [name, seconds(name)])),
    plugToRegistered: plugged === undefined || used === undefined ? NaN : (used - plugged) / 1000 - linkUp,
  };
}

function packetsOf(
  { announced, received, sent, stream }: PeerSaw,
  began: number,
): Pick<Sample, "announcedFrames" | "announcedBytes" | "packets" | "packetsLost" | "stall" | "throughput"> {
  const counted = received ?? sent;
  return {
    announcedFrames: announced.frames,
    announcedBytes: announced.bytes,
    packets: counted?.packets ?? NaN,
    packetsLost: counted?.lost ?? NaN,
    stall: longestStall(stream),
    throughput: throughputOf(stream, began),
  };
}

async function until(seen: () => boolean, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!seen()) {
    if (Date.now() > end)
      throw new Error(`The guest was not heard within ${seconds} s, or a host does not tell its CPU time.`);
    await sleep(200);
  }
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

/**
 * Seconds from the command until the new VF has its link, or until the command ends, where it is there
 * already. The guest's kernel log tells it within the fifth of a second in which it is looked at. NaN: the guest had no VF.
 */
async function untilVfUsable(lab: LabState, to: LabHost, left: string, { began, seconds }: Timed): Promise<number> {
  const departure = parseDeparture(left);
  if (departure === undefined) return NaN;
  const end = Date.now() + 90_000;
  for (let looks = 0; Date.now() < end; looks++) {
    const linkUp = parsePrimaryTimes(await consoleOf(lab, guest, to))?.linkUp;
    // A link that the first look finds was there when the command ended, which waits for it, if it is ours.
    if (linkUp !== undefined && linkUp > departure) return looks === 0 ? seconds : (Date.now() - began) / 1000;
    await sleep(200);
  }
  throw new NoLink(`The new VF of ${guest.name} on ${to.name} has had no link within 90 s.`);
}

class NoLink extends Error {}

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
