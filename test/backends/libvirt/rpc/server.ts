/**
 * libvirt's side of the RPC for tests, over a pair of streams. It has an encoding of its own, written from
 * src/rpc/virnetprotocol.x and src/remote/remote_protocol.x, so that a fault in the product's is seen and not mirrored.
 */
import { type Duplex, duplexPair } from "node:stream";

export interface Request {
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
  readonly payload: Buffer;
}

export const REMOTE = 0x20008086;
export const QEMU = 0x20008087;
export const KEEPALIVE = 0x6b656570;

export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
export const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
};
export const str = (text: string) => {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([u32(bytes.length), bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
};
export const some = (bytes: Buffer) => Buffer.concat([u32(1), bytes]);
export const none = u32(0);
export const UUID = "00112233-4455-6677-8899-aabbccddeeff";
/** remote_nonnull_domain */
export const dom = (name: string, id: number) =>
  Buffer.concat([str(name), Buffer.from(UUID.replaceAll("-", ""), "hex"), u32(id)]);

/** remote_error, as virNetMessageSaveError fills it. */
export const error = (code: number, domain: number, message: string) =>
  Buffer.concat([
    u32(code),
    u32(domain),
    some(str(message)),
    u32(2),
    none,
    some(str(message)),
    none,
    none,
    u32(-1),
    u32(-1),
    none,
  ]);

export function packet(head: Omit<Request, "payload">, payload: Buffer): Buffer {
  const { prog, vers, proc, type, serial, status } = head;
  const body = Buffer.concat([...[prog, vers, proc, type, serial, status].map(u32), payload]);
  return Buffer.concat([u32(body.length + 4), body]);
}

type Answer = Buffer | { error: Buffer } | undefined;

/** Answers by `program/procedure`; what is not named is answered with an empty result. An undefined answer is none. */
export class TestServer {
  readonly client: Duplex;
  readonly requests: Request[] = [];
  private readonly side: Duplex;
  private pending = Buffer.alloc(0);
  private waiters: { matches: (request: Request) => boolean; resolve: (request: Request) => void }[] = [];

  constructor(private readonly answers: Readonly<Record<string, (request: Request) => Answer>> = {}) {
    [this.client, this.side] = duplexPair();
    this.side.on("data", (chunk: Buffer) => this.receive(chunk));
    this.side.on("error", () => undefined);
  }

  send(bytes: Buffer): void {
    this.side.write(bytes);
  }

  reply({ prog, vers, proc, serial }: Request, payload: Buffer, status = 0): void {
    this.send(packet({ prog, vers, proc, type: 1, serial, status }, payload));
  }

  message(prog: number, proc: number, payload: Buffer): void {
    this.send(packet({ prog, vers: 1, proc, type: 2, serial: 0, status: 0 }, payload));
  }

  /** The connection breaks. */
  drop(): void {
    this.side.destroy();
    this.client.destroy();
  }

  end(): void {
    this.side.end();
  }

  /** The request that came at this place. */
  received(index: number): Request {
    const request = this.requests[index];
    if (request === undefined) throw new Error(`only ${this.requests.length} requests came`);
    return request;
  }

  /** The first request, past or to come, of this procedure. */
  request(prog: number, proc: number): Promise<Request> {
    const matches = (request: Request) => request.prog === prog && request.proc === proc;
    const past = this.requests.find(matches);
    return past ? Promise.resolve(past) : new Promise((resolve) => this.waiters.push({ matches, resolve }));
  }

  private receive(chunk: Buffer): void {
    this.pending = Buffer.concat([this.pending, chunk]);
    while (this.pending.length >= 4 && this.pending.length >= this.pending.readUInt32BE()) {
      const length = this.pending.readUInt32BE();
      const [prog, vers, proc, type, serial, status] = [4, 8, 12, 16, 20, 24].map((at) =>
        this.pending.readUInt32BE(at),
      );
      const payload = Buffer.from(this.pending.subarray(28, length));
      this.pending = this.pending.subarray(length);
      this.handle({ prog, vers, proc, type, serial, status, payload } as Request);
    }
  }

  private handle(request: Request): void {
    this.requests.push(request);
    for (const { resolve } of this.waiters.filter(({ matches }) => matches(request))) resolve(request);
    this.waiters = this.waiters.filter(({ matches }) => !matches(request));
    if (request.type !== 0) return;
    const answer = this.answers[`${request.prog}/${request.proc}`] ?? (() => Buffer.alloc(0));
    const payload = answer(request);
    if (payload === undefined) return;
    if (Buffer.isBuffer(payload)) this.reply(request, payload);
    else this.reply(request, payload.error, 1);
  }
}

/** What a connection that opens is answered: no authentication, keepalive supported or not. */
export const opening = (keepalive = 1): Record<string, (request: Request) => Answer> => ({
  [`${REMOTE}/66`]: () => Buffer.concat([u32(1), u32(0)]),
  [`${REMOTE}/60`]: () => u32(keepalive),
});
