/** A property in sentences: what it is, the values that it may have, its limits, and its default. */
import * as z from "zod";
import type { EnumType, Property } from "./describe.js";
import { shapeIn } from "./shape.js";

/** @param meanings whether the meanings of a named set of words are told with it, where a reader does not see its type. */
export function sentencesOf(property: Property, { meanings = false } = {}): string {
  const shape = shapeIn(property.schema);
  const told = shape.is === "enum" && (meanings || shape.type.name === undefined);
  return [property.doc, told ? meaningsOf(shape.type) : "", limitsOf(property.schema), defaultOf(property)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

/** "`early`: before libvirt's migration begins. …" */
function meaningsOf({ values }: EnumType): string {
  return Object.entries(values)
    .map(([value, meaning]) => `\`${value}\`: ${continued(meaning)}`)
    .join(" ");
}

/** As a sentence of its own. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The sentence as it goes on within another; names such as QEMU stay. */
export function continued(sentence: string): string {
  return /^[A-Z][a-z']* /.test(sentence) ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}` : sentence;
}

/** "At most 255 characters." Empty: the schema has no limit that a number tells. */
export function limitsOf(schema: z.ZodType): string {
  const { minimum, exclusiveMinimum, maximum, maxLength, minItems, maxItems } = numbersIn(schema);
  const sentence =
    minimum !== undefined && maximum !== undefined
      ? `${minimum} to ${maximum}`
      : [
          exclusiveMinimum === undefined ? "" : `more than ${exclusiveMinimum}`,
          minimum === undefined ? "" : `at least ${minimum}`,
          maximum === undefined ? "" : `at most ${maximum}`,
          maxLength === undefined ? "" : `at most ${maxLength} characters`,
          minItems === undefined ? "" : `at least ${minItems}`,
          maxItems === undefined ? "" : `at most ${maxItems}`,
        ]
          .filter((limit) => limit !== "")
          .join(", ");
  return sentence === "" ? "" : `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

/** "Default: `30`." Empty: it has none. */
export function defaultOf(property: Property): string {
  const text = defaultIn(property);
  return text === "" ? "" : `Default: ${text}.`;
}

/** The same without a sentence around it. */
export function defaultIn({ presence, defaultValue, defaultText, isName }: Property): string {
  if (defaultText !== undefined) return defaultText;
  if (isName === true) return "the resource's name";
  if (presence !== "default" && presence !== "omitted") return "";
  if (typeof defaultValue === "object") return "none";
  return `\`${JSON.stringify(defaultValue).replaceAll('"', "")}\``;
}

/** The numbers in a JSON schema; those that only say that a number is a safe integer limit nothing. */
function numbersIn(schema: z.ZodType): Readonly<Partial<Record<string, number>>> {
  const { allOf: _, ...found } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return Object.fromEntries(
    Object.entries(found).filter(
      (entry): entry is [string, number] =>
        typeof entry[1] === "number" && Math.abs(entry[1]) < Number.MAX_SAFE_INTEGER,
    ),
  );
}
