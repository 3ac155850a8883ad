/** What the rules of a move want to know of one host: what holds whichever VM moves, and its part of the VM's networks. */
import { networkOn, pfsOf, type ClusterConfig } from "../config/index.js";
import { reasonOf, remedyFor } from "../model/problem.js";
import type { BridgeHealth, HostFacts, NetworkOnHost, PhysicalFunction as PfFacts } from "../rules/index.js";
import { hostBasics, type HostBasics } from "../backends/libvirt/host-basics.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import { unlessUnreachable, type HostUnreachable } from "../backends/libvirt/host-errors.js";
import { surveyNetwork, type SurveyedNetwork, type SurveyedPf } from "../backends/libvirt/host-survey.js";
import { heldVfs, isFree, type InterfaceAnswer, type PhysicalFunction } from "../backends/libvirt/inventory.js";
import { formatPciAddress } from "../backends/libvirt/xml/pci-address.js";

/** @returns the error of a host that is unreachable: that is a fact. */
export async function basicsOf(
  host: LibvirtHost,
  how: Parameters<typeof hostBasics>[1],
): Promise<HostBasics | HostUnreachable> {
  return unlessUnreachable(() => hostBasics(host, how));
}

export interface SurveyedHost {
  readonly facts: HostFacts;
  /** The host's PFs by their network. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
  /** Why its VFs are not known, where libvirt there has no node devices. */
  readonly devicesUnknown?: HostFacts["devicesUnknown"];
}

/** What the host says of its interface of that name. */
type InterfaceOn = (name: string) => Promise<InterfaceAnswer>;

/** @param networks the logical networks that the VM needs. */
export async function hostFacts(
  cluster: ClusterConfig,
  host: LibvirtHost,
  basics: HostBasics | HostUnreachable,
  networks: readonly string[],
  interfaceOn: InterfaceOn,
): Promise<SurveyedHost> {
  if (basics instanceof Error) return unanswered(host, basics);
  const surveyed = await unlessUnreachable(() =>
    Promise.all(networks.map((name) => surveyNetwork(cluster, host, name, basics.use, interfaceOn))),
  );
  if (surveyed instanceof Error) return unanswered(host, surveyed);
  const { uuid, iommu } = basics.capabilities;
  const { missing } = basics.use;
  return {
    ...(missing !== undefined && { devicesUnknown: { why: reasonOf(missing), remedy: missing.remedy } }),
    physicalFunctions: new Map(
      surveyed.map(({ name, physicalFunctions }) => [
        name,
        physicalFunctions.flatMap(({ found }) => (found === "unknown" ? [] : (found ?? []))),
      ]),
    ),
    facts: {
      name: host.name,
      answers: true,
      ...(uuid !== undefined && { uuid }),
      ...(iommu !== undefined && { passthrough: iommu }),
      libvirtVersion: basics.libvirtVersion,
      qemuVersion: basics.qemuVersion,
      freeMemoryKiB: basics.memory.availableKiB,
      certainMemoryKiB: basics.memory.certainKiB,
      networks: surveyed.map((network) => networkFacts(network, dividedPfs(cluster, host))),
    },
  };
}

/** @param divided PFs of which some network has only some of the VFs. */
function networkFacts(
  { name, bridge, physicalFunctions }: SurveyedNetwork,
  divided: ReadonlySet<string>,
): NetworkOnHost {
  return {
    name,
    ...(bridge !== undefined && bridgeFacts(bridge)),
    ...(physicalFunctions.length > 0 && {
      physicalFunctions: physicalFunctions.map((pf) => pfFacts(pf, divided.has(pf.pf ?? pf.name))),
    }),
  };
}

/** @param divided whether its VFs are not all alike. */
function pfFacts({ name, pf = name, found }: SurveyedPf, divided: boolean): PfFacts {
  // Nothing is known of it: why, another fact tells.
  if (found === "unknown") return { name: pf };
  if (found === undefined) return { name: pf, freeVfs: 0, ...(divided && { free: [] }), missing: true };
  const free = found.virtualFunctions.filter(isFree);
  const held = heldVfs(found);
  return {
    name: pf,
    up: found.linkUp,
    freeVfs: free.length,
    ...(divided && { free: free.map(({ address }) => formatPciAddress(address)) }),
    ...(held.length > 0 && { held }),
  };
}

/** The host's PFs of which a network has only some of the VFs. */
function dividedPfs(cluster: ClusterConfig, host: LibvirtHost): ReadonlySet<string> {
  const named = Object.keys(cluster.networks).flatMap((network) => pfsOf(networkOn(cluster, host.name, network)) ?? []);
  return new Set(named.flatMap(({ name, virtualFunctions }) => (virtualFunctions === undefined ? [] : name)));
}

function bridgeFacts({ name, there, mtu, ports }: BridgeHealth): Partial<NetworkOnHost> {
  if (there === "unknown") return { bridge: name };
  if (!there) return { bridge: name, bridgeExists: false };
  return { bridge: name, bridgeExists: true, bridgeUplinks: ports, ...(mtu !== undefined && { mtu }) };
}

function unanswered({ name }: LibvirtHost, unreachable: HostUnreachable): SurveyedHost {
  return {
    physicalFunctions: new Map(),
    facts: { name, answers: false, unreachable: { why: reasonOf(unreachable), remedy: remedyFor(unreachable) } },
  };
}
