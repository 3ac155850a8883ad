/** Where the reports of moves are left: two files a move, JSON for machines and one HTML page for people. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reportPage } from "./report-page.js";
import type { MoveReport } from "./report.js";

/** Relative to the folder that the program runs in. */
export const reportFolder = join(".vnic-failover", "reports");

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
    await mkdir(folder, { recursive: true });
    await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
    await writeFile(html, reportPage(report));
    return { json, html };
  } catch (error) {
    return `Unable to write the report to ${folder}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
