/** libvirt's states of a domain, by name. */
import { DomainState } from "./constants.js";

export type DomainStateName = "running" | "paused" | "shutting-down" | "shutoff" | "crashed" | "suspended" | "unknown";

const names: Readonly<Record<number, DomainStateName>> = {
  [DomainState.RUNNING]: "running",
  [DomainState.BLOCKED]: "running",
  [DomainState.PAUSED]: "paused",
  [DomainState.SHUTDOWN]: "shutting-down",
  [DomainState.SHUTOFF]: "shutoff",
  [DomainState.CRASHED]: "crashed",
  [DomainState.PMSUSPENDED]: "suspended",
};

export function domainStateName(state: number): DomainStateName {
  return names[state] ?? "unknown";
}
