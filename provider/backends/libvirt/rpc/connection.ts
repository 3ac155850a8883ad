import type { Duplex } from "node:stream";
import { ProblemError } from "../../../model/problem.js";
import { type CallOptions, type KeepaliveOptions, RpcClient } from "./client.js";
import type { Domain, TypedParameter } from "./datatypes.js";
import { type ConnectionLostError, LibvirtError } from "./errors.js";
import type { Args, Body, MessageName, ProcedureName, Ret } from "./procedures.js";

export interface OpenOptions {
  /** The hypervisor behind the socket, as libvirt names it there. Default `qemu:///system`. */
  readonly name?: string;
  /** What errors name as the place, e.g. the host. */
  readonly where: string;
  /** `false` sends no pings; those of libvirt are answered all the same. Default: every 5 s, lost after 5. */
  readonly keepalive?: KeepaliveOptions | false;
  readonly maxCallsInWork?: number;
  /** libvirt then refuses every call that changes something or tells secrets. Default: false. */
  readonly readOnly?: boolean;
}

/** What happens to domains, with what libvirt tells about it (include/libvirt/libvirt-domain.h, virDomainEventID). */
export interface DomainEvents {
  /** `event` is virDomainEventType, `detail` the type's own detail enumeration. */
  lifecycle: { dom: Domain; event: number; detail: number };
  device_added: { dom: Domain; devAlias: string };
  device_removed: { dom: Domain; devAlias: string };
  device_removal_failed: { dom: Domain; devAlias: string };
  /** The counter of the migration's passes over memory; only while the events capability is on (default for tunnel-less migration). */
  migration_iteration: { dom: Domain; iteration: number };
  job_completed: { dom: Domain; params: TypedParameter[] };
  /** `type` is virDomainMetadataType: 0 description, 1 title, 2 element with the namespace `nsuri`. */
  metadata_change: { dom: Domain; type: number; nsuri: string | null };
}

export type DomainEventName = keyof DomainEvents;

/** One event of QEMU's own monitor (QMP), as virConnectDomainQemuMonitorEventRegister tells it. */
export interface MonitorEvent {
  readonly dom: Domain;
  readonly event: string;
  /** JSON, or absent. */
  readonly details: string | null;
}

/** Hears no more from now on, and tells libvirt so when no other listener is left. Never throws. */
export type StopListening = () => Promise<void>;

interface EventSource<M extends MessageName, E> {
  readonly id: number;
  readonly message: M;
  readonly read: (body: Body<M>) => E;
}

const eventSources: { readonly [E in DomainEventName]: EventSource<MessageName, DomainEvents[E]> } = {
  lifecycle: source(0, "domain_event_callback_lifecycle", ({ msg }) => msg),
  device_removed: source(15, "domain_event_callback_device_removed", ({ msg }) => msg),
  device_added: source(19, "domain_event_callback_device_added", ({ dom, devAlias }) => ({ dom, devAlias })),
  migration_iteration: source(20, "domain_event_callback_migration_iteration", ({ dom, iteration }) => ({
    dom,
    iteration,
  })),
  job_completed: source(21, "domain_event_callback_job_completed", ({ dom, params }) => ({ dom, params })),
  device_removal_failed: source(22, "domain_event_callback_device_removal_failed", ({ dom, devAlias }) => ({
    dom,
    devAlias,
  })),
  metadata_change: source(23, "domain_event_callback_metadata_change", ({ dom, type, nsuri }) => ({
    dom,
    type,
    nsuri,
  })),
};

/** Milliseconds for opening a connection; a libvirtd that has just started looks at its QEMU first. */
const openTimeout = 90_000;

/** remote_auth_type (src/remote/remote_protocol.x). */
const AUTH_NONE = 0;
const AUTH_POLKIT = 2;

/** virConnectFlags. */
const CONNECT_RO = 1 << 0;

/** virDrvFeature (src/libvirt_internal.h). */
const FEATURE_PROGRAM_KEEPALIVE = 10;

/** An open connection to one host's libvirt: calls by the table of procedures, and events. */
export class LibvirtConnection {
  /** Resolves when the connection is lost or closed. Never rejects. */
  readonly ended: Promise<ConnectionLostError>;
  private readonly registrations = new Map<string, Registration>();

  private constructor(private readonly client: RpcClient) {
    this.ended = client.ended;
  }

  /**
   * Authenticates as libvirt asks for it and opens the hypervisor. The stream is the connection's from now on; it is
   * destroyed when opening fails.
   * @throws LibvirtError, ConnectionLostError; ProblemError `libvirt-authentication` when only SASL is offered, `libvirt-timeout` after 90 s.
   */
  static async open(stream: Duplex, options: OpenOptions): Promise<LibvirtConnection> {
    const { where, name = "qemu:///system", keepalive = {}, maxCallsInWork, readOnly = false } = options;
    const client = new RpcClient(stream, { where, ...(maxCallsInWork === undefined ? {} : { maxCallsInWork }) });
    // A daemon that accepts and never answers: keepalive cannot tell before it is agreed upon.
    let tooLate: ProblemError | undefined;
    const deadline = setTimeout(() => {
      tooLate = new ProblemError({
        code: "libvirt-timeout",
        what: `libvirt did not answer within ${openTimeout / 1000} s`,
        remedy: "Check libvirt's daemon on the host; restart it if it hangs.",
      });
      stream.destroy(tooLate);
    }, openTimeout);
    try {
      await authenticate(client, where);
      if (keepalive !== false && (await supportsKeepalive(client))) client.startKeepalive(keepalive);
      await client.call("connect_open", { name, flags: readOnly ? CONNECT_RO : 0 });
    } catch (error) {
      stream.destroy();
      throw tooLate ?? error;
    } finally {
      clearTimeout(deadline);
    }
    return new LibvirtConnection(client);
  }

  call<P extends ProcedureName>(procedure: P, args: Args<P>, options?: CallOptions): Promise<Ret<P>> {
    return this.client.call(procedure, args, options);
  }

  /**
   * Hears an event of every domain of the host. Resolves when libvirt has agreed to send it: whatever happens after
   * that is heard. One registration with libvirt serves all handlers of an event.
   */
  on<E extends DomainEventName>(event: E, handler: (event: DomainEvents[E]) => void): Promise<StopListening> {
    const { id, message, read } = eventSources[event];
    return this.subscribe(
      event,
      {
        register: async () =>
          (await this.client.call("connect_domain_event_callback_register_any", { eventID: id, dom: null })).callbackID,
        deregister: (callbackID) => this.client.call("connect_domain_event_callback_deregister_any", { callbackID }),
      },
      (isOurs) =>
        this.client.listen(message, (body) => {
          if ("callbackID" in body && isOurs(body.callbackID)) handler(read(body));
        }),
    );
  }

  /**
   * Hears one kind of QMP event, e.g. `UNPLUG_PRIMARY`, of every domain. libvirt calls this unsupported, as QEMU's names
   * may change (include/libvirt/libvirt-qemu.h): nothing may depend on it.
   */
  onMonitorEvent(event: string, handler: (event: MonitorEvent) => void): Promise<StopListening> {
    return this.subscribe(
      `monitor ${event}`,
      {
        register: async () =>
          (await this.client.call("qemu_connect_domain_monitor_event_register", { dom: null, event, flags: 0 }))
            .callbackID,
        deregister: (callbackID) => this.client.call("qemu_connect_domain_monitor_event_deregister", { callbackID }),
      },
      (isOurs) =>
        this.client.listen("qemu_domain_monitor_event", (body) => {
          if (isOurs(body.callbackID)) handler({ dom: body.dom, event: body.event, details: body.details });
        }),
    );
  }

  /** Whether {@link ended} has come. */
  get closed(): boolean {
    return this.client.closed;
  }

  /** Closes in order; never throws. The transport beneath is its owner's to close. */
  close(): Promise<void> {
    return this.client.close();
  }

  /**
   * The handler listens before libvirt is asked, because the first event may come in one packet with the answer that
   * carries its callback's number; until that number is known nothing else can be meant.
   */
  private async subscribe(
    key: string,
    remote: RemoteRegistration,
    listen: (isOurs: (callbackID: number) => boolean) => () => void,
  ): Promise<StopListening> {
    const registration = this.registrations.get(key) ?? new Registration(remote);
    this.registrations.set(key, registration);
    const stopListening = listen(
      (callbackID) => registration.callbackID === undefined || registration.callbackID === callbackID,
    );
    const leave = async () => {
      stopListening();
      if (registration.leave()) {
        this.registrations.delete(key);
        await registration.end();
      }
    };
    try {
      await registration.join();
    } catch (error) {
      await leave();
      throw error;
    }
    let open = true;
    return async () => {
      if (!open) return;
      open = false;
      await leave();
    };
  }
}

interface RemoteRegistration {
  register(): Promise<number>;
  deregister(callbackID: number): Promise<unknown>;
}

/** One registration with libvirt, shared by those who listen to it. */
class Registration {
  callbackID: number | undefined;
  private members = 0;
  private readonly registered: Promise<void>;

  constructor(private readonly remote: RemoteRegistration) {
    this.registered = remote.register().then((callbackID) => {
      this.callbackID = callbackID;
    });
    // Every member awaits it in join(); this one only keeps a refusal from counting as unhandled in between.
    this.registered.catch(() => undefined);
  }

  join(): Promise<void> {
    this.members += 1;
    return this.registered;
  }

  /** True for the last one. */
  leave(): boolean {
    this.members -= 1;
    return this.members === 0;
  }

  /** A connection that is gone has no registrations left to end. */
  async end(): Promise<void> {
    if (this.callbackID !== undefined) await this.remote.deregister(this.callbackID).catch(() => undefined);
  }
}

/** As libvirt's own client does (src/remote/remote_driver.c, remoteAuthenticate): the first kind offered is the one to use. */
async function authenticate(client: RpcClient, where: string): Promise<void> {
  const { types } = await client.call("auth_list", {});
  const wanted = types[0] ?? AUTH_NONE;
  if (wanted === AUTH_NONE) return;
  if (wanted !== AUTH_POLKIT) {
    throw new ProblemError({
      code: "libvirt-authentication",
      what: "Unable to authenticate with libvirt: it asks for SASL",
      where,
      remedy:
        'Set auth_unix_rw = "none" or "polkit" in libvirtd.conf on the host, or auth_tls = "none" where it is reached over TLS: SSH, or the certificate, has authenticated the user already.',
    });
  }
  try {
    await client.call("auth_polkit", {});
  } catch (error) {
    if (!LibvirtError.is(error)) throw error;
    throw new ProblemError(
      {
        code: "libvirt-authentication",
        what: "Unable to authenticate with libvirt by polkit",
        where,
        remedy: "Add the user to the group `libvirt` on the host, or allow org.libvirt.unix.manage by a polkit rule.",
      },
      { cause: error },
    );
  }
}

async function supportsKeepalive(client: RpcClient): Promise<boolean> {
  const { supported } = await client.call("connect_supports_feature", { feature: FEATURE_PROGRAM_KEEPALIVE });
  return supported === 1;
}

function source<M extends MessageName, E>(
  id: number,
  message: M,
  read: (body: Body<M>) => E,
): EventSource<MessageName, E> {
  return { id, message, read: read as EventSource<MessageName, E>["read"] };
}
