import * as pulumi from "@pulumi/pulumi";
import type { FunctionName, ResultOf } from "../handlers/functions/in-program.js";
import type { StackConfig } from "../handlers/handler.js";
import { typeOf } from "../model/urn.js";
import type { Progress } from "../model/progress.js";
import { isKnown } from "./outputs.js";
import { configurationOf } from "./provider.js";
import { inWords, wordsOf } from "./words-only.js";

/** Asks it in this process, once. @throws RunError: an argument is none, or the cluster has no answer. */
export async function ask<Name extends FunctionName>(
  name: Name,
  args: object,
  opts: pulumi.InvokeOptions = {},
): Promise<ResultOf<Name>> {
  // Otherwise the program would count as ended while the hosts are asked.
  const done = pulumi.runtime.rpcKeepAlive();
  try {
    if (answersAreMocked())
      return (await pulumi.runtime.invoke(`vnic-failover:index:${name}`, { ...args })) as ResultOf<Name>;
    const config = configOf(opts);
    if (config !== undefined && !(await isKnown(config)))
      throw wordsOf(
        `${name}: the configuration of its provider is not known yet. Use ${name}Output, which waits for it.`,
      );
    return await answer(name, config && (await valueOf(config)), args);
  } finally {
    done();
  }
}

/** The same of inputs; in a preview the answer is unknown where they or what it depends on are. */
export function askOutput<Name extends FunctionName>(
  name: Name,
  args: object,
  { dependsOn = [], ...opts }: pulumi.InvokeOutputOptions = {},
): pulumi.Output<ResultOf<Name>> {
  const config = configOf(opts) ?? pulumi.output(undefined);
  const made = pulumi.output(dependsOn).apply((resources) => pulumi.all([resources].flat().flatMap(idsOf)));
  return pulumi
    .all([config, pulumi.output(args), made])
    .apply(([known, given]) => (answersAreMocked() ? ask(name, given) : answer(name, known, given)));
}

/** @param config undefined: the stack's. */
async function answer<Name extends FunctionName>(
  name: Name,
  config: StackConfig | undefined,
  args: object,
): Promise<ResultOf<Name>> {
  const done = pulumi.runtime.rpcKeepAlive();
  try {
    // What talks to hosts is loaded only in programs that ask them.
    const [{ askInProgram }, { CONFIG_KEYS, CONFIG_NAMESPACE }] = await Promise.all([
      import("../handlers/functions/in-program.js"),
      import("../handlers/handler.js"),
    ]);
    const values = CONFIG_KEYS.map((key) => [key, pulumi.runtime.getConfig(`${CONFIG_NAMESPACE}:${key}`)] as const);
    const ofStack: StackConfig = Object.fromEntries(values.filter(([, value]) => value !== undefined));
    return await askInProgram(name, config ?? ofStack, args, progress);
  } catch (error) {
    throw inWords(error, `${name}: `);
  } finally {
    done();
  }
}

/** Undefined: no provider is named, nor by the parent. */
function configOf({ provider, parent }: pulumi.InvokeOptions): pulumi.Output<StackConfig> | undefined {
  const chosen = provider ?? parent?.getProvider(typeOf("VmPlacement"));
  return chosen && configurationOf(chosen);
}

/** Under `pulumi.runtime.setMocks` the program's own tests answer, as they do for functions of a plugin. */
function answersAreMocked(): boolean {
  const monitor: object | undefined = pulumi.runtime.getMonitor();
  return monitor !== undefined && "mocks" in monitor;
}

/** Known once the resource and, of a component, everything in it is there. */
function idsOf(resource: pulumi.Resource): pulumi.Output<string>[] {
  if (pulumi.CustomResource.isInstance(resource)) return [resource.id];
  const { __childResources: children = [] } = resource as { readonly __childResources?: Iterable<pulumi.Resource> };
  return [resource.urn, ...[...children].flatMap(idsOf)];
}

function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return (output as pulumi.Output<T> & { promise(): Promise<T> }).promise();
}

const progress: Progress = {
  report: () => undefined,
  info: (message) => void pulumi.log.info(message),
  warn: (message) => void pulumi.log.warn(message),
  done: () => undefined,
};
