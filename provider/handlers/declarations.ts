/**
 * What this program has declared so far, as its checks saw it: resources that do not exist yet, and that no host can tell
 * about. A process serves one `pulumi` command, so nothing outlives the program.
 */
import type { Profile, VmNic } from "../rules/index.js";
import type { Preview } from "../model/preview.js";

export interface DeclaredProfile {
  readonly profile: Preview<Profile>;
  /** URN of the profile that `failover` refers to, where that is a resource of this program. */
  readonly failoverUrn?: string | undefined;
}

export interface DeclaredInterface {
  readonly nic: Preview<VmNic>;
  /** URN of the profile, where that is a resource of this program. */
  readonly profileUrn?: string | undefined;
}

export const declaredProfiles = new Map<string, DeclaredProfile>();
export const declaredInterfaces = new Map<string, DeclaredInterface>();

/** Stands for the id of a resource that does not exist yet: unique, and known to be no other's. */
export function futureId(urn: string): string {
  return `declared:${urn}`;
}

export interface DeclaredPlacement {
  /** As the program names it. */
  readonly vm: string;
  /** The cluster or engine that has it. */
  readonly scope: object;
}

const placements = new WeakMap<object, Map<string, DeclaredPlacement>>();

/** The placements of the command's program, by URN. */
export function placementsOf(command: object = {}): Map<string, DeclaredPlacement> {
  const ofCommand = placements.get(command) ?? new Map<string, DeclaredPlacement>();
  placements.set(command, ofCommand);
  return ofCommand;
}
