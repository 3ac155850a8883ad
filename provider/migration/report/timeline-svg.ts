/** A move's time line as SVG: phases as bars, libvirt's throughput, lost probes as ticks. Pure. */
import type { MoveReport } from "./report.js";
import { isStepName, rowOf } from "../step-table.js";
import { largest } from "./timeline.js";

export interface ProbeLosses {
  /** When each lost probe was sent, in seconds since the epoch. */
  readonly lostAt: readonly number[];
  readonly sent: number;
  readonly lost: number;
}

const width = 1000;
const left = 130;
const right = 30;
const rowHeight = 30;

/** Of a phase's bar. */
function colourOf(phase: string): string {
  if (phase === "preflight") return "#8d99ae";
  return isStepName(phase) ? rowOf(phase).colour : "#6c757d";
}

export function timelinePicture(report: MoveReport, probes?: ProbeLosses): string {
  const start = -largest(
    -report.started,
    report.phases.map((phase) => -phase.start),
  );
  const lost = (probes?.lostAt ?? []).map((seconds) => seconds * 1000).filter((at) => at >= start - 2000);
  const end = largest(start + 1000, [...report.phases.map((phase) => phase.end), ...lost]);
  const x = (at: number) => left + ((at - start) / (end - start)) * (width - left - right);
  const rows = report.phases.map((phase, index) => {
    const y = 60 + index * rowHeight;
    const seconds = (phase.end - phase.start) / 1000;
    const bar = Math.max(2, x(phase.end) - x(phase.start));
    const label = `${seconds.toFixed(2)} s${phase.outcome === "done" ? "" : ` (${phase.outcome})`}`;
    const after = x(phase.start) + bar + 6;
    const [labelX, anchor] = after > width - 110 ? [x(phase.start) - 6, "end"] : [after, "start"];
    return `<text x="${left - 10}" y="${y + 18}" text-anchor="end">${escape(phase.name)}</text><rect x="${n(x(phase.start))}" y="${y + 5}" width="${n(bar)}" height="18" rx="3" fill="${colourOf(phase.name)}"/><text x="${n(labelX)}" y="${y + 18}" text-anchor="${anchor}" class="small">${label}</text>`;
  });
  const probeY = 60 + report.phases.length * rowHeight + 10;
  const ticks = lost.map((at) => `<rect x="${n(x(at))}" y="${probeY}" width="1.5" height="22" fill="#c1121f"/>`);
  const probeRow =
    probes === undefined
      ? ""
      : `<text x="${left - 10}" y="${probeY + 16}" text-anchor="end">lost probes</text><rect x="${left}" y="${probeY}" width="${width - left - right}" height="22" fill="#f1f3f5"/>${ticks.join("")}<text x="${left}" y="${probeY + 40}" class="small">${probes.lost} of ${probes.sent} probes lost, one every 50 ms</text>`;
  const axisY = probeY + (probes === undefined ? 8 : 60);
  const step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((each) => (end - start) / 1000 / each <= 14) ?? 1800;
  const axis = Array.from({ length: Math.floor((end - start) / 1000 / step) + 1 }, (_, index) => {
    const at = x(start + index * step * 1000);
    return `<line x1="${n(at)}" y1="54" x2="${n(at)}" y2="${axisY}" stroke="#dee2e6"/><text x="${n(at)}" y="${axisY + 16}" text-anchor="middle" class="small">${index * step} s</text>`;
  });
  const height = axisY + 30;
  const title = `${report.vm}: ${report.from} → ${report.to}, ${report.outcome}, ${((end - start) / 1000).toFixed(1)} s`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}"><style>text{font:14px system-ui,sans-serif;fill:#212529}.small{font-size:12px;fill:#495057}.title{font-size:18px;font-weight:600}</style><rect width="${width}" height="${height}" fill="#fff"/><text x="${left}" y="32" class="title">${escape(title)}</text>${axis.join("")}${rows.join("")}${probeRow}</svg>\n`;
}

function n(value: number): string {
  return value.toFixed(1);
}

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
