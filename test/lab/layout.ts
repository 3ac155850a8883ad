/** What stands where in the lab: names, addresses, folders. Pure data. */
import { homedir } from "node:os";
import { join } from "node:path";

export const topologies = ["separate", "shared"] as const;
export type Topology = (typeof topologies)[number];

/** The network namespace that holds everything of the lab; nothing in it has a way out. */
export const namespace = "vnic-lab";

/** Everything that the lab builds or leaves while it is up; outside the checkout, so that clones share it. */
export const cache =
  process.env["VNIC_LAB_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "pulumi-vnic-failover", "lab");

/** What a lab that is up has on disk: overlays, logs, pid files. Gone after `down`. */
export const running = join(cache, "running");

/** The emulated switch between the hosts' data NICs, and the peer outside the hosts: the bridge's own address. */
export const dataSwitch = { bridge: "brdata", peer: "10.78.0.1", prefix: 24 } as const;
export const managementSwitch = { bridge: "brmgmt", peer: "10.77.0.1", prefix: 24 } as const;
export const migrationSwitch = { bridge: "brmigr", peer: "10.76.0.1", prefix: 24 } as const;

export interface LabHost {
  readonly name: "host1" | "host2";
  readonly id: 1 | 2;
  readonly address: string;
  readonly migrationAddress: string;
}

export const hosts: readonly LabHost[] = [
  { name: "host1", id: 1, address: "10.77.0.11", migrationAddress: "10.76.0.11" },
  { name: "host2", id: 2, address: "10.77.0.12", migrationAddress: "10.76.0.12" },
];

/** Names inside a host: the standby's bridge, the PF, how many VFs it has. */
export const bridge = "br0";
export const physicalFunction = "pf0";

export interface LabGuest {
  readonly name: string;
  readonly uuid: string;
  /** The guest's address on the data network. */
  readonly address: string;
  readonly mac: string;
}

/** The guests that the lab knows; `web` is started by `up`, the others on demand. */
export const guests: readonly LabGuest[] = [
  { name: "web", uuid: "11111111-2222-4333-8444-000000000050", address: "10.78.0.50", mac: "52:54:00:aa:00:50" },
  { name: "db", uuid: "11111111-2222-4333-8444-000000000051", address: "10.78.0.51", mac: "52:54:00:aa:00:51" },
];

export function hostNamed(name: string): LabHost {
  const host = hosts.find((candidate) => candidate.name === name);
  if (host === undefined)
    throw new Error(`The lab has no host "${name}": it has ${hosts.map((h) => h.name).join(" and ")}.`);
  return host;
}

export function guestNamed(name: string): LabGuest {
  const guest = guests.find((candidate) => candidate.name === name);
  if (guest === undefined)
    throw new Error(`The lab has no guest "${name}": it has ${guests.map((g) => g.name).join(" and ")}.`);
  return guest;
}
