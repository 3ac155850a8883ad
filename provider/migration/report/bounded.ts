/** A move's report in as many bytes as a stack's state may have of it: a long move must not weigh on every later command. */
import type { MoveReport } from "./report.js";

/** Bytes of JSON in UTF-8. The file report keeps everything. */
export const MOST_OF_A_REPORT = 4096;

/** How much of a report is kept: entries of each list, and characters of each text. */
interface Measure {
  readonly samples: number;
  readonly entries: number;
  readonly interfaces: number;
  readonly text: number;
  readonly name: number;
}

/** From all that is usual to what fits, whatever the names and texts are. */
const measures: readonly Measure[] = [
  { samples: 12, entries: 32, interfaces: 64, text: 1000, name: 255 },
  { samples: 6, entries: 16, interfaces: 64, text: 400, name: 255 },
  { samples: 2, entries: 10, interfaces: 32, text: 200, name: 255 },
  { samples: 0, entries: 8, interfaces: 16, text: 120, name: 64 },
  { samples: 0, entries: 4, interfaces: 16, text: 80, name: 64 },
  { samples: 0, entries: 2, interfaces: 16, text: 60, name: 24 },
  { samples: 0, entries: 1, interfaces: 4, text: 40, name: 16 },
  { samples: 0, entries: 0, interfaces: 1, text: 16, name: 16 },
];

/** The report, shortened only where it is larger than that: samples are thinned first, then lists and texts are cut. */
export function boundedReport(report: MoveReport, most = MOST_OF_A_REPORT): MoveReport {
  const fits = (candidate: MoveReport) => Buffer.byteLength(JSON.stringify(candidate)) <= most;
  if (fits(report)) return report;
  const candidates = measures.map((measure) => cut(report, measure));
  const fitting = candidates.find(fits) ?? candidates.at(-1);
  return fitting ?? report;
}

function cut(report: MoveReport, measure: Measure): MoveReport {
  const text = (value: string) => shortened(value, measure.text);
  const name = (value: string) => shortened(value, measure.name);
  const { vm, from, to, error, interfaces, phases, moments, samples, announced, warnings } = report;
  return {
    ...report,
    ...{ vm: name(vm), from: name(from), to: name(to) },
    ...(error !== undefined && { error: text(error) }),
    interfaces: interfaces.slice(0, measure.interfaces).map((nic) => ({
      mac: name(nic.mac),
      network: name(nic.network),
      vfBefore: name(nic.vfBefore),
      vfAfter: nic.vfAfter === null ? null : name(nic.vfAfter),
    })),
    phases: thinned(phases, measure.entries).map((phase) => ({ ...phase, name: name(phase.name) })),
    moments: thinned(moments, measure.entries).map((moment) => ({ ...moment, what: text(moment.what) })),
    samples: thinned(samples, measure.samples),
    announced: { by: announced.by, notes: announced.notes.slice(0, measure.entries).map(text) },
    warnings: warnings.slice(0, measure.entries).map(({ rule, message, remedy }) => ({
      rule: name(rule),
      message: text(message),
      remedy: text(remedy),
    })),
  };
}

/** As many of them, evenly spread, the first and the last among them. */
function thinned<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const step = most < 2 ? items.length : (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)]).filter(
    (item) => item !== undefined,
  );
}

/** Never half a character of two code units: JSON would have it in six bytes, and no reader understands it. */
function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, most - 1);
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}
