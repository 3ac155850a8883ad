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
    "Stopping: nothing more is begun. A migration that the engine has begun is followed to its end, since one that is cancelled loses its VF. Ctrl-C again leaves at once.",
  second: "Left: the engine goes on with what it has begun. Look with: vnic-failover status",
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
