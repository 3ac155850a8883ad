/** What the lab needs of this machine, said before anything is built; Debian packages are installed where they miss. */
import { accessSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { findProgram, isRoot, machinesDebianMirror } from "../../toolchain/debian.js";
import { install } from "../../toolchain/installation.js";
import type { Requirement } from "../../toolchain/requirement.js";

/** Debian packages, and the programs of each that the lab calls. */
const programs: Readonly<Record<string, readonly string[]>> = {
  debootstrap: ["debootstrap"],
  "qemu-utils": ["qemu-img"],
  cpio: ["cpio"],
  "busybox-static": ["busybox"],
  "xz-utils": ["xz"],
  iproute2: ["ip", "bridge"],
  "iputils-ping": ["ping"],
  "openssh-client": ["ssh", "ssh-keygen"],
  e2fsprogs: ["mke2fs"],
  "util-linux": ["unshare", "setsid"],
  mount: ["mount"],
  python3: ["python3"],
  openssl: ["openssl"],
};

/** GiB of disk and of memory that are free. */
const disk = 8;
const memory = 7;

const isLinux = process.platform === "linux";
const noLinux = `this is ${process.platform}, and the lab's hosts need Linux network namespaces: use a Linux machine`;

/** What no package brings: each with how it is seen and what to do. */
const condition = (name: string, met: () => string | undefined, obstacle: () => string): Requirement => ({
  name,
  purpose: "the lab",
  neededBy: "lab",
  find: () => (isLinux ? met() : undefined),
  obstacle: () => (isLinux ? obstacle() : noLinux),
});

export const labRequirements: readonly Requirement[] = [
  condition(
    "root",
    () => (isRoot() ? "this is root" : undefined),
    () => "network namespaces, taps and debootstrap need it: run it with sudo",
  ),
  condition(
    "/dev/net/tun",
    () => (isThere("/dev/net/tun") ? "/dev/net/tun" : undefined),
    () => "load the kernel module (modprobe tun), or give the container that device",
  ),
  condition(
    `${disk} GiB of disk`,
    () => enough(freeDisk(), disk),
    () => `only ${freeDisk().toFixed(1)} GiB are free`,
  ),
  condition(
    `${memory} GiB of memory`,
    () => enough(freeMemory() ?? memory, memory),
    () => `only ${(freeMemory() ?? 0).toFixed(1)} GiB are free`,
  ),
  condition(
    "a Debian mirror",
    () => mirror().url,
    () => mirror().reason,
  ),
  ...Object.entries(programs).map(([name, of]): Requirement => ({
    name: of.join(" and "),
    purpose: "the lab",
    neededBy: "lab",
    find: () => (of.every((program) => findProgram(program) !== undefined) ? findProgram(of[0] ?? "") : undefined),
    packages: [name],
    obstacle: () => (isLinux ? undefined : noLinux),
  })),
];

/** Thrown with every missing thing at once. */
export class LabUnavailable extends Error {
  override readonly name = "LabUnavailable";
}

/** @throws LabUnavailable that lists everything that keeps the lab from running here. */
export async function ensureRequirements(): Promise<void> {
  const unmet = await install(labRequirements, console.error);
  if (unmet.length === 0) return;
  const lines = unmet.map(({ requirement: { name }, reason }) => `  - ${name}: ${reason}`);
  throw new LabUnavailable(`The lab cannot run here:\n${lines.join("\n")}`);
}

function mirror(): { url?: string; reason: string } {
  try {
    return { url: machinesDebianMirror(), reason: "" };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function enough(found: number, needed: number): string | undefined {
  return found >= needed ? `${found.toFixed(1)} GiB are free` : undefined;
}

function isThere(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

function freeDisk(): number {
  const space = statfsSync("/");
  return (space.bavail * space.bsize) / 2 ** 30;
}

function freeMemory(): number | undefined {
  if (!existsSync("/proc/meminfo")) return undefined;
  const available = /MemAvailable:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return available === undefined ? undefined : Number(available) / 2 ** 20;
}
