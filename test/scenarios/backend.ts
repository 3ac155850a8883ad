/** What the scenarios need of a backend: a stack's configuration, and a way past this package to what is really there. */
import type { Program } from "../pulumi/stack.js";

export type BackendKind = "libvirt" | "ovirt";
export type HostName = "host1" | "host2";

/**
 * Hosts `host1` and `host2`, where every VF is free; networks `data` and `data2` with a bridge and `data-vf` with VFs on
 * both; on host1 the running VM `web`, without any interface.
 */
export interface Backend {
  readonly kind: BackendKind;
  /** All that differs between two stacks of one program. */
  readonly settings: Pick<Program, "config" | "secrets">;
  readonly reality: Reality;
  readonly administrator: Administrator;
  /** Absent where what would break is not the test's alone. */
  readonly faults?: Faults;
  close(): Promise<void>;
}

/** What is really there, as the backend itself has it. */
export interface Reality {
  profiles(): Promise<readonly ProfileThere[]>;
  /** VM `web`. */
  vm(): Promise<VmThere>;
  /** What is left of all declarations, in words. */
  traces(): Promise<readonly string[]>;
}

export interface ProfileThere {
  readonly id: string;
  readonly name: string;
  readonly network: string;
}

export interface VmThere {
  readonly host: string;
  /** Network devices of the running domain, bridged ones first. */
  readonly devices: readonly DeviceThere[];
}

export interface DeviceThere {
  readonly kind: "bridge" | "hostdev";
  readonly mac: string;
  readonly alias: string;
}

/** What another tool does, by the backend's own means. */
export interface Administrator {
  /** @returns its id. */
  addsProfile(profile: ProfileByHand): Promise<string>;
  /** Gives the profile of that name another description in the place of the one it has. */
  redescribesProfile(name: string, from: string, to: string): Promise<void>;
  removesProfile(name: string): Promise<void>;
  /** Plugs a pair into `web`. */
  addsPair(pair: PairByHand): Promise<void>;
  /** Takes both devices of `web`'s pair from the running VM. */
  unplugsPair(): Promise<void>;
  /** `web`, whose pair has its VF afterwards, if it had one before. */
  movesVm(to: HostName): Promise<void>;
}

/** Of network `data`; with a failover of network `data-vf`, passthrough and migratable. */
export interface ProfileByHand {
  readonly name: string;
  /** The failover profile's id. */
  readonly failover?: string;
}

export interface PairByHand {
  readonly mac: string;
  readonly profile: string;
  readonly failover: string;
}

/** Repairs what a fault has broken. */
export type Repair = () => Promise<void>;

export interface Faults {
  /** Of the standby's network. */
  losesBridge(host: HostName): Promise<Repair>;
  /** Every VF of the host is another's. */
  hasNoFreeVf(host: HostName): Promise<Repair>;
  /** What the VM gets on its next arrival there is not its VF. */
  losesVfOnArrival(host: HostName): Promise<Repair>;
  /** Those who could say whether something is gone do not answer. */
  becomesUnreachable(): Promise<Repair>;
}
