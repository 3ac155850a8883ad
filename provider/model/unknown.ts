/**
 * Values that a preview does not know. What another resource will only tell during the update is not known yet, and a rule has no
 * verdict on it: rules ask what is *known to* agree or differ, so that such a value never raises a finding.
 */

/**
 * Stands for a value that Pulumi will only know once another resource exists: the id of a profile that a preview plans
 * to create. It occurs in `check` and `diff` only, never in `create` and `update`.
 */
export const UNKNOWN: unique symbol = Symbol("not yet known");

export type Unknown = typeof UNKNOWN;

export type Eventual<T> = T | Unknown;

/** A record as a preview sees it: each of its values may be unknown. */
export type MaybeUnknown<T> = { readonly [Key in keyof T]: Eventual<T[Key]> };

export function isKnown<T>(value: T): value is Exclude<T, Unknown> {
  return value !== UNKNOWN;
}

/** Whether no part of the value is unknown. */
export function isWhollyKnown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isKnown(value);
  return Object.values(value).every(isWhollyKnown);
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
