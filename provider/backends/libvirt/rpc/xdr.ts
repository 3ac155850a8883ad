import { RpcProtocolError } from "./errors.js";

/**
 * XDR (RFC 4506) as composable codecs. Everything that has a length has a limit, as in libvirt's .x files; nothing is
 * allocated by a length that was not checked against the bytes that are really there; the only error is RpcProtocolError.
 */
export interface Codec<T> {
  encode(value: T, out: XdrWriter): void;
  decode(input: XdrReader): T;
}

/** The TypeScript type that a codec stands for. */
export type TypeOf<C> = C extends Codec<infer T> ? T : never;

const UNIT = 4;

export class XdrWriter {
  private readonly parts: Buffer[] = [];

  append(bytes: Buffer): void {
    this.parts.push(bytes);
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.parts);
  }
}

export class XdrReader {
  private offset = 0;

  constructor(private readonly bytes: Buffer) {}

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** A view of the next bytes, not a copy. */
  take(length: number): Buffer {
    if (length > this.remaining) {
      throw new RpcProtocolError(
        `libvirt sent a truncated message: ${length} bytes expected at offset ${this.offset}, ${this.remaining} left`,
      );
    }
    const taken = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return taken;
  }
}

export function encode<T>(codec: Codec<T>, value: T): Buffer {
  const out = new XdrWriter();
  codec.encode(value, out);
  return out.toBuffer();
}

/** Decodes all of `bytes`. Bytes left over mean that the definition and the message disagree: an error too. */
export function decode<T>(codec: Codec<T>, bytes: Buffer): T {
  const input = new XdrReader(bytes);
  const value = codec.decode(input);
  if (input.remaining > 0)
    throw new RpcProtocolError(`libvirt sent a message with ${input.remaining} unexpected trailing bytes`);
  return value;
}

export const int: Codec<number> = number32("int", -0x8000_0000, 0x7fff_ffff, {
  write: (bytes, value) => bytes.writeInt32BE(value),
  read: (bytes) => bytes.readInt32BE(),
});

export const uint: Codec<number> = number32("unsigned int", 0, 0xffff_ffff, {
  write: (bytes, value) => bytes.writeUInt32BE(value),
  read: (bytes) => bytes.readUInt32BE(),
});

export const hyper: Codec<bigint> = number64("hyper", -(2n ** 63n), 2n ** 63n - 1n, {
  write: (bytes, value) => bytes.writeBigInt64BE(value),
  read: (bytes) => bytes.readBigInt64BE(),
});

export const uhyper: Codec<bigint> = number64("unsigned hyper", 0n, 2n ** 64n - 1n, {
  write: (bytes, value) => bytes.writeBigUInt64BE(value),
  read: (bytes) => bytes.readBigUInt64BE(),
});

export const double: Codec<number> = {
  encode(value, out) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    out.append(bytes);
  },
  decode: (input) => input.take(8).readDoubleBE(),
};

/** Bytes of a length that both sides know. */
export function fixedOpaque(length: number): Codec<Buffer> {
  return {
    encode(value, out) {
      if (value.length !== length) throw new RpcProtocolError(`${value.length} bytes given where ${length} are needed`);
      out.append(value);
      out.append(padding(length));
    },
    decode(input) {
      const value = Buffer.from(input.take(length));
      input.take(padding(length).length);
      return value;
    },
  };
}

/** Bytes with their length in front. */
export function opaque(max: number): Codec<Buffer> {
  return {
    encode(value, out) {
      encodeLength(value.length, max, "bytes", out);
      out.append(value);
      out.append(padding(value.length));
    },
    decode(input) {
      const length = decodeLength(input, max, "bytes");
      return fixedOpaque(length).decode(input);
    },
  };
}

/**
 * A text of at most `max` bytes of UTF-8. NUL is refused on sending: libvirt's C code would take what stands before it
 * for the whole, so that a name could mean another one on the host than it does here.
 */
export function string(max: number): Codec<string> {
  const bytes = opaque(max);
  return {
    encode(value, out) {
      if (value.includes("\0")) throw new RpcProtocolError("A text for libvirt contains a NUL character");
      bytes.encode(Buffer.from(value, "utf8"), out);
    },
    decode: (input) => bytes.decode(input).toString("utf8"),
  };
}

/** XDR's pointer: present or not. */
export function optional<T>(codec: Codec<T>): Codec<T | null> {
  return {
    encode(value, out) {
      uint.encode(value === null ? 0 : 1, out);
      if (value !== null) codec.encode(value, out);
    },
    decode(input) {
      const present = uint.decode(input);
      if (present > 1)
        throw new RpcProtocolError(
          `libvirt sent an invalid message: an optional field's flag is ${present}, not 0 or 1`,
        );
      return present === 1 ? codec.decode(input) : null;
    },
  };
}

/** A list with its length in front. */
export function array<T>(codec: Codec<T>, max: number): Codec<T[]> {
  return {
    encode(values, out) {
      encodeLength(values.length, max, "elements", out);
      for (const value of values) codec.encode(value, out);
    },
    decode(input) {
      const length = decodeLength(input, max, "elements");
      return decodeElements(codec, length, input);
    },
  };
}

/** A list of a length that both sides know. */
export function fixedArray<T>(codec: Codec<T>, length: number): Codec<T[]> {
  return {
    encode(values, out) {
      if (values.length !== length) throw new RpcProtocolError(`${values.length} elements given, ${length} are needed`);
      for (const value of values) codec.encode(value, out);
    },
    decode: (input) => decodeElements(codec, length, input),
  };
}

type Fields = Readonly<Record<string, Codec<unknown>>>;
type Struct<F> = { [K in keyof F]: TypeOf<F[K]> };

/** Fields one after another, in the order in which they are written down here. */
export function struct<F extends Fields>(fields: F): Codec<Struct<F>> {
  const members = Object.entries<Codec<unknown>>(fields);
  return {
    encode(value, out) {
      const record = value as Record<string, unknown>;
      for (const [name, codec] of members) codec.encode(record[name], out);
    },
    decode: (input) => Object.fromEntries(members.map(([name, codec]) => [name, codec.decode(input)])) as Struct<F>,
  };
}

/** An integer of which only some values exist, each with a name. */
export function enumeration<const M extends Readonly<Record<string, number>>>(members: M): Codec<keyof M & string> {
  const values = new Map(Object.entries(members));
  const names = new Map(Object.entries(members).map(([name, value]) => [value, name]));
  const known = [...values.keys()].join(", ");
  return {
    encode(name, out) {
      const value = values.get(name);
      if (value === undefined) throw new RpcProtocolError(`"${name}" is not one of ${known}`);
      int.encode(value, out);
    },
    decode(input) {
      const value = int.decode(input);
      const name = names.get(value);
      if (name === undefined) throw new RpcProtocolError(`${value} is not the number of one of ${known}`);
      return name;
    },
  };
}

type Arms = Readonly<Record<string, readonly [discriminant: number, codec: Codec<unknown>]>>;
type Union<A extends Arms> = { [K in keyof A & string]: { type: K; value: TypeOf<A[K][1]> } }[keyof A & string];

/** XDR's discriminated union: an integer says which of the arms follows. */
export function union<const A extends Arms>(arms: A): Codec<Union<A>> {
  const discriminant = enumeration(Object.fromEntries(Object.entries(arms).map(([name, [value]]) => [name, value])));
  const codecs = new Map(Object.entries(arms).map(([name, [, codec]]) => [name, codec]));
  return {
    encode({ type, value }, out) {
      discriminant.encode(type, out);
      codecs.get(type)?.encode(value, out);
    },
    decode(input) {
      const type = discriminant.decode(input);
      return { type, value: codecs.get(type)?.decode(input) } as Union<A>;
    },
  };
}

/** A codec of another type over one that exists. */
export function mapped<Wire, T>(codec: Codec<Wire>, to: (value: T) => Wire, from: (wire: Wire) => T): Codec<T> {
  return {
    encode: (value, out) => codec.encode(to(value), out),
    decode: (input) => from(codec.decode(input)),
  };
}

interface Layout<T> {
  write(bytes: Buffer, value: T): void;
  read(bytes: Buffer): T;
}

function number32(name: string, min: number, max: number, layout: Layout<number>): Codec<number> {
  return {
    encode(value, out) {
      if (!Number.isInteger(value) || value < min || value > max) throw outOfRange(value, name);
      const bytes = Buffer.alloc(4);
      layout.write(bytes, value);
      out.append(bytes);
    },
    decode: (input) => layout.read(input.take(4)),
  };
}

function number64(name: string, min: bigint, max: bigint, layout: Layout<bigint>): Codec<bigint> {
  return {
    encode(value, out) {
      if (value < min || value > max) throw outOfRange(value, name);
      const bytes = Buffer.alloc(8);
      layout.write(bytes, value);
      out.append(bytes);
    },
    decode: (input) => layout.read(input.take(8)),
  };
}

function outOfRange(value: number | bigint, name: string): RpcProtocolError {
  return new RpcProtocolError(`${String(value)} is not a valid ${name}`);
}

function encodeLength(length: number, max: number, of: string, out: XdrWriter): void {
  if (length > max) throw new RpcProtocolError(`${length} ${of} exceed libvirt's limit of ${max}`);
  uint.encode(length, out);
}

function decodeLength(input: XdrReader, max: number, of: string): number {
  const length = uint.decode(input);
  if (length > max)
    throw new RpcProtocolError(`libvirt sent a message with ${length} ${of}, more than the limit of ${max}`);
  return length;
}

/** Every element of libvirt's lists takes at least one unit, so a length beyond that is refused before anything is built. */
function decodeElements<T>(codec: Codec<T>, length: number, input: XdrReader): T[] {
  if (length * UNIT > input.remaining) {
    throw new RpcProtocolError(
      `libvirt sent a truncated message: ${length} elements expected, ${input.remaining} bytes left`,
    );
  }
  const values: T[] = [];
  for (let index = 0; index < length; index++) values.push(codec.decode(input));
  return values;
}

function padding(length: number): Buffer {
  return Buffer.alloc((UNIT - (length % UNIT)) % UNIT);
}
