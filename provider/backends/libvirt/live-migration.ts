/**
 * libvirt's migration protocol, version 3 with parameters, led by the client: Begin, Prepare, Perform, Finish, Confirm
 * (src/libvirt-domain.c, virDomainMigrateVersion3Full). The hosts need no way to log in to each other, and this client
 * knows at every moment how far the migration has come.
 */
import { ProblemError, type Problem } from "../../model/problem.js";
import { shellWord } from "../../model/shell-word.js";
import { isActive, isIncoming } from "./cluster.js";
import { JobType, Migrate } from "./constants.js";
import { parameter, undefinedOn, type DomainRef, type JobNow, type LibvirtHost } from "./host.js";
import { isConnectionLost } from "./host-errors.js";
import { copiedDisksParameters, flagsAtDestination, migrationFlags, type MigrationManner } from "./migration-flags.js";
import { typedParameters, type TypedParameter } from "./rpc/datatypes.js";
import { LibvirtError, VIR_ERR } from "./rpc/errors.js";

export interface MigrationOptions extends MigrationManner {
  /**
   * The definition that the destination keeps: asked for while Begin is carried out, which does not want it yet
   * (qemuMigrationSrcBegin). Default: the source's.
   */
  readonly persistentXml?: (() => Promise<string>) | undefined;
  /** The live definition for the destination. Default: the source's, as libvirt sends it. */
  readonly destinationXml?: string | undefined;
  /**
   * Looks whether the domain is as it was when {@link incoming} was made, which is given as Begin's XML; rejects where it is
   * not. Asked once the migration keeps others from changing it. Default: it is taken to be.
   */
  readonly unchanged?: ((begun: string) => Promise<void>) | undefined;
  /**
   * The source's definition stays, shut off, with its autostart: to remove it ({@link LibvirtHost.undefineMoved}) is for the caller, once
   * the destination has its own on the disk. Default: false, Confirm removes it.
   */
  readonly keepsDefinition?: boolean;
  /** Looks at what the source sends to the destination before that gets it, and throws where it must not. Default: nothing is looked at. */
  readonly inspect?: ((xml: string) => void) | undefined;
  /** What the destination gets of that, once it was looked at. Default: all of it, as it is. */
  readonly rewrite?: ((xml: string) => string) | undefined;
  /** `tcp://address`; default: what the destination's libvirt offers, its own host name. */
  readonly migrationUri?: string | undefined;
  /** MiB/s. Default: no limit. */
  readonly bandwidth?: number | undefined;
  /** The name in the destination's certificate, of a stream by TLS. Default: that of the migration's URI. */
  readonly tlsName?: string | undefined;
  /** Seconds after which the migration is aborted. */
  readonly timeout: number;
  /** Seconds to wait for the destination's copy to end or to run, where the answer to Finish got lost. Default 10. */
  readonly settleTimeout?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onJob?: (job: JobNow) => void;
  readonly onPhase?: (phase: MigrationPhase) => void;
  /**
   * Ends the connection to that URI by which the source's QEMU sends the VM. Asked where the destination is gone and the migration has
   * not ended 5 s after it was to be aborted. Default: the kernel does, after some 15 minutes.
   */
  readonly endStream?: ((uri: string) => Promise<unknown>) | undefined;
  /** What {@link prepareAhead} has made. Default: nothing is, and libvirt protects the domain from Begin on. */
  readonly incoming?: Incoming | undefined;
}

/** Begin and Prepare are over: QEMU waits for the domain on the destination, until the connection ends that asked for it. */
export interface Incoming {
  /** As the source's libvirt gave it to Begin, before `rewrite`. */
  readonly begun: string;
  readonly params: readonly TypedParameter[];
  readonly cookie: Buffer;
  /** Ends the destination's copy. Never rejects: where the host cannot be told, the copy ends with its connection. */
  cancel(): Promise<void>;
}

/** `cancel`: the destination is told to end its copy, in place of `finish`. */
export type MigrationPhase = "begin" | "prepare" | "perform" | "finish" | "cancel" | "confirm";

export class MigrationFailed extends ProblemError {
  override readonly name = "MigrationFailed";
}

/** How a migration ends that has not passed the point of no return. */
const atSource = { state: "The VM is still running on the source." };

/** Milliseconds after which a migration that was to be aborted is stuck. */
const abortTakes = 5_000;

/** Milliseconds between two looks at the job. */
const jobInterval = 400;
/** Milliseconds until the first. */
const firstLook = 100;

/** The connections of a migration, one to each host: what one of them has begun ends with it. */
export interface MigrationEnds {
  readonly source: LibvirtHost;
  readonly destination: LibvirtHost;
  /** Never throws; takes up to 3 s where a host does not answer. */
  close(): Promise<void>;
}

/** Connects to both. @throws HostUnreachable; then neither is left open. */
export async function openEnds(from: LibvirtHost, to: LibvirtHost): Promise<MigrationEnds> {
  const [source, destination] = [from.dedicated(), to.dedicated()];
  const close = async () => {
    await Promise.all([source.close(), destination.close()]);
  };
  try {
    await Promise.all([source.connection(), destination.connection()]);
  } catch (error) {
    await close();
    throw error;
  }
  return { source, destination, close };
}

/** The domain runs on the destination. */
export interface Arrival {
  /** There. Undefined: the answer that tells it was lost. */
  readonly dom: DomainRef | undefined;
  /**
   * The source has been told to end its copy (Confirm), or could not be told: whether it has is for the caller to look. The VM
   * does not wait for it: QEMU takes seconds to give a big guest's memory back. Never rejects.
   */
  readonly confirmed: Promise<void>;
}

/**
 * Moves a running domain. When it returns, the domain runs on the destination, and the source's copy never will again.
 * @throws MigrationFailed the domain runs on the source, as before, unless the message says that this is not known; the signal's reason:
 *   it runs there.
 */
export async function migrate(ends: MigrationEnds, dom: DomainRef, options: MigrationOptions): Promise<Arrival> {
  return withinTime(ends, options, (stops) => runMigration(ends, dom, options, stops));
}

/** What ends a migration before its time. */
interface Stops {
  /** Its time limit has passed. */
  readonly deadline: AbortSignal;
  /** That, or the signal of who wants it. */
  readonly stop: AbortSignal;
}

async function withinTime<T>(
  { source }: MigrationEnds,
  { timeout, signal }: MigrationOptions,
  act: (stops: Stops) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = source.clock.after(timeout * 1000, () => controller.abort(timedOut()));
  const deadline = controller.signal;
  try {
    return await act({ deadline, stop: signal === undefined ? deadline : AbortSignal.any([deadline, signal]) });
  } finally {
    cancel();
  }
}

async function runMigration(
  { source, destination }: MigrationEnds,
  dom: DomainRef,
  options: MigrationOptions,
  { deadline, stop }: Stops,
): Promise<Arrival> {
  const { incoming } = options;
  const flags = migrationFlags(options);
  const sourceFlags = incoming === undefined ? flags | Migrate.CHANGE_PROTECTION : flags;
  const destinationFlags = flagsAtDestination(options);
  const failed = (cause: unknown, told: Pick<Problem, "state" | "remedy"> = atSource) =>
    failure(source, destination, dom, cause, told, deadline.aborted ? options.timeout : undefined);
  stop.throwIfAborted();

  // One connection each from the beginning to the end: what one of them has begun ends with it, and its successor would
  // find nothing of it, or what another mover has begun meanwhile.
  const [onSource, onDestination] = await Promise.all([source.connection(), destination.connection()]);
  let params = incoming === undefined ? parametersOf(options) : [...incoming.params];
  /** Ends the migration on the source: its domain stops for good, or goes on. */
  const confirm = async (cookie: Buffer, cancelled: boolean) => {
    options.onPhase?.("confirm");
    await onSource.call("domain_migrate_confirm3_params", {
      dom,
      params,
      cookie_in: cookie,
      flags: options.keepsDefinition === true ? sourceFlags & ~Migrate.UNDEFINE_SOURCE : sourceFlags,
      cancelled: cancelled ? 1 : 0,
    });
  };

  let cookie: Buffer;
  if (incoming === undefined) {
    options.onPhase?.("begin");
    const [begun, persistentXml] = await Promise.all([
      onSource.call("domain_migrate_begin3_params", { dom, params, flags: sourceFlags }),
      options.persistent ? settledOf(options.persistentXml?.()) : undefined,
    ]);
    options.onPhase?.("prepare");
    try {
      stop.throwIfAborted();
      if (persistentXml?.status === "rejected") throw persistentXml.reason;
      if (persistentXml !== undefined) params = replaced(params, "persistent_xml", persistentXml.value);
      ({ params, cookie } = await prepareOn(destination, begun, params, options, stop));
    } catch (cause) {
      await confirm(Buffer.alloc(0), true).catch(() => undefined);
      throw failed(cause);
    }
  } else {
    cookie = incoming.cookie;
    try {
      const persistentXml = options.persistent ? await options.persistentXml?.() : undefined;
      if (persistentXml !== undefined) params = replaced(params, "persistent_xml", persistentXml);
      stop.throwIfAborted();
    } catch (cause) {
      throw failed(cause);
    }
  }

  options.onPhase?.("perform");
  let performError: unknown;
  const watching = new AbortController();
  // The source's libvirt has no connection to the destination's, and would wait until TCP gives up: some 15 minutes.
  const lost = new AbortController();
  let keepStream: (() => void) | undefined;
  void onDestination.ended.then((error) => {
    lost.abort(error);
    if (watching.signal.aborted) return;
    keepStream = source.clock.after(abortTakes, () => void endStream(options, params));
  });
  const changed = new AbortController();
  const unchanged = incoming === undefined ? undefined : onceOnly(() => options.unchanged?.(incoming.begun));
  const watch = watchJob(source, dom, AbortSignal.any([stop, lost.signal, changed.signal]), watching.signal, (job) => {
    // libvirt lets no client change the domain from here on: what differs now has changed since Begin.
    unchanged?.()?.catch((error: unknown) => changed.abort(error));
    options.onJob?.(job);
  });
  try {
    cookie = (
      await onSource.call("domain_migrate_perform3_params", {
        dom,
        dconnuri: null,
        params,
        cookie_in: cookie,
        flags: sourceFlags,
      })
    ).cookie_out;
  } catch (error) {
    performError = error ?? new Error("unknown");
    cookie = Buffer.alloc(0);
  } finally {
    watching.abort();
    keepStream?.();
    await watch;
  }

  let finishError: unknown;
  if (performError === undefined) await unchanged?.()?.catch((error: unknown) => changed.abort(error));
  else if (changed.signal.aborted) performError = changed.signal.reason;

  const cancelled = performError === undefined && !changed.signal.aborted ? 0 : 1;
  options.onPhase?.(cancelled === 0 ? "finish" : "cancel");
  const finishParams = replaced(params, "destination_name", dom.name);
  let finished = false;
  let there: DomainRef | undefined;
  try {
    const { dom: arrived, cookie_out } = await onDestination.call("domain_migrate_finish3_params", {
      params: finishParams,
      cookie_in: cookie,
      flags: destinationFlags,
      cancelled,
    });
    cookie = cookie_out;
    finished = cancelled === 0;
    if (finished) there = arrived;
  } catch (error) {
    finishError = error;
    cookie = Buffer.alloc(0);
  }
  if (cancelled === 0 && isConnectionLost(finishError)) {
    // The destination was told to take over and its answer got lost: ask it what it did.
    finished = await destinationRuns(destination, dom, options.settleTimeout).catch((cause: unknown) => {
      throw failed(cause, {
        state:
          "The source has stopped the VM, and it is unknown whether the destination runs it. The VM was left stopped, so that it does not run twice.",
        remedy: `Run \`vnic-failover recover ${shellWord(dom.name)}\` once ${destination.name} answers.`,
      });
    });
  }
  if (performError !== undefined && lost.signal.aborted) {
    throw failed(new Error(`the connection to "${destination.name}" was lost`, { cause: performError }));
  }
  if (performError !== undefined) {
    // Both hosts then tell of what they were told to do.
    options.signal?.throwIfAborted();
    // libvirt wants no Confirm after a failed Perform: the source has gone on by itself.
    throw failed(combineErrors(performError, finishError));
  }
  const confirming = confirm(cookie, !finished);
  if (finished) return { dom: there, confirmed: confirming.catch(() => undefined) };
  await confirming.catch((cause: unknown) => {
    throw failed(cause, {
      state: "The VM may be paused on the source.",
      remedy: `Run \`vnic-failover recover ${shellWord(dom.name)}\`.`,
    });
  });
  throw failed(changed.signal.aborted ? changed.signal.reason : finishError);
}

/**
 * Begin and Prepare ahead of the migration, so that the destination has its QEMU when that begins. libvirt does not protect the domain
 * until then: it may be changed, and a migration of it looks whether it was.
 * @throws MigrationFailed; nothing is left of it.
 */
export function prepareAhead(ends: MigrationEnds, dom: DomainRef, options: MigrationOptions): Promise<Incoming> {
  return withinTime(ends, options, (stops) => beginAndPrepare(ends, dom, options, stops));
}

async function beginAndPrepare(
  { source, destination }: MigrationEnds,
  dom: DomainRef,
  options: MigrationOptions,
  { deadline, stop }: Stops,
): Promise<Incoming> {
  const flags = migrationFlags(options);
  const [onSource, onDestination] = await Promise.all([source.connection(), destination.connection()]);
  let params = parametersOf(options);
  try {
    stop.throwIfAborted();
    const begun = await onSource.call("domain_migrate_begin3_params", { dom, params, flags });
    const prepared = await prepareOn(destination, begun, params, options, stop);
    params = prepared.params;
    const cancel = async () => {
      const finish = {
        params: replaced(params, "destination_name", dom.name),
        cookie_in: Buffer.alloc(0),
        flags: flagsAtDestination(options),
        cancelled: 1,
      };
      // That it has ended is an error, too: MIGRATE_FINISH_OK.
      await onDestination.call("domain_migrate_finish3_params", finish).catch(() => undefined);
    };
    return { begun: begun.xml, params, cookie: prepared.cookie, cancel };
  } catch (cause) {
    throw failure(source, destination, dom, cause, atSource, deadline.aborted ? options.timeout : undefined);
  }
}

/**
 * What the destination is asked with, and what Perform is to be told then.
 * @param stop ends the wait for a destination that does not come to an end with it: its connection is closed, and the copy with it.
 */
async function prepareOn(
  destination: LibvirtHost,
  { xml, cookie_out }: { readonly xml: string; readonly cookie_out: Buffer },
  given: readonly TypedParameter[],
  options: MigrationOptions,
  stop: AbortSignal,
): Promise<{ params: TypedParameter[]; cookie: Buffer }> {
  options.inspect?.(xml);
  const params = replaced(given, "destination_xml", options.rewrite?.(xml) ?? xml);
  const connection = await destination.connection();
  const leave = () => void destination.close();
  stop.throwIfAborted();
  stop.addEventListener("abort", leave, { once: true });
  const prepared = await connection
    .call("domain_migrate_prepare3_params", {
      params,
      cookie_in: cookie_out,
      flags: flagsAtDestination(options),
    })
    .catch((error: unknown) => {
      stop.throwIfAborted();
      throw error;
    })
    .finally(() => stop.removeEventListener("abort", leave));
  const uri = prepared.uri_out === null ? undefined : migrationUriOf(options.migrationUri, prepared.uri_out);
  return {
    params: uri === undefined ? params : replaced(params, "migrate_uri", uri),
    cookie: prepared.cookie_out,
  };
}

function parametersOf(options: MigrationOptions): TypedParameter[] {
  return typedParameters({
    migrate_uri: options.migrationUri === undefined ? undefined : parameter.string(options.migrationUri),
    bandwidth: options.bandwidth === undefined ? undefined : parameter.ullong(BigInt(options.bandwidth)),
    "tls.destination":
      options.tls !== true || options.tlsName === undefined ? undefined : parameter.string(options.tlsName),
    destination_xml: options.destinationXml === undefined ? undefined : parameter.string(options.destinationXml),
  }).concat(copiedDisksParameters(options));
}

/** @param timeout seconds, where they have passed. */
function failure(
  source: LibvirtHost,
  destination: LibvirtHost,
  dom: DomainRef,
  cause: unknown,
  { state, remedy }: Pick<Problem, "state" | "remedy"> = atSource,
  timeout?: number,
): MigrationFailed {
  const what = `Unable to migrate VM "${dom.name}" to "${destination.name}"`;
  return new MigrationFailed(
    {
      code: "migration-failed",
      what: timeout === undefined ? what : `${what} within ${timeout} s`,
      where: source.name,
      ...(state !== undefined && { state }),
      ...(remedy !== undefined && { remedy }),
    },
    { cause },
  );
}

function onceOnly<T>(act: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => (result ??= { value: act() }).value;
}

/**
 * Ends a copy that a migration has stopped and not ended, as that migration would have ended it: by its Confirm. A mere
 * destroy would give the disk images back to the host's owner and label (qemuProcessStop without
 * VIR_QEMU_PROCESS_STOP_MIGRATED), and so take those on a shared file system away from the VM that runs elsewhere. The
 * definition goes with the copy. Where libvirt does not take that, the copy is destroyed.
 * @returns whether it was ended by a Confirm.
 */
export async function endMigratedCopy(host: LibvirtHost, dom: DomainRef): Promise<boolean> {
  const connection = await host.connection();
  const persistent = await host.isPersistent(dom);
  // A host with migrate_tls_force begins nothing without that flag, and nothing is sent here.
  const flags = Migrate.LIVE | Migrate.TLS | Migrate.CHANGE_PROTECTION | (persistent ? Migrate.UNDEFINE_SOURCE : 0);
  try {
    await connection.call("domain_migrate_begin3_params", { dom, params: [], flags });
    await connection.call("domain_migrate_confirm3_params", {
      dom,
      params: [],
      cookie_in: Buffer.alloc(0),
      flags,
      cancelled: 0,
    });
    return true;
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
    await undefinedOn("NO_DOMAIN", () => undefinedOn("OPERATION_INVALID", () => host.destroy(dom)));
    return false;
  }
}

/** Never rejects: what becomes of the migration is for Perform to tell. */
async function endStream({ endStream: end }: MigrationOptions, params: readonly TypedParameter[]): Promise<void> {
  const uri = params.find(({ field }) => field === "migrate_uri")?.value.value;
  if (typeof uri === "string") await end?.(uri).catch(() => undefined);
}

/** Undefined: there is nothing to wait for. Never rejects. */
async function settledOf<T>(running: Promise<T> | undefined): Promise<PromiseSettledResult<T> | undefined> {
  return running === undefined ? undefined : (await Promise.allSettled([running]))[0];
}

function timedOut(): Error {
  return new DOMException("The operation was aborted due to timeout", "TimeoutError");
}

/** Reports the job as it goes and aborts it when asked to; ends when Perform has ended. Never fails by itself. */
async function watchJob(
  source: LibvirtHost,
  dom: DomainRef,
  stop: AbortSignal,
  done: AbortSignal,
  onJob?: (job: JobNow) => void,
): Promise<void> {
  let aborted = false;
  let looks = 0;
  const over = () => done.aborted;
  const ended = new Promise<undefined>((resolve) => {
    done.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  while (!over()) {
    const interrupted = AbortSignal.any([done, ...(aborted ? [] : [stop])]);
    await source.clock.sleep(looks++ === 0 ? firstLook : jobInterval, interrupted).catch(() => undefined);
    if (over()) return;
    try {
      if (stop.aborted && !aborted) {
        await source.abortJob(dom);
        aborted = true;
      }
      // Its answer is not waited for once Perform has ended.
      const job = await Promise.race([source.job(dom), ended]);
      if (job?.type === JobType.UNBOUNDED || job?.type === JobType.BOUNDED) onJob?.(job);
    } catch {
      // Perform itself tells what became of the migration.
    }
  }
}

/** @throws where it cannot be told. */
async function destinationRuns(host: LibvirtHost, dom: DomainRef, timeout?: number): Promise<boolean> {
  const copy = await copyOn(host, dom.uuid, timeout);
  if (copy === "waiting") throw new Error(`"${host.name}" still has an incoming copy of the VM`);
  return copy === "live";
}

/** Milliseconds between two looks at a copy that waits. */
const copyInterval = 250;

/**
 * What the destination has of the VM. A copy that waits for the source is looked at again until it ends, with the
 * connection that prepared it, or becomes the VM, by a Finish that is still being carried out.
 * @param timeout seconds. Default 10.
 */
export async function copyOn(host: LibvirtHost, uuid: string, timeout = 10): Promise<"none" | "waiting" | "live"> {
  const end = host.clock.now() + timeout * 1000;
  for (;;) {
    const found = await host.domainOf(uuid);
    const state = found === undefined ? undefined : await undefinedOn("NO_DOMAIN", () => host.state(found));
    if (state === undefined || !isActive(state)) return "none";
    if (!isIncoming(state)) return "live";
    if (host.clock.now() >= end) return "waiting";
    await host.clock.sleep(copyInterval);
  }
}

/** Source and destination each tell half of the story. MIGRATE_FINISH_OK is how libvirt says: cancelled, as asked. */
function combineErrors(performError: unknown, finishError: unknown): unknown {
  if (!(performError instanceof LibvirtError) || !(finishError instanceof LibvirtError)) return performError;
  if (finishError.code === VIR_ERR.MIGRATE_FINISH_OK) return performError;
  const [source, destination] = [performError, finishError].map(({ libvirtMessage }) => libvirtMessage);
  return new Error(`the source says: ${source ?? ""}; the destination says: ${destination ?? ""}`, {
    cause: performError,
  });
}

/**
 * Where the source sends the VM: the destination chooses the port, and the address only where the configuration has none. What a
 * host answers must not lead another one's connection elsewhere.
 */
export function migrationUriOf(configured: string | undefined, offered: string): string {
  if (configured === undefined) return offered;
  const port = /:(\d{1,5})$/.exec(offered)?.[1];
  return port === undefined ? configured : `${configured}:${port}`;
}

function replaced(params: readonly TypedParameter[], field: string, value: string): TypedParameter[] {
  return [...params.filter((candidate) => candidate.field !== field), { field, value: parameter.string(value) }];
}
