import { requireValidConfiguration } from "../config/index.js";
import type { Handler, StackConfig } from "./handler.js";

/** Configurations that have been looked at: a command asks with one object a thousand times. */
const valid = new WeakSet<StackConfig>();

/** The handler, whose check refuses a configuration with mistakes, also where the resource asks nothing of the cluster. */
export function configured<Inputs extends object, State extends object>(
  handler: Handler<Inputs, State>,
): Handler<Inputs, State> {
  return {
    ...handler,
    check: async (ctx, news, olds) => {
      if (!valid.has(ctx.config)) requireValidConfiguration(ctx.config);
      valid.add(ctx.config);
      return handler.check(ctx, news, olds);
    },
  };
}
