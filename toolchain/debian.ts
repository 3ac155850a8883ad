/** Debian's packages: which are there, how they get here, and where this machine has them from. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ProblemError } from "../provider/model/problem.js";
import { debianMirror, parseAptSources, type AptFile } from "./apt-sources.js";
import { findOnPath } from "./pulumi.js";
import { run } from "./run.js";

const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The path of a program; root's own programs count, too. */
export function findProgram(name: string): string | undefined {
  return findOnPath(name, `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`);
}

export function hasApt(): boolean {
  return findProgram("apt-get") !== undefined;
}

/** Those of the packages that are not installed. */
export function missingPackages(names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const { stdout } = spawnSync("dpkg-query", ["-W", "-f=${db:Status-Status}", name], { encoding: "utf8" });
    return stdout !== "installed";
  });
}

/** Needs root. */
export async function installPackages(names: readonly string[]): Promise<void> {
  await updateOnce();
  const args = ["install", "-qy", "--no-install-recommends", ...names];
  await run(`Installing Debian packages: ${names.join(" ")}`, "apt-get", args, { env: environment });
}

/**
 * Unpacks the first of the packages that apt knows into a folder and does not install it.
 * @param dependencies also unpacks what apt would install with it on this machine.
 */
export async function unpackPackage(
  names: readonly string[],
  folder: string,
  { dependencies = false }: { dependencies?: boolean } = {},
): Promise<void> {
  if (!names.some(isKnown) && isRoot()) await updateOnce();
  const name = names.find(isKnown);
  if (name === undefined) {
    throw new ProblemError({
      code: "no-package",
      what: `apt knows no package ${names.join(" or ")}`,
      remedy: "Run `apt-get update` as root, then retry.",
    });
  }
  const wanted = dependencies ? await missingWith(name) : [name];
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}-`);
  try {
    const download = () =>
      run(`Downloading ${wanted.join(" ")}`, "apt-get", ["download", ...wanted], { cwd: work, env: environment });
    await download().catch(async (error: unknown) => {
      if (!isRoot()) throw error;
      // What apt knows may be out of date.
      await updateOnce();
      await download();
    });
    const unpacked = join(work, "root");
    for (const archive of readdirSync(work).filter((file) => file.endsWith(".deb"))) {
      await run(`Unpacking ${archive}`, "dpkg-deb", ["--extract", archive, unpacked], { cwd: work });
    }
    // Whole or not at all.
    rmSync(folder, { recursive: true, force: true });
    renameSync(unpacked, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @throws ProblemError that names what is missing. */
export function machinesDebianMirror(environmentOf: NodeJS.ProcessEnv = process.env, rootFolder = "/"): string {
  const given = environmentOf["VNIC_LAB_MIRROR"];
  if (given !== undefined && given !== "") return given;
  const remedy = "Set VNIC_LAB_MIRROR to the URL of a Debian mirror.";
  const release = readIfThere(join(rootFolder, "etc/os-release"));
  if (!/^ID="?debian"?$/m.test(release)) {
    throw new ProblemError({
      code: "no-debian-mirror",
      what: "This machine is no Debian, so its package sources name no Debian mirror",
      remedy,
    });
  }
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1] ?? "";
  const mirror = debianMirror(parseAptSources(aptFiles(rootFolder)), codename);
  const uri = mirror?.startsWith("mirror+file:") === true ? firstOfList(mirror, rootFolder) : mirror;
  if (uri === undefined) {
    throw new ProblemError({
      code: "no-debian-mirror",
      what: `Neither /etc/apt/sources.list nor /etc/apt/sources.list.d names a Debian mirror with "${codename} main"`,
      remedy,
    });
  }
  return uri;
}

function aptFiles(rootFolder: string): readonly AptFile[] {
  const folder = join(rootFolder, "etc/apt/sources.list.d");
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return [
    { name: "sources.list", text: readIfThere(join(rootFolder, "etc/apt/sources.list")) },
    ...names
      .filter((name) => /\.(list|sources)$/.test(name))
      .map((name) => ({ name, text: readIfThere(join(folder, name)) })),
  ];
}

/** `mirror+file:` names a file with a mirror a line. */
function firstOfList(uri: string, rootFolder: string): string | undefined {
  const text = readIfThere(join(rootFolder, uri.replace(/^mirror\+file:(\/\/)?/, "")));
  return /^\s*(https?:\/\/\S+?)\/*(?:\s|$)/m.exec(text)?.[1];
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

let updated: Promise<unknown> | undefined;
function updateOnce(): Promise<unknown> {
  updated ??= run("Asking for Debian's list of packages", "apt-get", ["update", "-q"], { env: environment });
  return updated;
}

function isKnown(name: string): boolean {
  return spawnSync("apt-cache", ["show", "--no-all-versions", name], { stdio: "ignore" }).status === 0;
}

/** The package and what apt would install with it. */
async function missingWith(name: string): Promise<readonly string[]> {
  const args = ["install", "--simulate", "--no-install-recommends", name];
  const plan = await run(`Looking what ${name} needs`, "apt-get", args, { env: environment });
  const names = plan.split("\n").flatMap((line) => /^Inst (\S+)/.exec(line)?.[1] ?? []);
  return names.filter((found) => !found.endsWith("-dev"));
}
