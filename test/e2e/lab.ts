/** The lab for end-to-end tests, and looks at it by other means than the product's. */
import type { GuestInterface } from "../lab/guest.js";
import type { LabState } from "../lab/lab.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { hosts, physicalFunction, type LabHost } from "../lab/layout.js";
import { ssh } from "../lab/ssh.js";

/** Why the lab cannot run here; set by `npm test`. The tests are then counted as skipped. */
export const labSkipped = process.env["VNIC_LAB_SKIPPED"];

export function stackConfig(lab: LabState): Record<string, unknown> {
  return { "vnic-failover:cluster": clusterConfig(lab) };
}

/** The guest has both halves of a pair, joined and with a link. */
export const bothEnslaved = (interfaces: readonly GuestInterface[]): boolean =>
  ["virtio_net", "igbvf"].every((driver) =>
    interfaces.some((nic) => nic.driver === driver && nic.master !== undefined && nic.carrier),
  );

export async function domainXml(lab: LabState, host: LabHost, vm: string, ...flags: string[]): Promise<string> {
  return (await ssh(lab.image, host, `virsh dumpxml ${flags.join(" ")} ${vm} 2>/dev/null`, { accept: [0, 1] })).stdout;
}

/** The driver of each VF of a host's PF, in their order. */
export async function vfDrivers(lab: LabState, host: LabHost): Promise<readonly string[]> {
  const script = `for v in /sys/class/net/${physicalFunction}/device/virtfn*; do basename "$(readlink $v/driver)"; done`;
  return (await ssh(lab.image, host, script)).stdout.trim().split("\n");
}

/** What should be on no host when nothing is declared: networks and interfaces of ours, VFs away from their driver. */
export async function traces(lab: LabState): Promise<readonly string[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      const { stdout } = await ssh(
        lab.image,
        host,
        `for n in $(virsh -q net-list --all --name); do virsh net-dumpxml $n | grep -q vnic-failover && echo "network $n"; done
         for d in $(virsh -q list --all --name); do virsh dumpxml $d | grep -E -q "vnic-failover|<interface" && echo "domain $d"; done; true`,
      );
      const drivers = await vfDrivers(lab, host);
      return [
        ...stdout.split("\n").filter((line) => line !== ""),
        ...drivers.filter((driver) => driver !== "igbvf").map((driver) => `VF on ${driver}`),
      ].map((trace) => `${host.name}: ${trace}`);
    }),
  );
  return found.flat();
}
