/** Names or ids: what a user writes for a network, cluster, VM or host becomes the one thing that it means. */
import { ProblemError } from "../../../model/problem.js";
import type { Element } from "../../../xml/element.js";
import type { EngineClient, ListOptions } from "./client.js";
import { neededRoles } from "./fault.js";
import { readable } from "./reading.js";

/** A collection whose members have names and can be searched by them. */
export interface Kind<Thing> {
  /** For people: `VM`. */
  readonly name: string;
  /** Below the API: `/vms`. */
  readonly path: string;
  /** @throws XmlError */
  readonly parse: (element: Element) => Thing;
  /** Every engine has some: an answer without any is not to be trusted. */
  readonly neverEmpty?: boolean | undefined;
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The thing of that id or name.
 * @throws ProblemError `engine-name-unknown` when there is none, `engine-name-ambiguous` when several have the name.
 */
export async function lookUp<Thing extends { readonly id: string; readonly name: string }>(
  client: EngineClient,
  kind: Kind<Thing>,
  nameOrId: string,
): Promise<Thing> {
  const action = `find ${kind.name} "${nameOrId}"`;
  if (idPattern.test(nameOrId)) {
    const found = await client.find(`${kind.path}/${nameOrId}`, { action });
    if (found !== undefined) return kind.parse(found);
  }
  const [only, ...more] = await namedExactly(client, kind, nameOrId, action);
  if (only === undefined) throw unknown(kind, nameOrId, client.where);
  if (more.length > 0) throw ambiguous(kind, [only, ...more], client.where);
  return only;
}

/** @throws ProblemError `engine-list-empty` for an empty list of what every engine has. */
export async function all<Thing>(client: EngineClient, kind: Kind<Thing>, search?: string): Promise<readonly Thing[]> {
  const action = `list ${kind.name}s`;
  const things = await collected(client, kind, { search, pageSize: 100, action });
  if (things.length === 0 && search === undefined && kind.neverEmpty === true)
    throw emptyList(`${kind.name}s`, client.where);
  return things;
}

/**
 * The engine answers a search that it can't read, and a user who may see nothing, with an empty list and no fault.
 * @param names of what it lists none, in the plural: `hosts`.
 */
export function emptyList(names: string, where: string): ProblemError {
  return new ProblemError({
    code: "engine-list-empty",
    what: `The oVirt engine returned no ${names}: the user may lack the permission to see them`,
    where,
    remedy: `${neededRoles} If the user has them, check engine.log for a failed search.`,
  });
}

async function collected<Thing>(client: EngineClient, kind: Kind<Thing>, options: ListOptions) {
  const elements: Element[] = [];
  for await (const element of client.list(kind.path, options)) elements.push(element);
  return readable(elements, kind.parse);
}

/**
 * Names that the engine's search can find: its values have no quotation mark, apostrophe or semicolon, `*`, `%` and `\\`
 * have a meaning of their own, and a value loses the blanks around it.
 */
const searchable = /^[\p{L}\p{N}_.:](?:[\p{L}\p{N}_.: -]*[\p{L}\p{N}_.:])?$/u;

/** A search ignores case, so its findings are looked at again. */
async function namedExactly<Thing extends { readonly name: string }>(
  client: EngineClient,
  kind: Kind<Thing>,
  name: string,
  action: string,
): Promise<readonly Thing[]> {
  const found = await (searchable.test(name) && !name.includes("--")
    ? collected(client, kind, { search: `name="${name}"`, action })
    : all(client, kind));
  return found.filter((thing) => thing.name === name);
}

function unknown({ name: kind }: Kind<unknown>, nameOrId: string, where: string): ProblemError {
  return new ProblemError({
    code: "engine-name-unknown",
    what: `Unable to find ${kind} "${nameOrId}": the oVirt engine has none with that name or id`,
    where,
    remedy: "Check the name (it is case-sensitive), and that the user has permission to see it.",
  });
}

function ambiguous(
  { name: kind }: Kind<unknown>,
  things: readonly { readonly id: string; readonly name: string }[],
  where: string,
): ProblemError {
  return new ProblemError({
    code: "engine-name-ambiguous",
    what: `Unable to tell which ${kind} "${things[0]?.name ?? ""}" is meant: ${things.length} have that name`,
    where,
    remedy: `Write the id instead: ${things.map(({ id }) => id).join(", ")}.`,
  });
}
