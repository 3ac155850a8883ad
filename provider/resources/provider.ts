import * as pulumi from "@pulumi/pulumi";
import type { ClusterArgs, ConfigKey, EngineArgs, HostCredentials, UnreachableHosts } from "../config/index.js";
import type { CONFIG_NAMESPACE, StackConfig } from "../handlers/handler.js";
import type { DeepInput } from "./deep-input.js";
import { wordsOf, wordsOnly } from "./words-only.js";

/** The same as the stack's configuration under `vnic-failover:`. Either `cluster` or `ovirt` is needed. */
export interface ProviderArgs {
  /** The hosts and networks of a libvirt cluster. */
  cluster?: DeepInput<ClusterArgs> | undefined;
  /** The text of the private key that logs in to the hosts. Kept secret in the state. Default: the SSH agent or key files. */
  sshPrivateKey?: pulumi.Input<string> | undefined;
  /** Of the private key, where it has one. Kept secret in the state. */
  sshPassphrase?: pulumi.Input<string> | undefined;
  /** Of the user on the hosts, where no key is used: for hosts whose URI names it (`sshauth`). Kept secret in the state. */
  sshPassword?: pulumi.Input<string> | undefined;
  /**
   * What single hosts are logged in to with, by their names: no other host gets it, and they get none of the three above.
   * Kept secret in the state. Default: none.
   */
  hostCredentials?: DeepInput<HostCredentials> | undefined;
  /** The hosts of the cluster are used for reading alone: for previews. Default `false`. */
  readOnly?: pulumi.Input<boolean> | undefined;
  /** An oVirt engine. */
  ovirt?: DeepInput<EngineArgs> | undefined;
  /** Of `ovirt.username`. Either this or `ovirtToken` is needed. Kept secret in the state. */
  ovirtPassword?: pulumi.Input<string> | undefined;
  /** A token of the engine's sign-on that was got elsewhere, in place of user and password. Kept secret in the state. */
  ovirtToken?: pulumi.Input<string> | undefined;
  /** What a preview makes of a host or an engine that cannot be reached. Default `warn`. */
  unreachableHosts?: pulumi.Input<UnreachableHosts> | undefined;
}

/** Not imported: each program would load what reads a configuration, which takes longer than all of its resources. */
const namespace: typeof CONFIG_NAMESPACE = "vnic-failover";

/** How each value goes into the state: objects as the JSON text that the stack's configuration comes as, too. */
const asProperty: Readonly<Record<ConfigKey, (value: pulumi.Input<unknown>) => pulumi.Output<unknown>>> = {
  cluster: pulumi.jsonStringify,
  sshPrivateKey: pulumi.secret,
  sshPassphrase: pulumi.secret,
  sshPassword: pulumi.secret,
  hostCredentials: (value) => pulumi.secret(pulumi.jsonStringify(value)),
  readOnly: pulumi.jsonStringify,
  ovirt: pulumi.jsonStringify,
  ovirtPassword: pulumi.secret,
  ovirtToken: pulumi.secret,
  unreachableHosts: pulumi.output,
};

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
        .map(([key, value]) => [key, key in asProperty ? asProperty[key as ConfigKey](value) : pulumi.output(value)]),
    );
    const namespaced = Object.entries(properties).map(([key, value]) => [`${namespace}:${key}`, value] as const);
    super("pulumi-nodejs", name, Object.fromEntries(namespaced), opts);
    const config = pulumi.unsecret(pulumi.all(properties)).apply(withoutUndefined);
    Object.defineProperty(this, configuration, { value: config });
    // Where it is not known before another resource is made, its own process refuses it then.
    config.apply((known) => refuseMistakes(name, known));
  }
}

/** The configuration of a provider, in clear. @throws RunError: it is another package's, or was made without the class. */
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
