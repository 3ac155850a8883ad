/**
 * Questions to the cluster, which change nothing. They are asked in the process of the program, in a preview too: of the cluster
 * of the stack's configuration, or of `opts.provider`. A question that has no answer fails the program.
 */
import type * as pulumi from "@pulumi/pulumi";
import type {
  GetFreeVfsArgs,
  GetFreeVfsResult,
  GetVmPlacementArgs,
  GetVmPlacementResult,
  PlanMoveArgs,
  PlanMoveResult,
} from "../handlers/functions/index.js";
import { ask, askOutput } from "./ask.js";

type InputsOf<Args> = { [Name in keyof Args]: pulumi.Input<Args[Name]> };

/**
 * Where a VM is, and in what state.
 *
 * ```ts
 * const { host } = await getVmPlacement({ vm: "web" });
 * ```
 */
export function getVmPlacement(args: GetVmPlacementArgs, opts?: pulumi.InvokeOptions): Promise<GetVmPlacementResult> {
  return ask("getVmPlacement", args, opts);
}

/** As {@link getVmPlacement}, of outputs; not known in a preview before they are. */
export function getVmPlacementOutput(
  args: InputsOf<GetVmPlacementArgs>,
  opts?: pulumi.InvokeOutputOptions,
): pulumi.Output<GetVmPlacementResult> {
  return askOutput("getVmPlacement", args, opts);
}

/**
 * The VFs of a network that a host could give to interfaces now.
 *
 * ```ts
 * const { count } = await getFreeVfs({ host: "host2", network: "data-vf" });
 * ```
 */
export function getFreeVfs(args: GetFreeVfsArgs, opts?: pulumi.InvokeOptions): Promise<GetFreeVfsResult> {
  return ask("getFreeVfs", args, opts);
}

/** As {@link getFreeVfs}, of outputs; not known in a preview before they are. */
export function getFreeVfsOutput(
  args: InputsOf<GetFreeVfsArgs>,
  opts?: pulumi.InvokeOutputOptions,
): pulumi.Output<GetFreeVfsResult> {
  return askOutput("getFreeVfs", args, opts);
}

/**
 * What moving a VM to a host would do, and whether it can be.
 *
 * ```ts
 * const { refused, findings } = await planMove({ vm: "web", host: "host2" });
 * ```
 */
export function planMove(args: PlanMoveArgs, opts?: pulumi.InvokeOptions): Promise<PlanMoveResult> {
  return ask("planMove", args, opts);
}

/** As {@link planMove}, of outputs; not known in a preview before they are. */
export function planMoveOutput(
  args: InputsOf<PlanMoveArgs>,
  opts?: pulumi.InvokeOutputOptions,
): pulumi.Output<PlanMoveResult> {
  return askOutput("planMove", args, opts);
}
