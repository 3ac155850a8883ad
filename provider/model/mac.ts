import { ProblemError } from "./problem.js";

/** The prefix that QEMU and libvirt give to guests' addresses (libvirt: virMacAddrGenerate with the driver's prefix). */
const qemuPrefix = [0x52, 0x54, 0x00];

/** `00-1A-2b-…` or `00:1A:2b:…` as libvirt prints it: lower case, colons. `undefined` for anything else. */
export function normalizeMac(text: string): string | undefined {
  return /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)
    ? text.toLowerCase().replaceAll("-", ":")
    : undefined;
}

/** Whether the text is a MAC that libvirt takes for an interface: the group bit of its first octet is not set. */
export function isUnicastMac(text: string): boolean {
  const mac = normalizeMac(text);
  return mac !== undefined && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
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

/** Six octets in hexadecimal with colons, as libvirt prints them. */
const octets = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** In lower case, or undefined where it is not a MAC address. */
export function canonicalMac(mac: string): string | undefined {
  const lower = mac.toLowerCase();
  return octets.test(lower) ? lower : undefined;
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
