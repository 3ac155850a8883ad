/** Which moves are compared: topologies, guests, round trips. Pure data and what follows from options. */
import { topologies, type Topology } from "../lab/layout.js";
import type { Traffic } from "./peer.js";

export interface GuestKind {
  /** In MiB. */
  readonly memory: number;
  readonly traffic: Traffic;
  /** For people. */
  readonly label: string;
}

const none: Traffic = { receives: 0, sends: 0, stream: 0 };

/** All have the probe, 20 echo requests a second: a quiet guest says nothing but its answers. */
export const guestKinds = {
  quiet: { memory: 256, traffic: none, label: "quiet, 256 MiB" },
  sends: { memory: 256, traffic: { ...none, sends: 50 }, label: "sends 50 packets/s" },
  receives: { memory: 256, traffic: { ...none, receives: 2000 }, label: "receives 2,000 packets/s" },
  stream: { memory: 256, traffic: { ...none, stream: 1_000_000 }, label: "TCP, 8 Mbit/s" },
  "quiet-2GiB": { memory: 2048, traffic: none, label: "quiet, 2 GiB" },
} as const satisfies Record<string, GuestKind>;

export type GuestName = keyof typeof guestKinds;
export const guestNames = Object.keys(guestKinds) as GuestName[];

/** What is the same for every way that is compared. */
export interface Setting {
  readonly topology: Topology;
  readonly guest: GuestName;
  /** Milliseconds that are added to each round trip between the client and the hosts. */
  readonly rttMs: number;
}

/** Without options: what differs from the first one in one respect only, and finishes within an hour. */
const usual: readonly Setting[] = [
  { topology: "separate", guest: "quiet", rttMs: 0 },
  { topology: "separate", guest: "quiet", rttMs: 80 },
  { topology: "separate", guest: "sends", rttMs: 0 },
  { topology: "separate", guest: "receives", rttMs: 0 },
  { topology: "separate", guest: "stream", rttMs: 0 },
  { topology: "separate", guest: "quiet-2GiB", rttMs: 0 },
  { topology: "shared", guest: "quiet", rttMs: 0 },
];

export interface Restriction {
  readonly topology?: readonly Topology[] | undefined;
  readonly guest?: readonly GuestName[] | undefined;
  readonly rtt?: readonly number[] | undefined;
}

/** With an option: every combination of what the options name; what they do not is as in the first of the usual settings. */
export function settingsOf({ topology, guest, rtt }: Restriction): readonly Setting[] {
  if (topology === undefined && guest === undefined && rtt === undefined) return usual;
  return (topology ?? topologies).flatMap((each) =>
    (guest ?? ["quiet" as const]).flatMap((name) =>
      (rtt ?? [0]).map((rttMs) => ({ topology: each, guest: name, rttMs })),
    ),
  );
}

/** What one start of the lab and one guest serve: the settings of a topology whose guests have the same memory. */
export interface Batch {
  readonly topology: Topology;
  readonly memory: number;
  readonly settings: readonly Setting[];
}

export function batchesOf(settings: readonly Setting[]): readonly Batch[] {
  const key = ({ topology, guest }: Setting) => `${topology} ${guestKinds[guest].memory}`;
  return topologies.flatMap((topology) => {
    const here = settings.filter((setting) => setting.topology === topology);
    return [...new Set(here.map(key))].map((each) => {
      const alike = here.filter((setting) => key(setting) === each);
      return { topology, memory: guestKinds[alike[0]?.guest ?? "quiet"].memory, settings: alike };
    });
  });
}
