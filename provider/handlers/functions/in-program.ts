/** Functions in the process of a Pulumi program, which ends when nothing is open any more. */
import type { Progress } from "../../model/progress.js";
import type { StackConfig } from "../handler.js";
import { closeAll } from "../shutdown.js";
import { ask, functions, type ClusterFunction } from "./index.js";

export type FunctionName = keyof typeof functions;
type ArgsOf<Name extends FunctionName> =
  (typeof functions)[Name] extends ClusterFunction<infer Args, object> ? Args : never;
export type ResultOf<Name extends FunctionName> =
  (typeof functions)[Name] extends ClusterFunction<ArgsOf<Name>, infer Result> ? Result : never;

let open = 0;

/** @throws ProblemError as {@link ask} */
export async function askInProgram<Name extends FunctionName>(
  name: Name,
  config: StackConfig,
  args: unknown,
  progress: Progress,
): Promise<ResultOf<Name>> {
  open += 1;
  try {
    const asked = functions[name] as unknown as ClusterFunction<object, ResultOf<Name>>;
    return await ask(asked, { config, progress, command: {} }, args);
  } finally {
    open -= 1;
    // A question that follows at once finds the connections still there.
    setImmediate(() => void (open === 0 && closeAll()));
  }
}
