/** What the rules of a move want to know of one host: what holds whichever VM moves, and its part of the VM's networks. */
import { networkOn, type ClusterConfig } from "../config.js";
import type { HostFacts, NetworkOnHost } from "../rules/index.js";
import { parseHostCapabilities, type HostCapabilities } from "../xml/capabilities.js";
import { silenceOf, type HostUnreachable, type LibvirtHost } from "../backends/libvirt/host.js";
import {
  hostInterface,
  isFree,
  physicalFunction,
  vfUsers,
  type InterfaceAnswer,
  type PhysicalFunction,
  type VfUser,
} from "../backends/libvirt/inventory.js";

/** What can be asked before anything is known of the VM. */
export interface HostBasics {
  readonly capabilities: HostCapabilities;
  /** As libvirt packs it: major × 1,000,000 + minor × 1,000 + release. */
  readonly libvirtVersion: number;
  readonly qemuVersion: number;
  readonly freeMemoryKiB: number;
  readonly vfUsers: readonly VfUser[];
}

/** @returns the silence of a host that does not answer: that is a fact. */
export async function basicsOf(host: LibvirtHost): Promise<HostBasics | HostUnreachable> {
  return orSilence(async () => {
    const connection = await host.connection();
    const [{ capabilities }, { lib_ver }, { hv_ver }, { freeMem }, users] = await Promise.all([
      connection.call("connect_get_capabilities", {}),
      connection.call("connect_get_lib_version", {}),
      connection.call("connect_get_version", {}),
      connection.call("node_get_free_memory", {}),
      vfUsers(host),
    ]);
    return {
      capabilities: parseHostCapabilities(capabilities),
      libvirtVersion: Number(lib_ver),
      qemuVersion: Number(hv_ver),
      freeMemoryKiB: Number(freeMem / 1024n),
      vfUsers: users,
    };
  });
}

export interface SurveyedHost {
  readonly facts: HostFacts;
  /** The host's PFs by their network. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
}

/** @param networks the logical networks that the VM needs. */
export async function hostFacts(
  cluster: ClusterConfig,
  host: LibvirtHost,
  basics: HostBasics | HostUnreachable,
  networks: readonly string[],
): Promise<SurveyedHost> {
  if (basics instanceof Error) return silent(host, basics);
  const surveyed = await orSilence(() =>
    Promise.all(networks.map((name) => networkFacts(cluster, host, name, basics.vfUsers))),
  );
  if (surveyed instanceof Error) return silent(host, surveyed);
  const { uuid, iommu } = basics.capabilities;
  return {
    physicalFunctions: new Map(surveyed.map(({ facts, physicalFunctions }) => [facts.name, physicalFunctions])),
    facts: {
      name: host.name,
      answers: true,
      ...(uuid !== undefined && { uuid }),
      ...(iommu !== undefined && { passthrough: iommu }),
      libvirtVersion: basics.libvirtVersion,
      qemuVersion: basics.qemuVersion,
      freeMemoryKiB: basics.freeMemoryKiB,
      networks: surveyed.map(({ facts }) => facts),
    },
  };
}

async function networkFacts(
  cluster: ClusterConfig,
  host: LibvirtHost,
  name: string,
  users: readonly VfUser[],
): Promise<{ facts: NetworkOnHost; physicalFunctions: readonly PhysicalFunction[] }> {
  const { bridge, physicalFunctions: names } = networkOn(cluster, host.name, name) ?? {};
  const [onBridge, functions] = await Promise.all([
    bridge === undefined ? undefined : hostInterface(host, bridge, { commands: cluster.hostCommands }),
    Promise.all((names ?? []).map(async (pf) => ({ name: pf, found: await physicalFunction(host, pf, users) }))),
  ]);
  return {
    physicalFunctions: functions.flatMap(({ found }) => found ?? []),
    facts: {
      name,
      ...(bridge !== undefined && onBridge !== undefined && bridgeFacts(bridge, onBridge)),
      ...(names !== undefined && {
        physicalFunctions: functions.map(({ name: pf, found }) => ({
          name: pf,
          ...(found !== undefined && { up: found.linkUp }),
          freeVfs: found?.virtualFunctions.filter(isFree).length ?? 0,
        })),
      }),
    },
  };
}

function bridgeFacts(bridge: string, answer: InterfaceAnswer): Partial<NetworkOnHost> {
  if (answer === "unknown") return { bridge };
  if (answer === "absent") return { bridge, bridgeExists: false };
  return {
    bridge,
    bridgeExists: true,
    bridgeUplinks: answer.ports,
    ...(answer.mtu !== undefined && { mtu: answer.mtu }),
  };
}

function silent({ name }: LibvirtHost, silence: HostUnreachable): SurveyedHost {
  return { physicalFunctions: new Map(), facts: { name, answers: false, silence: silence.message } };
}

async function orSilence<T>(ask: () => Promise<T>): Promise<T | HostUnreachable> {
  try {
    return await ask();
  } catch (error) {
    const silence = silenceOf(error);
    if (silence === undefined) throw error;
    return silence;
  }
}
