/** The report as one self-contained HTML page: no script, nothing fetched. Pure. */
import { bytes } from "../job.js";
import { downtimeLabel, type MoveReport } from "./report.js";
import { largest } from "./timeline.js";
import { escape, timelinePicture, type ProbeLosses } from "./timeline-svg.js";

export function reportPage(report: MoveReport, probes?: ProbeLosses): string {
  const { vm, from, to, outcome, job } = report;
  const rows = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([key, value]) => `<tr><th>${escape(key)}</th><td>${escape(value)}</td></tr>`).join("");
  const list = (items: readonly string[]) =>
    items.length === 0 ? "" : `<ul>${items.map((item) => `<li>${escape(item)}</li>`).join("")}</ul>`;
  const facts: (readonly [string, string])[] = [
    ["outcome", outcome],
    ["began", new Date(report.started).toISOString()],
    ["took", `${((report.ended - report.started) / 1000).toFixed(1)} s`],
    ...(job.downtime === undefined ? [] : [[downtimeLabel(report), `${job.downtime} ms`] as const]),
    ...(job.total === undefined ? [] : [["libvirt migration", `${(job.total / 1000).toFixed(1)} s`] as const]),
    ...(job.transferred === undefined ? [] : [["memory sent", bytes(job.transferred)] as const]),
    ...(report.secondsWithoutVf === undefined
      ? []
      : [["time without VF", `${report.secondsWithoutVf.toFixed(1)} s`] as const]),
    ...(probes === undefined ? [] : [["probes lost", `${probes.lost} of ${probes.sent}`] as const]),
    ["announced by", report.announced.by],
  ];
  const fastest = largest(
    0,
    report.samples.map(({ rate }) => rate),
  );
  const points = report.samples.map(({ at, rate }) => ({ at: at - report.started, rate }));
  const span = largest(
    1,
    points.map(({ at }) => at),
  );
  const curve = points
    .map(
      ({ at, rate }) =>
        `${((at / span) * 960 + 20).toFixed(1)},${(100 - (fastest === 0 ? 0 : rate / fastest) * 80).toFixed(1)}`,
    )
    .join(" ");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(vm)}: ${escape(from)} to ${escape(to)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1040px;color:#212529}th{text-align:left;padding-right:2rem;font-weight:500}svg{max-width:100%;height:auto}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}</style></head><body>
<h1>${escape(vm)}: ${escape(from)} → ${escape(to)}</h1>
${report.error === undefined ? "" : `<p><strong>${escape(report.error)}</strong></p>`}
${timelinePicture(report, probes)}
<h2>Facts</h2><table>${rows(facts)}</table>
<h2>Interfaces</h2><table>${rows(report.interfaces.map(({ mac, network, vfBefore, vfAfter }) => [mac, `network ${network}: VF ${vfBefore} → ${vfAfter ?? "none"}`]))}</table>
${points.length < 2 ? "" : `<h2>Throughput, up to ${escape(bytes(fastest))}/s</h2><svg viewBox="0 0 1000 110" width="1000" height="110"><polyline points="${curve}" fill="none" stroke="#3d5a80" stroke-width="2"/></svg>`}
<h2>Events</h2><table>${rows(report.moments.map(({ at, what }) => [`${((at - report.started) / 1000).toFixed(2)} s`, what]))}</table>
${list(report.announced.notes)}${list(report.warnings.map(({ message, remedy }) => `${message} ${remedy}`))}
</body></html>
`;
}
