/** One hypervisor: its connection, opened when it is first needed, and libvirt's calls in this package's own words. */
import type { ReadOnlyAccess } from "../../config/host-uri.js";
import type { HostConfig } from "../../config/index.js";
import { systemClock, type Clock } from "../../model/clock.js";
import { ProblemError } from "../../model/problem.js";
import { parseDomain, type Domain } from "./xml/domain.js";
import { formatXml, parseXml, type Element } from "../../xml/element.js";
import { Affect, DomainXml, JobOperation, JobStats, JobType, Metadata, Undefine } from "./constants.js";
import { LibvirtConnection } from "./rpc/connection.js";
import type { Domain as DomainRef } from "./rpc/datatypes.js";
import type { KeepaliveOptions } from "./rpc/client.js";
import { typed, valuesOf, type TypedParameter } from "./rpc/datatypes.js";
import { LibvirtError } from "./rpc/errors.js";
import {
  openTransport,
  parseLibvirtUri,
  type ExecResult,
  type LibvirtUri,
  type RemoteCommand,
  type SshOptions,
  type Transport,
} from "./transport/index.js";
import { readable } from "./unreadable-vm.js";
import { HostUnreachable, HostRefused, isRefusal } from "./host-errors.js";
import { refusedToReaders, checkedBefore } from "./checked-calls.js";

export type { DomainRef, ReadOnlyAccess };

export interface DomainStateNow {
  /** One of {@link DomainState}. */
  readonly state: number;
  readonly reason: number;
}

export interface JobNow {
  /** One of {@link JobType}. */
  readonly type: number;
  readonly values: Readonly<Record<string, string | number | bigint | boolean>>;
}

interface Opened {
  readonly connection: LibvirtConnection;
  readonly transport: Transport;
}

/** A host that vanishes while it takes part in a migration is noticed within 28 s, so that the migration ends within 30. */
const migrationKeepalive: KeepaliveOptions = { intervalMs: 4000, count: 5 };

/** Milliseconds of waiting for a connection after which the user is told of it. */
const slow = 2000;

export class LibvirtHost {
  private opened: Promise<Opened> | undefined;
  /** Why it could not be reached, and until when (performance.now()) that is taken to be so. */
  private absence: { readonly error: HostUnreachable; readonly until: number } | undefined;

  constructor(
    readonly name: string,
    readonly config: HostConfig,
    private readonly credentials: SshOptions,
    private readonly keepalive: KeepaliveOptions = {},
    private readonly readOnly?: ReadOnlyAccess,
    /** By which whatever is done with the host waits. */
    readonly clock: Clock = systemClock,
    /** Called where a connection takes more than 2 s. Default: it is told to none. */
    private readonly onSlow?: () => void,
  ) {}

  /** @throws HostUnreachable, of which HostRefused is one */
  async connection(): Promise<LibvirtConnection> {
    return (await this.open()).connection;
  }

  /** It is tried again, however short a time ago it could not be reached. */
  askAnew(): void {
    this.absence = undefined;
  }

  /** Starts a constant command on the host; see announcer.ts. Undefined: the transport has no such way. */
  async commands(): Promise<Transport["start"]> {
    return this.readOnly === undefined ? (await this.open()).transport.start : undefined;
  }

  /** Runs a constant command on the host to its end. Undefined: the transport has no such way. */
  async command(command: RemoteCommand, stdin?: string): Promise<ExecResult | undefined> {
    return this.readOnly === undefined ? (await this.open()).transport.exec?.(command, stdin) : undefined;
  }

  private async open(): Promise<Opened> {
    const current = this.opened;
    const opened = await current?.catch(() => undefined);
    // It failed or was lost: what comes next deserves a new try, one for all who ask meanwhile.
    if (opened === undefined || opened.connection.closed) {
      if (this.opened !== current) return this.open();
      if (this.absence !== undefined && performance.now() < this.absence.until) throw this.absence.error;
      this.opened = this.connect();
      // Its SSH session would otherwise live on, and the process with it.
      void opened?.transport.close();
      return this.opened;
    }
    return opened;
  }

  /**
   * A host object with a connection of its own, over the same SSH session: libvirt stops reading from a client that has
   * five calls in work (src/rpc/virnetserverclient.c), and a migration keeps one in work for as long as it takes.
   */
  dedicated(): LibvirtHost {
    return new LibvirtHost(
      this.name,
      this.config,
      this.credentials,
      migrationKeepalive,
      this.readOnly,
      this.clock,
      this.onSlow,
    );
  }

  /** The same host: `check` is awaited before each call that changes something there, and stops it by failing. */
  guarded(check: () => Promise<void>): LibvirtHost {
    return new GuardedHost(this, check, this.credentials, this.readOnly);
  }

  private async connect(): Promise<Opened> {
    // A mistake in the URI is one of the configuration, and says nothing about the host.
    const uri = parseLibvirtUri(this.config.uri, this.readOnly);
    const began = performance.now();
    const tell = setTimeout(() => this.onSlow?.(), slow).unref();
    try {
      return await this.reach(uri);
    } catch (cause) {
      // Anything else is a fault of this program, and says nothing about the host.
      if (!(cause instanceof ProblemError)) throw cause;
      const error = isRefusal(cause) ? new HostRefused(this.name, cause) : new HostUnreachable(this.name, cause);
      const [now, took] = [performance.now(), performance.now() - began];
      // A command asks a host many things: it waits for one that does not answer no more than twice as long as for the first of them.
      if (took > slow) this.absence = { error, until: now + took };
      throw error;
    } finally {
      clearTimeout(tell);
    }
  }

  private async reach(uri: LibvirtUri): Promise<Opened> {
    const transport = await openTransport(uri, {
      ...this.credentials,
      ...(this.config.hostKey !== undefined && { hostKey: this.config.hostKey }),
    });
    try {
      const connection = await LibvirtConnection.open(transport.stream, {
        name: uri.name,
        where: this.name,
        keepalive: this.keepalive,
        readOnly: this.readOnly !== undefined,
      });
      if (this.readOnly === undefined) return { transport, connection };
      // libvirt would refuse it, too, call by call: nothing is begun.
      const refuse = () => Promise.reject(openForReading(this.name));
      return { transport, connection: checkedBefore(connection, refuse, refusedToReaders) };
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const current = this.opened;
    this.opened = undefined;
    if (current === undefined) return;
    const opened = await current.catch(() => undefined);
    await opened?.connection.close().catch(() => undefined);
    await opened?.transport.close();
  }

  /** Its own name, at which it has other hosts reach it. */
  async ownName(): Promise<string> {
    return (await (await this.connection()).call("connect_get_hostname", {})).hostname;
  }

  // --- domains

  /** Every domain, running or not. */
  async domains(): Promise<readonly DomainRef[]> {
    return (await (await this.connection()).call("connect_list_all_domains", { need_results: 1, flags: 0 })).domains;
  }

  /** Undefined: this host knows no such domain. */
  async findDomain(name: string): Promise<DomainRef | undefined> {
    return undefinedOn(
      "NO_DOMAIN",
      async () => (await (await this.connection()).call("domain_lookup_by_name", { name })).dom,
    );
  }

  /** The same by the domain's UUID. */
  async domainOf(uuid: string): Promise<DomainRef | undefined> {
    return undefinedOn(
      "NO_DOMAIN",
      async () => (await (await this.connection()).call("domain_lookup_by_uuid", { uuid })).dom,
    );
  }

  async state(dom: DomainRef): Promise<DomainStateNow> {
    return (await this.connection()).call("domain_get_state", { dom, flags: 0 });
  }

  async isPersistent(dom: DomainRef): Promise<boolean> {
    return (await (await this.connection()).call("domain_is_persistent", { dom })).persistent === 1;
  }

  /** Whether the domain starts with its host. */
  async startsWithHost(dom: DomainRef): Promise<boolean> {
    return (await (await this.connection()).call("domain_get_autostart", { dom })).autostart !== 0;
  }

  async setAutostart(dom: DomainRef, startsWithHost: boolean): Promise<void> {
    await (await this.connection()).call("domain_set_autostart", { dom, autostart: startsWithHost ? 1 : 0 });
  }

  async domainXml(dom: DomainRef, flags = 0): Promise<string> {
    return (await (await this.connection()).call("domain_get_xml_desc", { dom, flags })).xml;
  }

  /** @throws UnreadableVm */
  async liveDomain(dom: DomainRef): Promise<Domain> {
    const xml = await this.domainXml(dom);
    return readable(this, dom, () => parseDomain(xml));
  }

  /** The definition from which the domain will boot the next time, without its passwords. @throws UnreadableVm */
  async inactiveDomain(dom: DomainRef): Promise<Domain> {
    const xml = await this.domainXml(dom, DomainXml.INACTIVE);
    return readable(this, dom, () => parseDomain(xml));
  }

  /** The same with its passwords (VNC, SPICE): for what is about to be defined again. @throws UnreadableVm */
  async definitionToChange(dom: DomainRef): Promise<Domain> {
    const xml = await this.xmlToChange(dom, DomainXml.INACTIVE);
    return readable(this, dom, () => parseDomain(xml));
  }

  /** XML with its passwords: a read-only account does not get them. @throws ProblemError `read-only` */
  async xmlToChange(dom: DomainRef, flags: number): Promise<string> {
    if (this.readOnly !== undefined) throw openForReading(this.name);
    return this.domainXml(dom, flags | DomainXml.SECURE);
  }

  /** The definition where there is one: it names devices that a move has unplugged for the while. Else the live domain. */
  async inactiveOrLive(dom: DomainRef): Promise<Domain> {
    return (await this.isPersistent(dom)) ? this.inactiveDomain(dom) : this.liveDomain(dom);
  }

  async define(xml: Element): Promise<DomainRef> {
    return (await (await this.connection()).call("domain_define_xml_flags", { xml: formatXml(xml), flags: 0 })).dom;
  }

  async resume(dom: DomainRef): Promise<void> {
    await (await this.connection()).call("domain_resume", { dom });
  }

  /** As a computer's reset button. A paused domain stays paused. */
  async reset(dom: DomainRef): Promise<void> {
    await (await this.connection()).call("domain_reset", { dom, flags: 0 });
  }

  async destroy(dom: DomainRef): Promise<void> {
    await (await this.connection()).call("domain_destroy_flags", { dom, flags: 0 });
  }

  /**
   * Takes away a definition whose VM has moved to another host, as libvirt does at the end of a migration
   * (qemuMigrationSrcConfirm, qemuDomainRemoveInactive): snapshots and checkpoints lose what this host noted of them, and
   * NVRAM and TPM stay, which may be the running VM's own on shared storage. A managed save is older than the VM's last run.
   */
  async undefineMoved(dom: DomainRef): Promise<void> {
    const connection = await this.connection();
    const definition = await undefinedOn("NO_DOMAIN", () => this.domainXml(dom, DomainXml.INACTIVE));
    if (definition === undefined) return;
    const undefine = (flags: number) =>
      undefinedOn("NO_DOMAIN", () => connection.call("domain_undefine_flags", { dom, flags }));
    const flags =
      Undefine.MANAGED_SAVE | Undefine.SNAPSHOTS_METADATA | Undefine.KEEP_NVRAM | Undefine.CHECKPOINTS_METADATA;
    // libvirt hands the flag on to where it is unknown, and logs that as an error (qemuDomainUndefineFlags, virDomainListCheckpoints).
    const keepTpm = definition.includes("<tpm") ? Undefine.KEEP_TPM : 0;
    try {
      await undefine(flags | keepTpm);
    } catch (error) {
      // libvirt < 8.9 does not know the flag (virCheckFlags), and knows no TPM on shared storage.
      if (!LibvirtError.is(error, "INVALID_ARG")) throw error;
      await undefine(flags);
    }
  }

  // --- devices

  async attach(dom: DomainRef, device: Element, flags: number): Promise<void> {
    await (await this.connection()).call("domain_attach_device_flags", { dom, xml: formatXml(device), flags });
  }

  async updateDevice(dom: DomainRef, device: Element, flags: number): Promise<void> {
    await (await this.connection()).call("domain_update_device_flags", { dom, xml: formatXml(device), flags });
  }

  /** Asks for a device's removal. On a running domain it is over only when `device_removed` comes. */
  async detachAlias(dom: DomainRef, alias: string, flags: number): Promise<void> {
    await (await this.connection()).call("domain_detach_device_alias", { dom, alias, flags });
  }

  // --- metadata

  /** This package's element in the domain's metadata. @throws UnreadableVm */
  async metadata(dom: DomainRef, uri: string, flags: number): Promise<Element | undefined> {
    const found = await undefinedOn("NO_DOMAIN_METADATA", async () =>
      (await this.connection()).call("domain_get_metadata", { dom, type: Metadata.ELEMENT, uri, flags }),
    );
    return found === undefined ? undefined : readable(this, dom, () => parseXml(found.metadata));
  }

  /** `element` undefined removes it. On a running persistent domain both its definitions are written. `persistent`: where it is known. */
  async setMetadata(
    dom: DomainRef,
    uri: string,
    key: string,
    element: Element | undefined,
    persistent?: boolean,
  ): Promise<void> {
    const running = dom.id >= 0;
    const inDefinition = !running || (persistent ?? (await this.isPersistent(dom)));
    const flags = (running ? Affect.LIVE : 0) | (inDefinition ? Affect.CONFIG : 0);
    const call = async () =>
      (await this.connection()).call("domain_set_metadata", {
        dom,
        type: Metadata.ELEMENT,
        metadata: element === undefined ? null : formatXml(element),
        key,
        uri,
        flags,
      });
    if (element === undefined) await undefinedOn("NO_DOMAIN_METADATA", call);
    else await call();
  }

  // --- jobs

  async job(dom: DomainRef): Promise<JobNow> {
    // libvirt counts a migration on its source only, and refuses to tell of one that comes in
    // (qemu_driver.c, qemuDomainGetJobStatsInternal).
    const told = await undefinedOn("OPERATION_UNSUPPORTED", async () =>
      jobOf(await (await this.connection()).call("domain_get_job_stats", { dom, flags: 0 })),
    );
    return told ?? { type: JobType.UNBOUNDED, values: { operation: JobOperation.MIGRATION_IN } };
  }

  /** What libvirt measured of the last job that ended; undefined where it remembers none. */
  async completedJob(dom: DomainRef): Promise<JobNow | undefined> {
    const flags = JobStats.COMPLETED | JobStats.KEEP_COMPLETED;
    return undefinedOn("OPERATION_INVALID", async () =>
      jobOf(await (await this.connection()).call("domain_get_job_stats", { dom, flags })),
    );
  }

  /** Aborts the job in progress; without one, nothing happens. */
  async abortJob(dom: DomainRef): Promise<void> {
    await undefinedOn("OPERATION_INVALID", async () => (await this.connection()).call("domain_abort_job", { dom }));
  }

  /** For the migrations of the domain that begin from now on. @param milliseconds at most 60,000 */
  async setMaxDowntime(dom: DomainRef, milliseconds: number): Promise<void> {
    const downtime = BigInt(milliseconds);
    await (await this.connection()).call("domain_migrate_set_max_downtime", { dom, downtime, flags: 0 });
  }

  /** One command for the domain's own QEMU, as QMP has it. libvirt marks the domain as tainted by `custom-monitor`. */
  async monitorCommand(dom: DomainRef, command: object): Promise<unknown> {
    const { result } = await (
      await this.connection()
    ).call("qemu_domain_monitor_command", { dom, cmd: JSON.stringify(command), flags: 0 });
    return JSON.parse(result) as unknown;
  }
}

function openForReading(host: string): ProblemError {
  return new ProblemError({
    code: "read-only",
    what: `Unable to change host "${host}": vnic-failover:readOnly is true`,
    where: host,
    remedy: "Set vnic-failover:readOnly to false for commands that change hosts.",
  });
}

class GuardedHost extends LibvirtHost {
  private readonly connections = new WeakMap<LibvirtConnection, LibvirtConnection>();

  constructor(
    private readonly host: LibvirtHost,
    private readonly check: () => Promise<void>,
    credentials: SshOptions,
    readOnly: ReadOnlyAccess | undefined,
  ) {
    super(host.name, host.config, credentials, {}, readOnly, host.clock);
  }

  override async connection(): Promise<LibvirtConnection> {
    const connection = await this.host.connection();
    const known = this.connections.get(connection);
    if (known !== undefined) return known;
    const guarded = checkedBefore(connection, this.check);
    this.connections.set(connection, guarded);
    return guarded;
  }

  override commands(): Promise<Transport["start"]> {
    return this.host.commands();
  }

  override async command(command: RemoteCommand, stdin?: string): Promise<ExecResult | undefined> {
    await this.check();
    return this.host.command(command, stdin);
  }

  override dedicated(): LibvirtHost {
    return this.host.dedicated().guarded(this.check);
  }

  override close(): Promise<void> {
    return this.host.close();
  }
}

/** A host that the configuration does not have (any more): it is as one that does not answer. */
export class UnconfiguredHost extends LibvirtHost {
  constructor(name: string) {
    super(name, { uri: "qemu+ssh://unconfigured.invalid/system" }, {});
  }

  override connection(): Promise<LibvirtConnection> {
    return Promise.reject(this.missing());
  }

  override commands(): Promise<Transport["start"]> {
    return Promise.reject(this.missing());
  }

  override command(): Promise<ExecResult | undefined> {
    return Promise.reject(this.missing());
  }

  override dedicated(): LibvirtHost {
    return this;
  }

  private missing(): HostUnreachable {
    return new HostUnreachable(this.name, new Error("it is not in vnic-failover:cluster"), {
      code: "host-unconfigured",
      what: `Unable to ask host "${this.name}"`,
      remedy: "If the host still exists, add it to vnic-failover:cluster again.",
    });
  }
}

/** A parameter of libvirt's typed lists, by the type that libvirt wants. */
export const parameter = typed;

/** The call's result; undefined where libvirt says that there is no such thing. */
export async function undefinedOn<T>(
  code: Parameters<typeof LibvirtError.is>[1],
  call: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (LibvirtError.is(error, code)) return undefined;
    throw error;
  }
}

function jobOf({ type, params }: { type: number; params: TypedParameter[] }): JobNow {
  return { type, values: valuesOf(params) };
}
