import type * as z from "zod";
import { backendOf, type Backend } from "../../config/index.js";
import { inWords, issuesInWords, pathText } from "../../model/mistake.js";
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
  const parsed = args.safeParse(given, { error: inWords });
  if (parsed.success) return over[backendOf(ctx.config)](ctx, parsed.data);
  throw new ProblemError({
    code: "arguments-invalid",
    what: `Unable to use the arguments: ${issuesInWords(parsed.error.issues, (path) => (path.length === 0 ? "the function" : pathText(path)))}`,
    remedy: "Correct the arguments of the function.",
  });
}
