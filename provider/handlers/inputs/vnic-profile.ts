/** What a VnicProfile is declared as, whatever the backend. */
import { checkSchema, comparedInputs, replacingInputs, type ValuesOf } from "../../model/describe.js";
import { vnicProfile } from "../../model/resources/vnic-profile.js";
import type { MaybeUnknown } from "../../model/unknown.js";
import { diffOf, type ResourceDiff } from "../handler.js";

export const vnicProfileSchema = checkSchema(vnicProfile);

/** The inputs before defaults that no rule may mistake for the user's word. */
export type DeclaredInputs = ValuesOf<typeof vnicProfile.inputs>;

export type VnicProfileInputs = DeclaredInputs & { readonly migratable: boolean };

/** The inputs that the store keeps. */
export const attributes = comparedInputs(vnicProfile);

/** oVirt's rule: a profile's network never changes. A new profile of the same name needs the old one gone. */
export function diffOfProfile(
  state: VnicProfileInputs & { readonly differsOn: readonly string[] },
  news: MaybeUnknown<VnicProfileInputs>,
): ResourceDiff {
  return diffOf<VnicProfileInputs>(state, news, {
    inputs: attributes,
    replaceOn: replacingInputs(vnicProfile),
    deleteBeforeReplace: true,
    drifted: state.differsOn.length > 0,
  });
}
