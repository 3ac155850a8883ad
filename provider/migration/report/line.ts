/** What a move did, in one line for a person. Pure. */
import type { MoveReport } from "./report.js";

export interface MoveInWords {
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  readonly milliseconds: number;
  /** Milliseconds that the VM stood still. */
  readonly downtime?: number | undefined;
  readonly secondsWithoutVf?: number | undefined;
  /** Old and new address of each; null: the VM runs without. */
  readonly vfs?: readonly { readonly before: string; readonly after: string | null }[];
  /** The file that says more. */
  readonly file?: string | undefined;
}

/** `VM "web" moved from "host1" to "host2" in 13.1 s: downtime 207 ms, without VF 9.6 s, VF 0000:01:10.0 → 0000:01:10.2. Report: …` */
export function moveLine(move: MoveInWords): string {
  const { vm, from, to, milliseconds, downtime, secondsWithoutVf, vfs = [], file } = move;
  const measured = [
    ...(downtime === undefined ? [] : [`downtime ${downtime} ms`]),
    ...(secondsWithoutVf === undefined ? [] : [`without VF ${secondsWithoutVf.toFixed(1)} s`]),
    ...(vfs.length === 0
      ? []
      : [
          `${vfs.length === 1 ? "VF" : "VFs"} ${vfs.map(({ before, after }) => `${before} → ${after ?? "none"}`).join(", ")}`,
        ]),
  ];
  const details = measured.length === 0 ? "" : `: ${measured.join(", ")}`;
  return `VM "${vm}" moved from "${from}" to "${to}" in ${(milliseconds / 1000).toFixed(1)} s${details}.${file === undefined ? "" : ` Report: ${file}`}`;
}

/** @param file where the whole report is */
export function lineOfReport(report: MoveReport, file?: string): string {
  const { vm, from, to, started, ended, job, secondsWithoutVf, interfaces } = report;
  return moveLine({
    ...{ vm, from, to, secondsWithoutVf, file },
    milliseconds: ended - started,
    downtime: job.downtime,
    vfs: interfaces.map(({ vfBefore, vfAfter }) => ({ before: vfBefore, after: vfAfter })),
  });
}
