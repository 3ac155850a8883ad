/** A drain's second try: where a move came to nothing, and its VM is as it was, another host may do. */
import type { DrainPlan } from "./plan.js";

export interface SecondTry<R> {
  /** Makes all moves of the plan, whatever becomes of each. */
  readonly make: (plan: DrainPlan) => Promise<readonly R[]>;
  /** Whether the VM is where it was, with all that it had. */
  readonly isAsBefore: (result: R) => boolean;
  /** Looks at the hosts again. @param failed the VMs to plan for, and the host that each has failed to get to. */
  readonly planAgain: (failed: ReadonlyMap<string, string>) => Promise<DrainPlan>;
}

/**
 * Makes the plan's moves, and for the VMs that are left those of one more plan.
 * @returns what became of each VM of the first plan in the end, in that plan's order.
 */
export async function withSecondTry<R extends { readonly vm: string; readonly to: string }>(
  plan: DrainPlan,
  { make, isAsBefore, planAgain }: SecondTry<R>,
): Promise<readonly R[]> {
  const first = await make(plan);
  const left = first.filter(isAsBefore);
  if (left.length === 0) return first;
  const again = await make(await planAgain(new Map(left.map(({ vm, to }) => [vm, to]))));
  const second = new Map(again.map((result) => [result.vm, result]));
  return first.map((result) => second.get(result.vm) ?? result);
}
