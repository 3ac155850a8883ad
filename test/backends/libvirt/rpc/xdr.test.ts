import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  typed,
  typedParameterList,
  typedParameters,
  uuid,
  valuesOf,
  remoteError,
} from "../../../../provider/backends/libvirt/rpc/datatypes.js";
import { RpcProtocolError } from "../../../../provider/backends/libvirt/rpc/errors.js";
import { messages, procedures } from "../../../../provider/backends/libvirt/rpc/procedures.js";
import * as xdr from "../../../../provider/backends/libvirt/rpc/xdr.js";
import { error, none, some, str, u32, u64 } from "./server.js";

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");

describe("XDR", () => {
  it.each<[string, xdr.Codec<unknown>, unknown, string]>([
    ["int", xdr.int, -2, "fffffffe"],
    ["unsigned int", xdr.uint, 0x20008086, "20008086"],
    ["hyper", xdr.hyper, -1n, "ffffffffffffffff"],
    ["unsigned hyper", xdr.uhyper, 11003000n, "0000000000a7e478"],
    ["double", xdr.double, 1.5, "3ff8000000000000"],
    ["string", xdr.string(10), "qemu!", "00000005 71656d75 21000000"],
    ["string of four", xdr.string(10), "qemu", "00000004 71656d75"],
    ["empty string", xdr.string(10), "", "00000000"],
    ["opaque", xdr.opaque(3), hex("010203"), "00000003 01020300"],
    ["fixed opaque", xdr.fixedOpaque(3), hex("010203"), "01020300"],
    ["absent", xdr.optional(xdr.int), null, "00000000"],
    ["present", xdr.optional(xdr.int), 7, "00000001 00000007"],
    ["array", xdr.array(xdr.int, 2), [1, 2], "00000002 00000001 00000002"],
    ["uuid", uuid, "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeeff"],
  ])("writes and reads %s as RFC 4506 has it", (_name, codec, value, bytes) => {
    expect(xdr.encode(codec, value)).toEqual(hex(bytes));
    expect(xdr.decode(codec, hex(bytes))).toEqual(value);
  });

  it("reads every kind of typed parameter, and writes it back", () => {
    const bytes = Buffer.concat([
      u32(7),
      ...[str("i"), u32(1), u32(-5)],
      ...[str("ui"), u32(2), u32(5)],
      ...[str("l"), u32(3), u64(-6n)],
      ...[str("ul"), u32(4), u64(2n ** 64n - 1n)],
      ...[str("d"), u32(5), hex("3ff8000000000000")],
      ...[str("b"), u32(6), u32(1)],
      ...[str("s"), u32(7), str("text")],
    ]);
    const list = xdr.decode(typedParameterList(64), bytes);
    expect(valuesOf(list)).toEqual({ i: -5, ui: 5, l: -6n, ul: 2n ** 64n - 1n, d: 1.5, b: true, s: "text" });
    expect(xdr.encode(typedParameterList(64), list)).toEqual(bytes);
  });

  it("makes a parameter list of a record, without what is undefined", () => {
    const list = typedParameters({
      destination_name: typed.string("web"),
      bandwidth: undefined,
      disks_port: typed.int(1),
    });
    expect(list.map(({ field }) => field)).toEqual(["destination_name", "disks_port"]);
    expect(xdr.encode(typedParameterList(64), list)).toEqual(
      Buffer.concat([u32(2), str("destination_name"), u32(7), str("web"), str("disks_port"), u32(1), u32(1)]),
    );
  });

  it("reads libvirt's error", () => {
    expect(xdr.decode(remoteError, error(42, 10, "Domain not found"))).toMatchObject({
      code: 42,
      domain: 10,
      level: 2,
      message: "Domain not found",
      str1: "Domain not found",
      int1: -1,
      dom: null,
      net: null,
    });
  });

  it("reads node_get_info, whose model is 32 integers", () => {
    const model = Buffer.concat(
      Array.from(Buffer.from("x86_64"), u32).concat(Array.from({ length: 26 }, () => u32(0))),
    );
    const rest = Buffer.concat([u64(8612044n), ...[2, 2596, 1, 1, 2, 1].map(u32)]);
    expect(xdr.decode(procedures.node_get_info.ret, Buffer.concat([model, rest]))).toEqual({
      ...{ model: "x86_64", memory: 8612044n, cpus: 2, mhz: 2596, nodes: 1, sockets: 1, cores: 2, threads: 1 },
    });
  });

  it.each<[string, () => unknown]>([
    ["a text longer than its limit", () => xdr.encode(xdr.string(3), "four")],
    ["a text with NUL", () => xdr.encode(xdr.string(9), "a\0b")],
    ["more elements than the limit", () => xdr.encode(xdr.array(xdr.int, 1), [1, 2])],
    ["a number out of range", () => xdr.encode(xdr.uint, -1)],
    ["a fraction", () => xdr.encode(xdr.int, 1.5)],
    ["a hyper out of range", () => xdr.encode(xdr.uhyper, -1n)],
    ["fixed bytes of another length", () => xdr.encode(xdr.fixedOpaque(2), hex("01"))],
    ["no UUID", () => xdr.encode(uuid, "web")],
    ["an early end", () => xdr.decode(xdr.hyper, hex("00000001"))],
    ["bytes too many", () => xdr.decode(xdr.int, hex("0000000100"))],
    ["a length over the limit", () => xdr.decode(xdr.string(4_194_304), u32(4_194_305))],
    ["a length over what is there", () => xdr.decode(xdr.array(xdr.int, 65_536), u32(65_536))],
    ["a missing padding", () => xdr.decode(xdr.string(9), hex("0000000161"))],
    ["an optional field's flag of 2", () => xdr.decode(xdr.optional(xdr.int), hex("0000000200000000"))],
    [
      "a typed parameter of an unknown kind",
      () => xdr.decode(typedParameterList(1), Buffer.concat([u32(1), str("x"), u32(8), u32(0)])),
    ],
  ])("refuses %s", (_name, act) => {
    expect(act).toThrow(RpcProtocolError);
  });

  const typedValue = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(typed.int),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(typed.uint),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(typed.llong),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(typed.ullong),
    fc.double().map(typed.double),
    fc.boolean().map(typed.boolean),
    fc
      .string({ unit: "grapheme" })
      .filter((text) => !text.includes("\0"))
      .map(typed.string),
  );

  it("returns what it was given", () => {
    const list = fc.array(fc.record({ field: fc.string({ unit: "grapheme-ascii" }), value: typedValue }), {
      maxLength: 64,
    });
    fc.assert(
      fc.property(list, (parameters) => {
        expect(xdr.decode(typedParameterList(64), xdr.encode(typedParameterList(64), parameters))).toEqual(parameters);
      }),
    );
  });

  const replies = [
    ...Object.values(procedures).map(({ ret }) => ret),
    ...Object.values(messages).map(({ body }) => body),
    remoteError,
  ];

  it("meets any bytes with a value or an RpcProtocolError", () => {
    const small = fc
      .array(fc.constantFrom(0, 0, 0, 1, 2, 7, 255), { maxLength: 200 })
      .map((bytes) => Buffer.from(bytes));
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.constantFrom(...replies), fc.oneof(small, any), (codec, bytes) => {
        try {
          xdr.decode(codec, bytes);
        } catch (problem) {
          expect(problem).toBeInstanceOf(RpcProtocolError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it("tells absent from empty", () => {
    const { nsuri } = xdr.decode(
      messages.domain_event_callback_metadata_change.body,
      Buffer.concat([u32(1), str("web"), Buffer.alloc(16), u32(1), u32(2), some(str(""))]),
    );
    expect(nsuri).toBe("");
    expect(xdr.encode(xdr.optional(xdr.string(1)), null)).toEqual(none);
  });
});
