/** What a VmPlacement is declared as, whatever the backend. */
import { z } from "zod";
import { migrationOptionsSchema } from "../../migration/options.js";
import { diffOf, isSameValue, type ResourceDiff } from "../handler.js";
import { known, type MaybeUnknown } from "../../model/unknown.js";

export const vmPlacementSchema = z.strictObject({
  vm: known(z.string().min(1).max(255)),
  host: known(z.string().min(1)),
  migration: known(migrationOptionsSchema.partial()).optional(),
});

export interface VmPlacementInputs {
  readonly vm: string;
  readonly host: string;
  readonly migration?: z.input<typeof migrationOptionsSchema>;
}

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
    inputs: ["vm", "host", "migration"],
    replaceOn: ["vm"],
    deleteBeforeReplace: true,
    drifted: state.missing.length > 0,
  });
}

/** The inputs that would declare the placement as it is. */
export function inputsOfPlacement({ vm, host, migration }: VmPlacementInputs): VmPlacementInputs {
  return { vm, host, ...(migration !== undefined && { migration }) };
}
