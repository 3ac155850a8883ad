/** The stack's configuration: the hosts and networks of a cluster over libvirt, or an oVirt engine. */
import { z } from "zod";
import { readHostKeyPin } from "./host-key-pin.js";
import { passwordMethods, readLibvirtUri, type ReadOnlyAccess } from "./host-uri.js";
import type { EngineCredentials } from "./engine-credentials.js";
import { ConfigError } from "./config-error.js";
import { certificateFault, fileFault } from "./named-file.js";
import { read, type Mistake } from "./mistake.js";
import { parseRanges, pfOf } from "./virtual-functions.js";
import { didYouMean } from "../model/suggestion.js";

export { ConfigError } from "./config-error.js";
export { isInRange, pfInWords, pfsOf, type PfOfNetwork } from "./virtual-functions.js";

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'is not a valid name: it must begin with a letter or digit and hold only letters, digits, ".", "_" and "-", at most 63',
  );
/** A Linux interface's name: at most 15 characters, none of them a blank or '/' (Linux net/core/dev.c dev_valid_name). */
const interfaceName = z
  .string()
  .regex(/^[^\s/:]{1,15}$/, 'must be an interface\'s name of at most 15 characters, without blanks, "/" and ":"');

const physicalFunctionSchema = z.union([
  interfaceName,
  z.strictObject({
    /** The PF's interface. */
    pf: interfaceName,
    /** The VFs of it that are the network's, by their numbers from 0 on: `2-7`, `0,2-4`. Default: all. */
    virtualFunctions: z.string().min(1).superRefine(rangesAreUsable).optional(),
  }),
]);

const networkSchema = z.strictObject({
  /** The Linux bridge of the standby. */
  bridge: interfaceName.optional(),
  /** Bytes. Default: what libvirt takes, 1500. */
  mtu: z.number().int().min(68).max(65535).optional(),
  /** The PFs whose VFs the network's interfaces may get, in order of preference. */
  physicalFunctions: z.array(physicalFunctionSchema).min(1).superRefine(pfsAreNamedOnce).optional(),
  /** VLAN tag of a VF; a bridge carries its VLAN itself. */
  vlan: z.number().int().min(1).max(4094).optional(),
});

const hostSchema = z.strictObject({
  /** libvirt's own URI syntax: `qemu+ssh://user@host:port/system?keyfile=…&known_hosts=…`. */
  uri: z.string().min(1).superRefine(uriIsUsable),
  /** Pins the host's SSH key: `ssh-ed25519 AAAA…` or `SHA256:…`. Default: known_hosts decides. */
  hostKey: z.string().min(1).superRefine(pinIsUsable).optional(),
  /** The address at which other hosts reach this one for a migration. Default: the host's own name, as libvirt offers it. */
  migrationAddress: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, "must be a host name or an IP address")
    .optional(),
  /** Nothing is moved there; VMs may run on it and move away from it. Default: false. */
  maintenance: z.boolean().optional(),
  /** What differs on this host. */
  networks: z.record(name, networkSchema).optional(),
});

export const clusterSchema = z.strictObject({
  hosts: z.record(name, hostSchema).refine((hosts) => Object.keys(hosts).length > 0, "must name at least one host"),
  networks: z.record(name, networkSchema).default({}),
  /**
   * Whether a move may run this package's own announcer on the hosts (python3, over the same SSH connection).
   * libvirt's socket alone cannot tell the switches when the VF takes over. Default: true.
   */
  hostCommands: z.boolean().default(true),
  /**
   * OpenSSH's client configuration: the file that is read in place of the user's and the system's, from the program's folder on,
   * or `none`. Default: `~/.ssh/config` and `/etc/ssh/ssh_config`.
   */
  sshConfig: z.string().min(1).superRefine(sshConfigIsThere).optional(),
  /** Who logs in to the hosts where `vnic-failover:readOnly` is true. Default: the user of each host's URI. */
  readOnlyUser: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/, "is not an account's name")
    .optional(),
});

export type ClusterConfig = z.output<typeof clusterSchema>;
/** The same as it is written, where defaults may be left out. */
export type ClusterArgs = z.input<typeof clusterSchema>;
export type HostConfig = z.output<typeof hostSchema>;
export type NetworkConfig = z.output<typeof networkSchema>;

/** How the hosts are logged in to; from secret config, the SSH agent or key files. Never part of a resource. */
export const credentialsSchema = z.strictObject({
  sshPrivateKey: z
    .string()
    .regex(
      /-----BEGIN [A-Z ]*PRIVATE KEY-----|^PuTTY-User-Key-File-/,
      "is not a private key: it must be the text of the key file itself, not its name, nor the public key",
    )
    .optional(),
  sshPassphrase: z.string().optional(),
  sshPassword: z.string().optional(),
});
export type SshCredentials = z.output<typeof credentialsSchema>;

/** The same of single hosts, by their names in the cluster. What a host has here takes the place of all three above. */
export const hostCredentialsSchema = z.record(name, credentialsSchema);
export type HostCredentials = z.output<typeof hostCredentialsSchema>;

/** A stack's configuration is text. */
const readOnlySchema = z
  .custom<boolean | "true" | "false">(
    (value) => [true, false, "true", "false"].some((each) => each === value),
    "must be true or false",
  )
  .transform((value) => value === true || value === "true");

/** What becomes of a check that a host or an engine which cannot be reached leaves open. */
export const unreachableHostsSchema = z.enum(["error", "warn"]);
export type UnreachableHosts = z.output<typeof unreachableHostsSchema>;

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

export const engineSchema = z.strictObject({
  /** Of oVirt's engine or of its API: `https://engine.example`. */
  url: z.string().superRefine(urlIsUsable),
  /** The cluster of the stack's VMs: its name or id. */
  cluster: z.string().min(1),
  /** With its profile: `admin@internal`, or `admin@ovirt@internalsso` with Keycloak. Not needed with a token. */
  username: z.string().min(1).optional(),
  /** Where the engine's sign-on gives out tokens. Default: on the engine itself. */
  tokenUrl: z.string().superRefine(urlIsUsable).optional(),
  /** A PEM file of the authorities that are trusted, from the program's folder on. Default: Node's own. */
  caFile: z.string().min(1).superRefine(certificatesAreThere).optional(),
});
export type EngineConfig = z.output<typeof engineSchema>;
export type EngineArgs = z.input<typeof engineSchema>;

export interface EngineConfiguration {
  readonly engine: EngineConfig;
  /** From secret config. Never part of a resource. */
  readonly credentials: EngineCredentials;
}

/** The namespace of this package's keys in a stack's configuration. */
export const CONFIG_NAMESPACE = "vnic-failover";

/** The keys of `vnic-failover:<key>` in `Pulumi.<stack>.yaml`. */
export const configKeys = [
  "cluster",
  "sshPrivateKey",
  "sshPassphrase",
  "sshPassword",
  "hostCredentials",
  "readOnly",
  "ovirt",
  "ovirtPassword",
  "ovirtToken",
  "unreachableHosts",
] as const;
export type ConfigKey = (typeof configKeys)[number];

/** Those that should be encrypted. */
export const secretKeys = [
  "sshPrivateKey",
  "sshPassphrase",
  "sshPassword",
  "hostCredentials",
  "ovirtPassword",
  "ovirtToken",
] as const satisfies ConfigKey[];

/** Of one that is not. */
export function plainSecret(key: (typeof secretKeys)[number]): string {
  const name = `${CONFIG_NAMESPACE}:${key}`;
  return `${name} is in the stack's configuration in clear. Encrypt it with pulumi config set --secret ${name}, and take it for known to whoever has seen the file.`;
}

/** The stack's values by their keys, objects as JSON text or as such, and the keys of the namespace that have no meaning. */
export type ConfigValues = Readonly<Partial<Record<ConfigKey, unknown>>> & {
  readonly unknownKeys?: readonly string[] | undefined;
};

/** Keys that Pulumi itself reads of any package's configuration. */
const pulumisOwn = ["version", "pluginDownloadURL", "pluginChecksums", "parameterization"];

/** Which of the keys, without their namespace, mean nothing to this package. */
export function unknownKeysAmong(keys: readonly string[]): readonly string[] {
  const known: readonly string[] = [...configKeys, ...pulumisOwn];
  return keys.filter((key) => !known.includes(key) && !key.startsWith("__"));
}

/** Who keeps the profiles and moves the VMs: this package over libvirt, or oVirt's engine. */
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
      remedy: "Take one of them out of Pulumi.<stack>.yaml: a stack works with libvirt or on oVirt.",
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
      : readKey("hostCredentials", hostCredentialsSchema, fromJson("hostCredentials", values.hostCredentials));
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
  ovirtPassword: z.string().optional(),
  /** The token itself, as the engine's sign-on has given it out. */
  ovirtToken: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]*$/, "is not a token: it has blanks or other characters in it that no token has")
    .optional(),
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
      remedy: "Take one of them out of Pulumi.<stack>.yaml: a token is used in place of user and password.",
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
function pfsAreNamedOnce(
  configured: readonly z.output<typeof physicalFunctionSchema>[],
  context: z.RefinementCtx,
): void {
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
    say("has a user or a password in it. Take it out, and set username and vnic-failover:ovirtPassword.");
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
    : readKey("unreachableHosts", unreachableHostsSchema, unreachableHosts);
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
        message: `is not among the cluster's networks${
          didYouMean(network, networks) || (networks.length === 0 ? ", which are none" : `: ${networks.join(", ")}`)
        }`,
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
  return [...undeclared, ...twice];
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
      "would never be used: the host's URI does not name a password. Add sshauth=agent,privkey,password to it";
    return { path: [...path, "sshPassword"], message };
  });
}

/** Which libvirt a URI reaches, as far as it tells. */
function addressOf(uri: unknown): string | undefined {
  const read = typeof uri === "string" ? readLibvirtUri(uri) : undefined;
  if (read === undefined || "why" in read) return undefined;
  const where = read.transport === "ssh" ? [read.host.toLowerCase(), read.port] : [];
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
