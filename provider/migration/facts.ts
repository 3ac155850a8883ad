/** Asks the hosts for everything that the rules of a move want to know. Pure reading; what cannot be told is left out. */
import { isUnderMaintenance } from "../config/index.js";
import type { HostFacts, MovingVm, PlacementFacts } from "../rules/index.js";
import { attribute } from "../xml/element.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { memoryBackingOf } from "../backends/libvirt/xml/memory-backing.js";
import {
  isActive,
  named,
  VmIsAnother,
  type LibvirtCluster,
  type DomainInstance,
  type VmRef,
} from "../backends/libvirt/cluster.js";
import type { LibvirtHost } from "../backends/libvirt/host.js";
import { asUnreachable, type HostUnreachable } from "../backends/libvirt/host-errors.js";
import type { PhysicalFunction } from "../backends/libvirt/inventory.js";
import { recordsOf } from "../backends/libvirt/interfaces.js";
import { networkTypesOn } from "../backends/libvirt/network-types.js";
import { defaultMigrationOptions, type MigrationOptions } from "./options.js";
import {
  networksOfNics,
  nicThere,
  plannedBridges,
  unclearBridges,
  type NetworksOfNics,
  type PlannedBridge,
  type Way,
} from "./bridges.js";
import { HostFactsCache } from "./host-facts-cache.js";
import type { SurveyedHost } from "./host-facts.js";
import type { HostBasics } from "../backends/libvirt/host-basics.js";
import { compareCpu } from "../backends/libvirt/cpu-comparison.js";
import { type PairOnNetwork, pairsOn, plainInterfaces } from "./pair-networks.js";
import { factsOfVm, jobAndJudgement, jobOf } from "./vm-facts.js";

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

/** Of VFs that a libvirt network gives: a definition says nothing else of them. A running domain's XML has what they are. */
function networkTypesOf({ host }: DomainInstance, { interfaces }: Domain): Promise<ReadonlyMap<string, string>> {
  return networkTypesOn(
    host,
    interfaces.flatMap(({ type, teaming, source }) =>
      type === "network" && teaming?.type === "transient" ? (source.network ?? []) : [],
    ),
  );
}
