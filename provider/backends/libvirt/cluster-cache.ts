/**
 * What the hosts of a cluster say, each asked once: a command that looks at a thousand interfaces needs each VM's XML once,
 * not a thousand times. Whatever is about to be changed is read again, by `fresh`.
 */
import { parseDomain, type Domain } from "./xml/domain.js";
import type { InterfaceRecord } from "./xml/interface-record.js";
import { formatPciAddress } from "./xml/pci-address.js";
import {
  named,
  placeOf,
  VmOnSeveralHosts,
  type LibvirtCluster,
  type NamedVm,
  type DomainInstance,
  type VmRef,
  type VmLocations,
} from "./cluster.js";
import { DomainState } from "./constants.js";
import { undefinedOn, type DomainRef, type LibvirtHost } from "./host.js";
import { refusedFirst, asUnreachable, type HostUnreachable } from "./host-errors.js";
import { recordsOf } from "./interfaces.js";
import { physicalFunctionsOf } from "./network-vfs.js";
import { hostUse, type HostUse, type PhysicalFunction } from "./inventory.js";
import { journalReservations, type JournalReservations } from "./reservations.js";
import { SingleFlight, AsyncCache } from "./async-cache.js";
import type { AnsweredProfiles, StoredProfile } from "./profile-store.js";
import { Prefetcher } from "./prefetcher.js";
import { readable, UnreadableVm } from "./unreadable-vm.js";

/** A VM, seen where it runs, or else where it is defined. */
export interface VmSnapshot {
  readonly instance: DomainInstance;
  /** The live domain of a running VM, else its definition. */
  readonly domain: Domain;
  readonly records: readonly InterfaceRecord[];
}

export class ClusterCache {
  private readonly lists = new AsyncCache<LibvirtHost, readonly DomainRef[]>((host) => host.domains());
  private readonly snapshots = new AsyncCache<string, VmSnapshot | undefined>((key) => this.look(vmOf(key)));
  private readonly ahead = new Prefetcher(xmlOf);
  private readonly looks = new SingleFlight<string, VmSnapshot | undefined>((key) => this.relocateAndRead(vmOf(key)));
  private readonly stored = new AsyncCache<"all", readonly StoredProfile[]>(() => this.cluster.profiles.all());
  private readonly answered = new AsyncCache<"all", AnsweredProfiles>(() => this.cluster.profiles.answered());
  private readonly uses = new AsyncCache<LibvirtHost, HostUse>((host) => this.useOf(host));
  private readonly journals = new AsyncCache<"all", JournalReservations>(() => journalReservations(this.cluster.hosts));
  private readonly functions = new AsyncCache<string, readonly PhysicalFunction[]>((key) => this.functionsOf(key));
  /** The VMs that have got VFs since the hosts were asked, by `<host> <address>`. */
  private readonly taken = new Map<string, string>();
  /** Each VM's XML as it was seen last: a domain that has not changed need not be parsed again. */
  private readonly parsed = new Map<string, Pick<VmSnapshot, "domain" | "records"> & { readonly xml: string }>();

  constructor(readonly cluster: LibvirtCluster) {}

  /** @throws HostUnreachable */
  profiles(): Promise<readonly StoredProfile[]> {
    return this.stored.get("all");
  }

  /** Those that hosts which answer have, and the hosts that do not. */
  answeredProfiles(): Promise<AnsweredProfiles> {
    return this.answered.get("all");
  }

  /** By its id; undefined: no host has it. @throws HostUnreachable */
  async profile(id: string): Promise<StoredProfile | undefined> {
    return (await this.profiles()).find(({ profile }) => profile.id === id);
  }

  /** The same, as far as the hosts that answer can tell: one of them has all profiles. @throws HostUnreachable where none has it */
  async knownProfile(id: string): Promise<StoredProfile | undefined> {
    try {
      return await this.profile(id);
    } catch (error) {
      if (asUnreachable(error) === undefined) throw error;
      return this.cluster.profiles.known(id);
    }
  }

  /** As {@link LibvirtCluster.locate}, with what is seen there. @throws as that */
  vm(vm: VmRef): Promise<VmSnapshot | undefined> {
    return this.snapshots.get(keyOf(vm));
  }

  /** The same, and never older than the question: for what is about to be changed, or was changed just now. */
  fresh(vm: VmRef): Promise<VmSnapshot | undefined> {
    const look = this.looks.get(keyOf(vm));
    this.snapshots.forgetThose((key) => vmOf(key).name === named(vm).name);
    void this.snapshots.set(keyOf(vm), look);
    return look;
  }

  /** Of a VM with live domains on several hosts, the one that runs; else the first. */
  async running(instances: readonly DomainInstance[]): Promise<VmSnapshot | undefined> {
    const now = await Promise.all(
      instances.map(async (each) => ({
        ...each,
        ...(await undefinedOn("NO_DOMAIN", () => each.host.state(each.dom))),
      })),
    );
    const found = now.find(({ state }) => state === DomainState.RUNNING) ?? now[0];
    return found && this.lookAt(found);
  }

  /** The hosts that cannot be asked; those first that refuse. */
  async unreachable(): Promise<readonly HostUnreachable[]> {
    const asked = this.cluster.hosts.map((host) => this.lists.get(host).then(() => undefined, unreachableOrError));
    return refusedFirst((await Promise.all(asked)).filter((answer) => answer !== undefined));
  }

  /** Of the VMs on the hosts that answer. */
  async vmNames(): Promise<readonly string[]> {
    const lists = await Promise.all(this.cluster.hosts.map((host) => this.lists.get(host).catch(() => [])));
    return [...new Set(lists.flat().map(({ name }) => name))];
  }

  /** Every VM of the cluster; of those that cannot be read, why. @throws HostUnreachable */
  async vms(): Promise<{ readonly seen: readonly VmSnapshot[]; readonly unreadable: readonly UnreadableVm[] }> {
    const lists = await Promise.all(this.cluster.hosts.map((host) => this.lists.get(host)));
    const each = new Map(lists.flat().map(({ name, uuid }) => [uuid, { name, uuid }]));
    const snapshots = await Promise.all(
      [...each.values()].map((vm) =>
        this.vm(vm)
          .catch((error: unknown) => this.beingMoved(error))
          .catch(unreadableOrError),
      ),
    );
    return {
      seen: snapshots.flatMap((snapshot) =>
        snapshot === undefined || snapshot instanceof UnreadableVm ? [] : snapshot,
      ),
      unreadable: snapshots.filter((snapshot) => snapshot instanceof UnreadableVm),
    };
  }

  /** As {@link physicalFunctionsOf}. */
  async physicalFunctions(host: LibvirtHost, network: string): Promise<readonly PhysicalFunction[]> {
    const functions = await this.functions.get(`${host.name} ${network}`);
    return functions.map((pf) => ({
      ...pf,
      virtualFunctions: pf.virtualFunctions.map((vf) => {
        const vm = this.taken.get(`${host.name} ${formatPciAddress(vf.address)}`);
        return vm === undefined ? vf : { ...vf, usedBy: vm };
      }),
    }));
  }

  /** The VF, as `0000:b3:02.3`, is that VM's now. */
  took(host: LibvirtHost, vf: string, vm: string): void {
    this.taken.set(`${host.name} ${vf}`, vm);
  }

  /** Profiles were changed. */
  forgetProfiles(): void {
    this.stored.forget();
    this.answered.forget();
  }

  /** The VM was changed, moved perhaps, and VFs with it. */
  forgetVm(name: string): void {
    this.snapshots.forgetThose((key) => vmOf(key).name === name);
    this.ahead.forget();
    this.lists.forget();
    this.uses.forget();
    this.journals.forget();
    this.functions.forget();
    this.taken.clear();
  }

  private async look(vm: NamedVm): Promise<VmSnapshot | undefined> {
    const instance = await this.locate(vm);
    if (instance === undefined) return undefined;
    const { host, dom } = instance;
    return this.lookAt(instance, this.ahead.read(host, dom, await this.lists.get(host)));
  }

  private async lookNow(vm: NamedVm): Promise<VmSnapshot | undefined> {
    const instance = await this.locate(vm);
    if (instance !== undefined) this.ahead.forget(instance.dom);
    return instance && this.lookAt(instance);
  }

  /** Where it was last, and where it is not there any more, or has begun or ceased to run, wherever it is. */
  private async relocateAndRead(vm: NamedVm): Promise<VmSnapshot | undefined> {
    const snapshot = await this.lookNow(vm);
    if (snapshot !== undefined && snapshot.domain.id === idOf(snapshot.instance.dom)) return snapshot;
    this.lists.forget();
    return this.lookNow(vm);
  }

  private async lookAt(
    instance: DomainInstance,
    reading = xmlOf(instance.host, instance.dom),
  ): Promise<VmSnapshot | undefined> {
    const { host, dom } = instance;
    const xml = await reading;
    if (xml === undefined) return undefined;
    return { instance, ...readable(host, dom, () => this.parse(dom, xml)) };
  }

  private parse({ uuid }: DomainRef, xml: string): Pick<VmSnapshot, "domain" | "records"> {
    const last = this.parsed.get(uuid);
    if (last?.xml === xml) return { domain: last.domain, records: last.records };
    const domain = parseDomain(xml);
    const seen = { domain, records: recordsOf(domain) };
    this.parsed.set(uuid, { xml, ...seen });
    return seen;
  }

  /** A VM on two hosts does not hinder a caller that asks about others. */
  private beingMoved(error: unknown): Promise<VmSnapshot | undefined> | undefined {
    const instance = error instanceof VmOnSeveralHosts ? error.instances[0] : undefined;
    if (instance === undefined) throw error;
    return this.lookAt(instance);
  }

  private async locate(vm: NamedVm): Promise<DomainInstance | undefined> {
    const answers = await Promise.all(
      this.cluster.hosts.map((host) => this.lists.get(host).then((list) => ({ host, list }), unreachableOrError)),
    );
    const locations: VmLocations = {
      instances: answers.flatMap((answer) => ("list" in answer ? presenceIn(answer, vm) : [])),
      unreachable: answers.flatMap((answer) => ("list" in answer ? [] : answer)),
    };
    return placeOf(vm, locations);
  }

  private async functionsOf(key: string): Promise<readonly PhysicalFunction[]> {
    const [name = "", network = ""] = key.split(" ");
    const host = this.cluster.host(name);
    return physicalFunctionsOf(this.cluster, host, network, await this.uses.get(host));
  }

  private async useOf(host: LibvirtHost): Promise<HostUse> {
    const { hostCommands: commands } = this.cluster.config;
    return hostUse(host, { commands, journals: await this.journals.get("all") });
  }
}

/** No name has a slash in it (libvirt's domain_postparse.c virDomainDefPostParseCheckFeatures). */
function keyOf(vm: VmRef): string {
  const { name, uuid } = named(vm);
  return uuid === undefined ? name : `${name}/${uuid}`;
}

function vmOf(key: string): NamedVm {
  const [name = "", uuid] = key.split("/");
  return { name, uuid };
}

/** Undefined: it is gone. */
function xmlOf(host: LibvirtHost, dom: DomainRef): Promise<string | undefined> {
  return undefinedOn("NO_DOMAIN", () => host.domainXml(dom));
}

function unreadableOrError(error: unknown): UnreadableVm {
  if (error instanceof UnreadableVm) return error;
  throw error;
}

function unreachableOrError(error: unknown) {
  const unreachable = asUnreachable(error);
  if (unreachable === undefined) throw error;
  return unreachable;
}

/**
 * What has the VM's name, or its UUID. A list tells of a domain's state only whether it runs, which is all that matters to its
 * interfaces.
 */
function presenceIn(
  { host, list }: { host: LibvirtHost; list: readonly DomainRef[] },
  vm: NamedVm,
): readonly DomainInstance[] {
  return list
    .filter(({ name, uuid }) => name === vm.name || uuid === vm.uuid)
    .map((dom) => ({ host, dom, state: dom.id < 0 ? DomainState.SHUTOFF : DomainState.RUNNING, reason: 0 }));
}

/** As the domain's own XML has it. */
function idOf({ id }: DomainRef): number | undefined {
  return id < 0 ? undefined : id;
}
