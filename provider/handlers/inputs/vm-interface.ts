/** What a VmInterface is declared as, whatever the backend. */
import { z } from "zod";
import { normalizeMac } from "../../xml/mac.js";
import { known } from "../unknown.js";

const mac = z.string().transform((text, context) => {
  const normal = normalizeMac(text);
  if (normal !== undefined) return normal;
  context.addIssue({ code: "custom", message: "must be a MAC address such as 52:54:00:12:34:56" });
  return z.NEVER;
});

export const vmInterfaceSchema = z.strictObject({
  vm: known(z.string().min(1).max(255)),
  profile: known(z.string().min(1)),
  mac: known(mac).optional(),
  plugged: known(z.boolean()).default(true),
  linked: known(z.boolean()).default(true),
  adopt: known(z.boolean()).optional(),
});

export interface VmInterfaceInputs {
  readonly vm: string;
  readonly profile: string;
  readonly mac?: string;
  readonly plugged: boolean;
  readonly linked: boolean;
  readonly adopt?: boolean;
}

/** The inputs that the interface has: `adopt` says only how to begin. */
export const compared = ["vm", "profile", "mac", "plugged", "linked"] as const;
