/** What a VmPlacement is declared as, whatever the backend. */
import { checkSchema, comparedInputs, replacingInputs, type ValuesOf } from "../../model/describe.js";
import { vmPlacement } from "../../model/resources/vm-placement.js";
import type { MaybeUnknown } from "../../model/unknown.js";
import { diffOf, isSameValue, type ResourceDiff } from "../handler.js";

export const vmPlacementSchema = checkSchema(vmPlacement);

export type VmPlacementInputs = ValuesOf<typeof vmPlacement.inputs>;
export type VmPlacementOutputs = ValuesOf<typeof vmPlacement.outputs>;

/** Nothing differs from what stands: no host need be asked about it. */
export function asksForNothing(
  { vm, host, migration }: MaybeUnknown<VmPlacementInputs>,
  olds: VmPlacementInputs | undefined,
): boolean {
  return olds?.host === host && olds.vm === vm && isSameValue(olds.migration, migration);
}

/** @param state over either backend; `missing`: VFs that should be there. */
export function diffOfPlacement(
  state: VmPlacementInputs & { readonly missing: readonly string[] },
  news: MaybeUnknown<VmPlacementInputs>,
): ResourceDiff {
  return diffOf<VmPlacementInputs>(state, news, {
    inputs: comparedInputs(vmPlacement),
    replaceOn: replacingInputs(vmPlacement),
    deleteBeforeReplace: true,
    drifted: state.missing.length > 0,
  });
}

/** The inputs that would declare the placement as it is. */
export function inputsOfPlacement({ vm, host, migration }: VmPlacementInputs): VmPlacementInputs {
  return { vm, host, ...(migration !== undefined && { migration }) };
}
