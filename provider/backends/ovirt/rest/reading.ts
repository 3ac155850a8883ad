/** Reads the engine's documents: what must be there, and of what kind it is. */
import { attribute, child, textOf, XmlError, type Element } from "../../../xml/element.js";

/** @throws XmlError where the element has no id. */
export function idOf(element: Element): string {
  return attribute(element, "id") ?? unexpected(element, "has no id");
}

/** The id of the thing that a child refers to. */
export function referenceIn(element: Element, name: string): string | undefined {
  return attribute(child(element, name), "id");
}

/** @throws XmlError where there is no such reference. */
export function requiredReferenceIn(element: Element, name: string): string {
  return referenceIn(element, name) ?? unexpected(element, `has no <${name}> with an id`);
}

export function textIn(element: Element | undefined, name: string): string | undefined {
  return textOf(child(element, name));
}

/** @throws XmlError where there is no such text. */
export function requiredTextIn(element: Element, name: string): string {
  return textIn(element, name) ?? unexpected(element, `has no <${name}>`);
}

/**
 * A name exactly as the engine keeps it: with the blanks around it, and nothing but blanks where that was chosen.
 * @throws XmlError where there is no such element.
 */
export function verbatimIn(element: Element, name: string): string {
  const found = child(element, name) ?? unexpected(element, `has no <${name}>`);
  return found.text ?? "";
}

/**
 * What could be read of a collection. A member that cannot be read concerns others and is left out; where
 * nothing can be read, it is no collection of the engine's.
 * @throws XmlError of the first member, where none can be read.
 */
export function readable<Thing>(members: readonly Element[], parse: (member: Element) => Thing): readonly Thing[] {
  const read: Thing[] = [];
  let odd: XmlError | undefined;
  for (const member of members) {
    try {
      read.push(parse(member));
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      odd ??= error;
    }
  }
  if (read.length === 0 && odd !== undefined) throw odd;
  return read;
}

/** @throws XmlError for a text that is neither `true` nor `false`. */
export function booleanIn(element: Element | undefined, name: string): boolean | undefined {
  const text = textIn(element, name);
  if (text === undefined) return undefined;
  if (text !== "true" && text !== "false") return unexpected(element, `has no boolean in <${name}>`);
  return text === "true";
}

/** @throws XmlError for a text that is no whole number. */
export function integerIn(element: Element | undefined, name: string): number | undefined {
  const text = textIn(element, name);
  if (text === undefined) return undefined;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : unexpected(element, `has no whole number in <${name}>`);
}

/** One of the values, or `other` where an engine knows more than we do. */
export function oneOf<Value extends string, Other>(
  text: string | undefined,
  values: readonly Value[],
  other: Other,
): Value | Other {
  return values.find((value) => value === text) ?? other;
}

function unexpected(element: Element | undefined, why: string): never {
  throw new XmlError({
    code: "xml-unexpected",
    what: `Unable to read the oVirt engine's answer: <${element?.name ?? ""}> ${why}`,
    remedy: "Check that the URL is that of an oVirt engine, version 4.4 or later.",
  });
}
