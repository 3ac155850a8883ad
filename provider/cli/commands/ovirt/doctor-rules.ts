/** What an engine's hosts and profiles need for moves, one row each. Pure. */
import {
  serves,
  type EngineCluster,
  type EngineHost,
  type EngineNetwork,
  type EngineNic,
  type EnginePhysicalFunction,
  type EngineProfile,
  type NetworkLabels,
} from "../../../backends/ovirt/rest/index.js";
import { neededRoles } from "../../../backends/ovirt/rest/fault.js";
import type { Rule } from "../../../rules/index.js";
import { quoted } from "../../../rules/wording.js";

export interface DoctoredHost {
  readonly host: EngineHost;
  readonly functions: readonly EnginePhysicalFunction[];
  /** Of the networks of passthrough profiles. */
  readonly labels: NetworkLabels;
  /** The ids of the networks that its NICs have. */
  readonly attached: readonly string[];
  /** The names of the VMs that have devices of it. */
  readonly vms: readonly string[];
}

export interface EngineDoctorFacts {
  /** `4.5.7-1.el9`; undefined: the engine does not say. */
  readonly version: string | undefined;
  readonly cluster: EngineCluster;
  /** Those of the cluster. */
  readonly networks: readonly EngineNetwork[];
  readonly hosts: readonly DoctoredHost[];
  /** Those of the cluster's networks. */
  readonly profiles: readonly EngineProfile[];
  /** VMs that run on their standby alone. */
  readonly withoutVf: readonly { readonly vm: string; readonly nics: readonly EngineNic[] }[];
}

type Found = { readonly message: string; readonly remedy: string };

const error = { checkedAt: ["preflight"], severity: "error" } as const;
const warning = { checkedAt: ["preflight"], severity: "warning" } as const;

const inMaintenance: readonly string[] = ["maintenance", "preparing_for_maintenance"];

/** What is said of a host that is not up comes first, and nothing else of it is. */
export function isLookedAt({ host }: DoctoredHost): boolean {
  return host.status === "up";
}

export const engineDoctorRules: readonly Rule<EngineDoctorFacts>[] = [
  {
    id: "engine-version",
    title: "The engine is 4.4.6 or newer",
    source: "ovirt-engine: commit 2813c6480a7",
    ...error,
    find: ({ version }) =>
      version === undefined || isAtLeast(version, [4, 4, 6])
        ? []
        : {
            message: `The engine is version ${version}, which has no failover of vNIC profiles.`,
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
            message: `Cluster ${quoted(name)} is of level ${level.major}.${level.minor}: the engine refuses its VMs NICs whose profile has a failover.`,
            remedy: "Raise its compatibility version to 4.6 or newer in the Administration Portal.",
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
          remedy: `If it has some: ${neededRoles}`,
        };
      const up = hosts.filter(isLookedAt);
      return up.length > 1
        ? []
        : {
            message: `${up.length === 0 ? "No host" : "One host only"} of cluster ${quoted(name)} is up: no VM can move.`,
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
        .filter((host) => !isLookedAt(host) && !inMaintenance.includes(host.host.status))
        .map(({ host }) => ({
          message: `Host ${quoted(host.name)} is in status ${host.status}: the engine moves no VM there.`,
          remedy: "See to it in the Administration Portal.",
        })),
  },
  {
    id: "engine-host-in-maintenance",
    title: "Hosts in maintenance are not destinations",
    source: "ovirt-engine: MigrateVmToServerCommand.java",
    ...warning,
    find: ({ hosts }) =>
      hosts
        .filter(({ host }) => inMaintenance.includes(host.status))
        .map(({ host }) => ({
          message: `Host ${quoted(host.name)} is in maintenance: the engine moves no VM there.`,
          remedy: "Activate it in the Administration Portal when the maintenance is over.",
        })),
  },
  {
    id: "engine-host-vfs",
    title: "Physical functions have VFs",
    source: "ovirt-engine: VfSchedulerImpl.java",
    ...warning,
    find: (facts) =>
      eachHost(facts, ({ host, functions }) =>
        functions
          .filter(({ number, max }) => number === 0 && max > 0)
          .map(({ name, max }) => ({
            message: `Physical function ${quoted(name)} of host ${quoted(host.name)} has no VFs, and could have ${max}.`,
            remedy: "Set their number in the Administration Portal: Network Interfaces, Setup Host Networks.",
          })),
      ),
  },
  {
    id: "engine-vf-network",
    title: "Every network of a passthrough profile may get VFs on every host",
    source: "ovirt-engine: VfSchedulerImpl.java",
    ...warning,
    find: (facts) =>
      eachHost(facts, ({ host, functions, labels }) =>
        networksOf(facts, passthrough(facts))
          .filter(({ id }) => !functions.some((pf) => serves(pf, id, labels)))
          .map(({ name }) => ({
            message: `No physical function of host ${quoted(host.name)} gives its VFs to network ${quoted(name)}.`,
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
      return eachHost(facts, ({ host, attached }) =>
        networksOf(facts, standbys)
          .filter(({ id }) => !attached.includes(id))
          .map(({ name }) => ({
            message: `Network ${quoted(name)}, which standbys use, is not attached to host ${quoted(host.name)}: no VM with such a standby can go there.`,
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
          message: `Profile ${quoted(name)} is migratable and has no failover: a VM is without network while it moves.`,
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
        message: `VM ${quoted(vm)} runs without the VF of NIC ${nics.map(({ name }) => quoted(name)).join(", ")}.`,
        remedy: "What helps is told by: vnic-failover recover.",
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
function eachHost({ hosts }: EngineDoctorFacts, find: (host: DoctoredHost) => readonly Found[]): readonly Found[] {
  return hosts.filter(isLookedAt).flatMap(find);
}

function passthrough({ profiles }: EngineDoctorFacts): readonly EngineProfile[] {
  return profiles.filter(({ passThrough }) => passThrough === "enabled");
}

function networksOf({ networks }: EngineDoctorFacts, profiles: readonly EngineProfile[]): readonly EngineNetwork[] {
  const wanted = new Set(profiles.map(({ network }) => network));
  return networks.filter(({ id }) => wanted.has(id));
}
