import * as pulumi from "@pulumi/pulumi";
import type { DynamicProvider, Kind } from "../handlers/dynamic";

/** The module of the resources' types: `pulumi-nodejs:dynamic/vnic-failover:VmInterface`. */
const MODULE = "vnic-failover";

const METHODS = ["configure", "check", "diff", "create", "read", "update", "delete"] as const;
METHODS satisfies readonly (keyof DynamicProvider)[];

/**
 * A dynamic resource whose provider is a shell: its behaviour stands in the handler of its kind.
 *
 * It does what `pulumi.dynamic.Resource` does, but for one thing: there the SDK makes the provider's text by serializing
 * live functions, 2 kB even of the smallest ones, other text with each version of the SDK, and none at all of code that a
 * bundler or a test runner has rewritten. Here the text is written down.
 */
export abstract class ShellResource extends pulumi.CustomResource {
  /** @param props the inputs, and `undefined` for each further output that the class declares. */
  protected constructor(kind: Kind, name: string, props: pulumi.Inputs, opts?: pulumi.CustomResourceOptions) {
    const type = `pulumi-nodejs:dynamic/${MODULE}:${kind}`;
    // The handlers report progress on the row of this URN, which the engine tells no dynamic provider.
    const __urn = pulumi.createUrn(name, type, opts?.parent);
    super(type, name, { ...props, __provider: shell(kind), __urn }, opts);
  }
}

/**
 * The provider of a kind as the engine keeps it in each resource's state: a CommonJS module whose `handler()` returns it
 * (`@pulumi/pulumi/cmd/dynamic-provider`). It loads the handlers of the package that is installed then, by name: a new
 * version takes effect without touching any resource, and nothing of this process can be captured. `import()`, not
 * `require()`: it is resolved from the user's program, be that CommonJS or ESM.
 */
export function shell(kind: Kind): string {
  return `"use strict";
const call = (method) => (...args) =>
  import("pulumi-vnic-failover/handlers").then(({ dynamic }) => dynamic.${kind}[method](...args));
exports.handler = () => ({
${METHODS.map((method) => `  ${method}: call("${method}"),\n`).join("")}});
`;
}
