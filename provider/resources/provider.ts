import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../handlers/handler.js";
import { CONFIG_NAMESPACE } from "../model/namespace.js";
import { configurationKeys, type ProviderArgs } from "./provider-args.js";
import { wordsOf, wordsOnly } from "./words-only.js";

type ConfigKey = keyof typeof configurationKeys;

/** How a value goes into the state: objects as the JSON text that the stack's configuration comes as, too. */
function asProperty(key: string, value: pulumi.Input<unknown>): pulumi.Output<unknown> {
  const { secret, json } =
    key in configurationKeys ? configurationKeys[key as ConfigKey] : { secret: false, json: false };
  const property = json ? pulumi.jsonStringify(value) : pulumi.output(value);
  return secret ? pulumi.secret(property) : property;
}

/** The configuration that a provider was made with, also one of another copy of this package. */
const configuration = Symbol.for("pulumi-vnic-failover.configuration");

/**
 * A cluster of its own, beside that of the stack's configuration or in its place: for programs with several clusters, and for
 * those that compute one. Its configuration is checked at preview.
 *
 * ```ts
 * const east = new Provider("east", { cluster: { hosts: { … }, networks: { … } }, sshPrivateKey: key });
 * new VmInterface("nic", { vm: "web", profile: fast }, { provider: east });
 * new Failover("web", { … }, { providers: [east] }); // a component
 * getVmPlacement({ vm: "web" }, { provider: east });
 * ```
 *
 * Another configuration is the same cluster, better reached: it replaces no resource.
 */
export class Provider extends pulumi.ProviderResource {
  constructor(name: string, args: ProviderArgs, opts?: pulumi.ResourceOptions) {
    const properties = Object.fromEntries(
      Object.entries(args as Readonly<Record<string, pulumi.Input<unknown>>>)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, asProperty(key, value)]),
    );
    const namespaced = Object.entries(properties).map(([key, value]) => [`${CONFIG_NAMESPACE}:${key}`, value] as const);
    super("pulumi-nodejs", name, Object.fromEntries(namespaced), opts);
    const config = pulumi.unsecret(pulumi.all(properties)).apply(withoutUndefined);
    Object.defineProperty(this, configuration, { value: config });
    // Where it is not known before another resource is made, its own process refuses it then.
    config.apply((known) => refuseMistakes(name, known));
  }
}

/** The configuration of a provider, in clear. @internal @throws RunError: it is another package's, or was made without the class. */
export function configurationOf(provider: pulumi.ProviderResource): pulumi.Output<StackConfig> {
  if (configuration in provider) return provider[configuration] as pulumi.Output<StackConfig>;
  throw wordsOf("The provider of a function must be a Provider of pulumi-vnic-failover.");
}

function withoutUndefined(values: Readonly<Record<string, unknown>>): StackConfig {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** @throws RunError: the provider cannot be used with that configuration. Its values are not told. */
async function refuseMistakes(name: string, config: StackConfig): Promise<void> {
  // What reads a configuration is loaded only where there is one to read.
  const { ConfigError, requireValidConfiguration, unknownKeysAmong } = await import("../config/index.js");
  wordsOnly(() => {
    try {
      requireValidConfiguration({ ...config, unknownKeys: unknownKeysAmong(Object.keys(config)) });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { mistakes, problem } = error;
      const remedy = "Correct the arguments of the provider.";
      if (mistakes.length > 0) throw ConfigError.of(mistakes, { source: `provider "${name}"`, remedy });
      throw new ConfigError({ ...problem, where: `provider "${name}"`, remedy });
    }
  });
}
