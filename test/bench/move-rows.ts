/** What a run of moves comes to: a row for each setting and way. Pure. */
import { z } from "zod";
import { topologies } from "../lab/layout.js";
import { guestNames, type Setting } from "./matrix.js";
import { spread } from "./statistics.js";
import { wayNames, type WayName } from "./way-names.js";

const spreads = z.object({ median: z.number(), min: z.number(), max: z.number() }).nullable();
/** What rows of older versions lack. */
const later = spreads.default(null);

/** Null: it was not measured, or there is none. */
export const moveRow = z.object({
  topology: z.enum(topologies),
  way: z.enum(wayNames),
  /** Milliseconds that were added to each round trip between the client and the hosts. */
  rttMs: z.number().default(0),
  guest: z.enum(guestNames).default("quiet"),
  moves: z.number(),
  /** Echo requests of the peer to the guest, one every 50 ms. */
  probesLost: spreads,
  totalSeconds: spreads,
  secondsWithoutVf: spreads,
  /** From the command until the guest's new VF has its link; of a way whose command ends later, until then. */
  secondsUntilVf: later,
  /** Total time less the unplug, libvirt's migration and plug, and the guest's link-up; only of ours. */
  overheadSeconds: spreads,
  /** From 'primary registered' to link up in the guest. */
  guestLinkUpSeconds: spreads,
  /** From the command until the guest is asked to release its VF; only of ours. */
  secondsBeforeUnplug: later,
  /** How long each step of the move took; only of ours. */
  stepSeconds: z.record(z.string(), spreads).default({}),
  /** Milliseconds, as the destination's libvirt says. */
  downtime: spreads,
  /** Seconds from the plug's beginning to 'primary registered' in the guest; only of ours. */
  plugToRegisteredSeconds: spreads,
  /** Of both hosts together during the move, without what the guest itself ran. */
  hostCpuSeconds: later,
  /** ARP, RARP and neighbour discovery from the hosts' ports, from just before the move until the guest was heard again. */
  announcedFrames: later,
  /** Bytes on the wire of those, without checksums. */
  announcedBytes: later,
  /** Of the packets that the guest was sent, or sent itself, by their numbers. */
  packetsLost: later,
  packets: later,
  /** The longest time, in seconds, in which the guest acknowledged nothing of a TCP stream. */
  stallSeconds: later,
  /** A TCP stream's throughput in the move whose stall is the middle one. */
  throughput: z
    .array(z.object({ seconds: z.number(), megabitsPerSecond: z.number() }))
    .readonly()
    .default([]),
});
export type MoveRow = z.output<typeof moveRow>;

/** One move. NaN: not measured, or there is none. */
export interface Sample {
  readonly lost: number;
  readonly total: number;
  readonly withoutVf: number;
  readonly untilVf: number;
  readonly overhead: number;
  readonly linkUp: number;
  readonly beforeUnplug: number;
  /** By the step's name; only of ours. */
  readonly steps: Readonly<Record<string, number>>;
  readonly downtime: number;
  readonly plugToRegistered: number;
  readonly hostCpu: number;
  readonly announcedFrames: number;
  readonly announcedBytes: number;
  readonly packetsLost: number;
  readonly packets: number;
  readonly stall: number;
  readonly throughput: MoveRow["throughput"];
}

export function rowOf(setting: Setting, way: WayName, samples: readonly Sample[]): MoveRow {
  const of = (pick: (sample: Sample) => number) => spread(samples.map(pick));
  return {
    topology: setting.topology,
    way,
    rttMs: setting.rttMs,
    guest: setting.guest,
    moves: samples.length,
    probesLost: of(({ lost }) => lost),
    totalSeconds: of(({ total }) => total),
    secondsWithoutVf: of(({ withoutVf }) => withoutVf),
    secondsUntilVf: of(({ untilVf }) => untilVf),
    overheadSeconds: of(({ overhead }) => overhead),
    guestLinkUpSeconds: of(({ linkUp }) => linkUp),
    secondsBeforeUnplug: of(({ beforeUnplug }) => beforeUnplug),
    stepSeconds: stepsOf(samples),
    downtime: of(({ downtime }) => downtime),
    plugToRegisteredSeconds: of(({ plugToRegistered }) => plugToRegistered),
    hostCpuSeconds: of(({ hostCpu }) => hostCpu),
    announcedFrames: of(({ announcedFrames }) => announcedFrames),
    announcedBytes: of(({ announcedBytes }) => announcedBytes),
    packetsLost: of(({ packetsLost }) => packetsLost),
    packets: of(({ packets }) => packets),
    stallSeconds: of(({ stall }) => stall),
    throughput: middle(samples)?.throughput ?? [],
  };
}

/** Of a step that not every move has, of the moves that had it. */
function stepsOf(samples: readonly Sample[]): MoveRow["stepSeconds"] {
  const names = new Set(samples.flatMap(({ steps }) => Object.keys(steps)));
  return Object.fromEntries([...names].map((name) => [name, spread(samples.map(({ steps }) => steps[name] ?? NaN))]));
}

/** The move whose stall is the middle one, of those with a stream. */
function middle(samples: readonly Sample[]): Sample | undefined {
  const streams = samples.filter(({ stall }) => Number.isFinite(stall)).toSorted((a, b) => a.stall - b.stall);
  return streams[Math.floor((streams.length - 1) / 2)];
}
