/** The guest's peer during a move (peer.py): what it sends to the guest and hears of it, counted by number. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { dataSwitch, type LabGuest } from "../lab/layout.js";
import { inNamespace } from "../lab/network.js";

/** What goes on between guest and peer. All zero: only the probe. */
export interface Traffic {
  /** Packets a second that the guest receives. */
  readonly receives: number;
  /** Packets a second that the guest sends by itself. */
  readonly sends: number;
  /** Bytes a second to the guest by TCP. */
  readonly stream: number;
}

const counted = z.object({ packets: z.number(), lost: z.number() });
const seen = z.object({
  announced: z.object({ frames: z.number(), bytes: z.number() }),
  received: counted.nullable(),
  sent: counted.nullable(),
  /** Seconds since the epoch, bytes that the guest has acknowledged until then. */
  stream: z.array(z.tuple([z.number(), z.number()])),
});
export type PeerSaw = z.infer<typeof seen>;

export interface Peer {
  /** Ends it. @throws Error with what it said where it failed. */
  stop(): Promise<PeerSaw>;
  /** Ends it where nothing more is wanted of it. */
  abandon(): void;
}

/** @throws Error where the guest does not obey it: it must run with `obeysPeer`, and be reachable. */
export async function startPeer(guest: LabGuest, traffic: Traffic): Promise<Peer> {
  const [program, args] = inNamespace(["python3", join(import.meta.dirname, "peer.py")]);
  return peerOf(spawn(program, args), guest, traffic);
}

/** The same with a process that runs already. */
export async function peerOf(
  child: ChildProcessWithoutNullStreams,
  guest: Pick<LabGuest, "address">,
  traffic: Traffic,
  { bridge, peer }: Pick<typeof dataSwitch, "bridge" | "peer"> = dataSwitch,
): Promise<Peer> {
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-1000)));
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${JSON.stringify({ bridge, peer, guest: guest.address, ...traffic })}\n`);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`The peer ended: ${complaint.trim()}`);
    return JSON.parse(line.value);
  };
  await said();
  return {
    async stop() {
      child.stdin.end();
      return seen.parse(await said());
    },
    abandon: () => void child.kill(),
  };
}

/** A point of a stream's throughput. */
export interface Throughput {
  /** Since the move began. */
  readonly seconds: number;
  readonly megabitsPerSecond: number;
}

/** The throughput between one look and the next, from `before` seconds before the move's beginning. */
export function throughputOf(stream: PeerSaw["stream"], began: number, before = 2): readonly Throughput[] {
  const points: Throughput[] = [];
  for (const [index, [at, bytes]] of stream.entries()) {
    const previous = stream[index - 1];
    if (previous === undefined || at <= previous[0] || at < began - before) continue;
    const megabits = ((bytes - previous[1]) * 8) / 1e6;
    points.push({ seconds: round(at - began), megabitsPerSecond: round(megabits / (at - previous[0])) });
  }
  return points;
}

/** The longest time, in seconds, in which the guest acknowledged nothing; NaN where there was no stream. */
export function longestStall(stream: PeerSaw["stream"]): number {
  let [longest, since] = [NaN, stream[0]];
  for (const sample of stream) {
    if (since === undefined || sample[1] > since[1]) since = sample;
    longest = Math.max(Number.isNaN(longest) ? 0 : longest, sample[0] - since[0]);
  }
  return longest;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
