/** What the lab needs of this machine, said before anything is built; Debian packages are installed where they miss. */
import { accessSync, existsSync, readFileSync, statfsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./command.js";

/** Programs that the lab calls, and the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  debootstrap: "debootstrap",
  "qemu-img": "qemu-utils",
  cpio: "cpio",
  busybox: "busybox-static",
  xz: "xz-utils",
  ip: "iproute2",
  ping: "iputils-ping",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  mke2fs: "e2fsprogs",
  unshare: "util-linux",
  setsid: "util-linux",
};

/** Thrown with every missing thing at once. */
export class LabUnavailable extends Error {
  override readonly name = "LabUnavailable";
}

/** @throws LabUnavailable that lists everything that keeps the lab from running here. */
export async function ensureRequirements(): Promise<void> {
  const missing = unmet();
  if (missing.length > 0)
    throw new LabUnavailable(`The lab cannot run here:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
  const packages = [
    ...new Set(
      Object.entries(programs)
        .filter(([name]) => !onPath(name))
        .map(([, name]) => name),
    ),
  ];
  if (packages.length === 0) return;
  console.error(`Installing Debian packages: ${packages.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    await run("apt-get", ["update", "-q"], { env });
    await run("apt-get", ["install", "-qy", "--no-install-recommends", ...packages], { env });
  } catch (cause) {
    throw new LabUnavailable(
      `The lab cannot install the Debian packages ${packages.join(", ")}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** What no package can mend, each with what to do. Empty: the lab can run. */
export function unmet(): string[] {
  const reasons: string[] = [];
  if (process.platform !== "linux")
    return [`this is ${process.platform}, and the lab's hosts need Linux network namespaces: use a Linux machine`];
  if (process.getuid?.() !== 0)
    reasons.push("not root: network namespaces, taps and debootstrap need it; run it with sudo");
  try {
    accessSync("/dev/net/tun");
  } catch {
    reasons.push("/dev/net/tun is missing: load the kernel module (modprobe tun), or give the container that device");
  }
  const lacking = Object.keys(programs).filter((name) => !onPath(name));
  if (lacking.length > 0 && !onPath("apt-get")) {
    reasons.push(`missing programs: ${lacking.join(", ")}; this is no Debian, so install them by hand`);
  }
  const space = statfsSync("/");
  const freeGiB = (space.bavail * space.bsize) / 2 ** 30;
  if (freeGiB < 8) reasons.push(`only ${freeGiB.toFixed(1)} GiB of disk are free: the lab needs 8`);
  const available = /MemAvailable:\s+(\d+)/.exec(
    existsSync("/proc/meminfo") ? readFileSync("/proc/meminfo", "utf8") : "",
  )?.[1];
  if (available !== undefined && Number(available) < 7 * 2 ** 20) {
    reasons.push(`only ${(Number(available) / 2 ** 20).toFixed(1)} GiB of memory are free: the lab's hosts need 7`);
  }
  return reasons;
}

function onPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, program)));
}
