/** What the plugin knows of each kind of resource beside its handler. */
import type { Kind } from "../../model/kind.js";
import { withNulls } from "../../handlers/outputs.js";
import { UNKNOWN } from "../../model/unknown.js";
import { ProblemError } from "../../model/problem.js";
import { resourceSpecs, token } from "./schema/index.js";

export interface ResourceFacts {
  /** The input that is the resource's name where nothing else is declared. */
  readonly namedBy?: string;
  /** Outputs that list, in words, what of the resource is really otherwise than declared: empty after every success. */
  readonly drift: readonly string[];
  /** Outputs that an update leaves as they are. */
  readonly constant: readonly string[];
}

export const resourceFacts: Readonly<Record<Kind, ResourceFacts>> = {
  VnicProfile: { namedBy: "name", drift: ["differsOn"], constant: [] },
  VmInterface: { drift: ["missing"], constant: ["mac", "aliases", "vmId"] },
  VmPlacement: { drift: ["missing"], constant: ["vmId"] },
};

const kinds = new Map(Object.keys(resourceSpecs).map((kind) => [token(kind), kind as Kind]));

/** @throws ProblemError: the resource is of no kind of this package's. */
export function kindOf(urn: string): Kind {
  // `urn:pulumi:<stack>::<project>::<parent type>$<type>::<name>`
  const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
  const kind = kinds.get(type);
  if (kind !== undefined) return kind;
  throw new ProblemError({
    code: "resource-type-unknown",
    what: `Unable to find resource type "${type}"`,
    remedy: `This version of the package has ${[...kinds.keys()].join(", ")}.`,
  });
}

export function nameIn(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** A state as programs read it: what handlers leave unsaid there has its default, and what is nothing is null. */
export function told(kind: Kind, state: object): Readonly<Record<string, unknown>> {
  return { ...Object.fromEntries(defaultsOf(kind)), ...withNulls(kind, state) };
}

function defaultsOf(kind: Kind): readonly (readonly [name: string, value: unknown])[] {
  const { inputs, required } = resourceSpecs[kind];
  return Object.entries(inputs)
    .filter(([name, input]) => input.default !== undefined && required.includes(name))
    .map(([name, input]) => [name, input.default] as const);
}

/** The state that a resource will have, as far as a preview can know it: `state` is the one that it has now. */
export function foreseen(
  kind: Kind,
  news: Readonly<Record<string, unknown>>,
  state?: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { outputs, required } = resourceSpecs[kind];
  const { drift, constant } = resourceFacts[kind];
  const known: Readonly<Record<string, unknown>> = Object.fromEntries([
    ...defaultsOf(kind),
    ...drift.map((name) => [name, []] as const),
    // A state of an older version may lack one.
    ...constant.flatMap((name) => (state?.[name] == null ? [] : [[name, state[name]] as const])),
  ]);
  const unknown = [...Object.keys(outputs), ...required].map((name) => [name, UNKNOWN] as const);
  const declared = Object.entries(news).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(unknown), ...known, ...Object.fromEntries(declared) };
}
