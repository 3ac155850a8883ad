/**
 * An XML element, and how to find one's way in it. It keeps what editing a libvirt document needs: the order of elements
 * and attributes, unknown elements, prefixes and `xmlns` attributes, mixed content. Comments, processing
 * instructions and indentation are not kept.
 */
export interface Element {
  /** With its prefix, as written. */
  readonly name: string;
  /** As written, `xmlns` included. Has no prototype when it comes from {@link parseXml} or {@link element}. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** The text before the first child: all the text of an element without children. */
  readonly text?: string;
  /** In mixed content: the text between this element's end and the next tag. */
  readonly tail?: string;
}

export { formatXml, isWrittenAs } from "./format.js";
export { parseXml } from "./parse.js";
export { XmlError } from "./xml-error.js";

/** An attribute's value; `undefined` leaves the attribute out. */
export type AttributeValue = string | number | undefined;

/**
 * Builds an element.
 * @param content its text, or its children, of which `undefined` ones are left out.
 */
export function element(
  name: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  content: string | readonly (Element | undefined)[] = [],
): Element {
  const present = emptyAttributes();
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) present[key] = String(value);
  if (typeof content !== "string") {
    return { name, attributes: present, children: content.filter((child) => child !== undefined) };
  }
  return { name, attributes: present, children: [], ...(content === "" ? {} : { text: content }) };
}

/** `<name>value</name>`; undefined where there is no value. */
export function textElement(name: string, value: string | boolean | undefined): Element | undefined {
  return value === undefined ? undefined : element(name, {}, String(value));
}

/** The same element with other children. */
export function withChildren(parent: Element, children: readonly Element[]): Element {
  return { ...parent, children };
}

/** The same element with some attributes set; those that it has stay in their place. */
export function withAttributes(target: Element, attributes: Readonly<Record<string, string>>): Element {
  return { ...target, attributes: Object.assign(emptyAttributes(), target.attributes, attributes) };
}

/** The first child of that name (as written, with its prefix). */
export function child(parent: Element | undefined, name: string): Element | undefined {
  return parent?.children.find((candidate) => candidate.name === name);
}

/** All children of that name, in order. */
export function children(parent: Element | undefined, name: string): readonly Element[] {
  return parent?.children.filter((candidate) => candidate.name === name) ?? [];
}

/** The first child of the first child … along a path of names: `find(domain, "os", "type")`. */
export function find(from: Element | undefined, ...path: readonly string[]): Element | undefined {
  return path.reduce(child, from);
}

/** The attribute's value: never something inherited, whatever its name. */
export function attribute(from: Element | undefined, name: string): string | undefined {
  return from !== undefined && Object.hasOwn(from.attributes, name) ? from.attributes[name] : undefined;
}

/** The element's text without the white space around it; `undefined` where there is no element or no text. */
export function textOf(from: Element | undefined): string | undefined {
  const text = from?.text?.trim();
  return text === "" ? undefined : text;
}

function emptyAttributes(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}
