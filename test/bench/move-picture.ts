/** The picture of a run of moves (SVG): for each setting a bar a way and measure that was measured, and a TCP stream's throughput. Pure. */
import { escape } from "../../provider/migration/report/timeline-svg.js";
import { guestKinds, type Setting } from "./matrix.js";
import type { MoveRow } from "./move-rows.js";
import type { Spread } from "./statistics.js";
import { wayLabels, wayNames, type WayName } from "./way-names.js";

/** Told apart by eyes that do not tell red from green, and on paper. */
const colours: Readonly<Record<WayName, string>> = {
  "virtio-only": "#8d99ae",
  "libvirt-failover": "#e09f3e",
  runbook: "#9a6ba8",
  ours: "#005f9e",
  "ours-early": "#4a9fd8",
  "ours-late": "#00395e",
};

interface Measure {
  readonly title: string;
  readonly of: (row: MoveRow) => Spread | null;
}

const allMeasures: readonly Measure[] = [
  { title: "probes lost, of 20/s", of: (row) => row.probesLost },
  { title: "packets lost", of: (row) => row.packetsLost },
  { title: "without its VF, s", of: (row) => row.secondsWithoutVf },
  { title: "command, s", of: (row) => row.totalSeconds },
  { title: "until VF in use, s", of: (row) => row.secondsUntilVf },
  { title: "CPU of both hosts, s", of: (row) => row.hostCpuSeconds },
];

const margin = 16;
const labelWidth = 176;
const panelWidth = 160;
const gap = 16;
/** Where a bar's number stands. */
const numberWidth = 44;
const barHeight = 15;
const headHeight = 84;
const groupGap = 14;
const curveHeight = 150;
/** Room for a throughput's curve, and the ways' names. */
const narrowest = 900;

interface Group {
  readonly setting: Setting;
  readonly rows: readonly MoveRow[];
}

export function movePicture(rows: readonly MoveRow[]): string {
  const groups = groupsOf(rows);
  const measures = allMeasures.filter(({ of }) => rows.some((row) => of(row) !== null));
  const width = Math.max(narrowest, margin * 2 + labelWidth + measures.length * (panelWidth + gap));
  const parts: string[] = [];
  let y = headHeight;
  for (const { setting, rows: ofGroup } of groups) {
    for (const [index, line] of labelOf(setting).entries())
      parts.push(text(margin, y + 12 + index * 15, line, { weight: index === 0 ? 600 : 400 }));
    for (const [column, measure] of measures.entries()) {
      const most = Math.max(...rows.map((row) => measure.of(row)?.max ?? 0), 0);
      for (const [index, row] of ofGroup.entries())
        parts.push(bar(panelX(column), y + index * barHeight, measure.of(row), most, colours[row.way]));
    }
    const height = Math.max(ofGroup.length * barHeight, labelOf(setting).length * 15);
    parts.push(line(margin, y + height + groupGap / 2, width - margin, y + height + groupGap / 2, "#dee2e6"));
    y += height + groupGap;
  }
  const streams = groups.flatMap(({ setting, rows: ofGroup }) => {
    const curves = ofGroup.filter(({ throughput }) => throughput.length > 0);
    return curves.length === 0 ? [] : [{ setting, rows: curves }];
  });
  for (const stream of streams) {
    parts.push(curvesOf(stream, y + 24, width));
    y += curveHeight + 76;
  }
  const height = y + margin;
  const moves = rows.map((row) => row.moves);
  const title = `Moves of a VM, ${range(moves)} in each way by turns: medians, least to most`;
  const heads = measures.map(({ title: of }, column) => text(panelX(column), headHeight - 10, of, { weight: 600 }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}"><style>text{font:12px system-ui,sans-serif;fill:#212529}</style><rect width="${width}" height="${height}" fill="#fff"/>${text(margin, 24, title, { size: 15, weight: 600 })}${legend(rows)}${heads.join("")}${parts.join("")}</svg>\n`;
}

function groupsOf(rows: readonly MoveRow[]): readonly Group[] {
  const groups = new Map<string, MoveRow[]>();
  for (const row of rows) {
    const key = `${row.topology} ${row.guest} ${row.rttMs}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((of) => {
    const [setting] = of;
    const order = (row: MoveRow) => wayNames.indexOf(row.way);
    return setting === undefined ? [] : [{ setting, rows: of.toSorted((a, b) => order(a) - order(b)) }];
  });
}

function labelOf({ topology, guest, rttMs }: Setting): readonly string[] {
  return [
    guestKinds[guest].label,
    topology === "separate" ? "bridge on a NIC of its own" : "bridge on the VFs' PF",
    ...(rttMs === 0 ? [] : [`hosts ${rttMs} ms away`]),
  ];
}

function bar(x: number, y: number, value: Spread | null, most: number, colour: string): string {
  if (value === null) return text(x, y + 11, "–", { colour: "#868e96" });
  const scale = (amount: number) => (most === 0 ? 0 : (amount / most) * (panelWidth - numberWidth));
  const middle = y + barHeight / 2 - 1;
  const end = Math.max(1, scale(value.median));
  const whisker =
    value.max > value.min ? line(x + scale(value.min), middle, x + scale(value.max), middle, "#212529") : "";
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(end)}" height="${barHeight - 3}" fill="${colour}"/>${whisker}${text(x + Math.max(end, scale(value.max)) + 5, y + 11, shown(value.median))}`;
}

function legend(rows: readonly MoveRow[]): string {
  let x = margin;
  const parts: string[] = [];
  for (const way of wayNames.filter((name) => rows.some((row) => row.way === name))) {
    parts.push(`<rect x="${x}" y="38" width="12" height="12" fill="${colours[way]}"/>`);
    parts.push(text(x + 17, 48, wayLabels[way]));
    // Letters are not measured here; this is wide enough for any of them.
    x += 40 + wayLabels[way].length * 6.5;
  }
  return parts.join("");
}

/** The streams of one setting over each other, from two seconds before the move on. */
function curvesOf({ setting, rows }: Group, top: number, width: number): string {
  const points = rows.flatMap(({ throughput }) => throughput);
  const from = Math.min(...points.map(({ seconds }) => seconds));
  const to = Math.max(...points.map(({ seconds }) => seconds));
  const most = Math.max(1, ...points.map(({ megabitsPerSecond }) => megabitsPerSecond));
  const left = margin + labelWidth;
  const right = width - margin;
  const bottom = top + 14 + curveHeight;
  const x = (seconds: number) => left + ((seconds - from) / Math.max(to - from, 0.1)) * (right - left);
  const y = (megabits: number) => bottom - (megabits / most) * curveHeight;
  const step = [1, 2, 5, 10, 20, 30, 60].find((each) => (to - from) / each <= 14) ?? 120;
  const ticks = Array.from({ length: Math.floor((to - Math.ceil(from / step) * step) / step) + 1 }, (_, index) => {
    const at = (Math.ceil(from / step) + index) * step;
    return `${line(x(at), top + 14, x(at), bottom, "#e9ecef")}${text(x(at), bottom + 16, `${at} s`, { anchor: "middle" })}`;
  });
  const curves = rows.map(
    ({ way, throughput }) =>
      `<polyline fill="none" stroke="${colours[way]}" stroke-width="1.5" points="${throughput.map((point) => `${n(x(point.seconds))},${n(y(point.megabitsPerSecond))}`).join(" ")}"/>`,
  );
  const labels = labelOf(setting).map((each, index) =>
    text(margin, top + 26 + index * 15, each, { weight: index === 0 ? 600 : 400 }),
  );
  return [
    text(left, top + 4, "Throughput of a TCP stream to the guest, Mbit/s; the move begins at 0 s", { weight: 600 }),
    ...labels,
    ...ticks,
    line(left, bottom, right, bottom, "#868e96"),
    text(left - 6, y(most) + 10, shown(most), { anchor: "end" }),
    text(left - 6, bottom, "0", { anchor: "end" }),
    ...curves,
  ].join("");
}

function panelX(column: number): number {
  return margin + labelWidth + column * (panelWidth + gap);
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.length === 0 ? "none" : least === most ? String(least) : `${least} to ${most}`;
}

interface TextStyle {
  readonly size?: number;
  readonly weight?: number;
  readonly anchor?: "middle" | "end";
  readonly colour?: string;
}

function text(x: number, y: number, words: string, { size, weight, anchor, colour }: TextStyle = {}): string {
  const style = [
    ...(size === undefined ? [] : [`font-size:${size}px`]),
    ...(weight === undefined ? [] : [`font-weight:${weight}`]),
    ...(colour === undefined ? [] : [`fill:${colour}`]),
  ].join(";");
  return `<text x="${n(x)}" y="${n(y)}"${anchor === undefined ? "" : ` text-anchor="${anchor}"`}${style === "" ? "" : ` style="${style}"`}>${escape(words)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${colour}"/>`;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
