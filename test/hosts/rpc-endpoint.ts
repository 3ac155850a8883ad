/**
 * The server's side of libvirt's RPC, over Unix sockets. It shares the product's codecs, which have their own tests against
 * an independent encoding: what is modelled here is behaviour.
 *
 * Each socket is a door of its own: who came in by a door can be thrown out and kept out, as when its process has died,
 * while others go on.
 */
import { createServer, type Server, type Socket } from "node:net";
import { remoteError } from "../../provider/backends/libvirt/rpc/datatypes.js";
import { encodeMessage, type Header, MessageReader } from "../../provider/backends/libvirt/rpc/framing.js";
import {
  type Args,
  type Body,
  type MessageName,
  messages,
  type ProcedureName,
  procedures,
  programs,
  type Ret,
} from "../../provider/backends/libvirt/rpc/procedures.js";
import { type Codec, decode, encode } from "../../provider/backends/libvirt/rpc/xdr.js";
import { Refusal } from "./refusals.js";
import type { HostClock } from "./test-clock.js";

/** One client's connection. */
export interface Peer {
  readonly door: string;
  readonly open: boolean;
  send<M extends MessageName>(message: M, body: Body<M>): void;
  /** Runs when the connection ends; at once, if it has ended. */
  onEnd(act: () => void): void;
  drop(): void;
  /** It counts as ended, though the other side does not hear of it. */
  forget(): void;
}

export type Answers = {
  readonly [P in ProcedureName]?: (args: Args<P>, peer: Peer) => Ret<P> | Promise<Ret<P>>;
};

export interface Call {
  readonly procedure: ProcedureName;
  readonly args: unknown;
  readonly peer: Peer;
}

/** What befalls a call on its way, beside being answered. */
export interface Traffic {
  /** Milliseconds until a call is looked at. */
  delay(): number;
  /** Before the call is carried out; it may throw a Refusal, or drop the peer. */
  arriving(call: Call): void | Promise<void>;
  /** It was carried out, and its answer is on its way. */
  leaving(call: Call): void;
  /** It was carried out or refused, or a connection has ended, with what that brings about. */
  settled(): void;
}

export class RpcEndpoint {
  readonly peers = new Set<Peer>();
  /** Doors behind which a process is suspended. */
  private readonly asleep = new Set<string>();
  private readonly servers = new Map<string, Server>();

  constructor(
    private readonly answers: Answers,
    private readonly traffic: Traffic,
    private readonly clock: HostClock,
  ) {}

  /** Opens a door at that path. */
  async listen(path: string): Promise<void> {
    const server = createServer((socket) => this.accept(socket, path));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    this.servers.set(path, server);
  }

  /** Throws out everyone who came by that door, and lets no other in by it. */
  shut(path: string): void {
    this.servers.get(path)?.close();
    this.servers.delete(path);
    for (const peer of [...this.peers]) if (peer.door === path) peer.drop();
  }

  /**
   * The process behind that door is suspended, for longer than libvirt's keepalive waits: its connections have ended on this
   * side, and it does not know.
   */
  sleep(path: string): void {
    this.asleep.add(path);
    for (const peer of [...this.peers]) if (peer.door === path) peer.forget();
  }

  /** It goes on: it finds its connections broken, and may make new ones. */
  wake(path: string): void {
    this.asleep.delete(path);
    for (const peer of [...this.peers]) if (peer.door === path) peer.drop();
  }

  close(): void {
    for (const path of [...this.servers.keys()]) this.shut(path);
  }

  private accept(socket: Socket, door: string): void {
    const reader = new MessageReader();
    const ends: (() => void)[] = [];
    let open = true;
    const write = (header: Omit<Header, "vers">, payload: Buffer) => {
      if (open) socket.write(encodeMessage({ header: { ...header, vers: 1 }, payload }));
    };
    const peer: Peer = {
      door,
      get open() {
        return open;
      },
      send(name, body) {
        const { program, number, body: codec } = messages[name];
        write(
          { prog: programs[program].number, proc: number, type: "message", serial: 0, status: "ok" },
          encode(codec as Codec<unknown>, body),
        );
      },
      onEnd(act) {
        if (socket.closed || !open) act();
        else ends.push(act);
      },
      drop() {
        open = false;
        socket.destroy();
      },
      forget() {
        open = false;
        for (const act of ends.splice(0)) act();
      },
    };
    this.peers.add(peer);
    if (this.asleep.has(door)) peer.forget();
    socket.on("data", (chunk: Buffer) => {
      if (!open) return;
      for (const { header, payload } of reader.push(chunk)) void this.handle(header, payload, peer, write);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open = false;
      this.peers.delete(peer);
      for (const act of ends.splice(0)) act();
      this.traffic.settled();
    });
  }

  private async handle(
    header: Header,
    payload: Buffer,
    peer: Peer,
    write: (header: Omit<Header, "vers">, payload: Buffer) => void,
  ): Promise<void> {
    const procedure = procedureOf(header);
    if (header.type !== "call" || procedure === undefined) return;
    const { prog, proc, serial } = header;
    const reply = (status: "ok" | "error", bytes: Buffer) =>
      write({ prog, proc, serial, type: "reply", status }, bytes);
    const { args: argsCodec, ret } = procedures[procedure];
    const args: unknown = decode(argsCodec as Codec<unknown>, payload);
    const call: Call = { procedure, args, peer };
    this.clock.touch?.();
    try {
      const delay = this.traffic.delay();
      if (delay > 0) await this.clock.sleep(delay);
      await this.traffic.arriving(call);
      // No caller waits for it, or its door is shut: it never reached libvirt.
      if (!peer.open) return;
      const answer = this.answers[procedure] as ((args: unknown, peer: Peer) => unknown) | undefined;
      if (answer === undefined) throw new Error(`The model of a libvirt host does not answer ${procedure}.`);
      const result = await answer(args, peer);
      this.traffic.leaving(call);
      this.traffic.settled();
      this.clock.touch?.();
      reply("ok", encode(ret as Codec<unknown>, result));
    } catch (error) {
      const { code, domain, message } =
        error instanceof Refusal ? error : new Refusal(1, 0, `internal error: ${String(error)}`);
      this.traffic.settled();
      this.clock.touch?.();
      reply("error", encode(remoteError, { ...noDetails, code, domain, message }));
    }
  }
}

/** The rest of a remote_error; 2 is VIR_ERR_ERROR. */
const noDetails = { level: 2, dom: null, str1: null, str2: null, str3: null, int1: -1, int2: -1, net: null } as const;

const byNumber = new Map<string, ProcedureName>(
  (Object.keys(procedures) as ProcedureName[]).map((name) => {
    const { program, number } = procedures[name];
    return [`${programs[program].number}/${number}`, name] as const;
  }),
);

function procedureOf({ prog, proc }: Header): ProcedureName | undefined {
  return byNumber.get(`${prog}/${proc}`);
}
