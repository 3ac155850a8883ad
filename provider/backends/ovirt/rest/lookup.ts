/** Names or ids: what a user writes for a network, cluster, VM or host becomes the one thing that it means. */
import { ProblemError } from "../../../problem.js";
import type { Element } from "../../../xml/element.js";
import type { EngineClient } from "./client.js";

/** A collection whose members have names and can be searched by them. */
export interface Kind<Thing> {
  /** For people: `VM`. */
  readonly name: string;
  /** Below the API: `/vms`. */
  readonly path: string;
  /** @throws XmlError */
  readonly parse: (element: Element) => Thing;
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

export async function all<Thing>(client: EngineClient, kind: Kind<Thing>, search?: string): Promise<readonly Thing[]> {
  const things: Thing[] = [];
  for await (const element of client.list(kind.path, { search, pageSize: 100, action: `list ${kind.name}s` })) {
    things.push(kind.parse(element));
  }
  return things;
}

/** A search ignores case and takes `*` for anything, so its findings are looked at again. */
async function namedExactly<Thing extends { readonly name: string }>(
  client: EngineClient,
  kind: Kind<Thing>,
  name: string,
  action: string,
): Promise<readonly Thing[]> {
  // The query language has no way to write a quotation mark within a value.
  const search = name.includes('"') ? undefined : `name="${name}"`;
  const found: Thing[] = [];
  for await (const element of client.list(kind.path, { search, action })) found.push(kind.parse(element));
  return found.filter((thing) => thing.name === name);
}

function unknown({ name: kind }: Kind<unknown>, nameOrId: string, where: string): ProblemError {
  return new ProblemError({
    code: "engine-name-unknown",
    what: `Unable to find ${kind} "${nameOrId}": the oVirt engine has none of that name or id`,
    where,
    remedy: "Check the name (upper and lower case differ), and that the user may see it.",
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
