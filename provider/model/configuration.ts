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
  error: "They fail it.",
  warn: "They raise a warning, and the preview goes on.",
});

/** Each key of the stack is optional by itself: which are needed depends on the others. */
export function configurationType(checks: Checks) {
  const privateKey = z
    .string()
    .regex(
      /-----BEGIN [A-Z ]*PRIVATE KEY-----|^PuTTY-User-Key-File-/,
      "is not a private key: it must be the text of the key file itself, not its name, nor the public key",
    );

  const physicalFunction = objectType("PhysicalFunction", "A PF of which a network has some of the VFs.", {
    pf: required(interfaceName, "Its interface."),
    virtualFunctions: optional(
      text.superRefine(checks.ranges),
      "The network's VFs by their numbers, from 0 on: `2-7`, `0,2-4`.",
      { defaultText: "all" },
    ),
  });

  const network = objectType(
    "ClusterNetwork",
    "A logical network of the cluster: the bridge of its standbys, the PFs of its VFs, or both.",
    {
      bridge: optional(interfaceName, "The Linux bridge of the standbys; at most 15 characters.", {
        defaultText: "none",
      }),
      mtu: optional(z.number().int().min(68).max(65535), "Bytes.", { defaultText: "what libvirt takes, 1500" }),
      physicalFunctions: optional(
        z
          .array(z.union([interfaceName, physicalFunction.schema]))
          .min(1)
          .superRefine(checks.physicalFunctions),
        "The PFs whose VFs the network's interfaces may get, in order of preference: each by its interface, or with a range of its VFs.",
        { defaultText: "none" },
      ),
      vlan: optional(z.number().int().min(1).max(4094), "VLAN tag of a VF; a bridge carries its VLAN itself.", {
        defaultText: "none",
      }),
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
    maintenance: optional(
      z.boolean(),
      "Nothing is moved there, and placements that name it rest where they are. VMs may run on it and move away from it.",
      { defaultText: "`false`" },
    ),
    networks: optional(
      z.record(name, network.schema),
      "What differs on this host, of networks of the cluster: it comes before what the cluster says.",
      { defaultText: "the cluster's" },
    ),
  });

  const cluster = objectType("Cluster", "A cluster with libvirt.", {
    hosts: required(
      z.record(name, host.schema).refine((hosts) => Object.keys(hosts).length > 0, "must name at least one host"),
      "By the name that placements use; at least one. Names have letters, digits, `.`, `_` and `-`, at most 63; the first is a letter or digit.",
    ),
    networks: withDefault(z.record(name, network.schema), {}, "By the name that profiles use."),
    hostCommands: withDefault(
      z.boolean(),
      true,
      "Whether a move may run this package's own announcer on the hosts (Python 3.6 or later, over the same SSH connection). libvirt's socket alone cannot tell the switches when the VF takes over.",
    ),
    sshConfig: optional(
      text.superRefine(checks.sshConfig),
      "OpenSSH's client configuration: the file that is read in place of the user's and the system's, from the program's folder on, or `none`.",
      { defaultText: "`~/.ssh/config` and `/etc/ssh/ssh_config`" },
    ),
    readOnlyUser: optional(
      z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/, "is not an account's name"),
      "Who logs in to the hosts where `vnic-failover:readOnly` is true.",
      { defaultText: "the user of each host's URI" },
    ),
  });

  const credentials = objectType(
    "HostCredentials",
    "What one host is logged in to with. Nothing in it: the SSH agent and key files alone.",
    {
      sshPrivateKey: optional(privateKey, "The text of the private key.", secret),
      sshPassphrase: optional(
        z.string(),
        "Of that key, and of the key file that the host's URI names (`keyfile`).",
        secret,
      ),
      sshPassword: optional(z.string(), "Of the user on the host, whose URI must name it (`sshauth`).", secret),
    },
  );

  const engine = objectType("OvirtEngine", "An oVirt engine.", {
    url: required(
      z.string().superRefine(checks.url),
      "https, of the engine or of its API: `https://engine.example`; without user and password.",
    ),
    cluster: required(text, "The cluster of the stack's VMs: its name or id."),
    username: optional(
      text,
      "With its profile: `admin@internal`, or `admin@ovirt@internalsso` with Keycloak. Needed with a password.",
    ),
    tokenUrl: optional(
      z.string().superRefine(checks.url),
      "https; where the engine's sign-on gives out tokens, if not on the engine itself.",
      { defaultText: "`/ovirt-engine/sso/oauth/token` on the engine, also with Keycloak" },
    ),
    caFile: optional(
      text.superRefine(checks.certificates),
      "A PEM file of the authorities that are trusted, from the program's folder on.",
      { defaultText: "Node's own authorities" },
    ),
  });

  const keys = {
    cluster: optional(
      cluster.schema,
      "The hosts and networks of a cluster with libvirt. Either this or `ovirt` is needed.",
    ),
    sshPrivateKey: optional(
      privateKey,
      "The text of the private key (OpenSSH, PEM or PuTTY) that logs in to the hosts, not its file's name.",
      { defaultText: "the SSH agent or key files", ...secret },
    ),
    sshPassphrase: optional(z.string(), "Of the private key and of key files, where they have one.", {
      defaultText: "none",
      ...secret,
    }),
    sshPassword: optional(
      z.string(),
      "Of the user on the hosts, where no key is used: for hosts whose URI names it (`sshauth`).",
      { defaultText: "none", ...secret },
    ),
    hostCredentials: optional(
      z.record(name, credentials.schema),
      "What single hosts are logged in to with, by their names: no other host gets it, and they get none of `sshPrivateKey`, `sshPassphrase` and `sshPassword`.",
      { defaultText: "none", ...secret },
    ),
    readOnly: optional(
      z.boolean(),
      "The hosts of the cluster are used for reading alone, by libvirt's read-only socket and without host commands: previews and `refresh` work, whatever changes something is refused.",
      { defaultText: "`false`" },
    ),
    ovirt: optional(engine.schema, "An oVirt engine. Either this or `cluster` is needed."),
    ovirtPassword: optional(z.string(), "Of `ovirt.username`. Either this or `ovirtToken` is needed.", secret),
    ovirtToken: optional(
      z
        .string()
        .trim()
        .regex(/^[\x21-\x7e]*$/, "is not a token: it has blanks or other characters in it that no token has"),
      "A token of the engine's own sign-on that was got elsewhere, in place of user and password. It is not returned at the end, and no other is got where it has ended.",
      secret,
    ),
    unreachableHosts: optional(
      unreachableHosts.schema,
      "What becomes of a preview's checks that a host or an engine which cannot be reached leaves open. A refused login or host key is an error always.",
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
