/** MAC addresses as libvirt reads them: six octets in hexadecimal, colons between, upper and lower case alike. */

const octets = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** In lower case, or undefined where it is no MAC address. */
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
