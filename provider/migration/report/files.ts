/** Where the reports of moves are left: two files a move, JSON for machines and one HTML page for people. */
import { createHash } from "node:crypto";
import { mkdir, open, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { ProblemError, reasonOf } from "../../model/problem.js";
import { reportPage } from "./page.js";
import type { MoveReport } from "./report.js";

/** The package's own folder in a user's project. */
const ownFolder = ".vnic-failover";

/** Relative to the folder that the program runs in. The environment's VNIC_FAILOVER_REPORTS names another. */
export const reportFolder = join(ownFolder, "reports");

/** Characters of a name that a file's name keeps; libvirt's own limit for it is that of a file system, 255 bytes. */
const longestName = 100;

/**
 * Writes the report, for this user's eyes: it names hosts, addresses and devices. A folder that cannot be written to costs the report, never the move: it is said, not thrown.
 * @returns the files, or why there are none.
 */
export async function saveReport(
  report: MoveReport,
  folder = process.env["VNIC_FAILOVER_REPORTS"] ?? reportFolder,
): Promise<{ json: string; html: string } | string> {
  const time = new Date(report.started).toISOString().replaceAll(/[:.]/g, "-");
  const name = join(folder, `${fileNameOf(report.vm)}-${time}`);
  try {
    await makeFolder(folder);
    const json = await writePrivate(name, ".json", `${JSON.stringify(report, undefined, 2)}\n`);
    const html = await writePrivate(name, ".html", reportPage(report));
    return { json, html };
  } catch (error) {
    return `Unable to write the report to ${folder}: ${reasonOf(error)}`;
  }
}

/** A VM's or a host's name as part of a file's. What is cut or replaced is told apart by a hash. */
export function fileNameOf(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  if (plain.length <= longestName) return plain;
  return `${plain.slice(0, longestName)}-${createHash("sha256").update(name).digest("hex").slice(0, 12)}`;
}

/** A new file, readable for its owner only. Never through a link, never over what is there. */
async function writePrivate(name: string, ending: string, text: string): Promise<string> {
  const [file, path] = await firstFree(name, ending);
  try {
    await file.writeFile(text);
    return path;
  } finally {
    await file.close();
  }
}

async function firstFree(name: string, ending: string): Promise<readonly [FileHandle, string]> {
  for (let number = 1; ; number += 1) {
    const path = `${name}${number === 1 ? "" : `-${number}`}${ending}`;
    try {
      return [await open(path, "wx", 0o600), path];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || number === 100) throw error;
    }
  }
}

/**
 * Makes the folder that reports are to be written to: this user's, where it is not there yet.
 * @throws ProblemError `report-folder-of-another` where it is another user's, who could put another in its place; root's will do.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (folder === reportFolder) {
    await makeOwnFolder();
    await refuseAnothers(ownFolder);
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseAnothers(folder);
}

async function refuseAnothers(folder: string): Promise<void> {
  const self = process.getuid?.();
  const { uid } = await stat(folder);
  if (self === undefined || uid === self || uid === 0) return;
  throw new ProblemError({
    code: "report-folder-of-another",
    what: `Folder "${folder}" belongs to another user`,
    where: folder,
    remedy: "Name a folder of your own: --report-dir, or VNIC_FAILOVER_REPORTS in the environment.",
  });
}

/** Reports belong to the machine that made the move, not into the user's repository. */
async function makeOwnFolder(): Promise<void> {
  // Undefined: it was there, and what stands in it is the user's choice.
  if ((await mkdir(ownFolder, { recursive: true, mode: 0o700 })) === undefined) return;
  const file = await open(join(ownFolder, ".gitignore"), "wx");
  try {
    await file.writeFile("*\n");
  } finally {
    await file.close();
  }
}
