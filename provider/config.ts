/** The stack's configuration: the hosts and networks of a cluster over libvirt, or an oVirt engine. */
import { z } from "zod";
import { ProblemError } from "./problem.js";

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "must be a name of letters, digits, '.', '_' and '-'");
/** A Linux interface's name: at most 15 characters, none of them a blank or '/' (Linux net/core/dev.c dev_valid_name). */
const interfaceName = z.string().regex(/^[^\s/:]{1,15}$/, "must be an interface's name of at most 15 characters");

const networkSchema = z.strictObject({
  /** The Linux bridge of the standby. */
  bridge: interfaceName.optional(),
  /** Bytes. Default: what libvirt takes, 1500. */
  mtu: z.number().int().min(68).max(65535).optional(),
  /** The PFs whose VFs the network's interfaces may get, in order of preference. */
  physicalFunctions: z.array(interfaceName).min(1).optional(),
  /** VLAN tag of a VF; a bridge carries its VLAN itself. */
  vlan: z.number().int().min(1).max(4094).optional(),
});

const hostSchema = z.strictObject({
  /** libvirt's own URI syntax: `qemu+ssh://user@host:port/system?keyfile=…&known_hosts=…`. */
  uri: z.string().min(1),
  /** Pins the host's SSH key: `ssh-ed25519 AAAA…` or `SHA256:…`. Default: known_hosts decides. */
  hostKey: z.string().min(1).optional(),
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

export const clusterSchema = z
  .strictObject({
    hosts: z.record(name, hostSchema).refine((hosts) => Object.keys(hosts).length > 0, "must name at least one host"),
    networks: z.record(name, networkSchema).default({}),
    /**
     * Whether a move may run this package's own announcer on the hosts (python3, over the same SSH connection).
     * libvirt's socket alone cannot tell the switches when the VF takes over. Default: true.
     */
    hostCommands: z.boolean().default(true),
  })
  .superRefine((cluster, context) => {
    for (const [host, { networks = {} }] of Object.entries(cluster.hosts)) {
      for (const network of Object.keys(networks)) {
        if (!(network in cluster.networks)) {
          context.addIssue({
            code: "custom",
            path: ["hosts", host, "networks", network],
            message: `is not among the cluster's networks`,
          });
        }
      }
    }
  });

export type ClusterConfig = z.output<typeof clusterSchema>;
export type HostConfig = z.output<typeof hostSchema>;
export type NetworkConfig = z.output<typeof networkSchema>;

/** How the hosts are logged in to; from secret config, the SSH agent or key files. Never part of a resource. */
export const credentialsSchema = z.strictObject({
  sshPrivateKey: z.string().optional(),
  sshPassphrase: z.string().optional(),
  sshPassword: z.string().optional(),
});
export type SshCredentials = z.output<typeof credentialsSchema>;

export interface Configuration {
  readonly cluster: ClusterConfig;
  readonly credentials: SshCredentials;
}

export const engineSchema = z.strictObject({
  /** Of oVirt's engine or of its API: `https://engine.example`. */
  url: z.url({ protocol: /^https$/, error: "must be an https URL" }),
  /** The cluster of the stack's VMs: its name or id. */
  cluster: z.string().min(1),
  /** With its profile: `admin@internal`. */
  username: z.string().min(1),
  /** A PEM file of the authorities that are trusted, from the program's folder on. Default: Node's own. */
  caFile: z.string().min(1).optional(),
});
export type EngineConfig = z.output<typeof engineSchema>;

export interface EngineConfiguration {
  readonly engine: EngineConfig;
  /** From secret config. Never part of a resource. */
  readonly password: string;
}

/** The keys of `vnic-failover:<key>` in `Pulumi.<stack>.yaml`. */
export const configKeys = [
  "cluster",
  "sshPrivateKey",
  "sshPassphrase",
  "sshPassword",
  "ovirt",
  "ovirtPassword",
] as const;
export type ConfigKey = (typeof configKeys)[number];
type ConfigValues = Readonly<Partial<Record<ConfigKey, unknown>>>;

/** Who keeps the profiles and moves the VMs: this package over libvirt, or oVirt's engine. */
export type Backend = "libvirt" | "ovirt";

/**
 * The backend that the stack names, by `vnic-failover:cluster` or by `vnic-failover:ovirt`.
 * @throws ConfigError unless it names exactly one.
 */
export function backendOf({ cluster, ovirt }: ConfigValues): Backend {
  if ((cluster === undefined) !== (ovirt === undefined)) return ovirt === undefined ? "libvirt" : "ovirt";
  throw cluster === undefined
    ? new ConfigError({
        code: "config-missing",
        what: "The stack's configuration has no vnic-failover:cluster, and no vnic-failover:ovirt either",
        remedy:
          "In Pulumi.<stack>.yaml, name the hosts and networks of a cluster over libvirt under vnic-failover:cluster, or an oVirt engine under vnic-failover:ovirt.",
      })
    : new ConfigError({
        code: "config-ambiguous",
        what: "The stack's configuration has both vnic-failover:cluster and vnic-failover:ovirt",
        remedy: "Take one of them out of Pulumi.<stack>.yaml: a stack is over libvirt or over oVirt.",
      });
}

/**
 * Reads the stack's values, objects as JSON text or as such.
 * @throws ConfigError that names every property at fault, never its value.
 */
export function parseConfiguration(values: ConfigValues): Configuration {
  if (values.cluster === undefined) {
    throw new ConfigError({
      code: "config-missing",
      what: "The stack's configuration has no vnic-failover:cluster",
      remedy: "Name the cluster's hosts and networks in Pulumi.<stack>.yaml, under vnic-failover:cluster.",
    });
  }
  const { cluster, ...credentials } = values;
  return {
    cluster: parse("vnic-failover:cluster", clusterSchema, fromJson("vnic-failover:cluster", cluster)),
    credentials: parse(
      "vnic-failover",
      credentialsSchema,
      Object.fromEntries(Object.entries(credentials).filter(([, value]) => value !== undefined)),
    ),
  };
}

/**
 * The same for a stack over oVirt.
 * @throws ConfigError that names every property at fault, never its value.
 */
export function parseEngineConfiguration({ ovirt, ovirtPassword }: ConfigValues): EngineConfiguration {
  if (typeof ovirtPassword !== "string" || ovirtPassword === "") {
    throw new ConfigError({
      code: "config-missing",
      what: "The stack's configuration has no vnic-failover:ovirtPassword",
      remedy: "Set it with pulumi config set --secret vnic-failover:ovirtPassword.",
    });
  }
  return {
    engine: parse("vnic-failover:ovirt", engineSchema, fromJson("vnic-failover:ovirt", ovirt)),
    password: ovirtPassword,
  };
}

export class ConfigError extends ProblemError {
  override readonly name = "ConfigError";
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

function fromJson(where: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch (cause) {
    throw new ConfigError(
      {
        code: "config-not-an-object",
        what: `${where} is not an object`,
        remedy: "Write it as YAML below the key, or set it with pulumi config set --path.",
      },
      { cause },
    );
  }
}

function parse<T>(where: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(
    ({ path, message }) => `${[where, ...path.map(String)].join(".")}: ${message}`,
  );
  throw new ConfigError({
    code: "config-invalid",
    what: `The stack's configuration is not valid: ${issues.join("; ")}`,
    remedy: "Mend it in Pulumi.<stack>.yaml.",
  });
}
