/** What a drain has to know: the VMs that are to move, and what the destinations have for them. Pure reading. */
import type { DrainDestination, DrainHugepages, DrainVm } from "./plan.js";
import { HostFactsCache } from "../migration/host-facts-cache.js";
import { defaultMigrationOptions, type MigrationOptions } from "../migration/options.js";
import { errorsOf, planMoves, type MovePlan } from "../migration/plan.js";
import type { Unplugging } from "../migration/unplugging.js";
import { ProblemError } from "../model/problem.js";
import { isActive, type LibvirtCluster, type DomainInstance } from "../backends/libvirt/cluster.js";
import { undefinedOn, type DomainRef, type LibvirtHost } from "../backends/libvirt/host.js";
import { HostUnreachable } from "../backends/libvirt/host-errors.js";
import { isFree } from "../backends/libvirt/inventory.js";
import { placementRecordOf } from "../backends/libvirt/placement-records.js";
import type { Domain } from "../backends/libvirt/xml/domain.js";
import { memoryBackingOf, type HugepagesOfDomain } from "../backends/libvirt/xml/memory-backing.js";
import type { PlacementRecord } from "../backends/libvirt/xml/placement-record.js";
import { UnreadableVm } from "../backends/libvirt/unreadable-vm.js";
import { XmlError } from "../xml/xml-error.js";
import { answering, surveyHosts, type AnsweringHost } from "../backends/libvirt/host-survey.js";

export interface DrainFacts {
  readonly vms: readonly FoundVm[];
  readonly destinations: readonly DrainDestination[];
  /** Destinations that do not answer. */
  readonly unreachable: readonly HostUnreachable[];
}

/** A VM that is to move. */
export interface FoundVm extends DrainVm {
  readonly uuid: string;
  /** Where it runs. */
  readonly from: string;
  /** Whose VmPlacement it has. Absent: no stack's that is known. */
  readonly placement?: PlacementRecord;
  /** When its VFs leave the guest, by destination. Default: it has none. */
  readonly unplug?: ReadonlyMap<string, Unplugging>;
}

/** Of all VMs that run on the host. @throws HostUnreachable when the host itself does not answer. */
export async function drainFacts(
  cluster: LibvirtCluster,
  from: string,
  to: readonly string[],
  options: MigrationOptions = defaultMigrationOptions,
): Promise<DrainFacts> {
  const host = cluster.host(from);
  const doms = await host.domains();
  // One that has ended meanwhile need not move.
  const states = await Promise.all(
    doms.map(async (dom) => {
      const now = await undefinedOn("NO_DOMAIN", () => host.state(dom));
      return now === undefined ? [] : [{ host, dom, ...now }];
    }),
  );
  return factsOf(cluster, states.flat().filter(isActive), to, options);
}

/** Of these VMs, each where it runs. @throws HostUnreachable when one of their hosts does not answer. */
export async function factsOf(
  cluster: LibvirtCluster,
  running: readonly Pick<DomainInstance, "host" | "dom">[],
  to: readonly string[],
  options: MigrationOptions = defaultMigrationOptions,
): Promise<DrainFacts> {
  const asked = new HostFactsCache(cluster);
  const destinations = { hosts: to.map((name) => cluster.host(name)), config: cluster.config };
  const surveyed = await surveyHosts(destinations, (host) => asked.basics(host));
  const hosts = surveyed.filter(answering);
  const vms: FoundVm[] = [];
  // One VM after the other: each asks every destination at once.
  for (const { host, dom } of running) {
    const domain = await domainOf(host, dom);
    if (domain === undefined) continue;
    if (domain instanceof UnreadableVm) {
      vms.push({ name: dom.name, uuid: dom.uuid, from: host.name, memoryKiB: 0, ...unfit(hosts, domain) });
      continue;
    }
    const placement = placementOf(domain);
    const { plainKiB, hugepages } = memoryBackingOf(domain.raw, domain.memoryKiB);
    vms.push({
      name: dom.name,
      uuid: dom.uuid,
      from: host.name,
      memoryKiB: plainKiB,
      ...(options.ignoreRules.includes("move-memory") && { ignoresMemory: true }),
      ...(hugepages.length > 0 && !options.ignoreRules.includes("move-hugepages") && { hugepages: bySize(hugepages) }),
      ...(placement !== undefined && { placement }),
      ...(await fitnessOf(cluster, dom.name, hosts, { asked, options })),
    });
  }
  return {
    vms,
    destinations: await Promise.all(
      hosts.map(async (host) => ({ ...destinationOf(host), ...(await hugepagesOn(cluster, host, vms, asked)) })),
    ),
    unreachable: surveyed.flatMap((host) =>
      answering(host) ? [] : new HostUnreachable(host.name, new Error(host.why)),
    ),
  };
}

/** Of the sizes that the VMs need. */
async function hugepagesOn(
  cluster: LibvirtCluster,
  { name }: AnsweringHost,
  vms: readonly DrainVm[],
  asked: HostFactsCache,
): Promise<Pick<DrainDestination, "hugepages">> {
  const sizes = [...new Set(vms.flatMap(({ hugepages = [] }) => hugepages.map(({ sizeKiB }) => sizeKiB)))];
  if (sizes.length === 0) return {};
  const host = cluster.host(name);
  const basics = await asked.basics(host);
  if (basics instanceof Error) return {};
  const free = await asked.questions.hugepages(host, sizes, basics.capabilities.nodes);
  return {
    hugepages: sizes.map((sizeKiB) => ({
      sizeKiB,
      count: free.reduce((sum, each) => sum + (each.sizeKiB === sizeKiB ? each.free : 0), 0),
    })),
  };
}

function bySize(needs: readonly HugepagesOfDomain[]): readonly DrainHugepages[] {
  const sizes = [...new Set(needs.map(({ sizeKiB }) => sizeKiB))];
  return sizes.map((sizeKiB) => ({
    sizeKiB,
    count: needs.reduce((sum, each) => sum + (each.sizeKiB === sizeKiB ? Math.ceil(each.memoryKiB / sizeKiB) : 0), 0),
  }));
}

/** A note that cannot be read is no reason not to move the VM. */
function placementOf(domain: Domain): PlacementRecord | undefined {
  try {
    return placementRecordOf(domain);
  } catch (error) {
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

/** Undefined: it has ended meanwhile. */
async function domainOf(host: LibvirtHost, dom: DomainRef): Promise<Domain | UnreadableVm | undefined> {
  try {
    return await undefinedOn("NO_DOMAIN", () => host.liveDomain(dom));
  } catch (error) {
    if (error instanceof UnreadableVm) return error;
    throw error;
  }
}

/** No host will do. */
function unfit(hosts: readonly AnsweringHost[], { message }: Error): Pick<FoundVm, "interfaces" | "excluded"> {
  return { interfaces: [], excluded: new Map(hosts.map(({ name }) => [name, message])) };
}

/** What the rules of a move say of the VM and each host, as if it were the only one that moves. */
async function fitnessOf(
  cluster: LibvirtCluster,
  vm: string,
  hosts: readonly AnsweringHost[],
  { asked, options }: { readonly asked: HostFactsCache; readonly options: MigrationOptions },
): Promise<Pick<FoundVm, "interfaces" | "excluded" | "unplug">> {
  let plans: readonly MovePlan[];
  try {
    plans = await planMoves(
      cluster,
      vm,
      hosts.map(({ name }) => name),
      asked,
      options,
    );
  } catch (error) {
    // A VM that cannot be looked at stays; the others need not wait for it.
    if (!(error instanceof ProblemError)) throw error;
    return unfit(hosts, error);
  }
  return {
    // The VM's own interfaces, whatever the destination.
    interfaces: (plans[0]?.interfaces ?? []).map(({ network, standbyNetwork }) => ({
      vfNetwork: network,
      ...(standbyNetwork !== "" && { standbyNetwork }),
    })),
    ...(plans.some(({ interfaces }) => interfaces.length > 0) && {
      unplug: new Map(plans.map(({ to, unplug }) => [to, unplug])),
    }),
    excluded: new Map(
      plans.flatMap((plan) => {
        const errors = errorsOf(plan);
        return errors.length === 0 ? [] : [[plan.to, errors.map(({ message }) => message).join(" ")] as const];
      }),
    ),
  };
}

function destinationOf({ name, freeMemoryKiB, networks }: AnsweringHost): DrainDestination {
  return {
    name,
    freeMemoryKiB,
    networks: networks.map((network) => ({
      name: network.name,
      bridge: network.bridge?.there ?? false,
      physicalFunctions: network.physicalFunctions.flatMap(({ name: pf, found }) =>
        found !== "unknown" && found?.linkUp === true
          ? [{ name: pf, freeVfs: found.virtualFunctions.filter(isFree).length }]
          : [],
      ),
    })),
  };
}
