/** `search=`, `max=` and `case_sensitive=` of a collection. */
import { integerAsked, isAsked } from "../request.js";
import { parseSearch, type Condition } from "./grammar.js";
import type { SearchObject } from "./objects.js";

type Value = string | number | boolean | undefined;

/** What is known of a member: the fields' values by their names, and of what it refers to the same. */
export interface Facts {
  readonly fields: Readonly<Record<string, Value>>;
  readonly references?: Readonly<Record<string, Readonly<Record<string, Value>> | undefined>>;
}

/** The members that a request asks for. What the engine can't read finds nothing, and is never a fault. */
export function selected<T>(
  members: readonly T[],
  object: SearchObject,
  facts: (member: T) => Facts,
  parameters: URLSearchParams,
): readonly T[] {
  const search = parseSearch(object, parameters.get("search") ?? "");
  if (search === undefined) return [];
  const caseSensitive = isAsked(parameters, undefined, "case_sensitive");
  const found = members.filter((member) => matches(search.conditions, facts(member), caseSensitive));
  const { sortBy } = search;
  if (sortBy !== undefined) {
    const direction = search.descending ? -1 : 1;
    found.sort((one, other) => direction * compared(facts(one).fields[sortBy], facts(other).fields[sortBy]));
  }
  const max = limit(parameters);
  if (max === Number.MAX_SAFE_INTEGER) return search.page > 1 ? [] : found;
  return found.slice((search.page - 1) * max, search.page * max);
}

/** `max`: none, a negative one and one that is no number are no limit. */
export function limit(parameters: URLSearchParams): number {
  const max = integerAsked(parameters, "max");
  return max === undefined || max < 0 ? Number.MAX_SAFE_INTEGER : max;
}

/** As SQL reads it: `and` binds closer than `or`. */
function matches(conditions: readonly Condition[], facts: Facts, caseSensitive: boolean): boolean {
  const alternatives: Condition[][] = [[]];
  for (const condition of conditions) {
    if (condition.operator === "or" && condition !== conditions[0]) alternatives.push([]);
    alternatives.at(-1)?.push(condition);
  }
  return alternatives.some((all) => all.every((condition) => holds(condition, facts, caseSensitive)));
}

function holds({ reference, field, relation, value }: Condition, facts: Facts, caseSensitive: boolean): boolean {
  const fields = reference === undefined ? facts.fields : (facts.references?.[reference] ?? {});
  const values =
    field === undefined ? Object.values(fields).filter((each) => typeof each === "string") : [fields[field]];
  const pattern = like(value, caseSensitive);
  switch (relation) {
    case "=":
      return values.some((each) => each !== undefined && pattern.test(String(each)));
    case "!=":
      return values.every((each) => each === undefined || !pattern.test(String(each)));
    case "<":
      return values.some((each) => each !== undefined && Number(each) < Number(value));
    case ">":
      return values.some((each) => each !== undefined && Number(each) > Number(value));
    case "<=":
      return values.some((each) => each !== undefined && Number(each) <= Number(value));
    default:
      return values.some((each) => each !== undefined && Number(each) >= Number(value));
  }
}

/** `*` is anything, and so is SQL's own `%`; `_` is itself. */
function like(value: string, caseSensitive: boolean): RegExp {
  const literal = value.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll(/[*%]/g, ".*");
  return new RegExp(`^${literal}$`, caseSensitive ? "su" : "isu");
}

function compared(one: Value, other: Value): number {
  return String(one ?? "").localeCompare(String(other ?? ""), "en", { numeric: true });
}
