/**
 * `search=`, `max=` and `case_sensitive=` of collections: `name=web* and status=up sortby name desc page 2`
 * (oVirt's REST API guide, Searching and Pagination). Of the query language this is what clients of networks, NICs and
 * migrations use; what it does not know it refuses, so that a test finds out.
 */
import { restFault } from "./fault.js";

/** The value of each field that a member can be searched by. */
export type Fields<T> = Readonly<Record<string, (member: T) => string | number | boolean | undefined>>;

interface Query {
  readonly conditions: readonly { readonly field: string; readonly not: boolean; readonly value: RegExp }[];
  readonly sortBy?: { readonly field: string; readonly descending: boolean };
  readonly page: number;
}

/** @throws EngineFault for a query that it can't read. */
export function selected<T>(members: readonly T[], fields: Fields<T>, parameters: URLSearchParams): readonly T[] {
  const query = parse(parameters.get("search") ?? "", parameters.has("case_sensitive", "true"));
  if (query === undefined) return [];
  const valueOf = (member: T, field: string): string => {
    const read = fields[field];
    if (read === undefined) throw refused(`unknown field '${field}'`);
    return String(read(member) ?? "");
  };
  const found = members.filter((member) =>
    query.conditions.every(({ field, not, value }) => value.test(valueOf(member, field)) !== not),
  );
  const { sortBy } = query;
  if (sortBy !== undefined) {
    const direction = sortBy.descending ? -1 : 1;
    found.sort((one, other) => {
      const [left, right] = [valueOf(one, sortBy.field), valueOf(other, sortBy.field)];
      return direction * left.localeCompare(right, "en", { numeric: true });
    });
  }
  const max = limit(parameters);
  return found.slice((query.page - 1) * max, query.page * max);
}

/** @throws EngineFault where `max` is no number. */
export function limit(parameters: URLSearchParams): number {
  const max = parameters.get("max");
  if (max === null) return Number.MAX_SAFE_INTEGER;
  const number = Number(max);
  if (!Number.isInteger(number)) throw restFault(400, `For input string: "${max}"`);
  return number < 0 ? Number.MAX_SAFE_INTEGER : number;
}

const condition = /^\s*([\w.]+)\s*(!?=)\s*(?:"([^"]*)"|(\S+))\s*/;
const conjunction = /^and\s+/i;
const sorting = /^\s*sortby\s+([\w.]+)(?:\s+(asc|desc))?\s*/i;
const paging = /^\s*page\s+(\d+)\s*$/i;

function parse(text: string, caseSensitive: boolean): Query | undefined {
  const conditions: Query["conditions"][number][] = [];
  let rest = text.trim();
  for (let match = condition.exec(rest); match !== null; match = condition.exec(rest)) {
    const [all, field = "", operator, quoted, plain = ""] = match;
    conditions.push({
      field: field.toLowerCase(),
      not: operator === "!=",
      value: pattern(quoted ?? plain, caseSensitive),
    });
    rest = rest.slice(all.length);
    const and = conjunction.exec(rest);
    if (and === null) break;
    rest = rest.slice(and[0].length);
  }
  const sort = sorting.exec(rest);
  if (sort !== null) rest = rest.slice(sort[0].length);
  const page = paging.exec(rest);
  // The grammar wants a direction between the field and `page`; the engine answers what it can't read with an empty list.
  if (page !== null && sort !== null && sort[2] === undefined) return undefined;
  if (page !== null) rest = "";
  if (rest.trim() !== "") throw refused(`can't read '${rest}'`);
  return {
    conditions,
    page: Math.max(1, Number(page?.[1] ?? 1)),
    ...(sort?.[1] === undefined
      ? {}
      : { sortBy: { field: sort[1].toLowerCase(), descending: sort[2]?.toLowerCase() === "desc" } }),
  };
}

function pattern(value: string, caseSensitive: boolean): RegExp {
  const literal = value.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${literal}$`, caseSensitive ? "s" : "is");
}

function refused(why: string): Error {
  return restFault(400, `Search query failed: ${why}`);
}
