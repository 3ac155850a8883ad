/** How bytes go wrong, by accident or by intent. */
import type { Chance } from "../simulation/chance.js";

/** Numbers at which lengths, counts and signs go wrong; 0x02000004 is the longest message (VIR_NET_MESSAGE_MAX and its length). */
const edges = [
  ...[0, 1, 2, 3, 7, 8, 24, 27, 28, 63, 64, 65, 0xff, 0xffff, 16_384, 16_385, 65_536, 4_194_304, 4_194_305],
  ...[0x0200_0000, 0x0200_0004, 0x0200_0005, 0x7fff_fffc, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff],
];

const mutations: readonly ((frame: Buffer, chance: Chance) => Buffer)[] = [
  /** A bit is flipped. */
  (frame, chance) => changed(frame, (copy) => copyBit(copy, chance)),
  /** A number is another one. */
  (frame, chance) => changed(frame, (copy) => writeWord(copy, 4 * chance.below(copy.length >> 2), chance)),
  /** The length lies. */
  (frame, chance) => changed(frame, (copy) => writeWord(copy, 0, chance)),
  /** The message ends early, and says so. */
  (frame, chance) => withItsLength(frame.subarray(0, chance.below(frame.length))),
  /** It ends early and does not say so: what follows is taken for its rest. */
  (frame, chance) => frame.subarray(0, chance.below(frame.length)),
  /** It has more than it should. */
  (frame, chance) => withItsLength(Buffer.concat([frame, noise(chance)])),
  /** A part of it comes twice. */
  (frame, chance) => {
    const at = chance.below(frame.length);
    const end = at + chance.below(frame.length - at);
    return withItsLength(Buffer.concat([frame.subarray(0, end), frame.subarray(at)]));
  },
  /** The payload is noise. */
  (frame, chance) => withItsLength(Buffer.concat([frame.subarray(0, 28), noise(chance)])),
  /** All of it is. */
  (_frame, chance) => noise(chance),
];

export function mutated(frame: Buffer, chance: Chance): Buffer {
  const once = chance.of(mutations)(frame, chance);
  return chance.happens(0.3) && once.length > 0 ? chance.of(mutations)(once, chance) : once;
}

function changed(frame: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(frame);
  if (copy.length >= 4) change(copy);
  return copy;
}

function copyBit(copy: Buffer, chance: Chance): void {
  const at = chance.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << chance.below(8));
}

function writeWord(copy: Buffer, at: number, chance: Chance): void {
  copy.writeUInt32BE(chance.of(edges), at);
}

/** As long as its first word says. */
function withItsLength(frame: Buffer): Buffer {
  return changed(frame, (copy) => copy.writeUInt32BE(copy.length));
}

function noise(chance: Chance): Buffer {
  const bytes = Buffer.alloc(chance.below(chance.happens(0.01) ? 65_536 : 200));
  for (let at = 0; at < bytes.length; at++) bytes[at] = chance.below(256);
  return bytes;
}
