/** Where the reports of moves are left: two files a move, JSON for machines and one HTML page for people. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reportPage } from "./report-page.js";
import type { MoveReport } from "./report.js";

/** The package's own folder in a user's project. */
const ownFolder = ".vnic-failover";

/** Relative to the folder that the program runs in. The environment's VNIC_FAILOVER_REPORTS names another. */
export const reportFolder = join(ownFolder, "reports");

/**
 * Writes the report. A folder that cannot be written to costs the report, never the move: it is said, not thrown.
 * @returns the files, or why there are none.
 */
export async function saveReport(
  report: MoveReport,
  folder = process.env["VNIC_FAILOVER_REPORTS"] ?? reportFolder,
): Promise<{ json: string; html: string } | string> {
  const name = `${report.vm.replaceAll(/[^A-Za-z0-9._-]/g, "_")}-${new Date(report.started).toISOString().replaceAll(/[:.]/g, "-")}`;
  const json = join(folder, `${name}.json`);
  const html = join(folder, `${name}.html`);
  try {
    await makeFolder(folder);
    await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
    await writeFile(html, reportPage(report));
    return { json, html };
  } catch (error) {
    return `Unable to write the report to ${folder}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The folder that reports are to be written to. */
export async function makeFolder(folder: string): Promise<void> {
  if (folder === reportFolder) await makeOwnFolder();
  await mkdir(folder, { recursive: true });
}

/** Reports belong to the machine that made the move, not into the user's repository. */
async function makeOwnFolder(): Promise<void> {
  // Undefined: it was there, and what stands in it is the user's choice.
  if ((await mkdir(ownFolder, { recursive: true })) !== undefined)
    await writeFile(join(ownFolder, ".gitignore"), "*\n");
}
