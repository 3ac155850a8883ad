/** What the rules of a move want to know of one host: what holds whichever VM moves, and its part of the VM's networks. */
import { networkOn, pfsOf, type ClusterConfig } from "../config/index.js";
import { reasonOf, remedyFor } from "../model/problem.js";
import type { HostFacts, NetworkOnHost } from "../rules/index.js";
import { hostBasics, type HostBasics } from "../backends/libvirt/host-basics.js";
import { asUnreachable, type HostUnreachable, type LibvirtHost } from "../backends/libvirt/host.js";
import {
  heldVfs,
  hostInterface,
  isFree,
  physicalFunction,
  type HostUse,
  type InterfaceAnswer,
  type PhysicalFunction,
} from "../backends/libvirt/inventory.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";

/** @returns the error of a host that is unreachable: that is a fact. */
export async function basicsOf(
  host: LibvirtHost,
  how: Parameters<typeof hostBasics>[1],
): Promise<HostBasics | HostUnreachable> {
  return orSilence(() => hostBasics(host, how));
}

export interface SurveyedHost {
  readonly facts: HostFacts;
  /** The host's PFs by their network. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
  /** Why its VFs are not known, where libvirt there has no node devices. */
  readonly devicesUnknown?: HostFacts["devicesUnknown"];
}

/** @param networks the logical networks that the VM needs. */
export async function hostFacts(
  cluster: ClusterConfig,
  host: LibvirtHost,
  basics: HostBasics | HostUnreachable,
  networks: readonly string[],
): Promise<SurveyedHost> {
  if (basics instanceof Error) return unanswered(host, basics);
  const surveyed = await orSilence(() =>
    Promise.all(networks.map((name) => networkFacts(cluster, host, name, basics.use))),
  );
  if (surveyed instanceof Error) return unanswered(host, surveyed);
  const { uuid, iommu } = basics.capabilities;
  const { missing } = basics.use;
  return {
    ...(missing !== undefined && { devicesUnknown: { why: reasonOf(missing), remedy: missing.remedy } }),
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
  use: HostUse,
): Promise<{ facts: NetworkOnHost; physicalFunctions: readonly PhysicalFunction[] }> {
  const network = networkOn(cluster, host.name, name);
  const bridge = network?.bridge;
  const pfs = pfsOf(network);
  const [onBridge, functions] = await Promise.all([
    bridge === undefined ? undefined : hostInterface(host, bridge, { commands: cluster.hostCommands }),
    Promise.all(
      (pfs ?? []).map(async (pf) => ({
        pf,
        found: use.missing === undefined ? await physicalFunction(host, pf, use) : undefined,
      })),
    ),
  ]);
  return {
    physicalFunctions: functions.flatMap(({ found }) => found ?? []),
    facts: {
      name,
      ...(bridge !== undefined && onBridge !== undefined && bridgeFacts(bridge, onBridge)),
      ...(pfs !== undefined && {
        physicalFunctions: functions.map(({ pf, found }) => {
          // Nothing is known of it: why, another fact tells.
          if (use.missing !== undefined) return { name: pf.name };
          const free = (found?.virtualFunctions ?? []).filter(isFree);
          return {
            name: pf.name,
            ...(found !== undefined && { up: found.linkUp }),
            freeVfs: free.length,
            ...(isDivided(cluster, host, pf.name) && { free: free.map(({ address }) => formatPciAddress(address)) }),
            ...heldOn(found),
          };
        }),
      }),
    },
  };
}

/** Whether a network has only some of the PF's VFs on that host: then they are not all alike. */
function isDivided(cluster: ClusterConfig, host: LibvirtHost, name: string): boolean {
  return Object.keys(cluster.networks).some((network) =>
    pfsOf(networkOn(cluster, host.name, network))?.some((pf) => pf.name === name && pf.virtualFunctions !== undefined),
  );
}

function heldOn(found: PhysicalFunction | undefined) {
  if (found === undefined) return { missing: true };
  const held = heldVfs(found);
  return held.length > 0 ? { held } : {};
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

function unanswered({ name }: LibvirtHost, unreachable: HostUnreachable): SurveyedHost {
  return {
    physicalFunctions: new Map(),
    facts: { name, answers: false, unreachable: { why: reasonOf(unreachable), remedy: remedyFor(unreachable) } },
  };
}

async function orSilence<T>(ask: () => Promise<T>): Promise<T | HostUnreachable> {
  try {
    return await ask();
  } catch (error) {
    const unreachable = asUnreachable(error);
    if (unreachable === undefined) throw error;
    return unreachable;
  }
}
