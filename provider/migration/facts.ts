/** Asks the hosts for everything that the rules of a move want to know. Pure reading; what cannot be told is left out. */
import { networkOn } from "../config.js";
import type { HostFacts, MovingInterface, MovingVm, NetworkOnHost, PlacementFacts } from "../rules/index.js";
import { attribute, child, children, find, formatXml } from "../xml/element.js";
import { parseHostCapabilities } from "../xml/capabilities.js";
import type { Domain } from "../xml/domain.js";
import { primaryAliasOf } from "../xml/interface-record.js";
import type { ProfileRecord } from "../xml/network.js";
import { formatPciAddress, samePciAddress } from "../xml/pci-address.js";
import { pairs, type DomainInterface } from "../xml/teaming.js";
import { isActive, type LibvirtCluster, type Presence } from "../backends/libvirt/cluster.js";
import { CpuCompare, DomainState, JobOperation, JobType } from "../backends/libvirt/constants.js";
import { silenceOf, type LibvirtHost } from "../backends/libvirt/host.js";
import {
  hostInterface,
  isFree,
  type InterfaceAnswer,
  physicalFunction,
  vfUsers,
  type PhysicalFunction,
} from "../backends/libvirt/inventory.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";

/** A pair of the VM, with the networks that serve its two halves. */
export interface PairOnNetwork {
  readonly standby: DomainInterface;
  readonly primary: DomainInterface;
  /** Undefined: no network of the configuration names the VF's PF, and no profile of ours stands behind it. */
  readonly vfNetwork: string | undefined;
  readonly standbyNetwork: string | undefined;
  readonly profile: ProfileRecord | undefined;
}

export interface Gathered {
  readonly facts: PlacementFacts;
  readonly presence: Presence | undefined;
  readonly domain: Domain | undefined;
  readonly pairs: readonly PairOnNetwork[];
  /** The destination's PFs by their network, as they were a moment ago. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
}

/** @throws nothing for a host that does not answer: that is a fact. */
export async function gatherFacts(cluster: LibvirtCluster, vm: string, to: string): Promise<Gathered> {
  const configured = cluster.hosts.some(({ name }) => name === to);
  const { presences, silent } = await cluster.whereabouts(vm);
  const active = presences.filter(isActive);
  const presence = active[0] ?? presences[0];
  const destination = cluster.hosts.find(({ name }) => name === to);
  const profiles = await cluster.profiles.all().then(
    (stored) => stored.map(({ profile }) => profile),
    () => [] as ProfileRecord[],
  );
  const domain =
    presence === undefined
      ? undefined
      : await (isActive(presence)
          ? presence.host.liveDomain(presence.dom)
          : presence.host.inactiveDomain(presence.dom));
  const moving =
    domain === undefined || presence === undefined ? [] : await pairsOn(cluster, presence.host, domain, profiles);
  const plain = domain === undefined || presence === undefined ? [] : plainInterfaces(cluster, presence.host, domain);
  const networks = [
    ...new Set(
      moving
        .flatMap(({ vfNetwork, standbyNetwork }) => [vfNetwork, standbyNetwork])
        .concat(plain.map(({ standbyNetwork }) => standbyNetwork))
        .filter((name) => name !== undefined),
    ),
  ];

  const [source, target, vmFacts, cpu] = await Promise.all([
    presence === undefined ? undefined : hostFacts(cluster, presence.host, networks),
    destination === undefined ? undefined : hostFacts(cluster, destination, networks),
    presence === undefined || domain === undefined ? undefined : factsOfVm(presence, domain, moving, plain),
    presence === undefined || destination === undefined ? undefined : compareCpu(presence, destination),
  ]);
  return {
    presence,
    domain,
    pairs: moving,
    physicalFunctions: target?.physicalFunctions ?? new Map<string, readonly PhysicalFunction[]>(),
    facts: {
      vm: {
        name: vm,
        // A silent host may have it.
        ...(presence !== undefined || silent.length === 0 ? { exists: presence !== undefined } : {}),
        activeOn: active.map(({ host }) => host.name),
        ...vmFacts,
      },
      ...(source !== undefined && { source: source.facts }),
      destination: { configured, ...(target?.facts ?? { name: to }) },
      ...(cpu !== undefined && { cpu }),
    },
  };
}

async function factsOfVm(
  presence: Presence,
  domain: Domain,
  moving: readonly PairOnNetwork[],
  plain: readonly MovingInterface[],
): Promise<Omit<MovingVm, "name" | "exists" | "activeOn">> {
  const job = isActive(presence) ? await jobOf(presence) : undefined;
  const inPairs = new Set(moving.map(({ primary }) => primary));
  const devices = child(domain.raw, "devices");
  const others = domain.hostdevs.filter(
    (address) => ![...inPairs].some(({ vf }) => vf !== undefined && samePciAddress(vf, address)),
  );
  return {
    state:
      (
        {
          [DomainState.RUNNING]: "running",
          [DomainState.BLOCKED]: "running",
          [DomainState.PAUSED]: "paused",
          [DomainState.SHUTOFF]: "shutoff",
          [DomainState.CRASHED]: "shutoff",
        } as Record<number, "running" | "paused" | "shutoff">
      )[presence.state] ?? "other",
    ...(job !== undefined && { job }),
    memoryKiB: domain.memoryKiB,
    interfaces: [
      ...moving.map(({ standby, primary, vfNetwork, standbyNetwork, profile }) => ({
        name: primary.alias ?? primary.mac ?? "VF",
        vfNetwork,
        standbyNetwork,
        standbyLinkUp: standby.linkState !== "down",
        ...(profile !== undefined && { migratable: profile.migratable }),
      })),
      ...plain,
    ],
    blockingDevices: others.map(formatPciAddress),
    disks: children(devices, "disk").flatMap((disk) => {
      const source = child(disk, "source");
      const type = attribute(disk, "type");
      const target = attribute(child(disk, "target"), "dev");
      if (type === undefined || target === undefined || source === undefined) return [];
      return [
        {
          target,
          type,
          source: attribute(source, "file") ?? attribute(source, "dev"),
          readonly: child(disk, "readonly") !== undefined,
          shared: child(disk, "shareable") !== undefined,
        },
      ];
    }),
  };
}

/** Bridged NICs that are in no pair: they need their bridge on the destination too. */
function plainInterfaces(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { interfaces }: Domain,
): readonly MovingInterface[] {
  return interfaces
    .filter(({ type, teaming }) => type === "bridge" && teaming === undefined)
    .map(({ alias, mac, source: { bridge } }) => ({
      name: alias ?? mac ?? "NIC",
      standbyNetwork: Object.keys(cluster.config.networks).find(
        (network) => bridge !== undefined && networkOn(cluster.config, host.name, network)?.bridge === bridge,
      ),
    }));
}

async function jobOf({ host, dom }: Presence): Promise<string> {
  const { type, values } = await host.job(dom);
  if (type !== JobType.BOUNDED && type !== JobType.UNBOUNDED) return "none";
  return (
    (
      { [JobOperation.MIGRATION_OUT]: "migration out", [JobOperation.MIGRATION_IN]: "migration in" } as Record<
        number,
        string
      >
    )[Number(values["operation"])] ?? "another job"
  );
}

/** The VM's complete pairs and the networks behind them: by the profile that we recorded, else by the VF's PF and the bridge. */
export async function pairsOn(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  domain: Domain,
  profiles: readonly ProfileRecord[],
): Promise<readonly PairOnNetwork[]> {
  const found = pairs(domain).pairs;
  if (found.length === 0) return [];
  const records = recordsOf(domain);
  const names = Object.keys(cluster.config.networks);
  const users = await vfUsers(host);
  const byVf = await Promise.all(
    names.map(async (network) => {
      const functions = await Promise.all(
        (networkOn(cluster.config, host.name, network)?.physicalFunctions ?? []).map((name) =>
          physicalFunction(host, name, users),
        ),
      );
      return { network, vfs: functions.flatMap((pf) => pf?.virtualFunctions ?? []).map(({ address }) => address) };
    }),
  );
  return found.map(({ standby, primary }) => {
    const record = records.find((candidate) => primary.alias === primaryAliasOf(candidate));
    const profile = profiles.find(({ id }) => id === record?.profile);
    const standbyProfile = profiles.find(({ id }) => id === record?.standbyProfile);
    return {
      standby,
      primary,
      profile,
      vfNetwork:
        profile?.network ??
        byVf.find(
          ({ vfs }) =>
            primary.vf !== undefined && vfs.some((vf) => primary.vf !== undefined && samePciAddress(vf, primary.vf)),
        )?.network,
      standbyNetwork:
        standbyProfile?.network ??
        names.find(
          (network) =>
            standby.source.bridge !== undefined &&
            networkOn(cluster.config, host.name, network)?.bridge === standby.source.bridge,
        ),
    };
  });
}

async function hostFacts(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  networks: readonly string[],
): Promise<{ facts: HostFacts; physicalFunctions: Map<string, readonly PhysicalFunction[]> }> {
  const physicalFunctions = new Map<string, readonly PhysicalFunction[]>();
  try {
    const connection = await host.connection();
    const [capabilities, libvirt, qemu, memory, users] = await Promise.all([
      connection.call("connect_get_capabilities", {}),
      connection.call("connect_get_lib_version", {}),
      connection.call("connect_get_version", {}),
      connection.call("node_get_free_memory", {}),
      vfUsers(host),
    ]);
    const { uuid, iommu } = parseHostCapabilities(capabilities.capabilities);
    const onHost: NetworkOnHost[] = [];
    for (const name of networks) {
      const network = networkOn(cluster.config, host.name, name);
      const functions = await Promise.all(
        (network?.physicalFunctions ?? []).map(async (pf) => ({
          name: pf,
          found: await physicalFunction(host, pf, users),
        })),
      );
      physicalFunctions.set(
        name,
        functions.flatMap(({ found }) => found ?? []),
      );
      onHost.push({
        name,
        ...(network?.bridge !== undefined &&
          bridgeFacts(
            network.bridge,
            await hostInterface(host, network.bridge, { commands: cluster.config.hostCommands }),
          )),
        ...(network?.physicalFunctions !== undefined && {
          physicalFunctions: functions.map(({ name: pf, found }) => ({
            name: pf,
            ...(found !== undefined && { up: found.linkUp }),
            freeVfs: found?.virtualFunctions.filter((vf) => isFree(vf) && !vf.sharesIommuGroup).length ?? 0,
          })),
        }),
      });
    }
    return {
      physicalFunctions,
      facts: {
        name: host.name,
        answers: true,
        ...(uuid !== undefined && { uuid }),
        ...(iommu !== undefined && { passthrough: iommu }),
        libvirtVersion: Number(libvirt.lib_ver),
        qemuVersion: Number(qemu.hv_ver),
        freeMemoryKiB: Number(memory.freeMem / 1024n),
        networks: onHost,
      },
    };
  } catch (error) {
    const silence = silenceOf(error);
    if (silence === undefined) throw error;
    return { physicalFunctions, facts: { name: host.name, answers: false, silence: silence.message } };
  }
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

/**
 * Whether the VM can go on on the destination's CPU. Two hosts with equal CPUs need no closer look: libvirt's comparison
 * of a guest's expanded CPU with a hypervisor's knows no feature that only KVM provides, and would refuse it.
 */
async function compareCpu({ host, dom }: Presence, destination: LibvirtHost): Promise<PlacementFacts["cpu"]> {
  const results = {
    [CpuCompare.INCOMPATIBLE]: "incompatible",
    [CpuCompare.IDENTICAL]: "identical",
    [CpuCompare.SUPERSET]: "superset",
  } as const;
  const named = (result: number): PlacementFacts["cpu"] => results[result as keyof typeof results];
  try {
    const there = await destination.connection();
    const { cpuXml } = parseHostCapabilities(
      (await (await host.connection()).call("connect_get_capabilities", {})).capabilities,
    );
    const hosts =
      cpuXml === undefined
        ? undefined
        : named((await there.call("connect_compare_cpu", { xml: cpuXml, flags: 0 })).result);
    if (hosts === "identical" || hosts === "superset") return hosts;
    const live = await host.liveDomain(dom);
    const cpu = child(live.raw, "cpu");
    if (cpu === undefined || attribute(cpu, "mode") !== "custom" || attribute(cpu, "check") === "none")
      return undefined;
    const arch = attribute(find(live.raw, "os", "type"), "arch") ?? null;
    const virttype = attribute(live.raw, "type") ?? null;
    return named(
      (
        await there.call("connect_compare_hypervisor_cpu", {
          emulator: null,
          arch,
          machine: null,
          virttype,
          xmlCPU: formatXml(cpu),
          flags: 0,
        })
      ).result,
    );
  } catch (error) {
    if (!LibvirtError.is(error) && silenceOf(error) === undefined) throw error;
    // libvirt itself compares once more when the migration begins.
    return undefined;
  }
}
