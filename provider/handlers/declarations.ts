/**
 * What a program has declared so far, as its checks saw it: resources that do not exist yet, and that no host can tell about. Each
 * command knows its own, and of each configuration apart: what one cluster is to have is nothing that another lacks.
 */
import type { Profile, VmNic } from "../rules/index.js";
import type { MaybeUnknown } from "../model/unknown.js";
import { PerCommand } from "./command-scope.js";
import { digestOf } from "./config-digest.js";
import type { HandlerContext } from "./handler.js";

export interface DeclaredProfile {
  readonly profile: MaybeUnknown<Profile>;
  /** URN of the profile that `failover` refers to, where that is a resource of this program. */
  readonly failoverUrn?: string | undefined;
}

export interface DeclaredInterface {
  readonly nic: MaybeUnknown<VmNic>;
  /** URN of the profile, where that is a resource of this program. */
  readonly profileUrn?: string | undefined;
}

/** By URN. */
export class Declarations {
  readonly profiles = new Map<string, DeclaredProfile>();
  readonly interfaces = new Map<string, DeclaredInterface>();
  /** The URNs of interfaces, by the owner that the hosts know of them: resources of one name in several components have one. */
  readonly interfacesByOwner = new Map<string, Set<string>>();
  /** The VM of each placement, as the program names it. */
  readonly placements = new Map<string, string>();
}

const declarations = new PerCommand(() => new Map<string, Declarations>());

/** Those of the call's command for its cluster or engine. */
export function declarationsOf(ctx: Pick<HandlerContext, "command" | "config">): Declarations {
  const ofCommand = declarations.of(ctx);
  const key = digestOf(ctx.config);
  const found = ofCommand.get(key) ?? new Declarations();
  ofCommand.set(key, found);
  return found;
}

/** Stands for the id of a resource that does not exist yet: unique, and known to be no other's. */
export function futureId(urn: string): string {
  return `declared:${urn}`;
}
