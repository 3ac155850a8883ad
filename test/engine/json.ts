/** The API's JSON: attributes and children are members alike, lists are arrays under their members' name, and every value is a string. */
import { element, type Element } from "../../provider/xml/element.js";
import { singular } from "./body.js";

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export function jsonOf(source: Element): unknown {
  if (source.children.length === 0 && Object.keys(source.attributes).length === 0)
    return source.text ?? emptyOf(source);
  const members: Record<string, unknown> = {};
  for (const each of source.children) {
    if (each.name === "link" || (each.name === singular(source.name) && each.name !== source.name)) {
      members[each.name] = [...((members[each.name] as readonly unknown[] | undefined) ?? []), jsonOf(each)];
    } else {
      members[each.name] = jsonOf(each);
    }
  }
  return { ...members, ...source.attributes };
}

/** A list or a structure without members is an object without any; what has only text is an empty string. */
function emptyOf({ name }: Element): unknown {
  return name.endsWith("s") || name === "network_filter" ? {} : "";
}

/** Undefined: it is no JSON, or no object. */
export function elementOfJson(root: string, text: string): Element | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
    ? fromJson(root, parsed as Json)
    : undefined;
}

function fromJson(name: string, value: Json): Element {
  if (typeof value !== "object" || value === null) return element(name, {}, String(value ?? ""));
  const attributes: Record<string, string> = {};
  const children: Element[] = [];
  for (const [key, member] of Object.entries(value as Readonly<Record<string, Json>>)) {
    if (member === null) continue;
    if (["id", "href", "rel"].includes(key) && typeof member === "string") attributes[key] = member;
    else
      for (const each of Array.isArray(member) ? (member as readonly Json[]) : [member])
        children.push(fromJson(key, each));
  }
  return element(name, attributes, children);
}
