/** The lab's namespace: three switches, of which only the data switch carries guests' frames, and a tap per host and NIC. */
import { existsSync } from "node:fs";
import { run } from "./command.js";
import { dataSwitch, hosts, managementSwitch, migrationSwitch, namespace } from "./layout.js";

const switches = [managementSwitch, migrationSwitch, dataSwitch];
/** Which switch each of a host's NICs is plugged into. */
const ports: Readonly<Record<string, string>> = {
  mgmt: managementSwitch.bridge,
  migr: migrationSwitch.bridge,
  uplink: dataSwitch.bridge,
  pf: dataSwitch.bridge,
};

export function networkExists(): boolean {
  return existsSync(`/run/netns/${namespace}`);
}

export async function createNetwork(): Promise<void> {
  await run("ip", ["netns", "add", namespace]);
  await ip("link", "set", "lo", "up");
  for (const { bridge, peer, prefix } of switches) {
    await ip("link", "add", bridge, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
    await ip("link", "set", bridge, "up");
    await ip("addr", "add", `${peer}/${prefix}`, "dev", bridge);
  }
  for (const { id } of hosts) {
    for (const [nic, bridge] of Object.entries(ports)) {
      await ip("tuntap", "add", `${nic}${id}`, "mode", "tap");
      await ip("link", "set", `${nic}${id}`, "up", "master", bridge);
    }
  }
}

/** Taps and switches go with the namespace. */
export async function removeNetwork(): Promise<void> {
  if (networkExists()) await run("ip", ["netns", "del", namespace]);
}

/** Takes a host's port on a switch down or up again: a pulled cable. */
export async function setPort(
  nic: "mgmt" | "migr" | "uplink" | "pf",
  hostId: number,
  state: "up" | "down",
): Promise<void> {
  await ip("link", "set", `${nic}${hostId}`, state);
}

/** Which of the data switch's ports a MAC address is behind; undefined when the switch has not learnt it. */
export async function learntPort(mac: string): Promise<string | undefined> {
  const { stdout } = await run("bridge", ["-n", namespace, "-j", "fdb", "show", "br", dataSwitch.bridge]);
  const entries = JSON.parse(stdout) as { mac: string; ifname: string }[];
  return entries.find((entry) => entry.mac === mac.toLowerCase())?.ifname;
}

/** `ip netns exec` around a command line, for whatever must reach the hosts. */
export function inNamespace(command: readonly string[]): [string, string[]] {
  return ["ip", ["netns", "exec", namespace, ...command]];
}

async function ip(...args: string[]): Promise<void> {
  await run("ip", ["-n", namespace, ...args]);
}
