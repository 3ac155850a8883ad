/** The package's schema: what `pulumi package get-schema` prints and SDKs are generated from. */
import type { Kind } from "../../../model/kind.js";
import * as configTypes from "./configuration.js";
import { configuration } from "./configuration.js";
import { functionSpecs, PlanFinding, PlannedMove, PlannedStep } from "./functions.js";
import * as reportTypes from "./move-report.js";
import { PACKAGE, type EnumSpec, type ObjectSpec, type ResourceSpec } from "./spec.js";
import { vmInterfaceSpec } from "./vm-interface.js";
import { Announce, Migration, Unplug, vmPlacementSpec } from "./vm-placement.js";
import { PassThrough, vnicProfileSpec } from "./vnic-profile.js";

export const resourceSpecs: Readonly<Record<Kind, ResourceSpec>> = {
  VnicProfile: vnicProfileSpec,
  VmInterface: vmInterfaceSpec,
  VmPlacement: vmPlacementSpec,
};

const { configuration: _, ...clusterTypes } = configTypes;
export const objectTypes: Readonly<Record<string, ObjectSpec>> = {
  ...clusterTypes,
  Migration,
  ...reportTypes,
  PlanFinding,
  PlannedMove,
  PlannedStep,
};
export const enumTypes: Readonly<Record<string, EnumSpec>> = { PassThrough, Announce, Unplug };

/** The token of one of the package's resources, functions or types. */
export function token(name: string): string {
  return `${PACKAGE}:index:${name}`;
}

export function packageSchema(version: string): object {
  return {
    name: PACKAGE,
    displayName: "vNIC failover",
    version,
    description: "SR-IOV NICs that survive live migration, over libvirt hosts or oVirt.",
    keywords: ["pulumi", "libvirt", "ovirt", "sr-iov", "net_failover", "live-migration", "category/infrastructure"],
    license: "Apache-2.0",
    config: { variables: configuration },
    provider: {
      description: "How the cluster is reached: over libvirt with `cluster`, or over an oVirt engine with `ovirt`.",
      inputProperties: configuration,
    },
    types: {
      ...byToken(objectTypes, (spec) => ({ type: "object", ...spec })),
      ...byToken(enumTypes, ({ description, values }) => ({
        type: "string",
        description,
        enum: Object.entries(values).map(([value, meaning]) => ({ value, description: meaning })),
      })),
    },
    resources: byToken(resourceSpecs, ({ description, inputs, requiredInputs, outputs, required }) => ({
      description,
      inputProperties: inputs,
      requiredInputs,
      // A default is the program's: a state has its value.
      properties: { ...withoutDefaults(inputs), ...outputs },
      required,
    })),
    functions: byToken(functionSpecs, (spec) => spec),
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

function byToken<Spec>(specs: Readonly<Record<string, Spec>>, schemaOf: (spec: Spec) => object): object {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [token(name), schemaOf(spec)]));
}

function withoutDefaults(properties: ResourceSpec["inputs"]): object {
  return Object.fromEntries(Object.entries(properties).map(([name, { default: _, ...property }]) => [name, property]));
}
