import * as pulumi from "@pulumi/pulumi";
import type { Kind } from "../handlers/by-kind.js";
import type { DynamicProvider } from "../handlers/dynamic.js";

/** The inputs, `undefined` for each further output that the class declares, and the resources that inputs refer to. */
export interface ShellProperties extends pulumi.Inputs {
  /** By input. Ids are no help in a preview, where a resource that is yet to be made has none; URNs are. */
  readonly references?: Readonly<Record<string, unknown>>;
}

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
  protected constructor(
    kind: Kind,
    name: string,
    { references = {}, ...props }: ShellProperties,
    opts?: pulumi.CustomResourceOptions,
  ) {
    const type = `pulumi-nodejs:dynamic/${MODULE}:${kind}`;
    // The handlers report progress on the row of this URN, which the engine tells no dynamic provider.
    const __urn = opts?.parent === undefined ? urnAtRoot(type, name) : pulumi.createUrn(name, type, opts.parent);
    super(type, name, { ...props, __provider: shell(kind), __urn, __references: urnsOf(references) }, opts);
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

/**
 * What `pulumi.createUrn` gives for a resource without parent, known at once: each output costs the program's process several
 * promises with their stack traces, which a thousand resources feel.
 */
function urnAtRoot(type: string, name: string): string {
  return `urn:pulumi:${pulumi.getStack()}::${pulumi.getProject()}::${type}::${name}`;
}

/** The URN of the resource behind each value: the value itself, or the one that an output comes from. */
function urnsOf(values: Readonly<Record<string, unknown>>): Record<string, pulumi.Output<string>> {
  const urns: Record<string, pulumi.Output<string>> = {};
  for (const [input, value] of Object.entries(values)) {
    if (pulumi.Resource.isInstance(value)) urns[input] = value.urn;
    else if (pulumi.Output.isInstance(value)) {
      const sources = [...(value as pulumi.Output<unknown> & { resources(): Set<pulumi.Resource> }).resources()];
      if (sources.length === 1 && sources[0] !== undefined) urns[input] = sources[0].urn;
    }
  }
  return urns;
}
