import * as z from "zod";
import { inWords } from "./mistake.js";
import { isKnown, notYetKnown, type NotYetKnown } from "./preview.js";

export { isKnown };

/**
 * Stands for a value that Pulumi will only know once another resource exists: the id of a profile that a preview plans
 * to create. It occurs in `check` and `diff` only, never in `create` and `update`.
 */
export const UNKNOWN: NotYetKnown = notYetKnown;
export type Unknown = NotYetKnown;

/** Inputs as a preview sees them. */
export type MaybeUnknown<Inputs> = { [Key in keyof Inputs]: Inputs[Key] | Unknown };

/** Whether no part of the value is unknown. */
export function isWhollyKnown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isKnown(value);
  return Object.values(value).every(isWhollyKnown);
}

/**
 * The schema's values, or UNKNOWN: so that no rule calls a value wrong before it is there. The schema's messages and
 * paths stay as they are, which a union would hide. A key that may be absent is `known(schema).optional()`.
 */
export function known<Schema extends z.ZodType>(
  schema: Schema,
): z.ZodType<z.output<Schema> | Unknown, z.input<Schema> | Unknown> {
  return z.custom<z.input<Schema> | Unknown>().transform((value, context) => {
    if (value === UNKNOWN) return UNKNOWN;
    const result = schema.safeParse(value, { error: inWords });
    if (result.success) return result.data;
    for (const issue of result.error.issues) context.issues.push({ ...issue, code: "custom", input: value });
    return z.NEVER;
  });
}
