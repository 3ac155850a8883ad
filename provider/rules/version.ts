/** Versions as hosts and guests tell them. */

/** A version number as libvirt's API has it: major × 1,000,000 + minor × 1,000 + release. */
export function packedVersion(major: number, minor: number, release = 0): number {
  return major * 1_000_000 + minor * 1_000 + release;
}

/** `7.0.0` of 7000000. */
export function unpackedVersion(packed: number): string {
  return [Math.floor(packed / 1_000_000), Math.floor(packed / 1_000) % 1_000, packed % 1_000].join(".");
}

/**
 * Whether a dotted version (`5.10.0-8-amd64`, `0.1.189`) is below another, part by part as numbers; undefined where it
 * does not begin with one.
 */
export function isBelow(version: string, floor: readonly number[]): boolean | undefined {
  const leading = /^\d+(\.\d+)*/.exec(version)?.[0];
  if (leading === undefined) return undefined;
  const parts = leading.split(".").map(Number);
  for (const [index, least] of floor.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}
