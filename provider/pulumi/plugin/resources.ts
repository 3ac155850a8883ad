/** What the plugin knows of each kind of resource beside its handler. */
import { alwaysPresent, namesWhere, scalarDefault, type ResourceType } from "../../model/describe.js";
import type { Kind } from "../../model/kind.js";
import { resourceTypes } from "../../model/resources/index.js";
import { withNulls } from "../../handlers/outputs.js";
import { UNKNOWN } from "../../model/unknown.js";
import { ProblemError } from "../../model/problem.js";
import { token } from "./schema/index.js";

export interface ResourceFacts {
  /** The input that is the resource's name where nothing else is declared. */
  readonly namedBy?: string;
  /** Outputs that list, in words, what of the resource is really otherwise than declared: empty after every success. */
  readonly drift: readonly string[];
  /** Outputs that an update leaves as they are. */
  readonly constant: readonly string[];
}

export const resourceFacts: Readonly<Record<Kind, ResourceFacts>> = {
  VnicProfile: factsOf(resourceTypes.VnicProfile),
  VmInterface: factsOf(resourceTypes.VmInterface),
  VmPlacement: factsOf(resourceTypes.VmPlacement),
};

function factsOf({ inputs, outputs }: ResourceType): ResourceFacts {
  const [namedBy] = namesWhere(inputs, ({ isName }) => isName === true);
  return {
    ...(namedBy !== undefined && { namedBy }),
    drift: namesWhere(outputs, ({ drift }) => drift === true),
    constant: namesWhere({ ...inputs, ...outputs }, ({ constant }) => constant === true),
  };
}

const kinds = new Map(Object.keys(resourceTypes).map((kind) => [token(kind), kind as Kind]));

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

/** A state as programs read it: what handlers leave withoutDefaults there has its default, and what is nothing is null. */
export function told(kind: Kind, state: object): Readonly<Record<string, unknown>> {
  return { ...Object.fromEntries(defaultsOf(kind)), ...withNulls(kind, state) };
}

function defaultsOf(kind: Kind): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(resourceTypes[kind].inputs).flatMap(([name, input]) => {
    const value = scalarDefault(input);
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** The state that a resource will have, as far as a preview can know it: `state` is the one that it has now. */
export function previewState(
  kind: Kind,
  news: Readonly<Record<string, unknown>>,
  state?: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const type = resourceTypes[kind];
  const { drift, constant } = resourceFacts[kind];
  const known: Readonly<Record<string, unknown>> = Object.fromEntries([
    ...defaultsOf(kind),
    ...drift.map((name) => [name, []] as const),
    // A state of an older version may lack one.
    ...constant.flatMap((name) => (state?.[name] == null ? [] : [[name, state[name]] as const])),
  ]);
  const unknown = [...Object.keys(type.outputs), ...alwaysPresent(type)].map((name) => [name, UNKNOWN] as const);
  const declared = Object.entries(news).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(unknown), ...known, ...Object.fromEntries(declared) };
}
