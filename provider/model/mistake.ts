/** What is wrong with a value, in words that need no knowledge of schemas. Values are never told: they may be secret. */
import * as z from "zod";
import { didYouMean, nearest } from "./suggestion.js";

export interface Mistake {
  /** From the top: `["vnic-failover:cluster", "hosts", "host1", "uri"]`. */
  readonly path: readonly PropertyKey[];
  /** The key below `path` that should not be there: the line at fault is its own. */
  readonly key?: string;
  /** What follows the path in a sentence, without a full stop: `is missing`. */
  readonly message: string;
}

/** The value as the schema has it, or every mistake in it. @param at where the value stands. */
export function read<T>(
  schema: z.ZodType<T>,
  value: unknown,
  at: readonly PropertyKey[],
): { readonly data: T } | { readonly mistakes: readonly Mistake[] } {
  const result = schema.safeParse(value, { error: inWords });
  if (result.success) return { data: result.data };
  const mistakes = result.error.issues.flatMap((issue) => mistakesIn(issue, schema, at));
  return { mistakes: withoutFollowing(mistakes) };
}

/** `vnic-failover:cluster.hosts["kvm1.example.com"].uri`, as `pulumi config set --path` takes it. */
export function pathText(path: readonly PropertyKey[]): string {
  const [first = "", ...rest] = path;
  return rest.reduce<string>(
    (text, part) =>
      typeof part === "number"
        ? `${text}[${part}]`
        : /^[\w:-]+$/.test(String(part))
          ? `${text}.${String(part)}`
          : `${text}[${JSON.stringify(String(part))}]`,
    String(first),
  );
}

/** `hosts.host1.uri is missing.` */
export function sentence({ path, message }: Mistake): string {
  const text = path.length === 0 ? `the configuration ${message}` : `${pathText(path)} ${message}`;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/**
 * The words of each kind of issue, for the option `error` of a schema's `safeParse`: what follows the name of the value in a
 * sentence. Messages that a schema brings itself come before these.
 */
export function inWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return mustBe(kinds[issue.expected] ?? `of type ${issue.expected}`, issue.input);
    case "invalid_value": {
      const allowed = issue.values.map((value) => `"${String(value)}"`);
      const near = typeof issue.input === "string" ? didYouMean(issue.input, issue.values.map(String)) : "";
      return `${mustBe(allowed.join(" or "), typeof issue.input === "string" ? "" : issue.input)}${near}`;
    }
    case "too_small":
      return tooSmall(issue.origin, Number(issue.minimum), issue.inclusive ?? true);
    case "too_big":
      return issue.inclusive === false
        ? `must be less than ${String(issue.maximum)}`
        : `must ${measured(issue.origin, "at most", Number(issue.maximum))}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return formats[issue.format] ?? "has an invalid format";
    case "unrecognized_keys": {
      const known = issue.inst instanceof z.ZodObject ? keysAt(issue.inst, []) : [];
      return `has ${issue.keys.map((key) => unknownKey(key, known)).join(", and ")}`;
    }
    case "invalid_union": {
      const [first] = intended(issue.errors);
      return first === undefined || first.path.length > 0 ? "is not valid" : first.message;
    }
    case "invalid_key":
      return "has a name that is not valid";
    case "invalid_element":
      return "has an entry that is not valid";
    default:
      return "is not valid";
  }
}

/** The issues as one clause each: `vm is missing; host is empty`. @param nameOf what has the path, for a reader. */
export function issuesInWords(
  issues: readonly z.core.$ZodIssue[],
  nameOf: (path: readonly PropertyKey[]) => string = pathText,
): string {
  return issues.map(({ path, message }) => `${nameOf(path)} ${message}`).join("; ");
}

/** `vm is missing`, `vm: Another VM has …`: what is said of a property, whether or not it goes on after the property's name. */
export function ofProperty(property: string, reason: string): string {
  if (property === "") return reason;
  return /^(?:is|has|must|would) /.test(reason) ? `${property} ${reason}` : `${property}: ${reason}`;
}

function tooSmall(origin: string, least: number, inclusive: boolean): string {
  if (origin === "string" && least <= 1) return "is empty";
  if (origin === "array" && least <= 1) return "is an empty list";
  return inclusive ? `must ${measured(origin, "at least", least)}` : `must be more than ${least}`;
}

function measured(origin: string, bound: string, limit: number): string {
  const unit = units[origin]?.[limit === 1 ? 0 : 1];
  return unit === undefined ? `be ${bound} ${limit}` : `have ${bound} ${limit} ${unit}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const keys = known.length === 0 ? "" : `; its keys are ${known.join(", ")}`;
  return `an unknown key "${key}"${didYouMean(key, known) || keys}`;
}

const formats: Readonly<Record<string, string>> = {
  ipv4: "is not a valid IPv4 address",
  ipv6: "is not a valid IPv6 address",
  url: "is not a valid URL",
};

const units: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
};

const kinds: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
};

function mustBe(what: string, value: unknown): string {
  if (value === undefined) return "is missing";
  if (value === null) return `is empty: it must be ${what}`;
  // 1.5 is a number, too, and NaN only to a programmer.
  return `must be ${what}${typeof value === "number" && what.endsWith("number") ? "" : kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (value === "") return "";
  if (Array.isArray(value)) return ", not a list";
  const kind = { boolean: "true or false", number: "a number", object: "an object", string: "a string" } as const;
  const type = typeof value;
  return type in kind ? `, not ${kind[type as keyof typeof kind]}` : "";
}

function mistakesIn(issue: z.core.$ZodIssue, schema: z.ZodType, at: readonly PropertyKey[]): Mistake[] {
  const path = [...at, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(schema, issue.path);
      return issue.keys.map((key) => ({
        path,
        key,
        message: `has ${unknownKey(key, known)}`,
      }));
    }
    case "invalid_union":
      return intended(issue.errors).flatMap((each) =>
        mistakesIn({ ...each, path: [...issue.path, ...each.path] }, schema, at),
      );
    case "invalid_key":
      return [{ path, message: issue.issues[0]?.message ?? "has a name that is not valid" }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** Of the ways in which a value may be written, the one that was meant: the first whose kind of value it is. */
function intended(ways: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const isOfOtherKind = ({ code, path }: z.core.$ZodIssue) => code === "invalid_type" && path.length === 0;
  return ways.find((issues) => !issues.some(isOfOtherKind)) ?? ways[0] ?? [];
}

/** A key that is missing because it was mistyped is one mistake, not two. */
function withoutFollowing(mistakes: readonly Mistake[]): readonly Mistake[] {
  const meant = new Set(
    mistakes.flatMap(({ path, key }) => {
      if (key === undefined) return [];
      const siblings = mistakes
        .filter(
          (other) => other.path.length === path.length + 1 && pathText(other.path.slice(0, -1)) === pathText(path),
        )
        .map((other) => String(other.path.at(-1)));
      const near = nearest(key, siblings);
      return near === undefined ? [] : [pathText([...path, near])];
    }),
  );
  return mistakes.filter(({ path, message }) => message !== "is missing" || !meant.has(pathText(path)));
}

/** The keys that the schema has for the object there. */
export function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const inner = bare(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<PropertyKey, z.core.$ZodType>>;
    if (first === undefined) return Object.keys(shape);
    const next = shape[first];
    return next === undefined ? [] : keysAt(next, rest);
  }
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => keysAt(option, path));
  if (inner instanceof z.ZodRecord) return keysAt(inner.valueType, rest);
  if (inner instanceof z.ZodArray) return keysAt(inner.element, rest);
  return [];
}

function bare(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = [z.ZodOptional, z.ZodNullable, z.ZodDefault].find((wrapper) => schema instanceof wrapper);
  return wrapped === undefined ? schema : bare((schema as z.ZodOptional).unwrap());
}
