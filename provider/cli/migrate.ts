/** `vnic-failover migrate`: moves one VM. */
import { moveVm, MoveFailed } from "../migration/move.js";
import type { MigrationOptions } from "../migration/options.js";
import { saveReport } from "../migration/report-files.js";
import { missingVfsOf } from "../migration/repair.js";
import type { MoveReport } from "../migration/report.js";
import type { Answer, CommandContext } from "./command.js";
import { describeReport, describeReportFiles } from "./report-summary.js";

export interface MigrateRequest {
  readonly vm: string;
  readonly to: string;
  readonly options: MigrationOptions;
  /** Where the report goes. Default: {@link reportFolder} in the folder that the command runs in. */
  readonly reportDir?: string | undefined;
}

/** @throws ProblemError when nothing has been changed. */
export async function migrate(
  context: CommandContext,
  { vm, to, options, reportDir }: MigrateRequest,
): Promise<Answer> {
  const progress = context.progress.of(vm);
  let report: MoveReport | undefined;
  let failure: MoveFailed | undefined;
  try {
    report = await moveVm(context.cluster, {
      ...{ vm, to, options, progress },
      command: "vnic-failover migrate",
      signal: context.signal,
    });
  } catch (error) {
    if (!(error instanceof MoveFailed)) throw error;
    failure = error;
    report = error.report;
  } finally {
    progress.done();
  }
  if (report === undefined) return alreadyThere(context, vm, to);
  const files = await saveReport(report, reportDir);
  return {
    outcome: report.outcome,
    document: { report, files },
    text: `${describeReport(report)}\n${describeReportFiles(files)}`,
    ...(failure !== undefined && { errors: [failure] }),
  };
}

async function alreadyThere({ cluster }: CommandContext, vm: string, host: string): Promise<Answer> {
  const missing = await missingVfsOf(cluster, vm);
  return {
    outcome: missing.length === 0 ? "ok" : "moved-without-vf",
    document: { vm, host, missing },
    text: [
      `VM "${vm}" is on "${host}" already: there was nothing to do.`,
      ...(missing.length === 0
        ? []
        : [`It runs without ${missing.join(", ")}. Plug what is missing with: vnic-failover recover ${vm}`]),
    ].join("\n"),
  };
}
