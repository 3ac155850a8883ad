/**
 * One description per property: what validates it and what people read of it stand side by side, and everything else is made of
 * them: the handlers' checks and diffs, the plugin's schema, the classes' arguments, the reference pages, and the editors' schema
 * (`npm run generate` writes what is a file).
 */
import * as z from "zod";
import type { Kind } from "./kind.js";
import { inWords } from "./mistake.js";
import { known } from "./known.js";
import type { MaybeUnknown } from "./unknown.js";

/** `omitted`: has a default, and is left out of a state where it has that, as the engine's time goes by the number of properties. */
type DomainInstance = "required" | "optional" | "default" | "omitted";

interface Notes {
  /** What is so where it is left out, in words and without a full stop. A default that the schema fills in is said by itself. */
  readonly defaultText?: string;
  readonly secret?: true;
  /** Another value makes another resource. */
  readonly replaces?: true;
  /** Its value is the id of such a resource; a program of the npm package may give the resource itself. */
  readonly refersTo?: Kind;
  /** The resource's own name, where nothing else is declared. */
  readonly isName?: true;
  /** An input that every state has, although it may be left out. */
  readonly alwaysSet?: true;
  /** An input that is null in a state without it. An output that may be absent always is. */
  readonly nullable?: true;
  /** An update leaves it as it is. */
  readonly constant?: true;
  /** Lists in words what is really otherwise than declared: empty after every success. */
  readonly drift?: true;
  /** The command line's option: `--unplug-timeout <s>`. */
  readonly flag?: string;
}

export interface Property<
  Schema extends z.ZodType = z.ZodType,
  P extends DomainInstance = DomainInstance,
> extends Notes {
  /** Of its value where it is there. */
  readonly schema: Schema;
  readonly presence: P;
  /** Sentences: what it is, and its unit. Limits and the default are added to them (wording.ts). */
  readonly doc: string;
  readonly defaultValue?: unknown;
}

export type Properties = Readonly<Record<string, Property>>;

export function required<Schema extends z.ZodType>(
  schema: Schema,
  doc: string,
  notes?: Notes,
): Property<Schema, "required"> {
  return { schema, presence: "required", doc, ...notes };
}

export function optional<Schema extends z.ZodType>(
  schema: Schema,
  doc: string,
  notes?: Notes,
): Property<Schema, "optional"> {
  return { schema, presence: "optional", doc, ...notes };
}

export function withDefault<Schema extends z.ZodType>(
  schema: Schema,
  defaultValue: z.input<Schema>,
  doc: string,
  notes?: Notes,
): Property<Schema, "default"> {
  return { schema, presence: "default", defaultValue, doc, ...notes };
}

export function trueByDefault(doc: string, notes?: Notes): Property<z.ZodBoolean, "omitted"> {
  return { schema: z.boolean(), presence: "omitted", defaultValue: true, doc, ...notes };
}

// --- types of values

/** A set of words, each with its meaning. Without a name it is mere text to the SDKs. */
export interface EnumType<Value extends string = string> {
  readonly name?: string;
  readonly doc: string;
  readonly values: Readonly<Record<Value, string>>;
  readonly schema: z.ZodType<Value, Value>;
}

export interface ObjectType<Of extends Properties = Properties> {
  readonly name: string;
  readonly doc: string;
  readonly properties: Of;
  readonly schema: z.ZodObject<ShapeOf<Of>, z.core.$strict>;
}

/** The descriptions behind schemas: a schema that has one stands for it wherever it is part of another. */
const described = new WeakMap<z.core.$ZodType, EnumType | ObjectType>();

export function descriptionBehind(schema: z.core.$ZodType): EnumType | ObjectType | undefined {
  return described.get(schema);
}

export function enumType<const Value extends string>(
  values: Readonly<Record<Value, string>>,
  name?: string,
  doc = "",
): EnumType<Value> & { readonly schema: z.ZodEnum<{ [Key in Value]: Key }> } {
  const schema = z.enum(Object.keys(values) as Value[]) as z.ZodEnum<{ [Key in Value]: Key }>;
  const type = { ...(name !== undefined && { name }), doc, values, schema };
  described.set(schema, type);
  return type;
}

export function objectType<const Of extends Properties>(name: string, doc: string, properties: Of): ObjectType<Of> {
  const schema = z.strictObject(shapeOf(properties));
  const type = { name, doc, properties, schema };
  described.set(schema, type);
  return type;
}

type Whole<Of extends Property> =
  Of extends Property<infer Schema, infer P>
    ? P extends "required"
      ? Schema
      : P extends "default"
        ? z.ZodDefault<Schema>
        : z.ZodOptional<Schema>
    : never;
export type ShapeOf<Of extends Properties> = { -readonly [Name in keyof Of]: Whole<Of[Name]> };

function shapeOf<Of extends Properties>(properties: Of): ShapeOf<Of> {
  const whole = ({ schema, presence, defaultValue }: Property) =>
    presence === "required" ? schema : presence === "default" ? schema.default(defaultValue) : schema.optional();
  return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, whole(each)])) as ShapeOf<Of>;
}

type Names<Of extends Properties, P extends DomainInstance> = {
  [Name in keyof Of]: Of[Name]["presence"] extends P ? Name : never;
}[keyof Of];

/** The values of properties: those without a default may be absent. */
export type ValuesOf<Of extends Properties> = {
  readonly [Name in Names<Of, "required" | "default">]: z.input<Of[Name]["schema"]>;
} & { readonly [Name in Names<Of, "optional" | "omitted">]?: z.input<Of[Name]["schema"]> };

// --- resources

export interface ResourceType<Inputs extends Properties = Properties, Outputs extends Properties = Properties> {
  readonly kind: Kind;
  /** Paragraphs. */
  readonly doc: string;
  /** How `pulumi import` names one: by what, and an example of the resource's name and that. */
  readonly importBy: readonly [words: string, example: string];
  readonly inputs: Inputs;
  /** What a state has beside the inputs. */
  readonly outputs: Outputs;
  /** The old one goes before its replacement comes, also where the engine is asked for the replacement and no diff is. */
  readonly deleteBeforeReplace?: true;
}

export function resourceType<const Inputs extends Properties, const Outputs extends Properties>(
  type: ResourceType<Inputs, Outputs>,
): ResourceType<Inputs, Outputs> {
  return type;
}

/** The schema by which declared inputs are checked: any of them may be unknown in a preview. */
export function checkSchema<Inputs extends Properties>({
  inputs,
}: Pick<ResourceType<Inputs>, "inputs">): z.ZodObject<
  Readonly<Record<keyof Inputs & string, z.ZodType>>,
  z.core.$strict
> &
  z.ZodType<MaybeUnknown<ValuesOf<Inputs>>> {
  const checked = ({ schema, presence, defaultValue }: Property): z.ZodType => {
    const given = known(schema);
    if (presence === "required") return given;
    if (presence === "default") return given.default(defaultValue as never);
    if (presence === "optional") return given.optional();
    return given.transform((declared) => (declared === defaultValue ? undefined : declared)).optional();
  };
  const shape = Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, checked(each)]));
  return z.strictObject(shape, { error: inWords }) as unknown as ReturnType<typeof checkSchema<Inputs>>;
}

/** The inputs that a state is compared by. `adopt` says only how to begin. */
export function comparedInputs<Inputs extends Properties>({ inputs }: Pick<ResourceType<Inputs>, "inputs">) {
  return Object.keys(inputs).filter((name) => name !== "adopt") as Exclude<keyof Inputs & string, "adopt">[];
}

/** The inputs whose change makes another resource. */
export function replacingInputs<Inputs extends Properties>({ inputs }: Pick<ResourceType<Inputs>, "inputs">) {
  return namesWhere(inputs, ({ replaces }) => replaces === true);
}

/** What is null where a state has it not. */
export function nullableOutputs({ inputs, outputs }: ResourceType): readonly string[] {
  return [
    ...namesWhere(inputs, ({ nullable }) => nullable === true),
    ...namesWhere(outputs, ({ presence }) => presence === "optional"),
  ];
}

/** What every state has, of inputs and outputs. */
export function alwaysPresent({ inputs, outputs }: ResourceType): readonly string[] {
  return [
    ...namesWhere(inputs, ({ presence, alwaysSet }) => presence !== "optional" || alwaysSet === true),
    ...namesWhere(outputs, ({ presence }) => presence === "required"),
  ];
}

/** The value that a property has where it is left out, if it is one that a schema can tell. */
export function scalarDefault({ defaultValue: value }: Property): string | number | boolean | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}

export function namesWhere<Of extends Properties>(
  properties: Of,
  holds: (property: Property) => boolean,
): (keyof Of & string)[] {
  return Object.keys(properties).filter((name) => holds(properties[name] as Property));
}
