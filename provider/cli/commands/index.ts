/** The commands as the command line calls them: each backend has all of them, and the configuration chooses which one's are run. */
import type { LibvirtCluster } from "../../backends/libvirt/cluster.js";
import type { MigrationOptions } from "../../migration/options.js";
import type { Answer, CommandConsole } from "../command.js";
import { doctor } from "./libvirt/doctor.js";
import { drain, type DrainRequest } from "./libvirt/drain.js";
import { undoDrain, type UndoRequest } from "./libvirt/drain-undo.js";
import { libvirtInterruption, type Interruption } from "../signals.js";
import { migrate, type MigrateRequest } from "./libvirt/migrate.js";
import { plan, type PlanRequest } from "./libvirt/plan.js";
import { recoverVms, type RecoverRequest } from "./libvirt/recover.js";
import { release } from "./libvirt/release.js";
import { status } from "./libvirt/status.js";

/** The options of a move that were given, and did not come from defaults. */
export interface GivenOptions {
  readonly given: readonly (keyof MigrationOptions)[];
}

export interface Commands {
  doctor(context: CommandConsole): Promise<Answer>;
  plan(context: CommandConsole, request: PlanRequest & GivenOptions): Promise<Answer>;
  migrate(context: CommandConsole, request: MigrateRequest & GivenOptions): Promise<Answer>;
  drain(context: CommandConsole, request: DrainRequest & GivenOptions): Promise<Answer>;
  undoDrain(context: CommandConsole, request: UndoRequest & GivenOptions): Promise<Answer>;
  status(context: CommandConsole, request: { readonly vm?: string | undefined }): Promise<Answer>;
  recover(context: CommandConsole, request: RecoverRequest): Promise<Answer>;
  release(context: CommandConsole, vm: string): Promise<Answer>;
  /** What Ctrl-C does to a move. */
  readonly interruption: Interruption;
  close(): Promise<void>;
}

export function libvirtCommands(cluster: LibvirtCluster): Commands {
  const on = (context: CommandConsole) => {
    cluster.onSlowHost = (name) => context.progress.note(`Waiting for host "${name}"…`);
    return { ...context, cluster };
  };
  return {
    doctor: (context) => doctor(on(context)),
    plan: (context, request) => plan(on(context), request),
    migrate: (context, request) => migrate(on(context), request),
    drain: (context, request) => drain(on(context), request),
    undoDrain: (context, request) => undoDrain(on(context), request),
    status: (context, request) => status(on(context), request),
    recover: (context, request) => recoverVms(on(context), request),
    release: (context, vm) => release(on(context), vm),
    interruption: libvirtInterruption,
    close: () => cluster.close(),
  };
}
