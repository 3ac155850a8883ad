import { RpcProtocolError } from "./errors.js";
import { decode, encode, enumeration, int, struct, type TypeOf, uint } from "./xdr.js";

/** Messages as src/rpc/virnetprotocol.x has them: a length that counts itself, a header, a payload. */

const VIR_NET_MESSAGE_MAX = 33_554_432;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;
/** Chunks below this are joined as they come: an object for each byte of a long message would be a hundred times its size. */
const SMALL_CHUNK = 4096;

const header = struct({
  prog: uint,
  vers: uint,
  proc: int,
  type: enumeration({ call: 0, reply: 1, message: 2, stream: 3, callWithFds: 4, replyWithFds: 5, streamHole: 6 }),
  serial: uint,
  status: enumeration({ ok: 0, error: 1, continue: 2 }),
});
export type Header = TypeOf<typeof header>;

export interface Message {
  readonly header: Header;
  readonly payload: Buffer;
}

export function encodeMessage(message: Message): Buffer {
  const body = Buffer.concat([encode(header, message.header), message.payload]);
  if (body.length > VIR_NET_MESSAGE_MAX) {
    throw new RpcProtocolError(`A message of ${body.length} bytes exceeds libvirt's limit of ${VIR_NET_MESSAGE_MAX}`);
  }
  return Buffer.concat([encode(uint, LENGTH_BYTES + body.length), body]);
}

/** Cuts a stream of chunks into messages. Holds little more than what has arrived, however finely it was cut. */
export class MessageReader {
  private chunks: Buffer[] = [];
  private buffered = 0;

  /** The messages that are complete with this chunk. Throws RpcProtocolError on what can be none: the stream is useless then. */
  *push(chunk: Buffer): Generator<Message> {
    this.append(chunk);
    for (let length = this.nextLength(); length !== undefined && this.buffered >= length; length = this.nextLength()) {
      const packet = this.takeFront(length);
      yield {
        header: decode(header, packet.subarray(LENGTH_BYTES, LENGTH_BYTES + HEADER_BYTES)),
        payload: packet.subarray(LENGTH_BYTES + HEADER_BYTES),
      };
    }
  }

  /** Buffers in which the bytes of a message that is not complete yet are held. */
  get pieces(): number {
    return this.chunks.length;
  }

  /** Of small chunks each is longer than the next, so they are few, and a byte is copied only as often as its chunk doubles. */
  private append(chunk: Buffer): void {
    this.buffered += chunk.length;
    let last = chunk;
    for (let before = this.chunks.at(-1); before !== undefined; before = this.chunks.at(-1)) {
      if (before.length >= SMALL_CHUNK || before.length > last.length) break;
      last = Buffer.concat([before, last]);
      this.chunks.pop();
    }
    this.chunks.push(last);
  }

  private nextLength(): number | undefined {
    if (this.buffered < LENGTH_BYTES) return undefined;
    const length = this.front(LENGTH_BYTES).readUInt32BE();
    if (length < LENGTH_BYTES + HEADER_BYTES || length > LENGTH_BYTES + VIR_NET_MESSAGE_MAX) {
      throw new RpcProtocolError(`libvirt sent a message with an invalid length of ${length} bytes`);
    }
    return length;
  }

  /** At least the first `length` bytes in one piece; joins chunks only where a piece is too short for that. */
  private front(length: number): Buffer {
    const first = this.chunks[0];
    if (first !== undefined && first.length >= length) return first;
    const joined = Buffer.concat(this.chunks);
    this.chunks = [joined];
    return joined;
  }

  private takeFront(length: number): Buffer {
    const front = this.front(length);
    const rest = front.subarray(length);
    if (rest.length > 0) this.chunks[0] = rest;
    else this.chunks.shift();
    this.buffered -= length;
    return front.subarray(0, length);
  }
}
