/** The provider's configuration: `vnic-failover:<key>` in `Pulumi.<stack>.yaml`, or the arguments of an explicit provider. */
import type {
  ClusterConfig,
  ConfigKey,
  EngineConfig,
  HostConfig,
  NetworkConfig,
  SshCredentials,
} from "../../../config/index.js";
import { boolean, integer, listOf, mapOf, text, typeNamed, type ObjectSpec, type Properties } from "./spec.js";

export const configuration: Properties<ConfigKey> = {
  cluster: {
    ...typeNamed("Cluster"),
    description: "The hosts and networks of a cluster over libvirt. Either this or `ovirt` is needed.",
  },
  sshPrivateKey: {
    ...text,
    description: "The text of the private key that logs in to the hosts. Default: the SSH agent or key files.",
    secret: true,
  },
  sshPassphrase: { ...text, description: "Of the private key, where it has one.", secret: true },
  sshPassword: {
    ...text,
    description: "Of the user on the hosts, where no key is used: for hosts whose URI names it (`sshauth`).",
    secret: true,
  },
  hostCredentials: {
    ...mapOf(typeNamed("HostCredentials")),
    description:
      "What single hosts are logged in to with, by their names: no other host gets it, and they get none of `sshPrivateKey`, `sshPassphrase` and `sshPassword`. Default: none.",
    secret: true,
  },
  readOnly: {
    ...boolean,
    description:
      "The hosts of the cluster are used for reading alone, by libvirt's read-only socket and without host commands: previews and `refresh` work, whatever changes something is refused. Default `false`.",
  },
  ovirt: { ...typeNamed("OvirtEngine"), description: "An oVirt engine. Either this or `cluster` is needed." },
  ovirtPassword: { ...text, description: "Of `ovirt.username`. Either this or `ovirtToken` is needed.", secret: true },
  ovirtToken: {
    ...text,
    description:
      "A token of the engine's own sign-on that was got elsewhere, in place of user and password. It is not given back at the end, and no other is got where it has ended.",
    secret: true,
  },
  unreachableHosts: {
    ...text,
    description:
      "What becomes of a preview's checks that a host or an engine which cannot be reached leaves open: `error` fails them, `warn` warns. A refused login or host key is an error always. Default `warn`.",
  },
};

export const Cluster: ObjectSpec<keyof ClusterConfig> = {
  description: "A cluster over libvirt.",
  properties: {
    hosts: { ...mapOf(typeNamed("ClusterHost")), description: "By the name that placements use. At least one." },
    networks: { ...mapOf(typeNamed("ClusterNetwork")), description: "By the name that profiles use. Default: none." },
    hostCommands: {
      ...boolean,
      description:
        "Whether a move may run this package's own announcer on the hosts (python3, over the same SSH connection). libvirt's socket alone cannot tell the switches when the VF takes over. Default `true`.",
    },
    sshConfig: {
      ...text,
      description:
        "OpenSSH's client configuration: the file that is read in place of `~/.ssh/config` and `/etc/ssh/ssh_config`, from the program's folder on, or `none`. Default: these two.",
    },
    readOnlyUser: {
      ...text,
      description: "Who logs in to the hosts where `readOnly` is true. Default: the user of each host's URI.",
    },
  },
  required: ["hosts"],
};

export const ClusterHost: ObjectSpec<keyof HostConfig> = {
  description: "A hypervisor with libvirt.",
  properties: {
    uri: {
      ...text,
      description:
        "libvirt's own URI syntax: `qemu+ssh://user@host:port/system?keyfile=…&known_hosts=…`, or `qemu+unix:///system`.",
    },
    hostKey: {
      ...text,
      description: "Pins the host's SSH key: `ssh-ed25519 AAAA…` or `SHA256:…`. Default: known_hosts decides.",
    },
    migrationAddress: {
      ...text,
      description:
        "The address at which other hosts reach this one for a migration. Default: the host's own name, as libvirt offers it.",
    },
    maintenance: {
      ...boolean,
      description:
        "Nothing is moved there, and placements that name it rest where they are. VMs may run on it and move away from it. Default: false.",
    },
    networks: { ...mapOf(typeNamed("ClusterNetwork")), description: "What differs on this host." },
  },
  required: ["uri"],
};

export const HostCredentials: ObjectSpec<keyof SshCredentials> = {
  description: "What one host is logged in to with. Nothing in it: the SSH agent and key files alone.",
  properties: {
    sshPrivateKey: { ...text, description: "The text of the private key.", secret: true },
    sshPassphrase: {
      ...text,
      description: "Of that key, and of the key file that the host's URI names (`keyfile`).",
      secret: true,
    },
    sshPassword: { ...text, description: "Of the user on the host, whose URI must name it (`sshauth`).", secret: true },
  },
};

export const ClusterNetwork: ObjectSpec<keyof NetworkConfig> = {
  description: "A logical network of the cluster: the bridge of its standbys, the PFs of its VFs, or both.",
  properties: {
    bridge: { ...text, description: "The Linux bridge of the standby." },
    mtu: { ...integer, description: "Bytes, 68 to 65535. Default: what libvirt takes, 1500." },
    physicalFunctions: {
      ...listOf({ ...text, oneOf: [text, typeNamed("PhysicalFunction")] }),
      description:
        "The PFs whose VFs the network's interfaces may get, in order of preference: each by its interface, or with a range of its VFs.",
    },
    vlan: { ...integer, description: "VLAN tag of a VF, 1 to 4094; a bridge carries its VLAN itself." },
  },
};

export const PhysicalFunction: ObjectSpec<"pf" | "virtualFunctions"> = {
  description: "A PF of which a network has some of the VFs.",
  properties: {
    pf: { ...text, description: "Its interface." },
    virtualFunctions: {
      ...text,
      description: "The network's VFs by their numbers, from 0 on: `2-7`, `0,2-4`. Default: all.",
    },
  },
  required: ["pf"],
};

export const OvirtEngine: ObjectSpec<keyof EngineConfig> = {
  description: "An oVirt engine.",
  properties: {
    url: { ...text, description: "Of the engine or of its API: `https://engine.example`." },
    cluster: { ...text, description: "The cluster of the stack's VMs: its name or id." },
    username: {
      ...text,
      description:
        "With its profile: `admin@internal`, or `admin@ovirt@internalsso` with Keycloak. Not needed with `ovirtToken`.",
    },
    tokenUrl: {
      ...text,
      description:
        "Where the engine's sign-on gives out tokens: https. Default: `/ovirt-engine/sso/oauth/token` on the engine itself, also with Keycloak.",
    },
    caFile: {
      ...text,
      description:
        "A PEM file of the authorities that are trusted, from the program's folder on. Default: Node's own authorities.",
    },
  },
  required: ["url", "cluster"],
};
