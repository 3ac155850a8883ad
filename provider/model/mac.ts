import { ProblemError } from "./problem.js";

/** The prefix that QEMU and libvirt give to guests' addresses (libvirt: virMacAddrGenerate with the driver's prefix). */
const qemuPrefix = [0x52, 0x54, 0x00];

/** `00-1A-2b-…` or `00:1A:2b:…` as libvirt prints it: lower case, colons. `undefined` for anything else. */
export function normalizeMac(text: string): string | undefined {
  return /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)
    ? text.toLowerCase().replaceAll("-", ":")
    : undefined;
}

/**
 * A MAC with QEMU's prefix, `52:54:00:xx:xx:xx`.
 * @param random three random bytes (more are ignored).
 * @throws ProblemError `mac-needs-bytes` when there are fewer.
 */
export function generateMac(random: Uint8Array): string {
  if (random.length < 3) {
    throw new ProblemError({
      code: "mac-needs-bytes",
      what: "Unable to generate a MAC address from fewer than 3 bytes",
    });
  }
  return [...qemuPrefix, ...random.subarray(0, 3)].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

export function sameMac(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** The group bit, lowest of the first octet: no interface may send from such an address. Reading ends at the colon. */
export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac, 16) & 1) === 1;
}

export function isZeroMac(mac: string): boolean {
  return mac === "00:00:00:00:00:00";
}
