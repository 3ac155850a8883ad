/** Pulumi's package schema, as far as this package needs it (pulumi/pulumi: pkg/codegen/schema/pulumi.json), made of descriptions. */
import { scalarDefault, type ObjectType, type Properties, type Property } from "../../../model/describe.js";
import { shapeIn, type Shape } from "../../../model/shape.js";
import { sentencesOf } from "../../../model/wording.js";

export const PACKAGE = "vnic-failover";

/** The token of one of the package's resources, functions or types. */
export function token(name: string): string {
  return `${PACKAGE}:index:${name}`;
}

export interface TypeSpec {
  readonly type?: "string" | "integer" | "number" | "boolean" | "array" | "object";
  readonly $ref?: string;
  readonly items?: TypeSpec;
  readonly additionalProperties?: TypeSpec;
  /** Any of these; `type` is what languages without unions take. */
  readonly oneOf?: readonly TypeSpec[];
}

export interface PropertySpec extends TypeSpec {
  readonly description: string;
  readonly default?: string | number | boolean;
  readonly secret?: true;
  /** Documentation only: that a change replaces the resource, the diff says. */
  readonly willReplaceOnChanges?: true;
}

export interface ObjectSpec {
  readonly description: string;
  readonly properties: Readonly<Record<string, PropertySpec>>;
  readonly required?: readonly string[];
}

export function objectSpec({ doc, properties }: ObjectType): ObjectSpec {
  const required = Object.keys(properties).filter((name) => isNeeded(properties[name] as Property));
  return {
    description: doc,
    properties: propertySpecs(properties),
    ...(required.length > 0 && { required }),
  };
}

/** @param defaults whether they are the program's: a state has its value, and of other objects the default is filled in later. */
export function propertySpecs(
  properties: Properties,
  { defaults = false } = {},
): Readonly<Record<string, PropertySpec>> {
  return Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, propertySpec(each, defaults)]));
}

/** What is null is absent to SDKs. */
function isNeeded({ presence, schema }: Property): boolean {
  return presence === "required" && shapeIn(schema).is !== "nullable";
}

function propertySpec(property: Property, defaults: boolean): PropertySpec {
  const value = defaults ? scalarDefault(property) : undefined;
  const { secret, replaces } = property;
  return {
    ...typeSpec(shapeIn(property.schema)),
    description: sentencesOf(property),
    ...(secret && { secret }),
    ...(replaces && { willReplaceOnChanges: replaces }),
    ...(value !== undefined && { default: value }),
  };
}

function typeSpec(shape: Shape): TypeSpec {
  switch (shape.is) {
    case "literal":
      return { type: typeof shape.value === "number" ? "integer" : "string" };
    case "enum":
      return shape.type.name === undefined ? { type: "string" } : typeNamed(shape.type.name);
    case "object":
      return typeNamed(shape.type.name);
    case "list":
      return { type: "array", items: typeSpec(shape.items) };
    case "map":
      return { type: "object", additionalProperties: typeSpec(shape.values) };
    case "union":
      return { type: "string", oneOf: shape.options.map(typeSpec) };
    case "nullable":
      return typeSpec(shape.inner);
    default:
      return { type: shape.is };
  }
}

function typeNamed(name: string): TypeSpec {
  return { $ref: `#/types/${token(name)}` };
}
