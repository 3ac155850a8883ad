/** What an engine, its hosts and its profiles need so that moves can be, one row each: `vnic-failover doctor` on oVirt. */
import type { Rule } from "./rule.js";
import { quoted } from "./wording.js";

export interface EngineHealth {
  /** `4.5.7-1.el9`; undefined: the engine does not say. */
  readonly version: string | undefined;
  readonly cluster: {
    readonly name: string;
    readonly level: { readonly major: number; readonly minor: number };
  };
  /** Those of the cluster. */
  readonly networks: readonly { readonly id: string; readonly name: string }[];
  readonly hosts: readonly EngineHostHealth[];
  /** Those of the cluster's networks. */
  readonly profiles: readonly ProfileHealth[];
  /** VMs that run on their standby alone, with the names of the NICs. */
  readonly withoutVf: readonly { readonly vm: string; readonly nics: readonly string[] }[];
}

export interface EngineHostHealth {
  readonly name: string;
  /** As the engine says it: `up`, `maintenance`, … */
  readonly status: string;
  readonly functions: readonly {
    readonly name: string;
    /** VFs that it has, and could have. */
    readonly number: number;
    readonly max: number;
    /** The ids of the passthrough profiles' networks that its VFs may serve. */
    readonly serves: readonly string[];
  }[];
  /** The ids of the networks that its NICs have. */
  readonly attached: readonly string[];
}

export interface ProfileHealth {
  readonly id: string;
  readonly name: string;
  /** The network's id. */
  readonly network: string;
  readonly passThrough: "enabled" | "disabled";
  readonly migratable?: boolean | undefined;
  readonly failover?: string | undefined;
}

type Found = { readonly message: string; readonly remedy: string };

const error = { checkedAt: ["doctor"], severity: "error" } as const;
const warning = { checkedAt: ["doctor"], severity: "warning" } as const;

const inMaintenance: readonly string[] = ["maintenance", "preparing_for_maintenance"];

/** What a user needs who is no administrator of the whole engine. */
export const neededRoles =
  "In the Administration Portal, grant the user the roles NetworkAdmin on the data center and ClusterAdmin on the cluster.";

/** What is said of a host that is not up comes first, and nothing else of it is. */
function isUp({ status }: Pick<EngineHostHealth, "status">): boolean {
  return status === "up";
}

export const engineRules: readonly Rule<EngineHealth>[] = [
  {
    id: "engine-version",
    title: "The engine is 4.4.6 or newer",
    source: "ovirt-engine: commit 2813c6480a7",
    ...error,
    find: ({ version }) =>
      version === undefined || isAtLeast(version, [4, 4, 6])
        ? []
        : {
            message: `The engine is version ${version}, which does not support failover in vNIC profiles.`,
            remedy: "Upgrade it to 4.4.6 or newer.",
          },
  },
  {
    id: "engine-cluster-level",
    title: "The cluster's level is 4.6 or newer",
    source: "ovirt-engine: VmNicValidator.java, validateProfile",
    ...error,
    find: ({ cluster: { name, level } }) =>
      isAtLeast(`${level.major}.${level.minor}`, [4, 6])
        ? []
        : {
            message: `Cluster ${quoted(name)} has compatibility level ${level.major}.${level.minor}: the engine refuses NICs whose profile has a failover.`,
            remedy: "Raise the level to 4.6 or newer in the Administration Portal.",
          },
  },
  {
    id: "engine-hosts",
    title: "The cluster has two hosts that are up",
    source: "ovirt-engine: SchedulingManager.java",
    ...warning,
    find: ({ cluster: { name }, hosts }) => {
      if (hosts.length === 0)
        return {
          message: `The engine lists no host of cluster ${quoted(name)}.`,
          remedy: `If the cluster has hosts, the user cannot see them. ${neededRoles}`,
        };
      const up = hosts.filter(isUp);
      return up.length > 1
        ? []
        : {
            message: `${up.length === 0 ? "No host" : "Only one host"} of cluster ${quoted(name)} is up: no VM can move.`,
            remedy: "Activate or add hosts in the Administration Portal.",
          };
    },
  },
  {
    id: "engine-host-not-failed",
    title: "Every host is up or in maintenance",
    source: "ovirt-engine: VDSStatus.java",
    ...error,
    find: ({ hosts }) =>
      hosts
        .filter((host) => !isUp(host) && !inMaintenance.includes(host.status))
        .map((host) => ({
          message: `Host ${quoted(host.name)} is in status ${host.status}: the engine moves no VM to it.`,
          remedy:
            "Check the host's events in the Administration Portal, and activate the host or put it into maintenance.",
        })),
  },
  {
    id: "engine-host-in-maintenance",
    title: "Hosts in maintenance are not destinations",
    source: "ovirt-engine: MigrateVmToServerCommand.java",
    ...warning,
    find: ({ hosts }) =>
      hosts
        .filter(({ status }) => inMaintenance.includes(status))
        .map((host) => ({
          message: `Host ${quoted(host.name)} is in maintenance: the engine moves no VM to it.`,
          remedy: "Activate it in the Administration Portal when the maintenance is over.",
        })),
  },
  {
    id: "engine-host-vfs",
    title: "Physical functions have VFs",
    source: "ovirt-engine: VfSchedulerImpl.java",
    ...warning,
    find: (facts) =>
      eachHost(facts, ({ name: host, functions }) =>
        functions
          .filter(({ number, max }) => number === 0 && max > 0)
          .map(({ name, max }) => ({
            message: `Physical function ${quoted(name)} of host ${quoted(host)} has no VFs; it supports up to ${max}.`,
            remedy: "Set the number of VFs in the Administration Portal: Network Interfaces, Setup Host Networks.",
          })),
      ),
  },
  {
    id: "engine-vf-network",
    title: "Every host has a physical function that allows the network of every passthrough profile for its VFs",
    source: "ovirt-engine: VfSchedulerImpl.java",
    ...warning,
    find: (facts) =>
      eachHost(facts, ({ name: host, functions }) =>
        networksOf(facts, passthrough(facts))
          .filter(({ id }) => !functions.some(({ serves }) => serves.includes(id)))
          .map(({ name }) => ({
            message: `No physical function of host ${quoted(host)} allows network ${quoted(name)} for its VFs.`,
            remedy:
              "Allow the network, or its label, for the VFs of a physical function in the Administration Portal: Setup Host Networks.",
          })),
      ),
  },
  {
    id: "engine-standby-network",
    title: "The standbys' networks are attached to every host",
    source: "ovirt-engine: NetworkPolicyUnit.java",
    ...error,
    find: (facts) => {
      const failovers = new Set(passthrough(facts).flatMap(({ failover }) => failover ?? []));
      const standbys = facts.profiles.filter(({ id }) => failovers.has(id));
      return eachHost(facts, ({ name: host, attached }) =>
        networksOf(facts, standbys)
          .filter(({ id }) => !attached.includes(id))
          .map(({ name }) => ({
            message: `Network ${quoted(name)}, which standbys use, is not attached to host ${quoted(host)}: no VM with such a standby can move to it.`,
            remedy: "Attach it in the Administration Portal: Network Interfaces, Setup Host Networks.",
          })),
      );
    },
  },
  {
    id: "engine-profile-failover",
    title: "Migratable passthrough profiles have a failover",
    source: "ovirt-engine: MigrateVmCommand.java",
    ...warning,
    find: (facts) =>
      passthrough(facts)
        .filter(({ migratable, failover }) => migratable === true && failover === undefined)
        .map(({ name }) => ({
          message: `Profile ${quoted(name)} is migratable and has no failover: its VMs lose this network during a move.`,
          remedy: "Give it a failover profile while no VM uses it.",
        })),
  },
  {
    id: "engine-vm-without-vf",
    title: "Every VM has its VFs",
    source: "ovirt-engine: MigrateVmCommand.java",
    ...warning,
    find: ({ withoutVf }) =>
      withoutVf.map(({ vm, nics }) => ({
        message: `VM ${quoted(vm)} runs without the VF of NIC ${nics.map((nic) => quoted(nic)).join(", ")}.`,
        remedy: "Run vnic-failover recover: it plugs what it can, and says what else to do.",
      })),
  },
];

/** @param version `4.5.7-1.el9`: what follows the third number does not count. */
function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, least] of wanted.entries()) {
    const part = parts[index] ?? 0;
    // What is no number is a version that is not known here, and none that is too old.
    if (part !== least) return !(part < least);
  }
  return true;
}

/** Those that are up. */
function eachHost({ hosts }: EngineHealth, find: (host: EngineHostHealth) => readonly Found[]): readonly Found[] {
  return hosts.filter(isUp).flatMap(find);
}

function passthrough({ profiles }: EngineHealth): readonly ProfileHealth[] {
  return profiles.filter(({ passThrough }) => passThrough === "enabled");
}

function networksOf({ networks }: EngineHealth, profiles: readonly ProfileHealth[]): EngineHealth["networks"] {
  const wanted = new Set(profiles.map(({ network }) => network));
  return networks.filter(({ id }) => wanted.has(id));
}
