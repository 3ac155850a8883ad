/** What a move asks of its destination for one VM: what its NICs are attached to, its huge pages, and the way there for its memory. */
import type { ClusterConfig } from "../config/index.js";
import { foreignText } from "../model/foreign-text.js";
import type { Attachment, FreeHugepages, HostFacts, MigrationPort, NetworkOnHost } from "../rules/index.js";
import { AsyncCache } from "../backends/libvirt/async-cache.js";
import { freeHugepages } from "../backends/libvirt/host-memory.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import { hostInterface, type InterfaceAnswer } from "../backends/libvirt/inventory.js";
import { libvirtNetworkState, type NetworkState } from "../backends/libvirt/network-state.js";
import { isTlsForced } from "../backends/libvirt/tls-forced.js";
import { lastMigrationPort, triedFrom, type PortAnswer } from "../backends/libvirt/port-probe/port-probe.js";
import type { DomainInterface } from "../backends/libvirt/xml/interface.js";

/** Of a host (RFC 1035). */
const longestName = 253;

/** The standard one: PFs that have it fit every guest that was given no larger one. */
const usualMtu = 1500;

/** Each question of a host is asked once, whichever VM it is asked for. */
export class DestinationQuestions {
  private readonly interfaces = new Map<LibvirtHost, AsyncCache<string, InterfaceAnswer>>();
  private readonly networks = new Map<LibvirtHost, AsyncCache<string, NetworkState | undefined>>();
  private readonly pages = new Map<LibvirtHost, AsyncCache<number, readonly FreeHugepages[]>>();
  private readonly names = new Map<LibvirtHost, AsyncCache<"own", string>>();
  private readonly tls = new Map<LibvirtHost, AsyncCache<string, boolean | undefined>>();
  private readonly ports = new Map<LibvirtHost, AsyncCache<string, PortAnswer | undefined>>();

  constructor(private readonly config: ClusterConfig) {}

  /** @param nodes the host's NUMA nodes. */
  async hugepages(
    host: LibvirtHost,
    sizes: readonly number[],
    nodes: readonly number[] | undefined,
  ): Promise<readonly FreeHugepages[]> {
    const ofHost = onceFor(this.pages, host, (sizeKiB: number) => freeHugepages(host, [sizeKiB], nodes));
    return (await Promise.all([...new Set(sizes)].map((size) => ofHost.get(size)))).flat();
  }

  /** Those whose state on the host is known. */
  async attachments(host: LibvirtHost, interfaces: readonly DomainInterface[]): Promise<readonly Attachment[]> {
    const found = await Promise.all(
      interfaces.map(async (nic): Promise<readonly Attachment[]> => {
        const attached = attachedTo(nic);
        const state = attached && (await this.stateOf(host, attached));
        return attached === undefined || state === undefined
          ? []
          : [{ nic: nic.alias ?? nic.mac ?? "NIC", ...attached, state }];
      }),
    );
    return found.flat();
  }

  /** The networks, each PF with its MTU where the VM has more than the usual one. */
  async withMtu(host: LibvirtHost, networks: HostFacts["networks"], mtu: number): Promise<HostFacts["networks"]> {
    if (networks === undefined || mtu <= usualMtu) return networks;
    return Promise.all(
      networks.map(async (network): Promise<NetworkOnHost> => {
        if (network.physicalFunctions === undefined) return network;
        const physicalFunctions = await Promise.all(
          network.physicalFunctions.map(async (pf) => {
            const answer = pf.missing === true ? "absent" : await this.interfaceOn(host, pf.name);
            return typeof answer === "string" || answer.mtu === undefined ? pf : { ...pf, mtu: answer.mtu };
          }),
        );
        return { ...network, physicalFunctions };
      }),
    );
  }

  /**
   * Whether the source reaches the destination for the VM's memory. Undefined: there is no way to run a command on it, nor any
   * setting that would give one.
   */
  async migrationPort(source: LibvirtHost, destination: LibvirtHost): Promise<MigrationPort | undefined> {
    const port = lastMigrationPort;
    // Without a configured address the destination offers its own name (qemuMigrationDstPrepareDirect).
    const address = destination.config.migrationAddress ?? (await this.nameOf(destination));
    if (!this.config.hostCommands)
      return { address, port, outcome: "not tried", why: "hostCommands of vnic-failover:cluster is false" };
    const answer = await onceFor(this.ports, source, (to: string) => triedFrom(source, to, port)).get(address);
    return answer && { address, port, ...answer };
  }

  /** Whether it takes VMs by TLS alone. Undefined: it does not tell. @param type of the VM's domain. */
  tlsForced(host: LibvirtHost, type: string | undefined): Promise<boolean | undefined> {
    return onceFor(this.tls, host, (each: string) => isTlsForced(host, each)).get(type ?? "kvm");
  }

  private nameOf(host: LibvirtHost): Promise<string> {
    return onceFor(this.names, host, async () => foreignText(await host.ownName(), longestName)).get("own");
  }

  private stateOf(
    host: LibvirtHost,
    { kind, name }: Pick<Attachment, "kind" | "name">,
  ): Promise<Attachment["state"] | undefined> {
    if (kind === "network")
      return onceFor(this.networks, host, (each: string) => libvirtNetworkState(host, each)).get(name);
    return this.interfaceOn(host, name).then((answer) =>
      answer === "unknown" ? undefined : answer === "absent" ? "absent" : "there",
    );
  }

  interfaceOn(host: LibvirtHost, name: string): Promise<InterfaceAnswer> {
    const { hostCommands: commands } = this.config;
    return onceFor(this.interfaces, host, (each: string) => hostInterface(host, each, { commands })).get(name);
  }
}

function onceFor<Key, Answer>(
  all: Map<LibvirtHost, AsyncCache<Key, Answer>>,
  host: LibvirtHost,
  ask: (key: Key) => Promise<Answer>,
): AsyncCache<Key, Answer> {
  const ofHost = all.get(host) ?? new AsyncCache(ask);
  all.set(host, ofHost);
  return ofHost;
}

/**
 * What libvirt wants on the destination by the same name. A bridge that a libvirt network has chosen is that network's there; a VF is
 * the move's own.
 */
function attachedTo({
  type,
  teaming,
  source: { bridge, network, dev },
}: DomainInterface): Pick<Attachment, "kind" | "name"> | undefined {
  if (teaming?.type === "transient") return undefined;
  if (type === "network" && network !== undefined) return { kind: "network", name: network };
  if (network !== undefined) return undefined;
  if (type === "bridge" && bridge !== undefined) return { kind: "bridge", name: bridge };
  return type === "direct" && dev !== undefined ? { kind: "interface", name: dev } : undefined;
}
