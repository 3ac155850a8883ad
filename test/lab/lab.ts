/** The lab as a whole: up, down, status. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { run } from "./command.js";
import { guestDomain, guestLog, parseGuestState, type GuestInterface, type GuestOptions } from "./guest.js";
import { ensureImage, type Image } from "./image.js";
import {
  cache,
  guestNamed,
  hosts,
  namespace,
  running,
  type LabGuest,
  type LabHost,
  type Topology,
  physicalFunction,
} from "./layout.js";
import { createNetwork, networkExists, removeNetwork } from "./network.js";
import { probing } from "./probe.js";
import { hostReady, startHost, type HostFiles } from "./qemu.js";
import { ensureRequirements } from "./requirements.js";
import { ssh } from "./ssh.js";
import { countRepeat } from "../summary.js";

const stateFile = join(running, "lab.json");
const stateSchema = z.object({
  topology: z.enum(["separate", "shared"]),
  image: z.object({
    tree: z.string(),
    disk: z.string(),
    kernel: z.string(),
    initrd: z.string(),
    key: z.string(),
    knownHosts: z.string(),
    version: z.string(),
  }),
});

export type LabState = z.infer<typeof stateSchema>;

/** The lab that is up, or undefined. */
export function currentLab(): LabState | undefined {
  if (!existsSync(stateFile) || !networkExists() || hosts.some((host) => !alive(host))) return undefined;
  return stateSchema.parse(JSON.parse(readFileSync(stateFile, "utf8")));
}

/** @throws Error when the lab is down. */
export function requireLab(): LabState {
  const lab = currentLab();
  if (lab === undefined) throw new Error("The lab is down: bring it up with `npm run lab -- up`.");
  return lab;
}

/** Brings the lab up with `web` started on host1; does nothing where it already is so. */
export async function up(topology: Topology, say: (line: string) => void): Promise<LabState> {
  await ensureRequirements();
  mkdirSync(cache, { recursive: true });
  const image = await ensureImage(say);
  const current = currentLab();
  if (current?.topology === topology && current.image.version === image.version) {
    say(`The lab is up already (${topology} topology).`);
  } else {
    if (current !== undefined || existsSync(running) || networkExists()) await down();
    await boot(image, topology, say);
  }
  const lab = { topology, image };
  await ensureGuest(lab, guestNamed("web"), say);
  return lab;
}

async function boot(image: Image, topology: Topology, say: (line: string) => void): Promise<void> {
  mkdirSync(running, { recursive: true });
  try {
    await createNetwork();
    say("Booting host1 and host2 (about 45 seconds)…");
    for (const host of hosts) {
      const files = hostFiles(host);
      await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.disk, "-F", "raw", files.disk]);
      // The backing file's path is looked up by the QEMU inside the tree.
      await run("qemu-img", ["rebase", "-u", "-F", "raw", "-b", image.disk.replace(cache, "/mnt/lab"), files.disk]);
      startHost(image, host, topology, files);
    }
    for (const host of hosts) say(await hostReady(host, hostFiles(host), 300));
    writeFileSync(stateFile, JSON.stringify({ topology, image } satisfies LabState));
  } catch (error) {
    await down();
    throw error;
  }
}

/** Ends everything of the lab: processes, mounts (they end with the processes), namespace, files of the run. */
export async function down(): Promise<void> {
  if (isInside()) throw new Error("The lab is brought up and down from outside its namespace.");
  for (const host of hosts) {
    const pid = pidOf(host);
    if (pid !== undefined && alive(host)) {
      process.kill(pid, "SIGTERM");
      for (let i = 0; i < 100 && alive(host); i++) await sleep(50);
      if (alive(host)) process.kill(pid, "SIGKILL");
    }
  }
  if (networkExists()) {
    const { stdout } = await run("ip", ["netns", "pids", namespace], { accept: [0, 1] });
    for (const pid of stdout
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(Number)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it ended meanwhile
      }
    }
  }
  await removeNetwork();
  rmSync(running, { recursive: true, force: true });
}

/** A host's machine loses its power: its QEMU is killed. The lab counts as down until it is started again. */
export async function powerOff(host: LabHost): Promise<void> {
  const pid = pidOf(host);
  if (pid !== undefined && alive(host)) process.kill(pid, "SIGKILL");
  while (alive(host)) await sleep(50);
}

/** Starts a host's machine again, on the disk that it had; waits until it is ready. */
export async function powerOn({ image, topology }: LabState, host: LabHost): Promise<void> {
  if (alive(host)) return;
  const files = hostFiles(host);
  for (const file of [files.serial, files.pid, files.monitor]) rmSync(file, { force: true });
  startHost(image, host, topology, files);
  await hostReady(host, files, 300);
}

/** Defines a guest on a host and starts it, where no host runs it; waits until it has booted. */
export async function ensureGuest(
  lab: LabState,
  guest: LabGuest,
  say: (line: string) => void,
  on: LabHost["name"] = "host1",
  options: GuestOptions = {},
): Promise<void> {
  for (const host of hosts) {
    const { stdout } = await ssh(lab.image, host, `virsh domstate ${guest.name} 2>/dev/null`, { accept: [0, 1] });
    if (stdout.trim() === "running") return;
  }
  const host = hosts.find((candidate) => candidate.name === on) ?? hosts[0];
  if (host === undefined) return;
  say(`Starting the guest ${guest.name} on ${host.name} (about 30 seconds)…`);
  await ssh(lab.image, host, "cat > /tmp/guest.xml && virsh -q define /tmp/guest.xml && virsh -q start " + guest.name, {
    input: guestDomain(guest, options),
  });
  // Seldom, a guest's kernel stands still while it boots, and its host has nothing to do: begin once more.
  for (let more = 2; more > 0; more--) {
    if (await guestReady(lab, guest, host)) return;
    say(
      `${guest.name} does not boot; starting it again. Its console ends with: ${(await endOfConsole(lab, guest, host, 1)).trim()}`,
    );
    countRepeat("boot");
    await ssh(lab.image, host, `virsh -q destroy ${guest.name}; virsh -q start ${guest.name}`);
  }
  if (await guestReady(lab, guest, host)) return;
  const end = await endOfConsole(lab, guest, host, 20);
  throw new Error(`${guest.name} did not boot on ${host.name} in three tries. The end of its console:\n${end}`);
}

/** A guest needs 25 of these, on a busy machine twice as many. */
const guestBootSeconds = 150;
/** A guest that boots says something every two of these. */
const guestSilentSeconds = 20;

/** Whether a guest that was started has said that it is ready before its time was over, and never stood still for long. */
async function guestReady(lab: LabState, guest: LabGuest, host: LabHost): Promise<boolean> {
  const ready = `last= silent=0
    for half in $(seq ${2 * guestBootSeconds}); do
      grep -q GUEST-READY ${guestLog(guest)} && exit 0
      size=$(stat -c %s ${guestLog(guest)})
      if [ "$size" = "$last" ]; then silent=$((silent + 1)); else silent=0 last=$size; fi
      [ $silent -lt ${2 * guestSilentSeconds} ] || break
      sleep 0.5
    done
    exit 1`;
  const { status } = await ssh(lab.image, host, ready, { accept: [0, 1] });
  return status === 0;
}

async function endOfConsole(lab: LabState, guest: LabGuest, host: LabHost, lines: number): Promise<string> {
  return (await consoleOf(lab, guest, host)).trimEnd().split("\n").slice(-lines).join("\n");
}

/** Ends a guest everywhere and forgets its definition. */
export async function removeGuest(lab: LabState, guest: LabGuest): Promise<void> {
  for (const host of hosts) {
    await ssh(
      lab.image,
      host,
      `virsh -q destroy ${guest.name}; virsh -q undefine ${guest.name}; rm -f ${guestLog(guest)}`,
      { accept: [0, 1] },
    );
  }
}

/**
 * The guest as `up` starts it, on host1 with no interface, and hosts on which nothing is declared: no profiles,
 * and every VF with its own driver. Whatever a demo, a test or a benchmark has left is gone.
 */
export async function reset(lab: LabState, guest: LabGuest, options: GuestOptions = {}): Promise<void> {
  await removeGuest(lab, guest);
  const script = `for n in $(virsh -q net-list --all --name); do
      virsh net-dumpxml $n | grep -q vnic-failover && { virsh -q net-destroy $n 2> /dev/null; virsh -q net-undefine $n; }; done
    for v in /sys/class/net/${physicalFunction}/device/virtfn*; do
      virsh -q nodedev-reattach pci_$(basename $(readlink $v) | tr ':.' '__') > /dev/null 2>&1; done; true`;
  await Promise.all(hosts.map((host) => ssh(lab.image, host, script)));
  await ensureGuest(lab, guest, () => undefined, "host1", options);
}

export interface HostStatus {
  readonly name: string;
  readonly running: boolean;
  readonly domains: readonly { name: string; state: string }[];
}

export interface LabStatus {
  readonly up: boolean;
  readonly topology?: Topology;
  readonly hosts: readonly HostStatus[];
  readonly probing: boolean;
  readonly cache: string;
}

export async function status(): Promise<LabStatus> {
  const lab = currentLab();
  if (lab === undefined)
    return {
      up: false,
      hosts: hosts.map(({ name }) => ({ name, running: false, domains: [] })),
      probing: false,
      cache,
    };
  const statuses = await Promise.all(
    hosts.map(async (host) => {
      const { stdout } = await ssh(lab.image, host, "virsh -q list --all");
      const domains = [...stdout.matchAll(/^\s*\S+\s+(\S+)\s+(.+)$/gm)].map((match) => ({
        name: match[1] ?? "",
        state: (match[2] ?? "").trim(),
      }));
      return { name: host.name, running: true, domains };
    }),
  );
  return { up: true, topology: lab.topology, hosts: statuses, probing: probing(), cache };
}

/** A guest's console log from the host where it runs. */
export async function consoleOf(lab: LabState, guest: Pick<LabGuest, "name">, host: LabHost): Promise<string> {
  return (await ssh(lab.image, host, `cat ${guestLog(guest)} 2>/dev/null`, { accept: [0, 1] })).stdout.replaceAll(
    "\r",
    "",
  );
}

/** Waits until the guest's interfaces, as the guest itself says, are as wanted. @throws Error with what it said last. */
export async function guestShows(
  lab: LabState,
  guest: LabGuest,
  host: LabHost,
  wanted: (interfaces: readonly GuestInterface[]) => boolean,
  seconds = 60,
): Promise<readonly GuestInterface[]> {
  let last: readonly GuestInterface[] | undefined;
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    last = parseGuestState(await consoleOf(lab, guest, host));
    if (last !== undefined && wanted(last)) return last;
    await sleep(500);
  }
  throw new Error(
    `${guest.name} on ${host.name} does not show the interfaces that were waited for; it has ${JSON.stringify(last ?? "said nothing")}.`,
  );
}

function hostFiles({ name }: LabHost): HostFiles {
  const file = (suffix: string) => join(running, `${name}.${suffix}`);
  return { disk: file("qcow2"), serial: file("log"), monitor: file("monitor"), pid: file("pid"), output: file("out") };
}

function pidOf(host: LabHost): number | undefined {
  const { pid } = hostFiles(host);
  return existsSync(pid) ? Number(readFileSync(pid, "utf8")) : undefined;
}

/** Whether this process runs in the lab's namespace, where taking the lab down would end it too. */
function isInside(): boolean {
  return networkExists() && statSync("/proc/self/ns/net").ino === statSync(`/run/netns/${namespace}`).ino;
}

function alive(host: LabHost): boolean {
  const pid = pidOf(host);
  // The pid may have gone to another process after a reboot of this machine.
  return (
    pid !== undefined &&
    existsSync(`/proc/${pid}/cmdline`) &&
    readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("qemu-system")
  );
}
