/** JSON schemas (draft 7) by which editors complete and check configuration files. */
import * as z from "zod";
import { configuration } from "../../provider/model/configuration.js";
import type { Properties } from "../../provider/model/describe.js";
import { CONFIG_NAMESPACE, pulumiKeys } from "../../provider/model/namespace.js";
import { shapeIn, type Shape } from "../../provider/model/shape.js";
import { sentencesOf } from "../../provider/model/wording.js";

type Json = z.core.JSONSchema.JSONSchema;

/** A value that Pulumi has encrypted. */
const encrypted: Json = { type: "object", properties: { secure: { type: "string" } }, required: ["secure"] };

/** Of the file that `vnic-failover --config` reads. */
export function clusterSchema(): Json {
  const { cluster } = configuration;
  return {
    ...jsonSchema(cluster.schema),
    title: "A cluster for vnic-failover --config",
    description: cluster.doc,
  };
}

/** Of `Pulumi.<stack>.yaml`: of this package's keys, and of no others. */
export function stackSchema(): Json {
  const keys = Object.keys(configuration.keys);
  const properties = Object.fromEntries(
    Object.entries(propertiesIn(configuration.keys)).map(([key, schema]) => [`${CONFIG_NAMESPACE}:${key}`, schema]),
  );
  const unknown = `^${CONFIG_NAMESPACE}:(?!(${[...keys, ...pulumiKeys].join("|")})$)`;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Pulumi.<stack>.yaml with the configuration of pulumi-vnic-failover",
    type: "object",
    properties: { config: { type: "object", properties, patternProperties: { [unknown]: false } } },
  };
}

function jsonSchema(schema: z.ZodType): Json {
  const json = z.toJSONSchema(schema, { target: "draft-7", io: "input", unrepresentable: "any" });
  describe(json, shapeIn(schema));
  return json;
}

function propertiesIn(properties: Properties): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => {
      const { $schema: _, ...json } = jsonSchema(property.schema);
      const value = property.secret ? { anyOf: [json, encrypted] } : json;
      return [name, { ...value, description: sentencesOf(property, { meanings: true }) }] as const;
    }),
  );
}

/** Puts the descriptions where the properties are. */
function describe(json: Json, shape: Shape): void {
  if (shape.is === "object") json.properties = { ...json.properties, ...propertiesIn(shape.type.properties) };
  else if (shape.is === "map") describe(json.additionalProperties as Json, shape.values);
  else if (shape.is === "list") describe(json.items as Json, shape.items);
  else if (shape.is === "union") shape.options.forEach((option, index) => describe(json.anyOf?.[index] ?? {}, option));
}
