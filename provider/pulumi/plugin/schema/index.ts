/** The package's schema: what `pulumi package get-schema` prints and SDKs are generated from. */
import { configuration } from "../../../model/configuration.js";
import {
  alwaysPresent,
  namesWhere,
  type EnumType,
  type ObjectType,
  type ResourceType,
} from "../../../model/describe.js";
import { functionTypes } from "../../../model/functions.js";
import { resourceTypes } from "../../../model/resources/index.js";
import { shapeIn, typesIn } from "../../../model/shape.js";
import { objectSpec, PACKAGE, propertySpecs, token } from "./spec.js";

export { token } from "./spec.js";

export function packageSchema(version: string): object {
  const config = propertySpecs(configuration.keys);
  return {
    name: PACKAGE,
    displayName: "vNIC failover",
    version,
    description: "SR-IOV NICs that survive live migration, with libvirt hosts or on oVirt.",
    keywords: ["pulumi", "libvirt", "ovirt", "sr-iov", "net_failover", "live-migration", "category/infrastructure"],
    license: "Apache-2.0",
    config: { variables: config },
    provider: {
      description: "How the cluster is reached: with libvirt by `cluster`, or on an oVirt engine by `ovirt`.",
      inputProperties: config,
    },
    types: Object.fromEntries(namedTypes().map((type) => [token(type.name), typeSpec(type)])),
    resources: byToken(resourceTypes, resourceSpec),
    functions: byToken(functionTypes, ({ doc, args, result }) => ({
      description: doc,
      inputs: objectSpec(args),
      outputs: objectSpec(result),
    })),
    language: {
      nodejs: { packageName: "pulumi-vnic-failover-sdk", respectSchemaVersion: true },
      python: { packageName: "pulumi_vnic_failover", respectSchemaVersion: true, pyproject: { enabled: true } },
      go: {
        importBasePath: "pulumi-vnic-failover/sdk/go/vnicfailover",
        packageImportAliases: {},
        respectSchemaVersion: true,
        generateResourceContainerTypes: true,
      },
      csharp: { namespaces: { [PACKAGE]: "VnicFailover" }, respectSchemaVersion: true },
      java: { packages: { [PACKAGE]: "vnicfailover" } },
    },
  };
}

function resourceSpec(type: ResourceType): object {
  const { kind, doc, importBy, inputs, outputs } = type;
  const [by, example] = importBy;
  return {
    description: `${doc}\n\n## Import\n\nBy ${by}:\n\n\`\`\`sh\npulumi import ${token(kind)} ${example}\n\`\`\`\n`,
    inputProperties: propertySpecs(inputs, { defaults: true }),
    requiredInputs: namesWhere(inputs, ({ presence, isName }) => presence === "required" && isName !== true),
    properties: propertySpecs({ ...inputs, ...outputs }),
    required: alwaysPresent(type),
  };
}

type Named<Type> = Type & { readonly name: string };

/** Every type that a property is of, by name. */
function namedTypes(): readonly (ObjectType | Named<EnumType>)[] {
  const properties = [
    configuration.keys,
    ...Object.values(resourceTypes).flatMap(({ inputs, outputs }) => [inputs, outputs]),
    ...Object.values(functionTypes).flatMap(({ args, result }) => [args.properties, result.properties]),
  ].flatMap((each) => Object.values(each));
  const types = properties.flatMap(({ schema }) => typesIn(shapeIn(schema)));
  return [...new Set(types)].filter((type): type is ObjectType | Named<EnumType> => type.name !== undefined);
}

function typeSpec(type: ObjectType | EnumType): object {
  if ("properties" in type) return { type: "object", ...objectSpec(type) };
  return {
    type: "string",
    description: type.doc,
    enum: Object.entries(type.values).map(([value, description]) => ({ value, description })),
  };
}

function byToken<Type>(types: Readonly<Record<string, Type>>, schemaOf: (type: Type) => object): object {
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [token(name), schemaOf(type)]));
}
