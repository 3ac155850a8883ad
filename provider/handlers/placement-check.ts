/** The check of a placement, whatever the backend knows the facts from. */
import type { OtherPlacement } from "../rules/index.js";
import { isKnown, type MaybeUnknown } from "../model/unknown.js";
import { checkFailures, type Checked, type CheckFailure, type HandlerContext } from "./handler.js";
import { asksForNothing, vmPlacementSchema, type VmPlacementInputs } from "./inputs/vm-placement.js";
import { declarePlacement, placedTwice } from "./placement-owner.js";
import { failureOf } from "./rule-errors.js";

/** A placement with its VM and host, which a backend can be asked for. */
export interface AskedPlacement {
  readonly vm: string;
  readonly host: string;
  readonly inputs: MaybeUnknown<VmPlacementInputs>;
  readonly olds: VmPlacementInputs | undefined;
  /** Nothing differs from what stands. */
  readonly isUnchanged: boolean;
}

/** What a backend has to say of a placement that is declared. */
export interface PlacementBackend {
  /** Whether two different texts name one VM. Default: never. */
  readonly areOne?: (one: string, other: string) => Promise<boolean>;
  /** Failures, perhaps none, where it cannot be told which VM is meant: nothing else is looked at. Default: that is clear. */
  readonly unclear?: (asked: AskedPlacement) => Promise<readonly CheckFailure[] | undefined>;
  /** Placements of the VM by other stacks. Default: none is known. */
  readonly elsewhere?: (vm: string) => Promise<readonly OtherPlacement[]>;
  /** The host that the inputs of a placement at rest have, and what cannot be checked. Undefined: it does not rest. */
  readonly resting: (
    asked: AskedPlacement,
  ) => Promise<{ readonly host: string; readonly failures: readonly CheckFailure[] } | undefined>;
  /** Why the VM cannot move there. */
  readonly refusals: (asked: AskedPlacement) => Promise<readonly CheckFailure[]>;
}

export async function checkPlacement(
  ctx: HandlerContext,
  news: unknown,
  olds: VmPlacementInputs | undefined,
  backend: PlacementBackend,
): Promise<Checked<VmPlacementInputs>> {
  const parsed = vmPlacementSchema.safeParse(news);
  if (!parsed.success)
    return { inputs: news as MaybeUnknown<VmPlacementInputs>, failures: checkFailures(parsed.error) };
  // Defaults are filled in when the move begins: so that a new default is no diff.
  const inputs = news as MaybeUnknown<VmPlacementInputs>;
  const { vm, host } = inputs;
  const declared = await declarePlacement(ctx, inputs, backend.areOne);
  if (!isKnown(vm)) return { inputs, failures: [] };
  const isUnchanged = asksForNothing(inputs, olds);
  const asked = isKnown(host) ? { vm, host, inputs, olds, isUnchanged } : undefined;
  const unclear = asked === undefined || isUnchanged ? undefined : await backend.unclear?.(asked);
  if (unclear !== undefined) return { inputs, failures: unclear };
  const elsewhere = isUnchanged ? undefined : await backend.elsewhere?.(vm);
  const failures = placedTwice(ctx, vm, [...declared, ...(elsewhere ?? [])]).map((each) => failureOf(each));
  if (failures.length > 0 || asked === undefined) return { inputs, failures };
  const resting = await backend.resting(asked);
  if (resting !== undefined) return { inputs: { ...inputs, host: resting.host }, failures: resting.failures };
  return { inputs, failures: isUnchanged ? [] : await backend.refusals(asked) };
}
