/** What a drain did with each VM, so that `drain --undo` can move them back. A JSON file, rewritten after each step. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { inWords, issuesInWords, pathText } from "../model/mistake.js";
import { ProblemError } from "../model/problem.js";
import { fileNameOf, makeFolder, reportFolder } from "../migration/report/files.js";

/** What became of a VM. `under-way`: the move had begun, and what wrote the report did not live to see its end. */
const outcomes = ["ok", "refused", "failed-on-source", "moved", "moved-without-vf", "unclear", "under-way"] as const;

const drainedVmSchema = z.strictObject({
  /** The moves in the order in which they began, from 1 on. */
  order: z.number().int().min(1),
  vm: z.string().min(1),
  /** The VM is this one: another VM of its name is left alone. */
  uuid: z.uuid(),
  from: z.string().min(1),
  to: z.string().min(1),
  outcome: z.enum(outcomes),
  /** What went wrong, in the words that the operator saw. */
  error: z.string().optional(),
  /** The JSON file of the move's own report. */
  report: z.string().optional(),
});

export const drainReportSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.enum(["drain", "undo"]),
  /** The host that was emptied, or the one whose drain was undone. */
  host: z.string().min(1),
  /** Milliseconds since the epoch. */
  started: z.number(),
  /** The same. Null: the drain has not ended, or was killed. */
  ended: z.number().nullable(),
  vms: z.array(drainedVmSchema),
});

export type DrainReport = z.output<typeof drainReportSchema>;
export type DrainedVm = DrainReport["vms"][number];

/**
 * The report of a drain that is under way. Nothing is written before the first move begins. A folder that cannot be
 * written to costs the report, never the drain.
 */
export class DrainRecord {
  private readonly report: DrainReport;
  private readonly vms = new Map<string, DrainedVm>();
  private readonly folder: string;
  private readonly file: string;
  private written: Promise<void> = Promise.resolve();
  private problem: ProblemError | undefined;
  private begun = 0;

  /** @param folder default: where the reports of moves go. */
  constructor(
    kind: DrainReport["kind"],
    host: string,
    folder = process.env["VNIC_FAILOVER_REPORTS"] ?? reportFolder,
    started = Date.now(),
  ) {
    this.report = { schemaVersion: 1, kind, host, started, ended: null, vms: [] };
    this.folder = folder;
    const time = new Date(started).toISOString().replaceAll(/[:.]/g, "-");
    this.file = join(folder, `drain-${fileNameOf(host)}-${time}.json`);
  }

  begin(vm: Pick<DrainedVm, "vm" | "uuid" | "from" | "to">): void {
    this.vms.set(vm.vm, { order: ++this.begun, ...vm, outcome: "under-way" });
    this.write();
  }

  end(name: string, how: Pick<DrainedVm, "outcome"> & Partial<Pick<DrainedVm, "error" | "report">>): void {
    const vm = this.vms.get(name);
    if (vm === undefined) return;
    this.vms.set(name, { ...vm, ...how });
    this.write();
  }

  /** @returns the file; `problem`: why there is none. Neither: no move was begun. */
  async close(): Promise<{ readonly file?: string; readonly problem?: ProblemError }> {
    if (this.begun === 0) return {};
    this.report.ended = Date.now();
    this.write();
    await this.written;
    return this.problem === undefined ? { file: this.file } : { problem: this.problem };
  }

  private write(): void {
    const vms = [...this.vms.values()].toSorted((a, b) => a.order - b.order);
    const text = `${JSON.stringify({ ...this.report, vms }, undefined, 2)}\n`;
    this.written = this.written.then(async () => {
      try {
        await makeFolder(this.folder);
        // A reader never finds half of it.
        await rm(`${this.file}.new`, { force: true });
        await writeFile(`${this.file}.new`, text, { flag: "wx", mode: 0o600 });
        await rename(`${this.file}.new`, this.file);
        this.problem = undefined;
      } catch (cause) {
        this.problem = new ProblemError(
          {
            code: "drain-report-unwritable",
            what: "Unable to write the drain's report",
            where: this.file,
            state: "The drain is not affected, but drain --undo cannot undo it.",
            remedy: "Choose another folder with --report-dir.",
          },
          { cause },
        );
      }
    });
  }
}

/** @throws ProblemError when the file cannot be read, or is no drain's report. */
export async function readDrainReport(file: string): Promise<DrainReport> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ProblemError(
      {
        code: "drain-report-unreadable",
        what: "Unable to read the drain's report",
        where: file,
        remedy: `Name the file that the drain printed at its end; by default it is in ${reportFolder}.`,
      },
      { cause },
    );
  }
  const content = jsonOf(text);
  const parsed = drainReportSchema.safeParse(content, { error: inWords });
  if (parsed.success) return parsed.data;
  const nameOf = (path: readonly PropertyKey[]) => (path.length === 0 ? "it" : pathText(path));
  const why = content === undefined ? "it is not JSON" : issuesInWords(parsed.error.issues.slice(0, 3), nameOf);
  throw new ProblemError({
    code: "drain-report-invalid",
    what: `Unable to use the file as the report of a drain: ${why}`,
    where: file,
    remedy:
      "Use the file drain-<host>-<time>.json that the drain printed at its end. A single move has no undo: move that VM back with vnic-failover migrate.",
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
