/** `vnic-failover migrate`: moves one VM. */
import { moveVm } from "../../../migration/move.js";
import type { MigrationOptions } from "../../../migration/options.js";
import { saveReport } from "../../../migration/report/files.js";
import { missingVfsOf } from "../../../migration/repair.js";
import type { MoveReport } from "../../../migration/report/report.js";
import type { Progress } from "../../../model/progress.js";
import type { Answer, CommandConsole, CommandContext } from "../../command.js";
import { reportIn } from "../../outcome.js";
import { describeReport, describeReportFiles, type Headlines } from "../../output/report-summary.js";
import { shellWord } from "../../../model/shell-word.js";

export interface MigrateRequest {
  readonly vm: string;
  readonly to: string;
  readonly options: MigrationOptions;
  /** Where the report goes. Default: {@link reportFolder} in the folder that the command runs in. */
  readonly reportDir?: string | undefined;
}

/** @throws ProblemError when nothing has been changed. */
export function migrate(context: CommandContext, request: MigrateRequest): Promise<Answer> {
  const { cluster, signal } = context;
  const { vm, to, options } = request;
  return carryOutMove(context, request, {
    mover: (progress) => moveVm(cluster, { vm, to, options, progress, command: "vnic-failover migrate", signal }),
    alreadyThere: () => alreadyThere(context, vm, to),
  });
}

/** How a backend makes one move, and tells of it. */
export interface OneMove {
  /** @returns undefined: the VM was there already. @throws a failure with its report, or ProblemError. */
  readonly mover: (progress: Progress) => Promise<MoveReport | undefined>;
  readonly alreadyThere: () => Promise<Answer>;
  /** Default: libvirt's. */
  readonly headlines?: Headlines;
}

/** Makes one move, and leaves its report. @throws ProblemError when nothing has been changed. */
export async function carryOutMove(
  context: CommandConsole,
  { vm, reportDir }: Pick<MigrateRequest, "vm" | "reportDir">,
  { mover, alreadyThere, headlines }: OneMove,
): Promise<Answer> {
  const progress = context.progress.of(vm);
  let report: MoveReport | undefined;
  let failure: unknown;
  try {
    report = await mover(progress);
  } catch (error) {
    report = reportIn(error);
    if (report === undefined) throw error;
    failure = error;
  } finally {
    progress.done();
  }
  if (report === undefined) return alreadyThere();
  const files = await saveReport(report, reportDir);
  return {
    outcome: report.outcome,
    document: { report, files },
    text: `${describeReport(report, headlines)}\n${describeReportFiles(files)}`,
    ...(failure !== undefined && { errors: [failure] }),
  };
}

async function alreadyThere({ cluster }: CommandContext, vm: string, host: string): Promise<Answer> {
  const missing = await missingVfsOf(cluster, vm);
  return {
    outcome: missing.length === 0 ? "ok" : "moved-without-vf",
    document: { vm, host, missing },
    text: [
      `Nothing to do: VM "${vm}" is already on "${host}".`,
      ...(missing.length === 0
        ? []
        : [`It runs without ${missing.join(", ")}. Plug what is missing with: vnic-failover recover ${shellWord(vm)}`]),
    ].join("\n"),
  };
}
