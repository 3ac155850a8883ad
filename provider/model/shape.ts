/** What a value is, as far as texts and other schemas have to know it: read from the schema that validates it. */
import * as z from "zod";
import { descriptionBehind, type EnumType, type ObjectType } from "./describe.js";

export type Shape =
  | { readonly is: "string" | "integer" | "number" | "boolean" }
  | { readonly is: "literal"; readonly value: string | number }
  | { readonly is: "enum"; readonly type: EnumType }
  | { readonly is: "object"; readonly type: ObjectType }
  | { readonly is: "list"; readonly items: Shape }
  | { readonly is: "map"; readonly values: Shape }
  | { readonly is: "union"; readonly options: readonly Shape[] }
  | { readonly is: "nullable"; readonly inner: Shape };

/** @throws Error: no description is written with such a schema yet. */
export function shapeIn(schema: z.core.$ZodType): Shape {
  const type = descriptionBehind(schema);
  if (type !== undefined) return "properties" in type ? { is: "object", type } : { is: "enum", type };
  if (schema instanceof z.ZodNumber) return { is: schema.format === "safeint" ? "integer" : "number" };
  if (schema instanceof z.ZodBoolean) return { is: "boolean" };
  if (schema instanceof z.ZodLiteral) return { is: "literal", value: schema.value as string | number };
  if (schema instanceof z.ZodArray) return { is: "list", items: shapeIn(schema.element) };
  if (schema instanceof z.ZodRecord) return { is: "map", values: shapeIn(schema.valueType) };
  if (schema instanceof z.ZodUnion) return { is: "union", options: schema.options.map(shapeIn) };
  if (schema instanceof z.ZodNullable) return { is: "nullable", inner: shapeIn(schema.unwrap()) };
  if (schema instanceof z.ZodReadonly) return shapeIn(schema.unwrap());
  if (schema instanceof z.ZodPipe) return shapeIn(schema.in);
  if (schema._zod.def.type === "string") return { is: "string" };
  throw new Error(`a schema of type ${schema._zod.def.type} has no shape yet: see provider/model/shape.ts`);
}

/** Every named type that the shape is made of, each after those that it is made of first where it is met. */
export function typesIn(shape: Shape): readonly (ObjectType | EnumType)[] {
  switch (shape.is) {
    case "enum":
      return [shape.type];
    case "object":
      return [shape.type, ...Object.values(shape.type.properties).flatMap(({ schema }) => typesIn(shapeIn(schema)))];
    case "list":
      return typesIn(shape.items);
    case "map":
      return typesIn(shape.values);
    case "union":
      return shape.options.flatMap(typesIn);
    case "nullable":
      return typesIn(shape.inner);
    default:
      return [];
  }
}
