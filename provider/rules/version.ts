/** Versions as hosts and guests tell them. */

/** A version number as libvirt's API has it: major × 1,000,000 + minor × 1,000 + release. */
export function packedVersion(major: number, minor: number, release = 0): number {
  return major * 1_000_000 + minor * 1_000 + release;
}

/** What failover needs of a host (ovirt-engine: commit 2813c6480a7, which names the floors). */
const floors = { libvirt: packedVersion(7, 0), QEMU: packedVersion(5, 2) } as const;

/** Undefined: it is new enough, or not known. */
export function tooOld(
  host: string,
  program: keyof typeof floors,
  version: number | undefined,
): { readonly message: string; readonly remedy: string } | undefined {
  const floor = floors[program];
  if (version === undefined || version >= floor) return undefined;
  return {
    message: `Host "${host}" has ${program} ${unpackedVersion(version)}, but failover needs ${unpackedVersion(floor)}.`,
    remedy: `Upgrade ${program} on that host.`,
  };
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
