import type { z } from "zod";
import { backendOf, type Backend } from "../../config/index.js";
import { ProblemError } from "../../model/problem.js";
import type { HandlerContext } from "../handler.js";

/** A question that a program may ask of the cluster. It changes nothing. */
export interface ClusterFunction<Args extends object, Result extends object> {
  readonly args: z.ZodType<Args>;
  readonly over: Readonly<Record<Backend, (ctx: HandlerContext, args: Args) => Promise<Result>>>;
}

/** @throws ProblemError: an argument is none, or the cluster has no answer. Names arguments, never their values. */
export async function ask<Args extends object, Result extends object>(
  { args, over }: ClusterFunction<Args, Result>,
  ctx: HandlerContext,
  given: unknown,
): Promise<Result> {
  const parsed = args.safeParse(given);
  if (parsed.success) return over[backendOf(ctx.config)](ctx, parsed.data);
  throw new ProblemError({
    code: "arguments-invalid",
    what: parsed.error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`).join("; "),
    remedy: "Correct the arguments of the function.",
  });
}
