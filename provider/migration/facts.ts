/** Asks the hosts for everything that the rules of a move want to know. Pure reading; what cannot be told is left out. */
import { isUnderMaintenance, networkOn } from "../config.js";
import type { MovingInterface, MovingVm, PlacementFacts } from "../rules/index.js";
import { attribute, child, children, find, formatXml } from "../xml/element.js";
import type { Domain } from "../xml/domain.js";
import { identityOf } from "../xml/interface-record.js";
import type { ProfileRecord } from "../xml/network.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../xml/pci-address.js";
import { findPrimary, fitsVlan } from "../xml/primary.js";
import { pairs, type DomainInterface } from "../xml/teaming.js";
import { isActive, type LibvirtCluster, type Presence } from "../backends/libvirt/cluster.js";
import { CpuCompare, DomainState, JobOperation, JobType } from "../backends/libvirt/constants.js";
import { silenceOf, type HostUnreachable, type LibvirtHost } from "../backends/libvirt/host.js";
import { physicalFunction, vfUsers, type PhysicalFunction } from "../backends/libvirt/inventory.js";
import { LibvirtError } from "../backends/libvirt/rpc/errors.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";
import { Asked } from "./asked.js";
import type { HostBasics, SurveyedHost } from "./host-facts.js";

/** A pair of the VM, with the networks that serve its two halves. */
export interface PairOnNetwork {
  readonly standby: DomainInterface;
  readonly primary: DomainInterface;
  /** Undefined: no network of the configuration has its PF and its VLAN, or more than one has. */
  readonly vfNetwork: string | undefined;
  /** The networks that may be the VF's: that of the profile of ours behind it, else those that name its PF. */
  readonly networksOfPf: readonly NetworkOfPf[];
  readonly standbyNetwork: string | undefined;
  readonly profile: ProfileRecord | undefined;
}

/** A network whose VF the pair's may be. */
export interface NetworkOfPf {
  readonly name: string;
  /** Of its VFs, on the VM's host. */
  readonly vlan: number | undefined;
}

export interface Gathered {
  readonly facts: PlacementFacts;
  readonly presence: Presence | undefined;
  readonly domain: Domain | undefined;
  readonly pairs: readonly PairOnNetwork[];
  /** The destination's PFs by their network, as they were a moment ago. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
}

/**
 * Each host is asked for what does not hang on the VM while the VM is still being looked for.
 * @throws nothing for a host that does not answer: that is a fact.
 */
export async function gatherFacts(cluster: LibvirtCluster, vm: string, to: string): Promise<Gathered> {
  const asked = new Asked(cluster);
  const destination = cluster.hosts.find(({ name }) => name === to);
  void begun(destination && asked.basics(destination));
  return factsTowards(cluster, await lookAtVm(cluster, vm, asked), to, asked);
}

/** The VM's side of a move, wherever it goes. */
export interface Departure {
  readonly vm: string;
  readonly presence: Presence | undefined;
  readonly active: readonly Presence[];
  /** Every host has said whether it has the VM. */
  readonly allAnswered: boolean;
  readonly domain: Domain | undefined;
  readonly pairs: readonly PairOnNetwork[];
  /** Those that the VM needs. */
  readonly networks: readonly string[];
  readonly source: Promise<SurveyedHost | undefined>;
  readonly told: Promise<Awaited<ReturnType<typeof factsOfVm>> | undefined>;
}

export async function lookAtVm(cluster: LibvirtCluster, vm: string, asked: Asked): Promise<Departure> {
  const [{ presences, silent }, profiles] = await Promise.all([cluster.whereabouts(vm), asked.profiles()]);
  const active = presences.filter(isActive);
  const presence = active[0] ?? presences[0];
  void begun(presence && asked.basics(presence.host));
  const domain = presence && (await domainOf(presence));
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
  return {
    vm,
    presence,
    active,
    allAnswered: silent.length === 0,
    domain,
    pairs: moving,
    networks,
    source: begun(presence && asked.survey(presence.host, networks)),
    told: begun(presence && domain && factsOfVm(presence, domain, moving, plain)),
  };
}

/** The facts of the VM's move to that host. */
export async function factsTowards(
  cluster: LibvirtCluster,
  { vm, presence, active, allAnswered, domain, pairs: moving, networks, source: surveyed, told }: Departure,
  to: string,
  asked: Asked,
): Promise<Gathered> {
  const destination = cluster.hosts.find(({ name }) => name === to);
  const [source, target, vmFacts, cpu] = await Promise.all([
    surveyed,
    destination && asked.survey(destination, networks),
    told,
    domain && presence && destination && compareCpu(domain, await asked.basics(presence.host), destination),
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
        ...(presence !== undefined || allAnswered ? { exists: presence !== undefined } : {}),
        activeOn: active.map(({ host }) => host.name),
        ...vmFacts,
      },
      ...(source !== undefined && { source: source.facts }),
      destination: {
        configured: destination !== undefined,
        ...(destination === undefined && { configuredHosts: cluster.hosts.map(({ name }) => name) }),
        maintenance: isUnderMaintenance(cluster.config, to),
        ...(target?.facts ?? { name: to }),
      },
      ...(cpu !== undefined && { cpu }),
    },
  };
}

/** It is awaited later; until then its failure must not count as unhandled. */
function begun<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
  asked?.catch(() => undefined);
  return asked ?? Promise.resolve(undefined);
}

function domainOf(presence: Presence): Promise<Domain> {
  const { host, dom } = presence;
  return isActive(presence) ? host.liveDomain(dom) : host.inactiveDomain(dom);
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
      ...moving.map(({ standby, primary, vfNetwork, networksOfPf, standbyNetwork, profile }) => ({
        name: primary.alias ?? primary.mac ?? "VF",
        ...(primary.vf !== undefined && {
          vf: {
            address: formatPciAddress(primary.vf),
            ...(primary.vlan !== undefined && { vlans: primary.vlan.tags }),
            networks: networksOfPf,
            fitting: networksOfPf.filter(({ vlan }) => isOfVlan(primary, vlan)).map(({ name }) => name),
          },
        }),
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

/**
 * The VM's complete pairs and the networks behind them: by the profile that we recorded, else by the VF's PF and the bridge. A
 * VF is of a network only if its VLAN is the network's, too.
 */
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
  const profilesOf = new Map(
    found.map((pair) => {
      const record = records.find((candidate) => findPrimary([pair.primary], identityOf(candidate)) !== undefined);
      return [
        pair,
        {
          profile: profiles.find(({ id }) => id === record?.profile),
          standbyProfile: profiles.find(({ id }) => id === record?.standbyProfile),
        },
      ];
    }),
  );
  const recorded = [...profilesOf.values()].every(({ profile }) => profile !== undefined);
  const byVf = recorded ? [] : await vfsByNetwork(cluster, host);
  const withPf = (vf: PciAddress | undefined) =>
    vf === undefined ? [] : byVf.filter(({ vfs }) => vfs.some((each) => samePciAddress(each, vf)));
  return found.map((pair) => {
    const { standby, primary } = pair;
    const { profile, standbyProfile } = profilesOf.get(pair) ?? {};
    const possible = profile === undefined ? withPf(primary.vf).map(({ network }) => network) : [profile.network];
    const networksOfPf = possible.map((name) => ({ name, vlan: networkOn(cluster.config, host.name, name)?.vlan }));
    return {
      standby,
      primary,
      profile,
      networksOfPf,
      vfNetwork: onlyOne(networksOfPf.filter(({ vlan }) => isOfVlan(primary, vlan)))?.name,
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

/** libvirt does not know the VLAN of a VF that is a `<hostdev>`. */
function isOfVlan({ device, vlan }: DomainInterface, network: number | undefined): boolean {
  return device === "hostdev" || fitsVlan(vlan, network);
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

async function vfsByNetwork(
  cluster: LibvirtCluster,
  host: LibvirtHost,
): Promise<readonly { network: string; vfs: readonly PciAddress[] }[]> {
  const users = await vfUsers(host);
  return Promise.all(
    Object.keys(cluster.config.networks).map(async (network) => {
      const names = networkOn(cluster.config, host.name, network)?.physicalFunctions ?? [];
      const functions = await Promise.all(names.map((name) => physicalFunction(host, name, users)));
      return { network, vfs: functions.flatMap((pf) => pf?.virtualFunctions ?? []).map(({ address }) => address) };
    }),
  );
}

/**
 * Whether the VM can go on on the destination's CPU. Two hosts with equal CPUs need no closer look: libvirt's comparison
 * of a guest's expanded CPU with a hypervisor's knows no feature that only KVM provides, and would refuse it.
 */
async function compareCpu(
  domain: Domain,
  source: HostBasics | HostUnreachable,
  destination: LibvirtHost,
): Promise<PlacementFacts["cpu"]> {
  if (source instanceof Error) return undefined;
  const results = {
    [CpuCompare.INCOMPATIBLE]: "incompatible",
    [CpuCompare.IDENTICAL]: "identical",
    [CpuCompare.SUPERSET]: "superset",
  } as const;
  const named = (result: number): PlacementFacts["cpu"] => results[result as keyof typeof results];
  try {
    const there = await destination.connection();
    const { cpuXml } = source.capabilities;
    const hosts =
      cpuXml === undefined
        ? undefined
        : named((await there.call("connect_compare_cpu", { xml: cpuXml, flags: 0 })).result);
    if (hosts === "identical" || hosts === "superset") return hosts;
    const cpu = child(domain.raw, "cpu");
    if (cpu === undefined || attribute(cpu, "mode") !== "custom" || attribute(cpu, "check") === "none")
      return undefined;
    const arch = attribute(find(domain.raw, "os", "type"), "arch") ?? null;
    const virttype = attribute(domain.raw, "type") ?? null;
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
