import { RpcProtocolError } from "./errors.js";
import { decode, encode, enumeration, int, struct, type TypeOf, uint } from "./xdr.js";

/** Messages as src/rpc/virnetprotocol.x has them: a length that counts itself, a header, a payload. */

const VIR_NET_MESSAGE_MAX = 33_554_432;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;

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
    throw new RpcProtocolError(`A message of ${body.length} bytes is more than libvirt takes (${VIR_NET_MESSAGE_MAX})`);
  }
  return Buffer.concat([encode(uint, LENGTH_BYTES + body.length), body]);
}

/** Cuts a stream of chunks into messages. Holds no more than what has arrived. */
export class MessageReader {
  private chunks: Buffer[] = [];
  private buffered = 0;

  /** The messages that are complete with this chunk. Throws RpcProtocolError on what can be none: the stream is useless then. */
  *push(chunk: Buffer): Generator<Message> {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
    for (let length = this.nextLength(); length !== undefined && this.buffered >= length; length = this.nextLength()) {
      const packet = this.takeFront(length);
      yield {
        header: decode(header, packet.subarray(LENGTH_BYTES, LENGTH_BYTES + HEADER_BYTES)),
        payload: packet.subarray(LENGTH_BYTES + HEADER_BYTES),
      };
    }
  }

  private nextLength(): number | undefined {
    if (this.buffered < LENGTH_BYTES) return undefined;
    const length = this.front(LENGTH_BYTES).readUInt32BE();
    if (length < LENGTH_BYTES + HEADER_BYTES || length > LENGTH_BYTES + VIR_NET_MESSAGE_MAX) {
      throw new RpcProtocolError(`A message announces ${length} bytes`);
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
