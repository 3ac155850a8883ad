/**
 * libvirt's migration, protocol version 3, as each of its five calls changes the two hosts (src/qemu/qemu_migration.c):
 * Begin starts the source's job; Prepare makes a paused copy that dies with the connection that asked for it; Perform sends
 * the memory and leaves the source paused; Finish lets the copy run and defines it; Confirm ends the source.
 */
import { DomainState, JobOperation, Migrate, PausedReason } from "../../provider/backends/libvirt/constants.js";
import {
  type TypedParameter,
  typed,
  typedParameters,
  valuesOf,
} from "../../provider/backends/libvirt/rpc/datatypes.js";
import type { Clock } from "../../provider/model/clock.js";
import { child, formatXml, parseXml, textOf, type Element } from "../../provider/xml/element.js";
import { parseDomain } from "../../provider/backends/libvirt/xml/domain.js";
import { devicesOf, numbered } from "./definition.js";
import { isActive, refOf, type DomainModel, type Domains, type JobModel } from "./domains.js";
import { refuseMigration } from "./migration-allowed.js";
import { refusals } from "./refusals.js";
import type { Answers } from "./rpc-endpoint.js";

/** What a host is to others that send it a VM. */
export interface MigrationEnd {
  readonly name: string;
  readonly uuid: string;
  readonly domains: Domains;
  readonly guest: { readonly unplug: string };
  /** Folders that are on a file system which libvirt takes for shared. */
  readonly sharedFolders: readonly string[];
  /** A compromised source may send whatever it likes. */
  readonly refusesNothing: boolean;
  readonly clock: Clock;
  readonly tls: MigrationTls;
  /** Whether a VM of that definition finds its memory. */
  hasMemoryFor(definition: Element): boolean;
}

/** The network that VMs are sent over. */
export class MigrationNetwork {
  /** No memory gets through any more. */
  cut = false;
  /** Pairs of hosts, as `host1>host2`, between which a firewall drops what is sent to the migration ports. */
  readonly blocked = new Set<string>();
  private readonly ends = new Map<string, MigrationEnd>();
  private readonly silent = new Set<string>();

  join(end: MigrationEnd): void {
    this.silent.delete(end.name);
    this.ends.set(end.name, end);
  }

  /** What a connection from the one to the other's migration port comes to while nothing listens there. */
  answerAt(from: string, address: string): { readonly outcome: string; readonly why: string } {
    if (!this.ends.has(address)) return { outcome: "not resolved", why: "Name or service not known" };
    if (this.blocked.has(`${from}>${address}`)) return { outcome: "no answer", why: "no answer within 2 s" };
    return { outcome: "reached", why: "refused: nothing listens there yet" };
  }

  leave(end: MigrationEnd): void {
    this.ends.delete(end.name);
    this.silent.add(end.name);
  }

  /** Whether that host has lost its power. */
  isSilent(uri: string): boolean {
    return this.silent.has(nameIn(uri));
  }

  /** By `tcp:host2:49152`. */
  reach(uri: string): MigrationEnd | undefined {
    return this.cut ? undefined : this.ends.get(nameIn(uri));
  }
}

function nameIn(uri: string): string {
  return /^tcp:(?:\/\/)?([^:/]+)/.exec(uri)?.[1] ?? "";
}

/** libvirt's and QEMU's TLS for what a host sends and receives. */
export interface MigrationTls {
  /** `migrate_tls_force` of qemu.conf. */
  forced: boolean;
  /** The names in its certificate. None: it has no certificate. */
  names: readonly string[];
}

/** How long the memory takes: so many passes, so many milliseconds each. */
export interface MemoryPasses {
  passes: number;
  milliseconds: number;
}

interface Cookie {
  readonly hostUuid?: string;
  readonly persistent?: string;
}

const memory = 268_435_456n;

export function migrationAnswers(
  end: MigrationEnd,
  network: MigrationNetwork,
  memoryPasses: MemoryPasses,
): Pick<
  Answers,
  | "domain_migrate_begin3_params"
  | "domain_migrate_prepare3_params"
  | "domain_migrate_perform3_params"
  | "domain_migrate_finish3_params"
  | "domain_migrate_confirm3_params"
> {
  const { domains } = end;
  return {
    domain_migrate_begin3_params({ dom, params, flags }, peer) {
      refuseWithoutTls(end, flags);
      const domain = domains.requireActive(dom);
      const keepsJob = (flags & Migrate.CHANGE_PROTECTION) !== 0;
      // qemuMigrationSrcBegin: without protection it takes a MODIFY job, which a backup lets in, for as long as the call lasts.
      if (domain.job !== undefined && (keepsJob || domain.job.admitsChanges !== true)) throw refusals.jobHeld();
      if (!end.refusesNothing)
        refuseMigration(domain, { flags, disks: texts(params, "migrate_disks"), sharedFolders: end.sharedFolders });
      const begun = () => ({
        cookie_out: bake({ hostUuid: end.uuid }),
        xml: text(params, "destination_xml") ?? formatXml(numbered(domain.live, -1)),
      });
      if (!keepsJob) return begun();
      const job = outgoing();
      domain.job = job;
      peer.onEnd(() => {
        if (domain.job === job && job.phase === "begun") domain.job = undefined;
      });
      return begun();
    },

    domain_migrate_prepare3_params({ params, cookie_in, flags }, peer) {
      refuseWithoutTls(end, flags);
      // qemuMigrationDstPrepareResume: nothing here migrates post-copy.
      if ((flags & Migrate.POSTCOPY_RESUME) !== 0)
        throw refusals.noDomainNamed(textOf(child(parseXml(text(params, "destination_xml") ?? ""), "name")) ?? "");
      if (read(cookie_in).hostUuid === end.uuid) throw refusals.sameHost(end.uuid);
      const xml = text(params, "destination_xml") ?? "";
      const live = parseXml(xml);
      if (!end.hasMemoryFor(live)) throw refusals.noMemory();
      for (const device of devicesOf(live)) domains.refuseDevice(device);
      refuseWithoutCertificate(end, flags);
      const domain = domains.receive(live, peer);
      domain.job = { direction: "incoming", phase: "begun", cancelled: false, parameters: [] };
      peer.onEnd(() => {
        if (domain.preparedBy === peer) domains.stop(domain);
      });
      const uri = text(params, "migrate_uri");
      return { cookie_out: bake({}), uri_out: uri === undefined ? `tcp:${end.name}:49152` : `${uri}:49152` };
    },

    async domain_migrate_perform3_params({ dom, params, flags }, peer) {
      const domain = domains.requireActive(dom);
      // qemuMigrationSrcPerformPhase: 'If we didn't start the job in the begin phase, start it now.'
      if ((flags & Migrate.CHANGE_PROTECTION) === 0) {
        if (domain.job !== undefined) throw refusals.jobHeld();
        domain.job = outgoing();
      }
      const { job } = domain;
      if (job?.phase !== "begun") throw refusals.noMigration(dom.name, "outgoing");
      job.phase = "performing";
      try {
        refuseWithoutCertificate(end, flags);
        const uri = text(params, "migrate_uri") ?? "";
        refuseOtherName(network.reach(uri), uri, text(params, "tls.destination"), flags);
        await unplugPrimaries(end, domain, job);
        await send(domain, job, text(params, "migrate_uri") ?? "", network, memoryPasses, end.clock);
      } catch (error) {
        goOn(domain);
        throw error;
      }
      domain.state = DomainState.PAUSED;
      domain.reason = PausedReason.MIGRATION;
      job.phase = "performed";
      // 'finished but we don't know if the domain was successfully started on destination or not': it stays paused.
      peer.onEnd(() => {
        if (domain.job === job) domain.job = undefined;
      });
      return { cookie_out: bake({ persistent: text(params, "persistent_xml") ?? definitionOf(domain) }) };
    },

    domain_migrate_finish3_params({ params, cookie_in, flags, cancelled }) {
      const domain = domains.requireNamed(text(params, "destination_name") ?? "");
      if (domain.job?.direction !== "incoming") throw refusals.noMigration(domain.name, "incoming");
      if (cancelled !== 0) {
        domains.stop(domain);
        throw refusals.finishedAsAsked();
      }
      if (domain.job.phase !== "performed") {
        domains.stop(domain);
        throw refusals.guestQuit();
      }
      const { persistent } = read(cookie_in);
      if ((flags & Migrate.PERSIST_DEST) !== 0 && persistent !== undefined && persistent !== "")
        Object.assign(domain, { config: parseXml(persistent), isUnsynced: domain.config === undefined });
      Object.assign(domain, { job: undefined, preparedBy: undefined });
      domain.completed = statistics(JobOperation.MIGRATION_IN, 0n, { downtime: typed.ullong(42n) });
      domain.state = DomainState.RUNNING;
      domain.reason = 3;
      return { dom: refOf(domain), cookie_out: bake({}) };
    },

    domain_migrate_confirm3_params({ dom, flags, cancelled }) {
      const domain = domains.requireActive(dom);
      if (domain.job?.direction !== "outgoing") throw refusals.noMigration(dom.name, "outgoing");
      if (cancelled !== 0) goOn(domain);
      else {
        if ((flags & Migrate.UNDEFINE_SOURCE) !== 0) Object.assign(domain, { config: undefined, autostart: false });
        domains.stop(domain);
      }
      return {};
    },
  };
}

function outgoing(): JobModel {
  return {
    direction: "outgoing",
    phase: "begun",
    cancelled: false,
    parameters: statistics(JobOperation.MIGRATION_OUT, memory),
  };
}

/**
 * It only asks, and by itself changes nothing: a Begin without protection, whether the migration would be let begin; a Prepare of a
 * post-copy that is to be resumed, whether one without TLS would.
 */
export function isRehearsal({ procedure, args }: { readonly procedure: string; readonly args: unknown }): boolean {
  const { flags = 0 } = args as { readonly flags?: number };
  return (
    (procedure === "domain_migrate_begin3_params" && (flags & Migrate.CHANGE_PROTECTION) === 0) ||
    (procedure === "domain_migrate_prepare3_params" && (flags & Migrate.POSTCOPY_RESUME) !== 0)
  );
}

/** qemuMigrationSrcBegin, qemuMigrationDstPrepareAny. @throws Refusal */
function refuseWithoutTls({ tls }: Pick<MigrationEnd, "tls">, flags: number): void {
  if (tls.forced && (flags & Migrate.TLS) === 0) throw refusals.tlsForced();
}

/** QEMU crypto/tlscredsx509.c, by way of qemuDomainAddTLSObjects. @throws Refusal */
function refuseWithoutCertificate({ tls }: Pick<MigrationEnd, "tls">, flags: number): void {
  if ((flags & Migrate.TLS) !== 0 && tls.names.length === 0) throw refusals.noCertificate();
}

/** qemuMigrationSrcRun gives QEMU the URI's host as the name, unless another is given; QEMU crypto/tlssession.c. @throws Refusal */
function refuseOtherName(
  destination: MigrationEnd | undefined,
  uri: string,
  given: string | undefined,
  flags: number,
): void {
  const name = given ?? /^tcp:(?:\/\/)?\[?([^\]]*?)\]?:\d+$/.exec(uri)?.[1] ?? "";
  if ((flags & Migrate.TLS) !== 0 && destination?.tls.names.includes(name) === false) throw refusals.otherName(name);
}

/**
 * What libvirt leaves behind where one of these calls fails: the source goes on by itself after Perform, the copy is killed
 * by Finish. The others change nothing.
 */
export function afterRefusedMigration(domains: Domains, procedure: string, vm: string): void {
  const domain = domains.named(vm);
  if (domain === undefined || !isActive(domain)) return;
  if (procedure === "domain_migrate_perform3_params") goOn(domain);
  if (procedure === "domain_migrate_finish3_params") domains.stop(domain);
}

/**
 * QEMU asks the guest for the VFs of its pairs, and waits for as long as it takes (QEMU migration/migration.c,
 * qemu_savevm_wait_unplug). libvirt's definition keeps them. @throws Refusal
 */
async function unplugPrimaries({ guest, clock }: MigrationEnd, domain: DomainModel, job: JobModel): Promise<void> {
  if (!hasPrimary(domain.live)) return;
  job.waitsForUnplug = true;
  while (guest.unplug !== "releases" && !job.cancelled && isActive(domain)) await clock.sleep(5);
  job.waitsForUnplug = false;
  if (job.cancelled) throw refusals.jobCancelled();
}

function hasPrimary(live: Element | undefined): boolean {
  return (
    live !== undefined && parseDomain(formatXml(live)).interfaces.some(({ teaming }) => teaming?.type === "transient")
  );
}

/** @throws Refusal */
async function send(
  domain: DomainModel,
  job: JobModel,
  uri: string,
  network: MigrationNetwork,
  { passes, milliseconds }: MemoryPasses,
  clock: Clock,
): Promise<void> {
  const copy = () => {
    const found = network.reach(uri)?.domains.named(domain.name);
    return found?.job?.direction === "incoming" ? found : undefined;
  };
  if (network.reach(uri) === undefined) throw refusals.notReached(uri);
  for (let pass = 1; pass <= passes; pass += 1) {
    job.parameters = statistics(JobOperation.MIGRATION_OUT, (memory * BigInt(passes - pass)) / BigInt(passes), {
      memory_iteration: typed.ullong(BigInt(pass)),
    });
    await clock.sleep(milliseconds);
    // A destination whose power has gone says nothing: TCP sends again, for a quarter of an hour.
    while (network.isSilent(uri) && !job.cancelled && isActive(domain)) await clock.sleep(5);
    if (job.cancelled) throw refusals.jobCancelled();
    if (copy() === undefined || !isActive(domain)) throw refusals.jobFailed();
  }
  const received = copy();
  if (received?.job !== undefined) received.job.phase = "performed";
}

/** A source whose migration ended without success (qemuMigrationSrcRestoreDomainState). */
function goOn(domain: DomainModel): void {
  domain.job = undefined;
  // Its host may have lost power meanwhile.
  if (!isActive(domain)) return;
  domain.state = DomainState.RUNNING;
  domain.reason = 4;
}

function statistics(
  operation: number,
  remaining: bigint,
  more: Parameters<typeof typedParameters>[0] = {},
): TypedParameter[] {
  return typedParameters({
    operation: typed.int(operation),
    time_elapsed: typed.ullong(100n),
    setup_time: typed.ullong(3n),
    memory_total: typed.ullong(memory),
    memory_processed: typed.ullong(memory - remaining),
    memory_remaining: typed.ullong(remaining),
    memory_bps: typed.ullong(104_857_600n),
    ...more,
  });
}

function text(params: readonly TypedParameter[], field: string): string | undefined {
  const value = valuesOf(params)[field];
  return typeof value === "string" ? value : undefined;
}

/** Of a parameter that may stand there several times. */
function texts(params: readonly TypedParameter[], field: string): readonly string[] {
  return params.flatMap((each) =>
    each.field === field && typeof each.value.value === "string" ? each.value.value : [],
  );
}

function bake(cookie: Cookie): Buffer {
  return Buffer.from(JSON.stringify(cookie));
}

function read(cookie: Buffer): Cookie {
  return cookie.length === 0 ? {} : (JSON.parse(cookie.toString()) as Cookie);
}

function definitionOf({ config }: DomainModel): string {
  return config === undefined ? "" : formatXml(config);
}
