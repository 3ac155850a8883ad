/** The commands on oVirt. */
import { newEngine } from "../../../handlers/ovirt/session.js";
import type { StackConfig } from "../../../handlers/handler.js";
import type { CommandConsole } from "../../command.js";
import type { Commands } from "../index.js";
import type { Interruption } from "../../signals.js";
import { engineDoctor } from "./doctor.js";
import { engineDrain, engineUndoDrain } from "./drain.js";
import { engineMigrate } from "./migrate.js";
import { enginePlan } from "./plan.js";
import { engineRecover } from "./recover.js";
import { engineRelease } from "./release.js";
import { engineStatus } from "./status.js";

const interruption = {
  first:
    "Stopping: no further move is started. Waiting for the migration in progress, because cancelling it would lose its VF. Press Ctrl-C again to exit immediately.",
  second: "Exited: the engine continues the migration. Run vnic-failover status.",
} as const satisfies Interruption;

/** Connects to nothing yet. */
export function ovirtCommands(config: StackConfig): Commands {
  const engine = newEngine(config);
  // The engine's token is returned.
  const close = () => engine.client.close();
  const on = (context: CommandConsole) => ({ ...context, engine });
  return {
    doctor: (context) => engineDoctor(on(context)),
    plan: (context, request) => enginePlan(on(context), request),
    migrate: (context, request) => engineMigrate(on(context), request),
    drain: (context, request) => engineDrain(on(context), request),
    undoDrain: (context, request) => engineUndoDrain(on(context), request),
    status: (context, request) => engineStatus(on(context), request),
    recover: (context, request) => engineRecover(on(context), request),
    release: (context, vm) => engineRelease(on(context), vm),
    interruption: { ...interruption, leave: close },
    close,
  };
}
