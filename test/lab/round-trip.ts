/**
 * Makes the hosts far from the client: what they send to it is late by the whole round trip. It is done in the hosts, whose
 * kernel is the image's own and has netem; a kernel that runs tests often has none. What the hosts send each other, and what
 * guests do, is as fast as before.
 */
import { hosts, managementSwitch } from "./layout.js";
import type { LabState } from "./lab.js";
import { ssh } from "./ssh.js";

/** The host's NIC to the client. */
const nic = "mgmt0";

/** Longest round trip, in milliseconds: libvirt's keepalive and SSH's time-outs must not be what is measured. */
export const longestRoundTrip = 2000;

/** A host's command line; 0 makes it as near as it was. @throws RangeError outside 0 to `longestRoundTrip`. */
export function delayCommand(milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds <= longestRoundTrip))
    throw new RangeError(`A round trip takes 0 to ${longestRoundTrip} ms, not ${milliseconds}.`);
  const near = `tc qdisc del dev ${nic} root 2> /dev/null`;
  if (milliseconds === 0) return `${near}; true`;
  // The fourth band is one that no priority leads to: only the filter does.
  return [
    `${near}; modprobe -a sch_prio sch_netem cls_u32`,
    `tc qdisc add dev ${nic} root handle 1: prio bands 4`,
    `tc qdisc add dev ${nic} parent 1:4 handle 40: netem delay ${milliseconds}ms limit 10000`,
    `tc filter add dev ${nic} parent 1: protocol ip u32 match ip dst ${managementSwitch.peer}/32 flowid 1:4`,
  ].join(" && ");
}

/** Milliseconds that are added to each round trip between the client and both hosts. */
export async function setRoundTrip({ image }: LabState, milliseconds: number): Promise<void> {
  await Promise.all(hosts.map((host) => ssh(image, host, delayCommand(milliseconds))));
}
