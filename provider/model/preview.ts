/**
 * Values in a preview. What another resource will only tell during the update is not known yet, and a rule has no
 * verdict on it: rules ask what is *known to* agree or differ, so that such a value never raises a finding.
 */

/** Stands for a value that only the update will tell. */
export const notYetKnown: unique symbol = Symbol("not yet known");

export type NotYetKnown = typeof notYetKnown;

export type Eventual<T> = T | NotYetKnown;

/** A record each of whose values may be not yet known. */
export type Preview<T> = { readonly [Key in keyof T]: Eventual<T[Key]> };

export function isKnown<T>(value: T): value is Exclude<T, NotYetKnown> {
  return value !== notYetKnown;
}

/** The list, or nothing where it is not known: for rules that need one member to object. */
export function knownPart<T>(list: Eventual<readonly T[]>): readonly T[] {
  return isKnown(list) ? list : [];
}

/** Both are known, and equal. Two unknown values do not agree. */
export function agree<T>(one: Eventual<T>, other: Eventual<T>): boolean {
  return isKnown(one) && one === other;
}

/** Both are known, and not equal. */
export function differ<T>(one: Eventual<T>, other: Eventual<T>): boolean {
  return isKnown(one) && isKnown(other) && one !== other;
}

/** Written by the user, and known. */
export function isGiven<T>(value: Eventual<T | undefined>): value is T {
  return isKnown(value) && value !== undefined;
}
