import * as z from "zod";
import { inWords } from "./mistake.js";
import { UNKNOWN, type Unknown } from "./unknown.js";

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
