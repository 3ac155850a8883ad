/** Asks the hosts for everything that the rules of a move want to know. Pure reading; what cannot be told is left out. */
import { isUnderMaintenance, networkOn, pfsOf } from "../config/index.js";
import {
  writtenFiles,
  type Disk,
  type Guest,
  type HostFacts,
  type Judgement,
  type MovingInterface,
  type MovingVm,
  type PlacementFacts,
} from "../rules/index.js";
import { attribute, child, children, type Element } from "../xml/element.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { agentChannelOf } from "../backends/libvirt/xml/guest-agent.js";
import { memoryBackingOf } from "../backends/libvirt/xml/memory-backing.js";
import { identityOf } from "../backends/libvirt/xml/interface-record.js";
import type { ProfileRecord } from "../backends/libvirt/xml/network.js";
import { formatPciAddress, samePciAddress, type PciAddress } from "../backends/libvirt/xml/pci-address.js";
import { findPrimary, fitsVlan } from "../backends/libvirt/xml/primary.js";
import { pairs, type DomainInterface, type Vlan } from "../backends/libvirt/xml/teaming.js";
import {
  isActive,
  named,
  VmIsAnother,
  type LibvirtCluster,
  type DomainInstance,
  type VmRef,
} from "../backends/libvirt/cluster.js";
import { JobOperation } from "../backends/libvirt/constants.js";
import { domainStateName, type DomainStateName } from "../backends/libvirt/domain-state.js";
import { asUnreachable, type HostUnreachable, type LibvirtHost } from "../backends/libvirt/host.js";
import { guestSystem } from "../backends/libvirt/guest-agent.js";
import { vfAddresses, type PhysicalFunction } from "../backends/libvirt/inventory.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";
import { networkTypesOn } from "../backends/libvirt/network-types.js";
import { rehearse } from "../backends/libvirt/rehearsal.js";
import { readVfSettings } from "../backends/libvirt/vf-settings/vf-settings.js";
import { defaultMigrationOptions, type MigrationOptions } from "./options.js";
import {
  networkOfBridge,
  networksOfNics,
  nicThere,
  plannedBridges,
  unclearBridges,
  type NetworksOfNics,
  type PlannedBridge,
  type Way,
} from "./bridges.js";
import { HostFactsCache } from "./host-facts-cache.js";
import { runningOperation } from "./job.js";
import type { SurveyedHost } from "./host-facts.js";
import type { HostBasics } from "../backends/libvirt/host-basics.js";
import { unlessMissing } from "../backends/libvirt/rpc/optional-drivers.js";
import { compareCpu } from "../backends/libvirt/cpu-comparison.js";

/** A pair of the VM, with the networks that serve its two halves. */
export interface PairOnNetwork {
  readonly standby: DomainInterface;
  readonly primary: DomainInterface;
  /** Undefined: no network of the configuration has its PF and its VLAN, or more than one has. */
  readonly vfNetwork: string | undefined;
  /** The networks that may be the VF's: that of the profile of ours behind it, else those that name its PF. */
  readonly networksOfPf: readonly NetworkOfPf[];
  /** Which have its PF is not known: libvirt there has no node devices. */
  readonly networksUnknown?: true;
  /** The names of those of them that have its VLAN. */
  readonly fitting: readonly string[];
  readonly standbyNetwork: string | undefined;
  readonly profile: ProfileRecord | undefined;
  /** The VF's own; of a `<hostdev>` what its PF has set for it. Undefined: none, or the host does not tell a `<hostdev>`'s. */
  readonly vlan: Vlan | undefined;
}

/** A network whose VF the pair's may be. */
export interface NetworkOfPf {
  readonly name: string;
  /** Of its VFs, on the VM's host. */
  readonly vlan: number | undefined;
}

export interface Gathered {
  readonly facts: PlacementFacts;
  readonly instance: DomainInstance | undefined;
  readonly domain: Domain | undefined;
  readonly pairs: readonly PairOnNetwork[];
  /** What interfaces of the libvirt networks that the VM's name are on its host. */
  readonly networkTypes: ReadonlyMap<string, string>;
  /** The destination's PFs by their network, as they were a moment ago. */
  readonly physicalFunctions: ReadonlyMap<string, readonly PhysicalFunction[]>;
  /** The NICs whose bridge has another name on the destination. */
  readonly bridges: readonly PlannedBridge[];
  readonly networksOfNics: NetworksOfNics;
}

/**
 * Each host is asked for what does not hang on the VM while the VM is still being looked for.
 * @throws nothing for a host that does not answer: that is a fact.
 */
export async function gatherFacts(
  cluster: LibvirtCluster,
  vm: VmRef,
  to: string,
  options: MigrationOptions = defaultMigrationOptions,
  seen: WhileLooking = {},
): Promise<Gathered> {
  const asked = new HostFactsCache(cluster);
  const destination = cluster.hosts.find(({ name }) => name === to);
  // Everything else hangs on where the VM is: it is asked first.
  const looking = lookAtVm(cluster, vm, asked, options, {
    ...seen,
    onFound: (instance) => {
      // Of all answers the last: a program must start on the source for it.
      if (destination !== undefined && isActive(instance) && instance.host !== destination)
        void begun(asked.questions.migrationPort(instance.host, destination));
      seen.onFound?.(instance);
    },
  });
  void begun(destination && asked.basics(destination));
  return factsTowards(cluster, await looking, to, asked, { triesPort: true });
}

/** What is told of a VM while more is asked about it. It must not throw. */
export interface WhileLooking {
  readonly onFound?: (instance: DomainInstance) => void;
}

/** The VM's side of a move, wherever it goes. */
export interface SourceFacts {
  readonly vm: string;
  readonly instance: DomainInstance | undefined;
  readonly active: readonly DomainInstance[];
  /** Other VMs of its name. */
  readonly namesakes: readonly DomainInstance[];
  /** Every host has said whether it has the VM. */
  readonly allAnswered: boolean;
  readonly domain: Domain | undefined;
  readonly pairs: readonly PairOnNetwork[];
  readonly networkTypes: ReadonlyMap<string, string>;
  /** Those that the VM needs. */
  readonly networks: readonly string[];
  readonly networksOfNics: NetworksOfNics;
  readonly source: Promise<SurveyedHost | undefined>;
  readonly told: Promise<Awaited<ReturnType<typeof factsOfVm>> | undefined>;
  /** Ids of rules that are set aside. */
  readonly ignoredRules: readonly string[];
  /** Whether its memory would be sent by TLS. */
  readonly tls: boolean;
}

/** @throws VmIsAnother where every host answers, and another VM has the name of that UUID's. */
export async function lookAtVm(
  cluster: LibvirtCluster,
  wanted: VmRef,
  asked: HostFactsCache,
  options: MigrationOptions = defaultMigrationOptions,
  { onFound }: WhileLooking = {},
): Promise<SourceFacts> {
  const { name: vm, uuid } = named(wanted);
  const located = cluster.locationsOf(wanted);
  const profiles = asked.profiles();
  const { instances, unreachable } = await located;
  const own = instances.filter(({ dom }) => dom.name === vm && (uuid === undefined || dom.uuid === uuid));
  if (own.length === 0 && instances.length > 0 && unreachable.length === 0)
    throw new VmIsAnother({ name: vm, uuid }, instances);
  const instance = own.find(isActive) ?? own[0];
  const isSame = ({ dom }: DomainInstance) => dom.uuid === instance?.dom.uuid;
  const active = instances.filter(isSame).filter(isActive);
  const namesakes = instances.filter((each) => !isSame(each));
  const reading = instance && domainOf(instance);
  void begun(reading);
  const running = instance !== undefined && isActive(instance) ? instance : undefined;
  const job = begun(running && jobOf(running));
  const persistent = begun(running?.host.isPersistent(running.dom));
  if (instance !== undefined) onFound?.(instance);
  void begun(instance && asked.basics(instance.host));
  const domain = await reading;
  const judged = begun(running && domain && jobAndJudgement(running, domain, { job, persistent }, options));
  const stored = await profiles;
  const moving =
    domain === undefined || instance === undefined ? [] : await pairsOn(cluster, instance.host, domain, stored);
  const recorded = domain === undefined ? new Map<string, string>() : networksOfNics(recordsOf(domain), stored);
  const plain =
    domain === undefined || instance === undefined ? [] : plainInterfaces(cluster, instance.host, domain, recorded);
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
    instance,
    active,
    namesakes,
    allAnswered: unreachable.length === 0,
    domain,
    pairs: moving,
    networkTypes: domain === undefined || instance === undefined ? new Map() : await networkTypesOf(instance, domain),
    networks,
    networksOfNics: recorded,
    source: begun(instance && asked.survey(instance.host, networks)),
    told: begun(instance && domain && factsOfVm(instance, domain, { moving, plain, judged })),
    ignoredRules: options.ignoreRules,
    tls: options.tls,
  };
}

/**
 * The facts of the VM's move to that host.
 * @param triesPort whether the source tries to reach the destination's migration port: with hundreds of destinations that takes
 *   long, and each move does it by itself. Default: false.
 */
export async function factsTowards(
  cluster: LibvirtCluster,
  departure: SourceFacts,
  to: string,
  asked: HostFactsCache,
  { triesPort = false }: { readonly triesPort?: boolean } = {},
): Promise<Gathered> {
  const {
    vm,
    instance,
    active,
    namesakes,
    allAnswered,
    domain,
    pairs: moving,
    networks,
    source: surveyed,
    told,
    networksOfNics,
  } = departure;
  const way: Way | undefined = instance && {
    config: cluster.config,
    from: instance.host.name,
    to,
    networks: networksOfNics,
  };
  const nics = domain?.interfaces ?? [];
  const destination = cluster.hosts.find(({ name }) => name === to);
  const plain = moving.some(({ primary }) => primary.device === "hostdev");
  // A VM without VFs needs nothing of what knows of them.
  const vfsUnknownOn = ({ devicesUnknown }: SurveyedHost) =>
    devicesUnknown !== undefined && moving.length > 0 ? { devicesUnknown } : {};
  const [source, target, vmFacts, cpu, runsCommands, forVm] = await Promise.all([
    surveyed,
    destination && asked.survey(destination, networks),
    told,
    domain && instance && destination && cpuOn(destination, domain, await asked.basics(instance.host)),
    plain && destination ? canRunCommands(cluster, destination) : undefined,
    destination && way && forThisVm(departure, destination, way, asked, triesPort),
  ]);
  const known = target?.facts ?? { name: to };
  return {
    instance,
    domain,
    pairs: moving,
    networkTypes: departure.networkTypes,
    physicalFunctions: target?.physicalFunctions ?? new Map<string, readonly PhysicalFunction[]>(),
    bridges: way === undefined ? [] : plannedBridges(way, nics),
    networksOfNics,
    facts: {
      vm: {
        name: vm,
        // An unreachable host may have it.
        ...(instance !== undefined || allAnswered ? { exists: instance !== undefined } : {}),
        activeOn: active.map(({ host }) => host.name),
        ...(namesakes.length > 0 && {
          namesakes: namesakes.map((each) => ({
            host: each.host.name,
            uuid: each.dom.uuid,
            active: isActive(each),
          })),
        }),
        ...vmFacts,
      },
      ...(source !== undefined && {
        source: { ...source.facts, ...vfsUnknownOn(source), ...(isTlsForcedBy(vmFacts) && { tlsForced: true }) },
      }),
      destination: {
        configured: destination !== undefined,
        ...(destination === undefined && { configuredHosts: cluster.hosts.map(({ name }) => name) }),
        maintenance: isUnderMaintenance(cluster.config, to),
        ...known,
        ...(forVm !== undefined && known.answers === true && forVm),
        ...(target && vfsUnknownOn(target)),
        ...(runsCommands !== undefined && { runsCommands }),
      },
      ...(cpu !== undefined && { cpu }),
      ...(departure.ignoredRules.length > 0 && { ignoredRules: departure.ignoredRules }),
    },
  };
}

/** What the destination has for this VM and not for another one. Undefined: it does not move there, or the host does not answer. */
async function forThisVm(
  { domain, instance, networks, source, tls }: SourceFacts,
  destination: LibvirtHost,
  way: Way,
  asked: HostFactsCache,
  triesPort: boolean,
): Promise<
  | Pick<HostFacts, "freeHugepages" | "attachments" | "migrationPort" | "networks" | "tlsForced" | "unclearBridges">
  | undefined
> {
  if (domain === undefined || instance === undefined || instance.host === destination) return undefined;
  const { hugepages } = memoryBackingOf(domain.raw, domain.memoryKiB);
  const mtu = Math.max(0, ...domain.interfaces.map(({ mtu = 0 }) => mtu));
  const { questions } = asked;
  const sizes = hugepages.map(({ sizeKiB }) => sizeKiB);
  const port = begun(triesPort && isActive(instance) ? questions.migrationPort(instance.host, destination) : undefined);
  const nics = domain.interfaces.map((nic) => nicThere(way, nic));
  const attached = begun(questions.attachments(destination, nics));
  const forced = begun(
    tls || !isActive(instance) ? undefined : questions.tlsForced(destination, attribute(domain.raw, "type")),
  );
  const basics = await asked.basics(destination);
  if (basics instanceof Error || (await source)?.facts.answers !== true) return undefined;
  const told = await Promise.all([
    questions.hugepages(destination, sizes, basics.capabilities.nodes),
    attached,
    port,
    forced,
    asked.survey(destination, networks).then(({ facts }) => questions.withMtu(destination, facts.networks, mtu)),
  ]).catch((error: unknown) => {
    if (asUnreachable(error) === undefined) throw error;
    return undefined;
  });
  if (told === undefined) return undefined;
  const [freeHugepages, attachments = [], migrationPort, tlsForced, surveyed] = told;
  // The bridges of the networks that its pairs are of are those networks' own.
  const bridges = (surveyed ?? []).map(({ bridge }) => bridge);
  const unclear = unclearBridges(way, domain.interfaces);
  const others = attachments.filter(({ kind, name }) => kind !== "bridge" || !bridges.includes(name));
  return {
    ...(hugepages.length > 0 && { freeHugepages }),
    ...(others.length > 0 && { attachments: others }),
    ...(migrationPort !== undefined && { migrationPort }),
    ...(tlsForced !== undefined && { tlsForced }),
    ...(unclear.length > 0 && { unclearBridges: unclear }),
    ...(surveyed !== undefined && { networks: surveyed }),
  };
}

/** The source says so where it is asked whether it would begin the migration. */
function isTlsForcedBy(told: Pick<MovingVm, "judgement"> | undefined): boolean {
  return told?.judgement?.verdict === "refused" && told.judgement.tlsForced === true;
}

/** Undefined: it does not answer. */
async function canRunCommands(cluster: LibvirtCluster, host: LibvirtHost): Promise<boolean | undefined> {
  if (!cluster.config.hostCommands) return false;
  return host.commands().then(
    (start) => start !== undefined,
    (error: unknown) => {
      if (asUnreachable(error) === undefined) throw error;
      return undefined;
    },
  );
}

/** It is awaited later; until then its failure must not count as unhandled. */
function begun<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
  asked?.catch(() => undefined);
  return asked ?? Promise.resolve(undefined);
}

async function cpuOn(
  destination: LibvirtHost,
  domain: Domain,
  source: HostBasics | HostUnreachable,
): Promise<PlacementFacts["cpu"]> {
  return source instanceof Error ? undefined : compareCpu(domain, source.capabilities.cpuXml, destination);
}

function domainOf(instance: DomainInstance): Promise<Domain> {
  const { host, dom } = instance;
  return isActive(instance) ? host.liveDomain(dom) : host.inactiveDomain(dom);
}

/** What matters of it to a move. */
function stateForMove(state: DomainStateName): MovingVm["state"] {
  if (state === "crashed") return "shutoff";
  return state === "running" || state === "paused" || state === "shutoff" ? state : "other";
}

async function factsOfVm(
  instance: DomainInstance,
  domain: Domain,
  {
    moving,
    plain,
    judged,
  }: {
    readonly moving: readonly PairOnNetwork[];
    readonly plain: readonly MovingInterface[];
    readonly judged: Promise<JobAndJudgement | undefined>;
  },
): Promise<Omit<MovingVm, "name" | "exists" | "activeOn" | "namesakes">> {
  const devices = child(domain.raw, "devices");
  const disks = disksOf(devices);
  const [{ job, judgement } = {}, guest] = await Promise.all([
    judged,
    isActive(instance) && moving.length > 0 ? guestOf(instance, domain) : undefined,
  ]);
  const inPairs = new Set(moving.map(({ primary }) => primary));
  const others = domain.hostdevs.filter(
    (address) => ![...inPairs].some(({ vf }) => vf !== undefined && samePciAddress(vf, address)),
  );
  const memory = memoryBackingOf(domain.raw, domain.memoryKiB);
  return {
    state: stateForMove(domainStateName(instance.state)),
    ...(job !== undefined && { job }),
    ...(guest !== undefined && { guest }),
    memoryKiB: memory.plainKiB,
    ...(memory.hugepages.length > 0 && { hugepages: memory.hugepages }),
    ...(judgement !== undefined && { judgement }),
    interfaces: [
      ...moving.map(
        ({ standby, primary, vfNetwork, networksOfPf, networksUnknown, fitting, vlan, standbyNetwork, profile }) => ({
          name: primary.alias ?? primary.mac ?? "VF",
          ...(primary.vf !== undefined &&
            networksUnknown !== true && {
              vf: {
                address: formatPciAddress(primary.vf),
                ...(vlan !== undefined && { vlans: vlan.tags }),
                networks: networksOfPf,
                fitting,
                ...(primary.device === "hostdev" && { setByHosts: true, settingsRead: vlan !== undefined }),
              },
            }),
          vfNetwork,
          standbyNetwork,
          ...(standby.mtu !== undefined && { mtu: standby.mtu }),
          standbyLinkUp: standby.linkState !== "down",
          ...(profile !== undefined && { migratable: profile.migratable }),
        }),
      ),
      ...plain,
    ],
    blockingDevices: others.map(formatPciAddress),
    disks,
  };
}

function disksOf(devices: Element | undefined): readonly Disk[] {
  return children(devices, "disk").flatMap((disk) => {
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
  });
}

interface JobAndJudgement {
  readonly job?: string;
  readonly judgement?: Judgement;
}

/** libvirt's judgement is asked of a VM that runs and has no job, which the question might have to wait for. */
async function jobAndJudgement(
  { host, dom, state }: DomainInstance,
  { raw }: Domain,
  told: { readonly job: Promise<string | undefined>; readonly persistent: Promise<boolean | undefined> },
  { autoConverge, tls, nonSharedStorage }: MigrationOptions,
): Promise<JobAndJudgement> {
  const [job = "none", persistent = false] = await Promise.all([told.job, told.persistent]);
  if (job !== "none" || domainStateName(state) !== "running") return { job };
  const disks = disksOf(child(raw, "devices"));
  const manner = { persistent, autoConverge, tls };
  const judgement = await rehearse(host, dom, manner, {
    copy: nonSharedStorage === "copy",
    writtenFiles: writtenFiles(disks).map(({ target }) => target),
  });
  return { job, judgement };
}

/** Undefined: the VM has no channel to an agent, or the agent does not answer: nothing is known of the guest. */
async function guestOf({ host, dom }: DomainInstance, domain: Domain): Promise<Guest | undefined> {
  const channel = agentChannelOf(domain.raw);
  if (channel === "none") return undefined;
  if (channel === "disconnected") return { agent: false };
  const system = await guestSystem(host, dom);
  return system && { agent: true, ...system };
}

/** Of VFs that a libvirt network gives: a definition says nothing else of them. A running domain's XML has what they are. */
function networkTypesOf({ host }: DomainInstance, { interfaces }: Domain): Promise<ReadonlyMap<string, string>> {
  return networkTypesOn(
    host,
    interfaces.flatMap(({ type, teaming, source }) =>
      type === "network" && teaming?.type === "transient" ? (source.network ?? []) : [],
    ),
  );
}

/** Bridged NICs that are in no pair: they need their bridge on the destination too. */
function plainInterfaces(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { interfaces }: Domain,
  networks: NetworksOfNics,
): readonly MovingInterface[] {
  return interfaces
    .filter(({ type, teaming }) => type === "bridge" && teaming === undefined)
    .map(({ alias, mac, mtu, source: { bridge } }) => ({
      name: alias ?? mac ?? "NIC",
      ...(mtu !== undefined && { mtu }),
      standbyNetwork: networkOfBridge(cluster.config, host.name, bridge, mac && networks.get(mac)),
    }));
}

async function jobOf({ host, dom }: DomainInstance): Promise<string> {
  const operation = await runningOperation(host, dom);
  if (operation === undefined) return "none";
  if (operation === JobOperation.MIGRATION_OUT) return "migration out";
  return operation === JobOperation.MIGRATION_IN ? "migration in" : "another job";
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
  const byVf = recorded ? [] : await unlessMissing(() => vfsByNetwork(cluster, host));
  const withPf = (vf: PciAddress | undefined) =>
    vf === undefined ? [] : (byVf ?? []).filter(({ vfs }) => vfs.some((each) => samePciAddress(each, vf)));
  const looked = found.map(async (pair): Promise<PairOnNetwork> => {
    const { standby, primary } = pair;
    const { profile, standbyProfile } = profilesOf.get(pair) ?? {};
    const vlan = primary.device === "hostdev" ? await vlanSetOn(cluster, host, primary) : primary.vlan;
    const possible = profile === undefined ? withPf(primary.vf).map(({ network }) => network) : [profile.network];
    const networksOfPf = possible.map((name) => ({ name, vlan: networkOn(cluster.config, host.name, name)?.vlan }));
    const fitting = networksOfPf.filter((network) => fitsVlan(vlan, network.vlan)).map(({ name }) => name);
    return {
      standby,
      primary,
      profile,
      vlan,
      networksOfPf,
      ...(byVf === undefined && profile === undefined && { networksUnknown: true }),
      fitting,
      vfNetwork: fitting.length === 1 ? fitting[0] : undefined,
      standbyNetwork:
        networkOfBridge(cluster.config, host.name, standby.source.bridge, standbyProfile?.network) ??
        standbyProfile?.network,
    };
  });
  return Promise.all(looked);
}

/** The VLAN that the PF has set for the VF, 0 for none; undefined: the host does not tell. */
async function vlanSetOn(
  cluster: LibvirtCluster,
  host: LibvirtHost,
  { vf }: DomainInterface,
): Promise<Vlan | undefined> {
  if (vf === undefined || !cluster.config.hostCommands) return undefined;
  const settings = await readVfSettings(host, vf);
  return settings && { trunk: false, tags: [settings.vlan] };
}

async function vfsByNetwork(
  cluster: LibvirtCluster,
  host: LibvirtHost,
): Promise<readonly { network: string; vfs: readonly PciAddress[] }[]> {
  return Promise.all(
    Object.keys(cluster.config.networks).map(async (network) => {
      const pfs = pfsOf(networkOn(cluster.config, host.name, network)) ?? [];
      return { network, vfs: (await Promise.all(pfs.map((pf) => vfAddresses(host, pf)))).flat() };
    }),
  );
}
