/** Pulumi's package schema, as far as this package needs it (pulumi/pulumi: pkg/codegen/schema/pulumi.json). */

export const PACKAGE = "vnic-failover";

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

export type Properties<Names extends string = string> = Readonly<Record<Names, PropertySpec>>;

export interface ObjectSpec<Names extends string = string> {
  readonly description: string;
  readonly properties: Properties<Names>;
  readonly required?: readonly NoInfer<Names>[];
}

export interface EnumSpec {
  readonly description: string;
  readonly values: Readonly<Record<string, string>>;
}

export interface ResourceSpec {
  readonly description: string;
  readonly inputs: Properties;
  readonly requiredInputs: readonly string[];
  /** What the state has beyond the inputs. */
  readonly outputs: Properties;
  /** What every state has, of inputs and outputs. */
  readonly required: readonly string[];
}

export interface FunctionSpec {
  readonly description: string;
  readonly inputs: ObjectSpec;
  readonly outputs: ObjectSpec;
}

export const text = { type: "string" } as const;
export const integer = { type: "integer" } as const;
export const number = { type: "number" } as const;
export const boolean = { type: "boolean" } as const;

export function listOf<Item extends TypeSpec>(items: Item) {
  return { type: "array", items } as const;
}

export function mapOf<Value extends TypeSpec>(additionalProperties: Value) {
  return { type: "object", additionalProperties } as const;
}

/** One of the package's own types. */
export function typeNamed(name: string) {
  return { $ref: `#/types/${PACKAGE}:index:${name}` } as const;
}
