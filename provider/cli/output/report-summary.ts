/** A move's report in a few lines. Pure. */
import type { saveReport } from "../../migration/report/files.js";
import { downtimeLabel, type MoveOutcome, type MoveReport } from "../../migration/report/report.js";
import { shellWord } from "../../model/shell-word.js";

/** What became of the VM, in one sentence for each outcome. */
export type Headlines = Readonly<Record<MoveOutcome, (report: MoveReport) => string>>;

export const libvirtHeadlines: Headlines = {
  moved: ({ vm, from, to }) => `VM "${vm}" has moved from "${from}" to "${to}".`,
  "moved-without-vf": ({ vm, from, to }) =>
    `VM "${vm}" has moved from "${from}" to "${to}", and runs there on its standby: a VF is missing. Free one, then run: vnic-failover recover ${shellWord(vm)}`,
  "failed-on-source": ({ vm, from }) => `VM "${vm}" has not moved: it is on "${from}", with its VF.`,
  unclear: ({ vm }) => `The state of VM "${vm}" is unclear. Run vnic-failover recover ${shellWord(vm)}`,
};

/** What became of the VM, its VFs, and what it cost. */
export function describeReport(report: MoveReport, headlines: Headlines = libvirtHeadlines): string {
  const { outcome, interfaces, job, secondsWithoutVf, started, ended, error } = report;
  return [
    headlines[outcome](report),
    ...interfaces.map(
      ({ mac, network, vfBefore, vfAfter }) => `  ${mac} on ${network}: VF ${vfBefore} -> ${vfAfter ?? "none"}`,
    ),
    ...(outcome === "moved-without-vf" && error !== undefined ? [`  why: ${error}`] : []),
    `  took ${seconds(ended - started)}`,
    ...(job.downtime === undefined ? [] : [`  ${downtimeLabel(report)}: ${job.downtime} ms`]),
    ...(secondsWithoutVf === undefined ? [] : [`  without VF: ${secondsWithoutVf.toFixed(1)} s`]),
    ...report.announced.notes.map((note) => `  note: ${note}`),
  ].join("\n");
}

export function describeReportFiles(files: Awaited<ReturnType<typeof saveReport>>): string {
  return typeof files === "string" ? files : `  report: ${files.html}\n          ${files.json}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
