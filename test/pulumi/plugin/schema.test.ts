import { describe, expect, it } from "vitest";
import { credentialsSchema } from "../../../provider/config/index.js";
import { withDefaults, vmInterfaceSchema } from "../../../provider/handlers/inputs/vm-interface.js";
import { vmPlacementSchema } from "../../../provider/handlers/inputs/vm-placement.js";
import { vnicProfileSchema } from "../../../provider/handlers/inputs/vnic-profile.js";
import { handlers } from "../../../provider/handlers/registry.js";
import { noProgress } from "../../../provider/model/progress.js";
import { resourceFacts } from "../../../provider/pulumi/plugin/resources.js";
import { packageSchema, token } from "../../../provider/pulumi/plugin/schema/index.js";
import type { ObjectSpec, PropertySpec, TypeSpec } from "../../../provider/pulumi/plugin/schema/spec.js";

type Properties = Readonly<Record<string, PropertySpec>>;
const kinds = ["VnicProfile", "VmInterface", "VmPlacement"] as const;
const least = {
  VnicProfile: { name: "data", network: "data" },
  VmInterface: { vm: "web", profile: "p" },
  VmPlacement: { vm: "web", host: "host1" },
} as const;
const checks = { VnicProfile: vnicProfileSchema, VmInterface: vmInterfaceSchema, VmPlacement: vmPlacementSchema };

const sorted = (names: Iterable<string>) => [...names].sort();
const schema = packageSchema("1.2.3") as {
  readonly config: { readonly variables: Properties };
  readonly types: Readonly<Record<string, Partial<ObjectSpec>>>;
  readonly resources: Readonly<
    Record<
      string,
      {
        readonly inputProperties: Properties;
        readonly requiredInputs: readonly string[];
        readonly properties: Properties;
        readonly required: readonly string[];
      }
    >
  >;
  readonly functions: Readonly<Record<string, { readonly inputs: ObjectSpec; readonly outputs: ObjectSpec }>>;
};

describe.each(kinds)("%s", (kind) => {
  const spec = schema.resources[token(kind)] ?? expect.fail("not in the schema");
  /** The least that can be declared, with all that is so by default. */
  const full = (): object =>
    kind === "VmInterface" ? withDefaults(vmInterfaceSchema.parse(least[kind])) : checks[kind].parse(least[kind]);

  it("needs what the handler needs", () => {
    const { namedBy } = resourceFacts[kind];
    expect(sorted([...spec.requiredInputs, ...(namedBy === undefined ? [] : [namedBy])])).toEqual(
      sorted(Object.keys(least[kind])),
    );
    expect(checks[kind].safeParse(least[kind]).success).toBe(true);
    for (const name of Object.keys(least[kind]))
      expect(checks[kind].safeParse({ ...least[kind], [name]: undefined }).success).toBe(false);
  });

  it("has the defaults that the handler fills in", () => {
    const filledIn = Object.entries(full()).filter(([name]) => !(name in least[kind]));
    const scalars = filledIn.filter(([, value]) => typeof value !== "object");
    const declared = Object.entries(spec.inputProperties).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(scalars));
  });

  it("says of the inputs that replace that they do", async () => {
    const state = { ...full(), mac: "52:54:00:00:00:01", missing: [], differsOn: [] };
    const replacing: string[] = [];
    for (const name of Object.keys(spec.inputProperties)) {
      const { replaces } = await handlers[kind].diff(
        { config: { cluster: "{}" }, progress: noProgress },
        "id",
        state as never,
        { ...state, [name]: "another" } as never,
      );
      replacing.push(...replaces);
    }
    const told = Object.entries(spec.inputProperties).filter(([, { willReplaceOnChanges }]) => willReplaceOnChanges);
    expect(sorted(replacing)).toEqual(sorted(told.map(([name]) => name)));
  });

  it("needs no output that it lacks", () => {
    expect(Object.keys(spec.properties)).toEqual(expect.arrayContaining([...spec.required]));
    for (const name of [...resourceFacts[kind].drift, ...resourceFacts[kind].constant])
      expect(spec.properties).toHaveProperty(name);
  });
});

it("has every type that is referred to, and no other", () => {
  const named = [...JSON.stringify(schema).matchAll(/"#\/types\/([^"]+)"/g)].map(([, name = ""]) => name);
  expect(sorted(new Set(named))).toEqual(sorted(Object.keys(schema.types)));
});

it("keeps credentials secret", () => {
  const secrets = Object.entries(schema.config.variables).filter(([, { secret }]) => secret === true);
  expect(sorted(secrets.map(([name]) => name))).toEqual(
    sorted([...Object.keys(credentialsSchema.shape), "hostCredentials", "ovirtPassword", "ovirtToken"]),
  );
});

it("says of everything what it is", () => {
  const everyProperty = [
    schema.config.variables,
    ...Object.values(schema.types).map(({ properties = {} }) => properties),
    ...Object.values(schema.functions).flatMap(({ inputs, outputs }) => [inputs.properties, outputs.properties]),
    ...Object.values(schema.resources).flatMap(({ inputProperties, properties }) => [inputProperties, properties]),
  ].flatMap((properties) => Object.entries(properties));
  expect(everyProperty.length).toBeGreaterThan(150);
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
