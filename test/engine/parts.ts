/** What the engine's documents are made of: things with an id and their `href` (LinkHelper.java), links and texts. */
import { createHash } from "node:crypto";
import { element, type Element } from "../../provider/xml/element.js";
import type { NamedThing } from "./model.js";

export const apiPath = "/ovirt-engine/api";

/** The template that every VM of the inventory was made of. */
export const blankTemplate = "00000000-0000-0000-0000-000000000000";

type Content = readonly (Element | undefined)[];

export function collection(name: string, members: readonly Element[]): Element {
  return element(name, {}, members);
}

export function resource(name: string, path: string, { id }: { readonly id: string }, content: Content): Element {
  return element(name, { href: `${apiPath}/${path}`, id }, content);
}

export function link(name: string, path: string, id: string | undefined): Element | undefined {
  return id === undefined ? undefined : element(name, reference(path, id));
}

export function reference(path: string, id: string): Record<string, string> {
  return { href: `${apiPath}/${path}/${id}`, id };
}

export function rel(path: string, name: string): Element {
  return element("link", { href: `${apiPath}/${path}/${name}`, rel: name });
}

export function text(name: string, value: string | number | boolean): Element {
  return element(name, {}, String(value));
}

export function namedLink(name: string, path: string, thing: NamedThing | undefined): Element | undefined {
  return thing && element(name, reference(path, thing.id), [text("name", thing.name)]);
}

export function optional(name: string, value: string | undefined): Element | undefined {
  return value === undefined ? undefined : text(name, value);
}

/** An id that is made of a name, as the engine does for what has none. */
export function guid(name: string): string {
  const hex = createHash("md5").update(name).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
