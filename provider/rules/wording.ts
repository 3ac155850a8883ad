import { type Eventual, isKnown } from "../model/unknown.js";

/** How findings spell names, lists and counts. */

/** A name in quotes, or a stand-in for one that only the update will tell. */
export function quoted(name: Eventual<string>): string {
  return isKnown(name) ? `"${name}"` : "(not yet known)";
}

/** `"a", "b" and "c"`. */
export function listed(names: readonly Eventual<string>[]): string {
  const spelled = names.map(quoted);
  const last = spelled.pop() ?? "";
  return spelled.length === 0 ? last : `${spelled.join(", ")} and ${last}`;
}

/** `1 VF`, `2 VFs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whole MiB that so many KiB have room for. */
export function mebibytesIn(kibibytes: number): number {
  return Math.floor(kibibytes / 1024);
}

/** Whole MiB that have room for so many KiB. */
export function mebibytesFor(kibibytes: number): number {
  return Math.ceil(kibibytes / 1024);
}
