/**
 * The stack's configuration: `vnic-failover:<key>` in `Pulumi.<stack>.yaml`, or the arguments of an explicit provider. What only the
 * machine or another module can tell of a value, `config/` checks.
 */
import * as z from "zod";
import { enumType, objectType, optional, required, withDefault } from "./describe.js";

type Check = (text: string, context: z.RefinementCtx) => void;

/** What is asked of values beyond their form. */
export interface Checks {
  readonly uri: Check;
  readonly hostKey: Check;
  readonly ranges: Check;
  readonly physicalFunctions: (
    configured: readonly (string | { readonly pf: string; readonly virtualFunctions?: string | undefined })[],
    context: z.RefinementCtx,
  ) => void;
  readonly url: Check;
  readonly certificates: Check;
  readonly sshConfig: Check;
}

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
const text = z.string().min(1);
const secret = { secret: true } as const;

/** What becomes of a check that a host or an engine which cannot be reached leaves open. */
const unreachableHosts = enumType({
  error: "The preview fails.",
  warn: "The preview prints a warning and continues.",
});

/** Each key of the stack is optional by itself: which are needed depends on the others. */
export function configurationType(checks: Checks) {
  const privateKey = z
    .string()
    .regex(
      /-----BEGIN [A-Z ]*PRIVATE KEY-----|^PuTTY-User-Key-File-/,
      "is not a private key: it must be the text of the key file itself, not its name, nor the public key",
    );

  const physicalFunction = objectType(
    "PhysicalFunction",
    "A physical function (PF), some of whose VFs belong to a network.",
    {
      pf: required(interfaceName, "Name of the PF's network interface, such as `eth2`."),
      virtualFunctions: optional(
        text.superRefine(checks.ranges),
        "Numbers of the VFs that belong to the network, counted from 0: `2-7`, `0,2-4`.",
        { defaultText: "all" },
      ),
    },
  );

  const network = objectType(
    "ClusterNetwork",
    "A logical network of the cluster: the bridge of its standbys, the PFs of its VFs, or both.",
    {
      bridge: optional(interfaceName, "The Linux bridge of the standbys; at most 15 characters.", {
        defaultText: "none",
      }),
      mtu: optional(z.number().int().min(68).max(65535), "MTU of the network, in bytes.", {
        defaultText: "libvirt's default, 1500",
      }),
      physicalFunctions: optional(
        z
          .array(z.union([interfaceName, physicalFunction.schema]))
          .min(1)
          .superRefine(checks.physicalFunctions),
        "The PFs whose VFs the network's interfaces may get, in order of preference: each by its interface, or with a range of its VFs.",
        { defaultText: "none" },
      ),
      vlan: optional(
        z.number().int().min(1).max(4094),
        "VLAN tag that is set on the VFs. It is not set on the bridge: the bridge's uplink must already be in that VLAN.",
        {
          defaultText: "none",
        },
      ),
    },
  );

  const host = objectType("ClusterHost", "A hypervisor with libvirt.", {
    uri: required(
      text.superRefine(checks.uri),
      "libvirt's own URI syntax: `qemu+ssh://user@host:port/system?keyfile=…&known_hosts=…`, `qemu+tls://host:port/system?pkipath=…`, or `qemu+unix:///system`. Two hosts cannot have the same.",
    ),
    hostKey: optional(
      text.superRefine(checks.hostKey),
      "Pins the host's SSH key: `SHA256:` and 43 characters, or the whole key, `ssh-ed25519 AAAA…`.",
      { defaultText: "known_hosts decides" },
    ),
    migrationAddress: optional(
      z.string().regex(/^[A-Za-z0-9.:_-]+$/, "must be a host name or an IP address"),
      "Host name or IP address at which the other hosts reach this one for a migration.",
      { defaultText: "the host's own name, as libvirt offers it" },
    ),
    migrationName: optional(
      z.string().regex(/^[A-Za-z0-9.:_-]+$/, "must be a host name or an IP address"),
      "The name in this host's certificate for migrations with `tls`, where it is not that at which the other hosts reach it.",
      { defaultText: "`migrationAddress`, or the host's own name" },
    ),
    maintenance: optional(
      z.boolean(),
      "No VM is moved to this host, and placements that name it are suspended: their VMs stay where they are. VMs can still run on the host and be moved away from it.",
      { defaultText: "`false`" },
    ),
    networks: optional(
      z.record(name, network.schema),
      "Settings of the cluster's networks that are different on this host. They override those of the cluster.",
      { defaultText: "the cluster's" },
    ),
  });

  const cluster = objectType("Cluster", "A cluster of libvirt hosts.", {
    hosts: required(
      z.record(name, host.schema).refine((hosts) => Object.keys(hosts).length > 0, "must name at least one host"),
      "The hosts, keyed by the name that placements use; at least one. Names have letters, digits, `.`, `_` and `-`, at most 63; the first is a letter or digit.",
    ),
    networks: withDefault(z.record(name, network.schema), {}, "The networks, keyed by the name that profiles use."),
    hostCommands: withDefault(
      z.boolean(),
      true,
      "Whether commands may be run on the hosts (Python 3.6 or later, over the same SSH connection): the announcer, the try of the migration port, reading memory and network devices, setting the MAC and VLAN of a VF that is a plain `<hostdev>`, ending the connection to a destination that has died. Without it more packets are lost, some checks are less exact, and VMs with a plain `<hostdev>` VF are not moved.",
    ),
    sshConfig: optional(
      text.superRefine(checks.sshConfig),
      "OpenSSH client configuration file that is read instead of the user's and the system's, or `none`. A relative path starts at the program's folder.",
      { defaultText: "`~/.ssh/config` and `/etc/ssh/ssh_config`" },
    ),
    readOnlyUser: optional(
      z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/, "is not an account's name"),
      "The account that logs in to the hosts when `vnic-failover:readOnly` is true.",
      { defaultText: "the user of each host's URI" },
    ),
  });

  const credentials = objectType(
    "HostCredentials",
    "Credentials for one host. If empty, only the SSH agent and key files are used.",
    {
      sshPrivateKey: optional(privateKey, "The text of the private key.", secret),
      sshPassphrase: optional(
        z.string(),
        "Passphrase of that key and of the key file in the host's URI (`keyfile`).",
        secret,
      ),
      sshPassword: optional(
        z.string(),
        "Password of the user on the host. The host's URI must allow it (`sshauth`).",
        secret,
      ),
    },
  );

  const engine = objectType("OvirtEngine", "An oVirt engine.", {
    url: required(
      z.string().superRefine(checks.url),
      "URL of the engine or of its API, https, without user and password: `https://engine.example`.",
    ),
    cluster: required(text, "The cluster of the stack's VMs: its name or id."),
    username: optional(
      text,
      "User name with its authentication profile: `admin@internal`, or `admin@ovirt@internalsso` with Keycloak. Required with a password.",
    ),
    tokenUrl: optional(
      z.string().superRefine(checks.url),
      "URL (https) of the sign-on service that issues tokens, if it is not on the engine.",
      { defaultText: "`/ovirt-engine/sso/oauth/token` on the engine, also with Keycloak" },
    ),
    caFile: optional(
      text.superRefine(checks.certificates),
      "PEM file with the trusted CA certificates. A relative path starts at the program's folder.",
      { defaultText: "Node's own authorities" },
    ),
  });

  const keys = {
    cluster: optional(
      cluster.schema,
      "The hosts and networks of a cluster of libvirt hosts. Either this or `ovirt` is needed.",
    ),
    sshPrivateKey: optional(
      privateKey,
      "The text of the private key (OpenSSH, PEM or PuTTY) that logs in to the hosts, not its file's name.",
      { defaultText: "the SSH agent or key files", ...secret },
    ),
    sshPassphrase: optional(z.string(), "Passphrase of the private key and of key files, if they have one.", {
      defaultText: "none",
      ...secret,
    }),
    sshPassword: optional(z.string(), "Password of the user on the hosts, for hosts whose URI allows it (`sshauth`).", {
      defaultText: "none",
      ...secret,
    }),
    hostCredentials: optional(
      z.record(name, credentials.schema),
      "Credentials of single hosts, keyed by host name. They are sent to no other host, and these hosts do not use `sshPrivateKey`, `sshPassphrase` and `sshPassword`.",
      { defaultText: "none", ...secret },
    ),
    readOnly: optional(
      z.boolean(),
      "Uses the hosts read-only: through libvirt's read-only socket and without host commands. Previews and `refresh` work; anything that changes a host is refused.",
      { defaultText: "`false`" },
    ),
    ovirt: optional(engine.schema, "An oVirt engine. Either this or `cluster` is needed."),
    ovirtPassword: optional(z.string(), "Password of `ovirt.username`. Either this or `ovirtToken` is needed.", secret),
    ovirtToken: optional(
      z
        .string()
        .trim()
        .regex(/^[\x21-\x7e]*$/, "is not a valid token: it contains spaces or control characters"),
      "A token of the engine's sign-on service that you obtained yourself, used instead of user and password. It is not revoked afterwards, and not renewed when it expires.",
      secret,
    ),
    unreachableHosts: optional(
      unreachableHosts.schema,
      "What a preview does when a host or the engine is unreachable, so that some checks cannot be made. A refused login or host key is always an error.",
      { defaultText: "`warn`" },
    ),
  };
  return { keys, cluster, host, network, physicalFunction, credentials, engine };
}

const unchecked = () => undefined;

/** The description alone: its schemas look at no more than the form of values. */
export const configuration = configurationType({
  uri: unchecked,
  hostKey: unchecked,
  ranges: unchecked,
  physicalFunctions: unchecked,
  url: unchecked,
  certificates: unchecked,
  sshConfig: unchecked,
});

export type ConfigKey = keyof typeof configuration.keys;
export const configKeys = Object.keys(configuration.keys) as ConfigKey[];
