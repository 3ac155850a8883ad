import type { Duplex } from "node:stream";
import { remoteError } from "./datatypes.js";
import { CallTimeoutError, ConnectionLostError, RpcProtocolError } from "./errors.js";
import { libvirtErrorOf } from "./optional-drivers.js";
import { encodeMessage, type Message, MessageReader } from "./framing.js";
import {
  type Args,
  type Body,
  type MessageName,
  messages,
  onlyReads,
  type ProcedureName,
  procedures,
  programs,
  type Ret,
} from "./procedures.js";
import { type Codec, decode, encode } from "./xdr.js";

export interface CallOptions {
  /** Stops waiting, with the signal's reason. libvirt has no way to withdraw a call: the host may still carry it out. */
  readonly signal?: AbortSignal;
  /**
   * Stops waiting after so many milliseconds. Default: as long as the connection lives, except for a call that only reads: a
   * libvirt that does not answer one within {@link RpcClientOptions.readTimeoutMs} counts as lost, whatever else it sends.
   */
  readonly timeoutMs?: number;
}

export interface RpcClientOptions {
  /** What errors name as the place, e.g. the host. */
  readonly where: string;
  /**
   * Calls that libvirt is asked to work on at once; further ones wait their turn. Default 4: with
   * `max_client_requests` = 5 (libvirtd.conf) libvirt stops reading from a client that has five calls in work, keepalive
   * included (src/rpc/virnetserverclient.c), and the connection would be treated as dead.
   * A call that lasts (perform3 of a migration) occupies its place: give it a connection of its own.
   */
  readonly maxCallsInWork?: number;
  /** Within which a call that only reads must be answered. Default 60,000 ms. */
  readonly readTimeoutMs?: number;
}

export interface KeepaliveOptions {
  /** Time without a message after which libvirt is pinged, and again. Default 5000 ms, as libvirt's. */
  readonly intervalMs?: number;
  /** Pings without any sign of life after which the connection counts as lost. Default 5, as libvirt's. */
  readonly count?: number;
}

interface Call {
  readonly procedure: ProcedureName;
  readonly packet: Buffer;
  readonly serial: number;
  settled: boolean;
  resolve(payload: Buffer): void;
  reject(error: Error): void;
}

type Listener = (body: unknown) => void;

const DEFAULT_CALLS_IN_WORK = 4;
const CLOSE_TIMEOUT_MS = 3000;
const READ_TIMEOUT_MS = 60_000;
const PING = 1;
const PONG = 2;

/** libvirt's RPC over one stream that is connected to its socket. Knows the protocol; what calls mean is its users' affair. */
export class RpcClient {
  /** Resolves, once, when the stream is no longer usable: lost, or closed by {@link close}. Never rejects. */
  readonly ended: Promise<ConnectionLostError>;

  private readonly reader = new MessageReader();
  private readonly inWork = new Map<number, Call>();
  private readonly waiting: Call[] = [];
  private readonly listeners = new Map<MessageName, Set<Listener>>();
  private readonly maxCallsInWork: number;
  private serial = 0;
  private heardSincePing = false;
  private pingTimer: NodeJS.Timeout | undefined;
  private closing = false;
  private end: ConnectionLostError | undefined;
  private announceEnd!: (error: ConnectionLostError) => void;

  constructor(
    private readonly stream: Duplex,
    private readonly options: RpcClientOptions,
  ) {
    this.maxCallsInWork = options.maxCallsInWork ?? DEFAULT_CALLS_IN_WORK;
    this.ended = new Promise((resolve) => (this.announceEnd = resolve));
    stream.on("data", (chunk: Buffer) => this.receive(chunk));
    stream.on("error", (error) => this.lose(error));
    stream.on("end", () => this.lose());
    stream.on("close", () => this.lose());
    // One that has ended before will not say so again.
    if (stream.destroyed || stream.readableEnded) this.lose(stream.errored ?? undefined);
  }

  /**
   * Calls a procedure.
   * @throws LibvirtError when libvirt refuses; ConnectionLostError, at once, when the stream ends; CallTimeoutError;
   *   RpcProtocolError when arguments or answer are not what the protocol allows; the signal's reason.
   */
  async call<P extends ProcedureName>(procedure: P, args: Args<P>, options: CallOptions = {}): Promise<Ret<P>> {
    options.signal?.throwIfAborted();
    if (this.end !== undefined || this.closing) throw this.end ?? this.closedError();
    return this.send(procedure, args, options, (call) => this.enqueue(call));
  }

  /** Hears a message from libvirt. Returns the function that ends it. */
  listen<M extends MessageName>(name: M, listener: (body: Body<M>) => void): () => void {
    const ofName = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, ofName.add(listener as Listener));
    return () => ofName.delete(listener as Listener);
  }

  /** Starts to ping. Only after libvirt said that it speaks the keepalive program: older ones close the connection on it. */
  startKeepalive({ intervalMs = 5000, count = 5 }: KeepaliveOptions = {}): void {
    let missed = 0;
    clearInterval(this.pingTimer);
    this.heardSincePing = true;
    this.pingTimer = setInterval(() => {
      missed = this.heardSincePing ? 0 : missed + 1;
      this.heardSincePing = false;
      if (missed > count) this.lose(undefined, `libvirt has not answered ${count} keepalive pings`);
      else this.sendKeepalive(PING);
    }, intervalMs);
    this.pingTimer.unref();
  }

  /** Whether {@link ended} has come. */
  get closed(): boolean {
    return this.end !== undefined;
  }

  /** Says good-bye (connect_close) and ends the stream. Calls still in work fail with ConnectionLostError. Never throws. */
  async close(): Promise<void> {
    if (this.end === undefined && !this.closing) {
      this.closing = true;
      await this.send("connect_close", {}, { timeoutMs: CLOSE_TIMEOUT_MS }, (call) => this.dispatch(call)).catch(
        () => undefined,
      );
      this.finish(this.closedError());
      this.stream.end();
    }
    await this.ended;
  }

  private send<P extends ProcedureName>(
    procedure: P,
    args: Args<P>,
    { signal, timeoutMs }: CallOptions,
    submit: (call: Call) => void,
  ): Promise<Ret<P>> {
    const { program, number, args: argsCodec, ret } = procedures[procedure];
    const serial = (this.serial = (this.serial % 0xffff_ffff) + 1);
    const packet = encodeMessage({
      header: {
        prog: programs[program].number,
        vers: programs[program].version,
        proc: number,
        type: "call",
        serial,
        status: "ok",
      },
      payload: encode(argsCodec, args),
    });
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        if (call.settled) return;
        call.settled = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const call: Call = {
        procedure,
        packet,
        serial,
        settled: false,
        resolve: (payload) =>
          settle(() => resolve(Promise.resolve(payload).then((bytes) => decode(ret, bytes) as Ret<P>))),
        reject: (error) => settle(() => reject(error)),
      };
      const onAbort = () => call.reject(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort);
      const timer = this.limitOf(call, timeoutMs);
      submit(call);
    });
  }

  private limitOf(call: Call, timeoutMs: number | undefined): NodeJS.Timeout | undefined {
    const { procedure } = call;
    if (timeoutMs !== undefined) {
      return setTimeout(() => call.reject(new CallTimeoutError(procedure, timeoutMs, this.options.where)), timeoutMs);
    }
    if (!onlyReads(procedure)) return undefined;
    const limit = this.options.readTimeoutMs ?? READ_TIMEOUT_MS;
    return setTimeout(
      () => this.lose(undefined, `libvirt has not answered ${procedure} within ${limit / 1000} s`),
      limit,
    );
  }

  private enqueue(call: Call): void {
    this.waiting.push(call);
    this.dispatchWaiting();
  }

  private dispatchWaiting(): void {
    while (this.inWork.size < this.maxCallsInWork) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      if (!next.settled) this.dispatch(next);
    }
  }

  /** A call that was given up keeps its place until libvirt answers: libvirt still works on it. */
  private dispatch(call: Call): void {
    this.inWork.set(call.serial, call);
    this.stream.write(call.packet);
  }

  private receive(chunk: Buffer): void {
    if (this.end !== undefined) return;
    this.heardSincePing = true;
    try {
      for (const message of this.reader.push(chunk)) this.handle(message);
    } catch (error) {
      // Where one message ends is no longer known, or an event that someone may be waiting for could not be read.
      this.lose(error);
    }
  }

  private handle(message: Message): void {
    const { header } = message;
    if (header.type === "reply" || header.type === "replyWithFds") this.settleCall(message);
    else if (header.type === "message" && header.prog === programs.keepalive.number) this.answerKeepalive(header.proc);
    else if (header.type === "message") this.notify(message);
  }

  private settleCall({ header, payload }: Message): void {
    const call = this.inWork.get(header.serial);
    if (call === undefined) return;
    this.inWork.delete(header.serial);
    const { program, number } = procedures[call.procedure];
    const fits = header.type === "reply" && header.prog === programs[program].number && header.proc === number;
    if (!fits) {
      const got = `${header.type} of program ${header.prog}, procedure ${header.proc}`;
      call.reject(new RpcProtocolError(`libvirt answered ${call.procedure} with a ${got}`, this.options.where));
    } else if (header.status === "ok") {
      call.resolve(payload);
    } else {
      call.reject(this.errorOf(call, payload));
    }
    this.dispatchWaiting();
  }

  private errorOf(call: Call, payload: Buffer): Error {
    try {
      return libvirtErrorOf(call.procedure, decode(remoteError, payload), this.options.where);
    } catch (error) {
      return error as Error;
    }
  }

  private notify({ header, payload }: Message): void {
    const name = messageName(header.prog, header.proc);
    const listeners = name === undefined ? undefined : this.listeners.get(name);
    if (name === undefined || listeners === undefined || listeners.size === 0) return;
    const body: unknown = decode(messages[name].body as Codec<unknown>, payload);
    for (const listener of [...listeners]) runDetached(() => listener(body));
  }

  /** A host that pings and does not read gets no more answers until it has read those that wait for it. */
  private answerKeepalive(procedure: number): void {
    if (procedure === PING && !this.stream.writableNeedDrain) this.sendKeepalive(PONG);
  }

  private sendKeepalive(procedure: number): void {
    const { number: prog, version: vers } = programs.keepalive;
    const header = { prog, vers, proc: procedure, type: "message", serial: 0, status: "ok" } as const;
    this.stream.write(encodeMessage({ header, payload: Buffer.alloc(0) }));
  }

  private closedError(): ConnectionLostError {
    return new ConnectionLostError(this.options.where, "The connection to libvirt was closed");
  }

  private lose(cause?: unknown, what?: string): void {
    if (this.closing) this.finish(this.closedError());
    else this.finish(new ConnectionLostError(this.options.where, what, cause));
    this.stream.destroy();
  }

  private finish(error: ConnectionLostError): void {
    if (this.end !== undefined) return;
    this.end = error;
    clearInterval(this.pingTimer);
    const calls = [...this.inWork.values(), ...this.waiting];
    this.inWork.clear();
    this.waiting.length = 0;
    for (const call of calls) call.reject(error);
    this.announceEnd(error);
  }
}

const nameOfMessage = new Map<string, MessageName>(
  (Object.keys(messages) as MessageName[]).map((name) => {
    const { program, number } = messages[name];
    return [`${programs[program].number}/${number}`, name] as const;
  }),
);

function messageName(program: number, procedure: number): MessageName | undefined {
  return nameOfMessage.get(`${program}/${procedure}`);
}

/** A listener that throws is a fault of its own: it must neither stop the others nor pass for a fault of the connection. */
function runDetached(listen: () => void): void {
  try {
    listen();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
