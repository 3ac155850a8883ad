import * as pulumi from "@pulumi/pulumi";
import type { Kind } from "../model/kind.js";
import { warnOfPlainSecrets } from "./plain-secrets.js";
import { shortUrn, typeOf, wholeUrn } from "../model/urn.js";
import { refuseImport } from "./refuse-import.js";

/** The inputs, `undefined` for each further output that the class declares, and the resources that inputs refer to. */
export interface ShellProperties extends pulumi.Inputs {
  /** By input. Ids are no help in a preview, where a resource that is yet to be made has none; URNs are. */
  readonly references?: Readonly<Record<string, unknown>>;
}

/**
 * A dynamic resource whose provider is a shell: its behaviour stands in the handler of its kind.
 *
 * It does what `pulumi.dynamic.Resource` does, but for one thing: there the SDK makes the provider's text by serializing
 * live functions, 2 kB even of the smallest ones, other text with each version of the SDK, and none at all of code that a
 * bundler or a test runner has rewritten. Here the text is written down.
 */
export abstract class StubResource extends pulumi.CustomResource {
  protected constructor(
    kind: Kind,
    name: string,
    { references = {}, ...props }: ShellProperties,
    opts?: pulumi.CustomResourceOptions,
  ) {
    warnOfPlainSecrets();
    const type = typeOf(kind);
    refuseImport(kind, name, opts);
    // The handlers report progress on the row of this URN, which the engine tells no dynamic provider.
    const __urn = opts?.parent === undefined ? urnAtRoot(name) : urnUnder(opts.parent, type, name);
    super(type, name, { ...props, __provider: shell(kind), __urn, __references: urnsOf(references) }, opts);
    urns.set(this, typeof __urn === "string" ? wholeUrn(kind, __urn) : __urn);
  }
}

/**
 * The provider of a kind as the engine keeps it in each resource's state: a CommonJS module whose `handler()` returns it
 * (`@pulumi/pulumi/cmd/dynamic-provider`). It loads the handlers of the package that is installed then, by name, from where
 * the user's program lies: a new version takes effect without touching any resource, and nothing of this process can be
 * captured. It is terse because the engine writes it twice for each resource whenever it saves the state.
 */
export function shell(kind: Kind): string {
  return `exports.handler=()=>require("pulumi-vnic-failover/handlers").dynamic.${kind}`;
}

/**
 * In short what `pulumi.createUrn` gives for a resource without parent, known at once: each output costs the program's process
 * several promises with their stack traces, which a thousand resources feel.
 */
function urnAtRoot(name: string): string {
  return shortUrn({ stack: pulumi.getStack(), project: pulumi.getProject(), name });
}

/**
 * A promise and no output: the output of `createUrn` depends on the parent, and who depends on a component waits for all of
 * its children, of which this resource is one. The SDK waits for the parent's URN anyway.
 */
function urnUnder(parent: pulumi.Resource, type: string, name: string): Promise<string> {
  const urn = pulumi.createUrn(name, type, parent);
  return (urn as pulumi.Output<string> & { promise(): Promise<string> }).promise();
}

/** Of this package's resources, the only ones that its handlers know: no outputs, and so no dependencies. */
const urns = new WeakMap<pulumi.Resource, string | Promise<string>>();

/** The URN of this package's resource behind each value: the value itself, or the one that an output comes from. */
function urnsOf(values: Readonly<Record<string, unknown>>): Record<string, pulumi.Input<string>> | undefined {
  const found = Object.entries(values).flatMap(([input, value]) => {
    const source = sourceOf(value);
    const urn = source && urns.get(source);
    return urn === undefined ? [] : [[input, urn] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function sourceOf(value: unknown): pulumi.Resource | undefined {
  if (pulumi.Resource.isInstance(value)) return value;
  if (!pulumi.Output.isInstance(value)) return undefined;
  const sources = (value as pulumi.Output<unknown> & { resources(): Set<pulumi.Resource> }).resources();
  return sources.size === 1 ? [...sources][0] : undefined;
}
