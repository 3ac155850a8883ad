/** libvirt's modular daemons for the lab's hosts: virtqemud and its kind in place of libvirtd. Debian packages none of them. */
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { createHash } from "node:crypto";
import { machinesDebianMirror } from "../../toolchain/debian.js";
import { run } from "./command.js";
import type { Image } from "./image.js";
import { cache } from "./layout.js";

/**
 * Builds them, if that was not done for this tree of the hosts; takes about three minutes on a quiet machine.
 * @returns the folder that they are in.
 */
export async function ensureDaemons({ tree }: Pick<Image, "tree">, say: (line: string) => void): Promise<string> {
  const script = join(import.meta.dirname, "host", "build-daemons");
  const version = createHash("sha256").update(basename(tree)).update(readFileSync(script)).digest("hex").slice(0, 12);
  const folder = join(cache, `daemons-${version}`);
  if (existsSync(folder)) return folder;
  say("Building libvirt's modular daemons (about 3 minutes)…");
  const work = join(cache, "daemons.part");
  rmSync(work, { recursive: true, force: true });
  await run("cp", ["-a", "--reflink=auto", tree, work]);
  try {
    cpSync("/etc/resolv.conf", join(work, "etc/resolv.conf"), { dereference: true });
    cpSync(script, join(work, "build-daemons"));
    chmodSync(join(work, "build-daemons"), 0o755);
    await run("chroot", [work, "/build-daemons", machinesDebianMirror()]);
    for (const name of readdirSync(cache).filter((each) => each.startsWith("daemons-")))
      rmSync(join(cache, name), { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    renameSync(join(work, "daemons"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}
