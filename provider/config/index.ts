/** The stack's configuration: the hosts and networks of a cluster with libvirt, or an oVirt engine. */
import { join } from "node:path";
import * as z from "zod";
import { readHostKeyPin } from "./host-key-pin.js";
import { passwordMethods, readLibvirtUri, type ReadOnlyAccess } from "./host-uri.js";
import type { EngineCredentials } from "./engine-credentials.js";
import { ConfigError } from "./config-error.js";
import { certificateFault, fileFault } from "./named-file.js";
import { read, type Mistake } from "../model/mistake.js";
import { parseRanges, pfOf, type ConfiguredPf } from "./virtual-functions.js";
import { configKeys, configurationType, type ConfigKey } from "../model/configuration.js";
import { CONFIG_NAMESPACE, pulumiKeys } from "../model/namespace.js";
import { didYouMean } from "../model/suggestion.js";

export { ConfigError } from "./config-error.js";
export { isInRange, pfInWords, pfsOf, type PfOfNetwork } from "./virtual-functions.js";

const types = configurationType({
  uri: uriIsUsable,
  hostKey: pinIsUsable,
  ranges: rangesAreUsable,
  physicalFunctions: pfsAreNamedOnce,
  url: urlIsUsable,
  certificates: certificatesAreThere,
  sshConfig: sshConfigIsThere,
});

export const clusterSchema = types.cluster.schema;
export type ClusterConfig = z.output<typeof clusterSchema>;
export type HostConfig = z.output<typeof types.host.schema>;
export type NetworkConfig = z.output<typeof types.network.schema>;

/** How the hosts are logged in to; from secret config, the SSH agent or key files. Never part of a resource. */
export const credentialsSchema = types.credentials.schema;
export type SshCredentials = z.output<typeof credentialsSchema>;

/** The same of single hosts, by their names in the cluster. What a host has here takes the place of all three above. */
export type HostCredentials = z.output<typeof types.keys.hostCredentials.schema>;

/** A stack's configuration is text. */
const readOnlySchema = z
  .custom<boolean | "true" | "false">(
    (value) => [true, false, "true", "false"].some((each) => each === value),
    "must be true or false",
  )
  .transform((value) => value === true || value === "true");

export type UnreachableHosts = z.output<typeof types.keys.unreachableHosts.schema>;

export interface Configuration {
  readonly cluster: ClusterConfig;
  /** Of the hosts that have none of their own. */
  readonly credentials: SshCredentials;
  readonly hostCredentials?: HostCredentials | undefined;
  /** The hosts are used for reading alone. Default: for changes, too. */
  readonly readOnly?: ReadOnlyAccess | undefined;
}

/** What this host, and no other, is logged in to with. */
export function credentialsOf(
  { credentials, hostCredentials = {} }: Pick<Configuration, "credentials" | "hostCredentials">,
  host: string,
): SshCredentials {
  return Object.hasOwn(hostCredentials, host) ? (hostCredentials[host] ?? {}) : credentials;
}

export const engineSchema = types.engine.schema;
export type EngineConfig = z.output<typeof engineSchema>;

export interface EngineConfiguration {
  readonly engine: EngineConfig;
  /** From secret config. Never part of a resource. */
  readonly credentials: EngineCredentials;
}

export { CONFIG_NAMESPACE };

/** The keys of `vnic-failover:<key>` in `Pulumi.<stack>.yaml`. */
export { configKeys, type ConfigKey };

/** The stack's values by their keys, objects as JSON text or as such, and the keys of the namespace that have no meaning. */
export type ConfigValues = Readonly<Partial<Record<ConfigKey, unknown>>> & {
  readonly unknownKeys?: readonly string[] | undefined;
};

/** Which of the keys, without their namespace, mean nothing to this package. */
export function unknownKeysAmong(keys: readonly string[]): readonly string[] {
  const known: readonly string[] = [...configKeys, ...pulumiKeys];
  return keys.filter((key) => !known.includes(key) && !key.startsWith("__"));
}

/** What keeps the profiles and moves the VMs: this package with libvirt, or oVirt's engine. */
export type Backend = "libvirt" | "ovirt";

/**
 * The backend that the stack names, by `vnic-failover:cluster` or by `vnic-failover:ovirt`.
 * @throws ConfigError unless it names exactly one.
 */
export function backendOf({ cluster, ovirt, unknownKeys }: ConfigValues): Backend {
  if ((cluster === undefined) !== (ovirt === undefined)) return ovirt === undefined ? "libvirt" : "ovirt";
  if (cluster !== undefined) {
    throw new ConfigError({
      code: "config-ambiguous",
      what: "The stack's configuration has both vnic-failover:cluster and vnic-failover:ovirt",
      remedy: "Remove one of them from Pulumi.<stack>.yaml: a stack uses either libvirt or oVirt.",
    });
  }
  // The key itself may be mistyped.
  refuse(ofNamespace(unknownKeys));
  throw missing("vnic-failover:cluster, and no vnic-failover:ovirt either");
}

/**
 * Reads the values of a stack with libvirt.
 * @throws ConfigError that names every property at fault, never its value.
 */
export function parseConfiguration(values: ConfigValues): Configuration {
  const { sshPrivateKey, sshPassphrase, sshPassword, unknownKeys } = values;
  const cluster =
    values.cluster === undefined ? undefined : readKey("cluster", clusterSchema, fromJson("cluster", values.cluster));
  const credentials = read(
    credentialsSchema,
    Object.fromEntries(
      Object.entries({ sshPrivateKey, sshPassphrase, sshPassword }).filter(([, value]) => value !== undefined),
    ),
    [],
  );
  const hostCredentials =
    values.hostCredentials === undefined
      ? undefined
      : readKey(
          "hostCredentials",
          types.keys.hostCredentials.schema,
          fromJson("hostCredentials", values.hostCredentials),
        );
  const readOnly = values.readOnly === undefined ? undefined : readKey("readOnly", readOnlySchema, values.readOnly);
  refuse([
    ...ofNamespace(unknownKeys),
    ...mistakesOf(cluster),
    ...betweenHosts(values.cluster),
    ...mistakesOf(credentials).map(inNamespace),
    ...mistakesOf(hostCredentials),
    ...ofOtherHosts(values),
    ...mistakesOf(readOnly),
    ...mistakesOf(unreachableHostsIn(values)),
  ]);
  if (cluster === undefined) throw missing("vnic-failover:cluster");
  const data = dataOf(cluster);
  return {
    cluster: data,
    credentials: dataOf(credentials),
    ...(readOnly !== undefined && dataOf(readOnly) && { readOnly: { user: data.readOnlyUser } }),
    ...(hostCredentials !== undefined && { hostCredentials: dataOf(hostCredentials) }),
  };
}

/**
 * The same for a stack on oVirt.
 * @throws ConfigError that names every property at fault, never its value.
 */
export function parseEngineConfiguration(values: ConfigValues): EngineConfiguration {
  const { ovirt, unknownKeys } = values;
  const engine = readKey("ovirt", engineSchema, fromJson("ovirt", ovirt));
  const secrets = read(engineSecretsSchema, engineSecretsIn(values), []);
  refuse([
    ...ofNamespace(unknownKeys),
    ...mistakesOf(engine),
    ...mistakesOf(secrets).map(inNamespace),
    ...mistakesOf(unreachableHostsIn(values)),
  ]);
  const data = dataOf(engine);
  return { engine: data, credentials: engineCredentials(data, dataOf(secrets)) };
}

/** How the engine lets us in. From secret config. */
const engineSecretsSchema = z.object({
  ovirtPassword: types.keys.ovirtPassword.schema.optional(),
  ovirtToken: types.keys.ovirtToken.schema.optional(),
});

/** What is empty is not set. */
function engineSecretsIn({ ovirtPassword, ovirtToken }: ConfigValues): object {
  const given = Object.entries({ ovirtPassword, ovirtToken });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== ""));
}

/** @throws ConfigError unless there is one way to be let in. */
function engineCredentials(
  { username }: EngineConfig,
  { ovirtPassword: password, ovirtToken: token = "" }: z.output<typeof engineSecretsSchema>,
): EngineCredentials {
  if (token !== "" && password !== undefined) {
    throw new ConfigError({
      code: "config-ambiguous",
      what: "The stack's configuration has both vnic-failover:ovirtPassword and vnic-failover:ovirtToken",
      remedy: "Remove one of them from Pulumi.<stack>.yaml: the token replaces user and password.",
    });
  }
  if (token !== "") return { token };
  if (password === undefined) {
    throw new ConfigError({
      code: "config-missing",
      what: "The stack's configuration has no vnic-failover:ovirtPassword, and no vnic-failover:ovirtToken either",
      remedy:
        "Set it with pulumi config set --secret vnic-failover:ovirtPassword, or give a token of the engine: pulumi config set --secret vnic-failover:ovirtToken. The command line takes them from VNIC_FAILOVER_OVIRT_PASSWORD and VNIC_FAILOVER_OVIRT_TOKEN, too.",
    });
  }
  if (username === undefined)
    throw ConfigError.of([{ path: [`${CONFIG_NAMESPACE}:ovirt`, "username"], message: "is missing" }]);
  return { username, password };
}

/** @throws ConfigError as the two above, of the backend that the stack names. */
export function requireValidConfiguration(values: ConfigValues): void {
  if (backendOf(values) === "ovirt") parseEngineConfiguration(values);
  else parseConfiguration(values);
}

/** What a preview makes of a host or an engine that cannot be reached. Default: `warn`. */
export function unreachableHostsOf(values: Pick<ConfigValues, "unreachableHosts">): UnreachableHosts {
  const found = unreachableHostsIn(values);
  return found !== undefined && "data" in found ? found.data : "warn";
}

/** The network as it is on one host: the host's own values before the cluster's. Undefined: the cluster has no such network. */
export function networkOn(cluster: ClusterConfig, host: string, network: string): NetworkConfig | undefined {
  const common = Object.hasOwn(cluster.networks, network) ? cluster.networks[network] : undefined;
  if (common === undefined) return undefined;
  const own = cluster.hosts[host]?.networks ?? {};
  return { ...common, ...(Object.hasOwn(own, network) ? own[network] : undefined) };
}

/** Whether nothing may be moved to the host. False for a host that the cluster does not have. */
export function isUnderMaintenance({ hosts }: Pick<ClusterConfig, "hosts">, host: string): boolean {
  return Object.hasOwn(hosts, host) && hosts[host]?.maintenance === true;
}

// --- single values

function uriIsUsable(text: string, context: z.RefinementCtx): void {
  if (text === "") return;
  const uri = readLibvirtUri(text);
  const say = (message: string): void => context.addIssue({ code: "custom", message });
  if ("why" in uri) {
    say(`cannot be used: ${uri.why}. ${uri.remedy}`);
    return;
  }
  if (uri.transport === "tls" && uri.pkiPath !== undefined) {
    for (const name of ["cacert.pem", "clientcert.pem", "clientkey.pem"]) {
      const file = join(uri.pkiPath, name);
      const fault = fileFault(file);
      if (fault !== undefined) say(`needs the file "${file}", which ${fault}. Correct pkipath=, or put it there.`);
    }
  }
  if (uri.transport !== "ssh") return;
  if (uri.keyFile !== undefined && uri.authentication.includes("privkey")) {
    const fault = fileFault(uri.keyFile);
    if (fault !== undefined)
      say(
        `names the key file "${uri.keyFile}", which ${fault}. Correct keyfile=, or leave it out to use the SSH agent or the user's own keys.`,
      );
  }
  if (uri.knownHosts !== undefined && uri.hostKeyCheck !== "off") {
    const fault = fileFault(uri.knownHosts);
    if (fault !== undefined)
      say(`names the known_hosts file "${uri.knownHosts}", which ${fault}. Correct known_hosts=, or leave it out.`);
  }
}

function sshConfigIsThere(file: string, context: z.RefinementCtx): void {
  const fault = file === "" || file === "none" ? undefined : fileFault(file);
  if (fault === undefined) return;
  const message = `names the file "${file}", which ${fault}. Correct it, or write none to read no SSH configuration.`;
  context.addIssue({ code: "custom", message });
}

function rangesAreUsable(text: string, context: z.RefinementCtx): void {
  const ranges = text === "" ? [] : parseRanges(text);
  if ("why" in ranges) context.addIssue({ code: "custom", message: ranges.why });
}

/** A PF with a range and again without one would have the range mean nothing. */
function pfsAreNamedOnce(configured: readonly ConfiguredPf[], context: z.RefinementCtx): void {
  const names = configured.map((each) => pfOf(each).name);
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first === index || (typeof configured[first] === "string" && typeof configured[index] === "string")) continue;
    const message = `names the physical function "${name}" a second time: give all of its VFs in one entry, such as "0,2-4"`;
    context.addIssue({ code: "custom", path: [index], message });
  }
}

function pinIsUsable(text: string, context: z.RefinementCtx): void {
  if (text === "") return;
  const pin = readHostKeyPin(text);
  if ("why" in pin) context.addIssue({ code: "custom", message: `${pin.why}. ${pin.remedy}` });
}

function urlIsUsable(text: string, context: z.RefinementCtx): void {
  const say = (message: string): void => context.addIssue({ code: "custom", message });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:") say('must be an https URL, e.g. "https://engine.example"');
  else if (url.username !== "" || url.password !== "")
    say("contains a user or a password. Remove it, and set username and vnic-failover:ovirtPassword.");
}

function certificatesAreThere(file: string, context: z.RefinementCtx): void {
  const fault = file === "" ? undefined : certificateFault(file);
  if (fault === undefined) return;
  context.addIssue({
    code: "custom",
    message: `names the file "${file}", which ${fault}. Save the engine's certificate there: https://<engine>/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA has it.`,
  });
}

// --- the whole

type Read<T> = ReturnType<typeof read<T>>;

function readKey<T>(key: ConfigKey, schema: z.ZodType<T>, value: unknown): Read<T> {
  return read(schema, value, [`${CONFIG_NAMESPACE}:${key}`]);
}

function unreachableHostsIn({
  unreachableHosts,
}: Pick<ConfigValues, "unreachableHosts">): Read<UnreachableHosts> | undefined {
  return unreachableHosts === undefined
    ? undefined
    : readKey("unreachableHosts", types.keys.unreachableHosts.schema, unreachableHosts);
}

function mistakesOf(result: Read<unknown> | undefined): readonly Mistake[] {
  return result !== undefined && "mistakes" in result ? result.mistakes : [];
}

/** `["sshPassword"]` is `["vnic-failover:sshPassword"]`. */
function inNamespace({ path: [key = "", ...rest], ...mistake }: Mistake): Mistake {
  return { ...mistake, path: [`${CONFIG_NAMESPACE}:${String(key)}`, ...rest] };
}

function ofNamespace(unknownKeys: readonly string[] = []): readonly Mistake[] {
  return unknownKeys.map((key) => ({
    path: [`${CONFIG_NAMESPACE}:${key}`],
    message: `is an unknown key${
      didYouMean(key, configKeys).replace('"', `"${CONFIG_NAMESPACE}:`) || `; the keys are ${configKeys.join(", ")}`
    }`,
  }));
}

/** What no single value shows. The cluster need not be valid otherwise: all mistakes are told at once. */
function betweenHosts(given: unknown): readonly Mistake[] {
  const cluster = entriesOf(textAsObject(given));
  const networks = [...entriesOf(cluster.get("networks")).keys()];
  const hosts = [...entriesOf(cluster.get("hosts"))];
  const at = (host: string) => [`${CONFIG_NAMESPACE}:cluster`, "hosts", host];
  const undeclared = hosts.flatMap(([host, config]) =>
    [...entriesOf(entriesOf(config).get("networks")).keys()]
      .filter((network) => !networks.includes(network))
      .map((network) => ({
        path: [...at(host), "networks", network],
        message:
          networks.length === 0
            ? "is not a network of the cluster, which has no networks"
            : `is not among the cluster's networks${didYouMean(network, networks) || `: ${networks.join(", ")}`}`,
      })),
  );
  const first = new Map<string, string>();
  const twice = hosts.flatMap(([host, config]) => {
    const address = addressOf(entriesOf(config).get("uri"));
    const other = address === undefined ? undefined : first.get(address);
    if (address !== undefined && other === undefined) first.set(address, host);
    return other === undefined
      ? []
      : { path: [...at(host), "uri"], message: `reaches the same libvirt as host "${other}": name each host once` };
  });
  const pinnedForTls = hosts.flatMap(([host, config]) =>
    (entriesOf(config).get("hostKey") ?? "") !== "" && transportOf(entriesOf(config).get("uri")) === "tls"
      ? {
          path: [...at(host), "hostKey"],
          message: "pins a key of SSH, and the host's URI is of TLS: its certificate is verified. Take it out",
        }
      : [],
  );
  return [...undeclared, ...twice, ...pinnedForTls];
}

/** Credentials that no host would ever get: of a host that the cluster does not have, or a password that its URI does not ask for. */
function ofOtherHosts(values: ConfigValues): readonly Mistake[] {
  const hosts = entriesOf(entriesOf(textAsObject(values.cluster)).get("hosts"));
  const names = [...hosts.keys()];
  return [...entriesOf(textAsObject(values.hostCredentials))].flatMap(([host, given]) => {
    const path = [`${CONFIG_NAMESPACE}:hostCredentials`, host];
    if (!hosts.has(host)) {
      const meant = didYouMean(host, names) || (names.length === 0 ? "" : `: ${names.join(", ")}`);
      return { path, message: `is not among the cluster's hosts${meant}` };
    }
    const uri = entriesOf(hosts.get(host)).get("uri");
    const read = typeof uri === "string" ? readLibvirtUri(uri) : undefined;
    if (!entriesOf(given).has("sshPassword") || read === undefined || "why" in read) return [];
    if (read.transport === "ssh" && read.authentication.some((method) => passwordMethods.includes(method))) return [];
    const message =
      "would never be used: the host's URI does not allow password login. Add sshauth=agent,privkey,password to the URI";
    return { path: [...path, "sshPassword"], message };
  });
}

function transportOf(uri: unknown): string | undefined {
  const read = typeof uri === "string" ? readLibvirtUri(uri) : undefined;
  return read === undefined || "why" in read ? undefined : read.transport;
}

/** Which libvirt a URI reaches, as far as it tells. */
function addressOf(uri: unknown): string | undefined {
  const read = typeof uri === "string" ? readLibvirtUri(uri) : undefined;
  if (read === undefined || "why" in read) return undefined;
  const where = read.transport === "unix" ? [] : [read.host.toLowerCase(), read.port];
  return JSON.stringify([...where, read.name, read.socket]);
}

function entriesOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : []);
}

function textAsObject(value: unknown): unknown {
  try {
    return typeof value === "string" ? (JSON.parse(value) as unknown) : value;
  } catch {
    return undefined;
  }
}

function fromJson(key: ConfigKey, value: unknown): unknown {
  if (typeof value !== "string") return value;
  const parsed = textAsObject(value);
  if (parsed !== undefined) return parsed;
  throw new ConfigError({
    code: "config-not-an-object",
    what: `${CONFIG_NAMESPACE}:${key} is not an object`,
    remedy: "Write it as YAML below the key, or set it with pulumi config set --path.",
  });
}

function missing(what: string): ConfigError {
  return new ConfigError({
    code: "config-missing",
    what: `The stack's configuration has no ${what}`,
    remedy:
      "In Pulumi.<stack>.yaml, name the hosts and networks of a libvirt cluster under vnic-failover:cluster, or an oVirt engine under vnic-failover:ovirt.",
  });
}

/** @throws ConfigError unless there is no mistake. */
function refuse(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw ConfigError.of(mistakes);
}

/** Of what was not refused. */
function dataOf<T>(result: Read<T>): T {
  if ("data" in result) return result.data;
  throw ConfigError.of(result.mistakes);
}
