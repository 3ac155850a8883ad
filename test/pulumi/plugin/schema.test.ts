import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { describe, expect, it } from "vitest";
import {
  clusterSchema,
  configKeys,
  credentialsSchema,
  engineSchema,
  type ClusterConfig,
} from "../../../provider/config/index.js";
import { handlers } from "../../../provider/handlers/registry.js";
import { functions } from "../../../provider/handlers/functions/index.js";
import { inFull, vmInterfaceSchema } from "../../../provider/handlers/inputs/vm-interface.js";
import { vmPlacementSchema } from "../../../provider/handlers/inputs/vm-placement.js";
import { vnicProfileSchema } from "../../../provider/handlers/inputs/vnic-profile.js";
import { announceStrategies, migrationOptionsSchema } from "../../../provider/migration/options.js";
import { resourceFacts } from "../../../provider/pulumi/plugin/resources.js";
import { configuration } from "../../../provider/pulumi/plugin/schema/configuration.js";
import { functionSpecs } from "../../../provider/pulumi/plugin/schema/functions.js";
import {
  enumTypes,
  objectTypes,
  packageSchema,
  resourceSpecs,
  token,
} from "../../../provider/pulumi/plugin/schema/index.js";
import type { ObjectSpec, Properties, TypeSpec } from "../../../provider/pulumi/plugin/schema/spec.js";
import { silent } from "../../../provider/model/progress.js";

const kinds = ["VnicProfile", "VmInterface", "VmPlacement"] as const;
const inputSchemas = {
  VnicProfile: { schema: vnicProfileSchema, least: { name: "data", network: "data" } },
  VmInterface: { schema: vmInterfaceSchema, least: { vm: "web", profile: "p" } },
  VmPlacement: { schema: vmPlacementSchema, least: { vm: "web", host: "host1" } },
} as const;

const sorted = (names: Iterable<string>) => [...names].sort();
const schema = packageSchema("1.2.3") as {
  readonly types: Record<string, object>;
  readonly resources: Record<string, { readonly properties: Properties; readonly required: readonly string[] }>;
};

describe.each(kinds)("%s", (kind) => {
  const spec = resourceSpecs[kind];
  const { schema: inputs, least } = inputSchemas[kind];
  /** The least that can be declared, with all that is so by default. */
  const full = (): object => (kind === "VmInterface" ? inFull(vmInterfaceSchema.parse(least)) : inputs.parse(least));

  it("has the inputs that its handler takes", () => {
    expect(sorted(Object.keys(spec.inputs))).toEqual(sorted(Object.keys(inputs.shape)));
  });

  it("needs what the handler needs", () => {
    const { namedBy } = resourceFacts[kind];
    expect(sorted([...spec.requiredInputs, ...(namedBy === undefined ? [] : [namedBy])])).toEqual(
      sorted(Object.keys(least)),
    );
    expect(inputs.safeParse(least).success).toBe(true);
    for (const name of Object.keys(least)) {
      expect(inputs.safeParse({ ...least, [name]: undefined }).success).toBe(false);
    }
  });

  it("has the defaults that the handler fills in", () => {
    const filledIn = Object.entries(full()).filter(([name]) => !(name in least));
    const scalars = filledIn.filter(([, value]) => typeof value !== "object");
    const declared = Object.entries(spec.inputs).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(scalars));
  });

  it("says of the inputs that replace that they do", async () => {
    const state = { ...full(), mac: "52:54:00:00:00:01", missing: [], differsOn: [] };
    const replacing: string[] = [];
    for (const name of Object.keys(spec.inputs)) {
      const { replaces } = await handlers[kind].diff(
        { config: { cluster: "{}" }, progress: silent },
        "id",
        state as never,
        { ...state, [name]: "another" } as never,
      );
      replacing.push(...replaces);
    }
    const told = Object.entries(spec.inputs).filter(([, { willReplaceOnChanges }]) => willReplaceOnChanges === true);
    expect(sorted(replacing)).toEqual(sorted(told.map(([name]) => name)));
  });

  it("has all inputs among its outputs, and needs none that it lacks", () => {
    const { properties, required } = schema.resources[token(kind)] ?? expect.fail("not in the schema");
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(Object.keys(spec.inputs)));
    expect(Object.keys(properties)).toEqual(expect.arrayContaining([...required]));
    for (const name of [...resourceFacts[kind].drift, ...resourceFacts[kind].constant]) {
      expect(properties).toHaveProperty(name);
    }
  });
});

describe("types", () => {
  const sources = {
    Migration: migrationOptionsSchema,
    OvirtEngine: engineSchema,
    Cluster: z.object(clusterSchema.shape),
    ClusterHost: clusterSchema.shape.hosts.valueType,
    ClusterNetwork: clusterSchema.shape.networks.unwrap().valueType,
  };

  it.each(Object.entries(sources))("%s is what the package reads", (name, source) => {
    const wanted = z.toJSONSchema(source, { io: "input", unrepresentable: "any" });
    const spec = objectTypes[name] ?? expect.fail("no such type");
    expect(sorted(Object.keys(spec.properties))).toEqual(sorted(Object.keys(wanted.properties ?? {})));
    expect(sorted(spec.required ?? [])).toEqual(sorted(wanted.required ?? []));
    for (const [property, { type }] of Object.entries(spec.properties)) {
      const found = wanted.properties?.[property];
      if (type !== undefined && typeof found === "object") expect([property, type]).toEqual([property, found.type]);
    }
  });

  it("has the values of enums that the package takes", () => {
    const values = (name: string) => Object.keys(enumTypes[name]?.values ?? {});
    expect(sorted(values("Announce"))).toEqual(sorted(announceStrategies));
    expect(values("Unplug")).toEqual(migrationOptionsSchema.shape.unplug.unwrap().options);
    for (const passThrough of values("PassThrough")) {
      expect(vnicProfileSchema.safeParse({ name: "a", network: "b", passThrough }).success).toBe(true);
    }
    expect(values("PassThrough")).toHaveLength(2);
  });

  it("are all there that are referred to, and none that is not", () => {
    const named = [...JSON.stringify(schema).matchAll(/"#\/types\/([^"]+)"/g)].map(([, name = ""]) => name);
    expect(sorted(new Set(named))).toEqual(sorted(Object.keys(schema.types)));
  });
});

describe("configuration", () => {
  it("has the keys of the stack's configuration, and keeps credentials secret", () => {
    expect(sorted(Object.keys(configuration))).toEqual(sorted(configKeys));
    const secrets = Object.entries(configuration).filter(([, { secret }]) => secret === true);
    expect(sorted(secrets.map(([name]) => name))).toEqual(
      sorted([...Object.keys(credentialsSchema.shape), "hostCredentials", "ovirtPassword", "ovirtToken"]),
    );
  });

  it("is of types that its parts have", () => {
    const cluster: ClusterConfig = clusterSchema.parse({ hosts: { a: { uri: "qemu:///system" } } });
    expect(Object.keys(objectTypes["Cluster"]?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(cluster)));
  });
});

describe("functions", () => {
  it.each(Object.entries(functions))("%s takes what it says", (name, { args }) => {
    const { inputs } = functionSpecs[name as keyof typeof functionSpecs];
    expect(sorted(Object.keys(inputs.properties))).toEqual(sorted(Object.keys((args as unknown as z.ZodObject).shape)));
    expect(sorted(inputs.required ?? [])).toEqual(sorted(Object.keys(inputs.properties)));
  });
});

it("is the golden file's: a change of the schema is seen in its diff", () => {
  const golden = readFileSync(join(import.meta.dirname, "fixtures", "schema.json"), "utf8");
  expect(packageSchema("0.0.0")).toEqual(JSON.parse(golden));
});

it("everything is described", () => {
  const objects: readonly ObjectSpec[] = [
    ...Object.values(objectTypes),
    ...Object.values(functionSpecs).flatMap(({ inputs, outputs }) => [inputs, outputs]),
  ];
  const everyProperty = [
    configuration,
    ...objects.map(({ properties }) => properties),
    ...Object.values(resourceSpecs).flatMap(({ inputs, outputs }) => [inputs, outputs]),
  ].flatMap((properties: Properties) => Object.entries(properties));
  for (const [name, property] of everyProperty) {
    expect([name, property.description]).toEqual([name, expect.stringMatching(/^.{5,}\.$/s)]);
    expect([name, isTyped(property)]).toEqual([name, true]);
  }
});

function isTyped({ type, $ref, items, additionalProperties }: TypeSpec): boolean {
  if (type === "array") return items !== undefined && isTyped(items);
  if (type === "object") return additionalProperties !== undefined && isTyped(additionalProperties);
  return (type === undefined) !== ($ref === undefined);
}
