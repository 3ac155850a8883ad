/**
 * A libvirt host for tests, in this process: it answers the product's calls over a Unix socket, so that
 * `qemu+unix:///system?socket=…` reaches it through the real transport and the real RPC. A test double: it knows what the
 * product relies on and no more.
 *
 * Checked against libvirt 11.3.0 with QEMU 10.0 on two hosts with an 82576 each (XML of domains, networks, node devices,
 * interfaces and capabilities, texts of missing things), and its sources for what is refused when (see refusals.ts).
 */
import { Affect, CpuCompare, DomainState, JobStats, JobType } from "../../provider/backends/libvirt/constants.js";
import { typed, typedParameters, type Domain as DomainRef } from "../../provider/backends/libvirt/rpc/datatypes.js";
import type { Args, ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import { driverOf, type OptionalDriver } from "../../provider/backends/libvirt/rpc/optional-drivers.js";
import { systemClock } from "../../provider/model/clock.js";
import { child, element, find, formatXml, parseXml, type Element } from "../../provider/xml/element.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { formatPciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { agentChannelOf } from "../../provider/backends/libvirt/xml/guest-agent.js";
import { aliasOf, deviceNamed, fixedPlaceOf, hugepageKiB } from "./definition.js";
import { Domains, isActive, refOf, type DomainModel } from "./domains.js";
import { EventRegistrations } from "./events.js";
import {
  afterRefusedMigration,
  isRehearsal,
  migrationAnswers,
  type MemoryPasses,
  MigrationNetwork,
  type MigrationEnd,
  type MigrationTls,
} from "./migration.js";
import { Networks } from "./networks.js";
import { NodeDevices, type BridgeModel, type PhysicalFunctionModel } from "./node-devices.js";
import { Refusal, refusals } from "./refusals.js";
import { ReadOnlyPeers } from "./read-only.js";
import { RpcEndpoint, type Answers, type Call, type Traffic } from "./rpc-endpoint.js";
import type { HostClock } from "./test-clock.js";

/** What the guests of a host do when they are asked to release a device. */
export interface GuestBehaviour {
  unplug: "releases" | "refuses" | "ignores";
  /** Milliseconds until it does. */
  after: number;
  /** Milliseconds for which the call itself waits (QEMU_UNPLUG_TIMEOUT); what the guest does later only an event tells. */
  callWaits: number;
}

/** What the agents of a host's guests answer. A guest without a channel to one has none, whatever stands here. */
export interface AgentBehaviour {
  readonly answers: boolean;
  /** `id` of its guest-get-osinfo: `debian`, `mswindows`. */
  readonly os: string;
  readonly kernel: string;
  /** Answer of its guest-get-devices, which only a Windows agent knows. */
  readonly devices?: readonly object[];
}

export interface HostDescription {
  readonly name: string;
  readonly uuid: string;
  readonly physicalFunctions: readonly PhysicalFunctionModel[];
  readonly bridges: readonly BridgeModel[];
}

/** Free huge pages of one size. */
export interface HugepagesModel {
  readonly sizeKiB: number;
  readonly free: number;
  /** Its NUMA node. Default: 0. */
  readonly node?: number | undefined;
}

/** Which of a procedure's calls are meant: by default the next one. */
export interface Which<A> {
  /** How many of them. */
  readonly times?: number;
  /** How many go by before the first of them. */
  readonly skip?: number;
  /** Default: all but a Begin that only asks (see migration.ts). */
  readonly when?: (args: A) => boolean;
}

/** Something that befalls calls of one procedure. */
interface Befalling {
  readonly procedure: ProcedureName;
  times: number;
  skip: number;
  readonly when: (args: unknown) => boolean;
  readonly act: (call: Call) => void | Promise<void>;
}

export class LibvirtHostModel implements MigrationEnd {
  readonly name: string;
  uuid: string;
  readonly devices: NodeDevices;
  readonly domains: Domains;
  readonly networks = new Networks();
  readonly events = new EventRegistrations();

  /** Milliseconds that every call takes beside its own work. */
  delay = 0;
  freeMemoryKiB = 2_097_152;
  /** What the kernel would give up for a VM; virNodeGetFreeMemory does not count it. */
  cachedMemoryKiB = 0;
  /** Of the caches, what cannot be given up: tmpfs, and memory that processes share. */
  sharedMemoryKiB = 0;
  hugepages: readonly HugepagesModel[] = [];
  /** How many NUMA nodes it has. */
  nodes = 1;
  /** Whether it lets every migration begin, as a compromised one may. */
  refusesNothing = false;
  /** Folders that are on a file system which libvirt takes for shared: NFS, CephFS, GFS2, … */
  sharedFolders: readonly string[] = [];
  /** virCPUCompareResult of every comparison. */
  cpu: number = CpuCompare.IDENTICAL;
  readonly guest: GuestBehaviour = { unplug: "releases", after: 2, callWaits: 0 };
  agent: AgentBehaviour = { answers: true, os: "debian", kernel: "6.1.0-13-amd64" };
  readonly memory: MemoryPasses = { passes: 2, milliseconds: 2 };
  /** major × 1,000,000 + minor × 1,000 + release. */
  libvirtVersion = 11_003_000;
  qemuVersion = 10_000_013;
  /** Modular daemons that it has not: whatever they would answer fails. */
  readonly missingDaemons = new Set<OptionalDriver>();
  /** Of migrations. Its certificate has its own name. */
  readonly tls: MigrationTls;
  /** Whether its IOMMU is on. */
  iommu = true;
  /** Calls that were carried out or refused, by procedure. */
  readonly calls = new Map<ProcedureName, number>();
  /** The same, one after another. */
  readonly journal: ProcedureName[] = [];
  /** Which of those only asked whether a migration would be let begin. */
  readonly rehearsals = new Set<number>();
  /** What QEMU's monitors were told. */
  readonly monitorCommands: unknown[] = [];
  /** The flags of virDomainUndefineFlags that its libvirt knows: all of 8.9 and later. */
  undefineFlags = 0x7f;
  /** Aliases of VFs that a QEMU could not plug in a migration, though its libvirt takes them for plugged. */
  readonly missingInQemu = new Set<string>();
  /** VFs that a QEMU has without its libvirt's knowledge, by alias. */
  readonly strays = new Map<string, string>();

  /** Called before each call is carried out. */
  onCall: (call: Call) => void | Promise<void> = () => undefined;
  /** Called for each call that a connection for reading may not make. */
  onRefusal: (call: Call) => void = () => undefined;
  /** Called after whatever may have changed something here. */
  onSettled: () => void = () => undefined;
  private powered = true;
  private readonly readOnly = new ReadOnlyPeers();
  private readonly endpoint: RpcEndpoint;
  private readonly arriving: Befalling[] = [];
  private readonly leaving: Befalling[] = [];

  constructor(
    description: HostDescription,
    readonly network: MigrationNetwork = new MigrationNetwork(),
    /** By which guests, migrations and calls take their time. */
    readonly clock: HostClock = systemClock,
  ) {
    this.name = description.name;
    this.uuid = description.uuid;
    this.tls = { forced: false, names: [description.name] };
    this.devices = new NodeDevices(description.physicalFunctions, description.bridges);
    this.domains = new Domains(this.devices);
    network.join(this);
    const traffic: Traffic = {
      delay: () => this.delay,
      arriving: (call) => {
        try {
          this.readOnly.look(call);
        } catch (error) {
          this.onRefusal(call);
          throw error;
        }
        this.calls.set(call.procedure, (this.calls.get(call.procedure) ?? 0) + 1);
        if (isRehearsal(call)) this.rehearsals.add(this.journal.length);
        this.journal.push(call.procedure);
        const driver = driverOf(call.procedure);
        if (driver !== undefined && this.missingDaemons.has(driver)) throw refusals.noDaemon(driver);
        const seen = this.onCall(call);
        return seen instanceof Promise
          ? seen.then(() => intercept(this.arriving, call))
          : intercept(this.arriving, call);
      },
      leaving: (call) => void intercept(this.leaving, call),
      settled: () => this.onSettled(),
    };
    this.endpoint = new RpcEndpoint(this.answers(), traffic, clock);
  }

  // --- doors

  async listen(socket: string): Promise<void> {
    await this.endpoint.listen(socket);
  }

  /** The connections by that socket end, and there are no new ones by it. */
  shut(socket: string): void {
    this.endpoint.shut(socket);
  }

  /** As {@link RpcEndpoint.sleep}. */
  sleep(socket: string): void {
    this.endpoint.sleep(socket);
  }

  wake(socket: string): void {
    this.endpoint.wake(socket);
  }

  /** The daemon is gone: every connection breaks, and no new one is to be had. Its domains go on. */
  close(): void {
    this.endpoint.close();
  }

  /** False after {@link losePower}. */
  get hasPower(): boolean {
    return this.powered;
  }

  /** It has been started again: no domain runs. Its doors are to be opened again. */
  regainPower(): void {
    this.powered = true;
    this.network.join(this);
    this.onSettled();
  }

  /** Until it is started again: connections break, its QEMUs are gone, and definitions that have reached its disk stay. */
  losePower(): void {
    this.powered = false;
    this.network.leave(this);
    this.close();
    for (const domain of this.domains.all()) {
      if (domain.isUnsynced) domain.config = undefined;
      this.domains.stop(domain);
    }
    for (const vf of this.devices.virtualFunctions()) this.devices.reattach(vf);
    this.onSettled();
  }

  /** Another tool's job, which no client of ours can end. @param operation virDomainJobOperation */
  otherJob(domain: DomainModel, operation: number): void {
    const parameters = typedParameters({ operation: typed.int(operation) });
    domain.job = { direction: "outgoing", phase: "performing", cancelled: false, parameters, admitsChanges: true };
  }

  dropConnections(): void {
    for (const peer of [...this.endpoint.peers]) peer.drop();
  }

  // --- what a test makes happen

  get callCount(): number {
    return this.journal.length;
  }

  /** Calls of the procedure fail so, having done nothing but what libvirt leaves behind when they fail. */
  refuse<P extends ProcedureName>(procedure: P, refusal: Refusal, which: Which<Args<P>> = {}): void {
    const act = ({ args }: Call) => {
      afterRefusedMigration(this.domains, procedure, vmOf(args));
      throw refusal;
    };
    this.arriving.push(befalling(procedure, act, which));
  }

  /** Just before a call of the procedure is carried out. */
  before<P extends ProcedureName>(procedure: P, act: Befalling["act"], which: Which<Args<P>> = {}): void {
    this.arriving.push(befalling(procedure, act, which));
  }

  /** Just after a call of the procedure was carried out, while its answer is on its way. */
  after<P extends ProcedureName>(procedure: P, act: Befalling["act"], which: Which<Args<P>> = {}): void {
    this.leaving.push(befalling(procedure, act, which));
  }

  /** The connection breaks at a call of the procedure: it is not carried out, or its answer does not arrive. */
  dropAt<P extends ProcedureName>(procedure: P, moment: "before" | "after", which: Which<Args<P>> = {}): void {
    this[moment](procedure, ({ peer }) => peer.drop(), which);
  }

  /** An operator at the host itself removes a device, or a guest releases one late. */
  guestReleases(domain: DomainModel, alias: string): void {
    if (!isActive(domain) || deviceNamed(domain.live, alias) === undefined) return;
    domain.unplugging.delete(alias);
    this.domains.remove(domain, alias, Affect.LIVE);
    this.onSettled();
    const dom = refOf(domain);
    this.events.emit("domain_event_callback_device_removed", (callbackID) => ({
      callbackID,
      msg: { dom, devAlias: alias },
    }));
  }

  /** As MemAvailable of /proc/meminfo. */
  get availableMemoryKiB(): number {
    return this.freeMemoryKiB + this.cachedMemoryKiB - this.sharedMemoryKiB;
  }

  hasMemoryFor(definition: Element): boolean {
    const needed = parseDomain(formatXml(definition)).memoryKiB;
    const backing = find(definition, "memoryBacking", "hugepages");
    if (backing === undefined) return needed <= this.availableMemoryKiB;
    const wanted = hugepageKiB(child(backing, "page"));
    const pages = this.hugepages.filter(({ sizeKiB }) => sizeKiB === wanted);
    return needed <= pages.reduce((sum, { free }) => sum + free, 0) * wanted;
  }

  /** virHostMemGetFreePages: of the host without a node's number. @throws Refusal for a size that the host does not have. */
  private freePages(sizeKiB: number, node: number): bigint {
    const pages = this.hugepages.filter((each) => each.sizeKiB === sizeKiB && (node < 0 || (each.node ?? 0) === node));
    if (pages.length === 0 && !this.hugepages.some((each) => each.sizeKiB === sizeKiB))
      throw refusals.noPageSize(sizeKiB, node);
    return BigInt(pages.reduce((sum, { free }) => sum + free, 0));
  }

  // --- answers

  private answers(): Answers {
    const { domains, networks, devices, events } = this;
    const done = {};
    return {
      ...migrationAnswers(this, this.network, this.memory),

      auth_list: () => ({ types: [0] }),
      connect_supports_feature: () => ({ supported: 0 }),
      connect_open: () => done,
      connect_close: () => done,
      connect_get_version: () => ({ hv_ver: BigInt(this.qemuVersion) }),
      connect_get_lib_version: () => ({ lib_ver: BigInt(this.libvirtVersion) }),
      connect_get_hostname: () => ({ hostname: this.name }),
      connect_get_domain_capabilities: () => ({ capabilities: "<domainCapabilities/>" }),
      connect_get_capabilities: () => ({ capabilities: capabilities(this.uuid, this.iommu, this.nodes) }),
      connect_compare_cpu: () => ({ result: this.cpu }),
      connect_compare_hypervisor_cpu: () => ({ result: this.cpu }),
      node_get_free_memory: () => ({ freeMem: BigInt(this.freeMemoryKiB) * 1024n }),
      // src/util/virhostmem.c, virHostMemGetStatsLinux: it takes no other number of them for the whole host.
      node_get_memory_stats: ({ nparams, cellNum }) => {
        if (cellNum !== -1 || nparams !== 4) throw refusals.statisticsCount();
        const [free, cached] = [BigInt(this.freeMemoryKiB), BigInt(this.cachedMemoryKiB)];
        const params = Object.entries({ total: free + cached + 1_048_576n, free, buffers: 0n, cached });
        // Their number is told only to a client that asks for nothing else (src/remote/remote_daemon_dispatch.c).
        return { params: params.map(([field, value]) => ({ field, value })), nparams: 0 };
      },
      node_get_free_pages: ({ pages, startCell }) => ({
        counts: pages.map((sizeKiB) => this.freePages(sizeKiB, startCell)),
      }),
      connect_domain_event_callback_register_any: ({ eventID }, peer) => ({
        callbackID: events.register(peer, eventID),
      }),
      connect_domain_event_callback_deregister_any: ({ callbackID }) => {
        events.deregister(callbackID);
        return done;
      },

      connect_list_all_domains: () => ({ domains: domains.all().map(refOf), ret: domains.all().length }),
      domain_lookup_by_name: ({ name }) => ({ dom: refOf(domains.requireNamed(name)) }),
      domain_lookup_by_uuid: ({ uuid }) => ({ dom: refOf(domains.require({ uuid, name: "", id: -1 })) }),
      domain_get_state: ({ dom }) => {
        const { state, reason } = domains.require(dom);
        return { state, reason };
      },
      domain_is_active: ({ dom }) => ({ active: Number(isActive(domains.require(dom))) }),
      domain_is_persistent: ({ dom }) => ({ persistent: Number(domains.require(dom).config !== undefined) }),
      domain_get_autostart: ({ dom }) => ({ autostart: Number(domains.require(dom).autostart) }),
      domain_set_autostart: ({ dom, autostart }) => {
        domains.setAutostart(domains.require(dom), autostart !== 0);
        return done;
      },
      domain_get_xml_desc: ({ dom, flags }) => ({ xml: domains.xml(domains.require(dom), flags) }),
      domain_define_xml_flags: ({ xml }) => ({ dom: refOf(domains.define(xml)) }),
      domain_create_with_flags: ({ dom, flags }) => {
        const domain = domains.require(dom);
        domains.start(domain);
        // VIR_DOMAIN_START_PAUSED
        if ((flags & 1) !== 0) domain.state = DomainState.PAUSED;
        return { dom: refOf(domain) };
      },
      domain_undefine_flags: ({ dom, flags }) => {
        if ((flags & ~this.undefineFlags) !== 0) throw refusals.unknownFlags(flags & ~this.undefineFlags);
        domains.undefine(domains.require(dom), flags);
        return done;
      },
      domain_reset: ({ dom }) => {
        domains.requireActive(dom).resets += 1;
        return done;
      },
      domain_destroy_flags: ({ dom }) => {
        domains.stop(domains.requireActive(dom));
        return done;
      },
      domain_resume: ({ dom }) => {
        const domain = domains.requireActive(dom);
        if (domain.state !== DomainState.PAUSED) throw refusals.domainNotPaused();
        domain.state = DomainState.RUNNING;
        domain.reason = 5;
        return done;
      },
      domain_get_metadata: ({ dom, uri, flags }) => ({
        metadata: domains.metadata(domains.require(dom), uri ?? "", flags),
      }),
      domain_set_metadata: ({ dom, metadata, key, uri, flags }) => {
        const domain = domains.require(dom);
        // qemuDomainSetMetadata takes the MODIFY job, which a migration does not let in (qemuMigrationJobStart).
        if (domain.job !== undefined && domain.job.admitsChanges !== true) throw refusals.jobHeld();
        domains.setMetadata(domain, uri ?? "", key ?? "", metadata, flags);
        return done;
      },

      domain_attach_device_flags: ({ dom, xml, flags }) => {
        const device = parseXml(xml);
        const domain = domains.require(dom);
        const devAlias = aliasOf(device) ?? "";
        if (this.strays.has(devAlias)) throw refusals.idTwice(devAlias);
        if (isActive(domain)) this.missingInQemu.delete(devAlias);
        domains.attach(domain, device, flags);
        if (isActive(domain) && deviceNamed(domain.live, devAlias) !== undefined)
          events.emit("domain_event_callback_device_added", (callbackID) => ({
            callbackID,
            dom: refOf(domain),
            devAlias,
          }));
        return done;
      },
      domain_update_device_flags: ({ dom, xml, flags }) => {
        domains.update(domains.require(dom), parseXml(xml), flags);
        return done;
      },
      domain_detach_device_alias: async ({ dom, alias, flags }) => {
        const domain = domains.require(dom);
        if ((flags & Affect.CONFIG) !== 0) domains.remove(domain, alias, Affect.CONFIG);
        if ((flags & Affect.LIVE) !== 0) await this.askGuest(domain, alias);
        return done;
      },
      domain_abort_job: ({ dom }) => {
        const { job } = domains.requireActive(dom);
        if (job?.direction !== "outgoing") throw refusals.noJob();
        job.cancelled = true;
        return done;
      },
      domain_get_job_stats: ({ dom, flags }) => {
        const { job, completed } = domains.requireActive(dom);
        if ((flags & JobStats.COMPLETED) !== 0)
          return completed === undefined
            ? { type: JobType.NONE, params: [] }
            : { type: JobType.COMPLETED, params: completed };
        if (job === undefined) return { type: JobType.NONE, params: [] };
        if (job.direction === "incoming") throw refusals.statisticsOnSource();
        return { type: JobType.UNBOUNDED, params: job.parameters };
      },
      // src/qemu/qemu_driver.c, qemuDomainGetGuestInfo; types: VIR_DOMAIN_GUEST_INFO_OS
      domain_get_guest_info: ({ dom, types }) => {
        const { os, kernel } = this.requireAgent(dom);
        if (types !== 2) throw new Error(`The model of a guest agent does not know the types ${types}.`);
        return {
          params: typedParameters({ "os.id": typed.string(os), "os.kernel-release": typed.string(kernel) }),
        };
      },
      qemu_domain_agent_command: ({ dom, cmd }) => {
        const { devices } = this.requireAgent(dom);
        const { execute } = JSON.parse(cmd) as { execute: string };
        if (execute !== "guest-get-devices" || devices === undefined) throw refusals.agentCommandUnknown(execute);
        return { result: JSON.stringify({ return: devices }) };
      },
      domain_migrate_set_max_downtime: () => done,
      qemu_domain_monitor_command: ({ dom, cmd }) => {
        const { live, job } = domains.requireActive(dom);
        const command = JSON.parse(cmd) as { execute: string; arguments?: { path?: string; id?: string } };
        this.monitorCommands.push(command);
        const alias = command.arguments?.path?.split("/").at(-1) ?? "";
        const plugged = parseDomain(formatXml(live)).interfaces.find((nic) => nic.alias === alias)?.vf;
        const known = plugged === undefined || this.missingInQemu.has(alias) ? undefined : formatPciAddress(plugged);
        const host = this.strays.get(alias) ?? known;
        if (command.execute === "device_del") this.strays.delete(command.arguments?.id ?? "");
        const answer =
          command.execute === "query-migrate"
            ? {
                // Before its first migration QEMU tells no status (migration/migration.c, fill_source_migration_info).
                return: job === undefined ? {} : { status: job.waitsForUnplug === true ? "wait-unplug" : "active" },
              }
            : command.execute !== "qom-get"
              ? { return: {} }
              : host === undefined
                ? { error: { class: "DeviceNotFound", desc: `Device '${command.arguments?.path}' not found` } }
                : { return: host };
        return { result: JSON.stringify({ ...answer, id: "libvirt-1" }) };
      },

      connect_list_all_networks: () => ({ nets: networks.all(), ret: networks.all().length }),
      network_lookup_by_name: ({ name }) => ({ net: networks.byName(name) }),
      network_lookup_by_uuid: ({ uuid }) => ({ net: networks.byUuid(uuid) }),
      network_is_active: ({ net }) => ({ active: Number(networks.isActive(net)) }),
      network_get_xml_desc: ({ net }) => ({ xml: networks.xml(net) }),
      network_define_xml_flags: ({ xml }) => ({ net: networks.define(xml) }),
      network_undefine: ({ net }) => {
        networks.undefine(net);
        return done;
      },

      connect_list_all_node_devices: () => {
        const found = devices.netNames().map((name) => ({ name }));
        return { devices: found, ret: found.length };
      },
      node_device_get_xml_desc: ({ name }) => ({ xml: devices.xml(name) }),
      node_device_detach_flags: ({ name, driverName }) => {
        devices.detach(this.unused(name), driverName);
        return done;
      },
      node_device_re_attach: ({ name }) => {
        devices.reattach(this.unused(name));
        return done;
      },
      connect_list_all_interfaces: () => {
        const ifaces = devices.interfaceNames().map((name) => ({ name, mac: "52:54:00:78:00:01" }));
        return { ifaces, ret: ifaces.length };
      },
      interface_lookup_by_name: ({ name }) => {
        devices.interfaceXml(name);
        return { iface: { name, mac: "52:54:00:78:00:01" } };
      },
      interface_get_xml_desc: ({ iface }) => ({ xml: devices.interfaceXml(iface.name) }),
    };
  }

  /** src/qemu/qemu_domain.c, qemuDomainAgentAvailable. @throws Refusal */
  private requireAgent(dom: DomainRef): AgentBehaviour {
    const { live } = this.domains.requireActive(dom);
    const channel = agentChannelOf(live);
    if (channel === "none") throw refusals.noAgent();
    if (channel === "disconnected") throw refusals.agentNotConnected();
    if (!this.agent.answers) throw refusals.agentSilent();
    return this.agent;
  }

  /** @throws Refusal when a running domain has the VF (virHostdevIsPCINodeDeviceUsed). */
  private unused(name: string) {
    const vf = this.devices.virtualFunction(name);
    const user = this.domains.userOf(vf.address);
    if (user !== undefined) throw refusals.deviceInUse(vf.address, user);
    return vf;
  }

  private async askGuest(domain: DomainModel, alias: string): Promise<void> {
    if (!isActive(domain)) throw refusals.domainNotRunning();
    if (deviceNamed(domain.live, alias) === undefined) throw refusals.noDeviceWithAlias(alias);
    const place = fixedPlaceOf(domain.live, alias);
    if (place !== undefined) throw refusals.fixedPort(place);
    if (domain.unplugging.has(alias)) throw refusals.unplugPending(alias);
    domain.unplugging.add(alias);
    const { unplug, after, callWaits } = this.guest;
    const rejected = new AbortController();
    const answer = {
      ignores: () => undefined,
      releases: () => this.guestReleases(domain, alias),
      refuses: () => {
        rejected.abort();
        domain.unplugging.delete(alias);
        this.events.emit("domain_event_callback_device_removal_failed", (callbackID) => ({
          callbackID,
          dom: refOf(domain),
          devAlias: alias,
        }));
      },
    }[unplug];
    this.clock.after(after, answer);
    await this.clock.sleep(callWaits);
    if (rejected.signal.aborted) throw refusals.unplugRejected();
  }
}

/** What befalls a call: the first of the list that is meant for it. */
function intercept(list: readonly Befalling[], call: Call): void | Promise<void> {
  const next = list.find(({ procedure, times, when }) => procedure === call.procedure && times > 0 && when(call.args));
  if (next === undefined) return;
  if (next.skip > 0) next.skip -= 1;
  else {
    next.times -= 1;
    return next.act(call);
  }
}

function befalling<P extends ProcedureName>(
  procedure: P,
  act: Befalling["act"],
  { times = 1, skip = 0, when }: Which<Args<P>>,
): Befalling {
  const isMeant = when ?? ((args: unknown) => !isRehearsal({ procedure, args }));
  return { procedure, act, times, skip, when: isMeant as (args: unknown) => boolean };
}

function vmOf(args: unknown): string {
  const { dom, params = [] } = args as Partial<Args<"domain_migrate_finish3_params">> & { dom?: DomainRef };
  const named = params.find(({ field }) => field === "destination_name")?.value.value;
  return dom?.name ?? (typeof named === "string" ? named : "");
}

function capabilities(uuid: string, iommu: boolean, nodes: number): string {
  return formatXml(
    element("capabilities", {}, [
      element("host", {}, [
        element("uuid", {}, uuid),
        element("cpu", {}, [element("arch", {}, "x86_64"), element("model", {}, "EPYC"), element("vendor", {}, "AMD")]),
        element("iommu", { support: iommu ? "yes" : "no" }),
        element("topology", {}, [
          element(
            "cells",
            { num: nodes },
            Array.from({ length: nodes }, (_, id) => element("cell", { id })),
          ),
        ]),
      ]),
    ]),
  );
}
