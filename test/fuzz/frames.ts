/** Frames that libvirt could send: for every procedure and message of the table, drawn by the codecs themselves. */
import { remoteError } from "../../provider/backends/libvirt/rpc/datatypes.js";
import { encodeMessage, type Header } from "../../provider/backends/libvirt/rpc/framing.js";
import {
  messages,
  procedures,
  programs,
  type MessageName,
  type ProcedureName,
} from "../../provider/backends/libvirt/rpc/procedures.js";
import { type Codec, encode, XdrReader } from "../../provider/backends/libvirt/rpc/xdr.js";
import type { Chance } from "../simulation/chance.js";
import { errorName } from "./error-name.js";

export const procedureNames = Object.keys(procedures) as ProcedureName[];
export const messageNames = Object.keys(messages) as MessageName[];

/** Whatever is asked of it, it has: mostly small numbers, which stand for instance, short lengths and known values. */
class PlausibleReader extends XdrReader {
  constructor(private readonly chance: Chance) {
    super(Buffer.alloc(0));
  }

  override get remaining(): number {
    return 1_000_000;
  }

  override take(length: number): Buffer {
    const bytes = Buffer.alloc(length, 0x61 + this.chance.below(26));
    if (length === 4) bytes.writeUInt32BE(this.chance.happens(0.9) ? this.chance.below(2) : this.chance.below(9));
    return bytes;
  }
}

/** A value that the codec allows. */
export function plausible<T>(codec: Codec<T>, chance: Chance): T {
  for (;;) {
    try {
      const value = codec.decode(new PlausibleReader(chance));
      encode(codec, value);
      return value;
    } catch (error) {
      // A number that stands for nothing, or a text with a NUL: the next draw may do.
      if (errorName(error) !== "RpcProtocolError") throw error;
    }
  }
}

/** What a call is answered: its result, or an error. */
export function reply(procedure: ProcedureName, serial: number, chance: Chance): Buffer {
  const { program, number, ret } = procedures[procedure];
  const refused = chance.happens(0.2);
  const header: Header = {
    prog: programs[program].number,
    vers: programs[program].version,
    proc: number,
    type: "reply",
    serial,
    status: refused ? "error" : "ok",
  };
  const payload = refused
    ? encode(remoteError, plausible(remoteError, chance))
    : encode(ret as Codec<unknown>, plausible(ret as Codec<unknown>, chance));
  return encodeMessage({ header, payload });
}

/** An event. */
export function message(name: MessageName, chance: Chance): Buffer {
  const { program, number, body } = messages[name];
  return encodeMessage({
    header: { prog: programs[program].number, vers: 1, proc: number, type: "message", serial: 0, status: "ok" },
    payload: encode(body as Codec<unknown>, plausible(body as Codec<unknown>, chance)),
  });
}

/** What is neither: keepalive's ping and pong, parts of streams and their holes, calls, answers with file descriptors. */
export function other(chance: Chance): Buffer {
  const type = chance.of(["message", "stream", "streamHole", "call", "callWithFds", "replyWithFds"] as const);
  const prog = type === "message" ? programs.keepalive.number : programs.remote.number;
  const proc = 1 + chance.below(2);
  const status = chance.of(["ok", "error", "continue"] as const);
  const payload = Buffer.alloc(4 * chance.below(16), chance.below(256));
  return encodeMessage({ header: { prog, vers: 1, proc, type, serial: 1 + chance.below(8), status }, payload });
}
