/** Conversations of the RPC client with a libvirt that says anything at all. */
import { Duplex } from "node:stream";
import { RpcClient } from "../../provider/backends/libvirt/rpc/client.js";
import { procedures, type ProcedureName } from "../../provider/backends/libvirt/rpc/procedures.js";
import type { Codec } from "../../provider/backends/libvirt/rpc/xdr.js";
import type { Chance } from "../simulation/chance.js";
import { errorName } from "./error-name.js";
import { message, messageNames, other, plausible, procedureNames, reply } from "./frames.js";
import { mutated } from "./mutations.js";

/** What came of frames, by number. */
export interface Tally {
  frames: number;
  /** Calls that were answered with a result that fits the definition. */
  answered: number;
  /** Calls that libvirt refused, in words that fit the definition. */
  refused: number;
  /** Calls whose own answer did not fit; the connection went on. */
  misfits: number;
  /** Calls without an answer when the connection ended. */
  lost: number;
  /** Events that were heard. */
  heard: number;
  /** Connections that ended because what came could be no frame, or an event could not be read. */
  broken: number;
}

export const emptyTally = (): Tally => ({
  frames: 0,
  answered: 0,
  refused: 0,
  misfits: 0,
  lost: 0,
  heard: 0,
  broken: 0,
});

const callsAtOnce = 6;
const framesPerConnection = 40;
/** Of the frames: enough that most connections live for a while, and the state behind them is reached. */
const mutationRate = 0.25;

/**
 * One connection, with calls in work and listeners to every message.
 * @throws Error for what must not come of it: an error that is none of the client's own, a call that never ends.
 */
export async function converse(chance: Chance, tally: Tally): Promise<void> {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const client = new RpcClient(stream, { where: "fuzz", maxCallsInWork: callsAtOnce });
  for (const name of messageNames) client.listen(name, () => void (tally.heard += 1));
  const open = new Map<number, ProcedureName>();
  const calls: Promise<void>[] = [];
  let serial = 0;
  const call = () => {
    const procedure = chance.of(procedureNames);
    const number = (serial += 1);
    open.set(number, procedure);
    const args = plausible(procedures[procedure].args as Codec<unknown>, chance) as never;
    calls.push(
      client.call(procedure, args).then(
        () => void (tally.answered += 1),
        (error: unknown) => count(error, tally),
      ),
    );
  };

  for (let index = 0; index < framesPerConnection && !client.closed; index++) {
    while (open.size < callsAtOnce) call();
    await Promise.resolve();
    const bytes = nextFrame(open, chance);
    tally.frames += 1;
    for (const chunk of cut(bytes, chance)) stream.emit("data", chunk);
  }
  tally.broken += client.closed ? 1 : 0;
  const expected = client.closed;
  stream.destroy();
  const ended = await client.ended;
  if (expected && errorName(ended.cause) !== "RpcProtocolError")
    throw new Error("the connection broke for another reason than the protocol", { cause: ended });
  await Promise.all(calls);
}

function nextFrame(open: Map<number, ProcedureName>, chance: Chance): Buffer {
  const frame = (): Buffer => {
    if (chance.happens(0.15)) return other(chance);
    if (chance.happens(0.4)) return message(chance.of(messageNames), chance);
    const [serial, procedure] = chance.of([...open]);
    open.delete(serial);
    return reply(procedure, serial, chance);
  };
  return chance.happens(mutationRate) ? mutated(frame(), chance) : frame();
}

/** The stream may be cut anywhere. */
function cut(bytes: Buffer, chance: Chance): readonly Buffer[] {
  if (chance.happens(0.5)) return [bytes];
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + chance.below(chance.happens(0.5) ? 4 : bytes.length);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function count(error: unknown, tally: Tally): void {
  const name = errorName(error);
  if (name === "LibvirtError" || name === "DriverMissing") tally.refused += 1;
  else if (name === "RpcProtocolError") tally.misfits += 1;
  else if (name === "ConnectionLostError") tally.lost += 1;
  else throw new Error("a call failed with an error that is none of the client's own", { cause: error });
}
