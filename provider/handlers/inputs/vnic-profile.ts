/** What a VnicProfile is declared as, whatever the backend. */
import { z } from "zod";
import { diffOf, type ResourceDiff } from "../handler.js";
import { known, type MaybeUnknown } from "../../model/unknown.js";

const text = z.string().min(1).max(255);
/** A libvirt network's name: it becomes a file's name on the host. */
const name = z.string().regex(/^[^/\s][^/\n]{0,254}$/, "must be a name without '/' of at most 255 characters");

export const vnicProfileSchema = z.strictObject({
  name: known(name),
  network: known(text),
  passThrough: known(z.enum(["enabled", "disabled"])).default("disabled"),
  migratable: known(z.boolean()).optional(),
  failover: known(z.string().min(1)).optional(),
  portMirroring: known(z.boolean()).default(false),
  networkFilter: known(text).optional(),
  qos: known(text).optional(),
  customProperties: known(z.record(text, z.string())).default({}),
  description: known(z.string().max(4000)).optional(),
  adopt: known(z.boolean()).optional(),
});

export interface VnicProfileInputs {
  readonly name: string;
  readonly network: string;
  readonly passThrough: "enabled" | "disabled";
  readonly migratable: boolean;
  readonly failover?: string;
  readonly portMirroring: boolean;
  readonly networkFilter?: string;
  readonly qos?: string;
  readonly customProperties: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly adopt?: boolean;
}

/** The inputs before defaults that no rule may mistake for the user's word. */
export type DeclaredInputs = Omit<VnicProfileInputs, "migratable"> & { readonly migratable?: boolean };

/** The inputs that the store keeps: `adopt` says only how to begin. */
export const attributes = [
  "name",
  "network",
  "passThrough",
  "migratable",
  "failover",
  "portMirroring",
  "networkFilter",
  "qos",
  "customProperties",
  "description",
] as const;

/** oVirt's rule: a profile's network never changes. A new profile of the same name needs the old one gone. */
export function diffOfProfile(
  state: VnicProfileInputs & { readonly differsOn: readonly string[] },
  news: MaybeUnknown<VnicProfileInputs>,
): ResourceDiff {
  return diffOf<VnicProfileInputs>(state, news, {
    inputs: attributes,
    replaceOn: ["network"],
    deleteBeforeReplace: true,
    drifted: state.differsOn.length > 0,
  });
}
