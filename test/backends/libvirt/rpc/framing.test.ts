import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RpcProtocolError } from "../../../../provider/backends/libvirt/rpc/errors.js";
import { encodeMessage, type Message, MessageReader } from "../../../../provider/backends/libvirt/rpc/framing.js";

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");

/** Length 32, remote program version 1, procedure 66 (auth_list), call 0, serial 1, status 0, four bytes. */
const bytes = hex("00000020 20008086 00000001 00000042 00000000 00000001 00000000 0a0b0c0d");
const message: Message = {
  header: { prog: 0x20008086, vers: 1, proc: 66, type: "call", serial: 1, status: "ok" },
  payload: hex("0a0b0c0d"),
};

describe("messages on the stream", () => {
  it("are written as virnetprotocol.x has them", () => {
    expect(encodeMessage(message)).toEqual(bytes);
  });

  it("are read however the stream is cut", () => {
    const stream = Buffer.concat([bytes, encodeMessage({ ...message, payload: Buffer.alloc(0) }), bytes]);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const reader = new MessageReader();
        const read = at.slice(1).flatMap((end, index) => [...reader.push(stream.subarray(at[index], end))]);
        expect(read).toEqual([message, { ...message, payload: Buffer.alloc(0) }, message]);
      }),
    );
  });

  it("are held in few pieces, however finely a long one is cut", () => {
    const long = encodeMessage({ ...message, payload: Buffer.alloc(100_000, "x") });
    const reader = new MessageReader();
    const read: Message[] = [];
    let most = 0;
    for (const byte of long) {
      read.push(...reader.push(Buffer.of(byte)));
      most = Math.max(most, reader.pieces);
    }
    expect(read).toEqual([{ ...message, payload: Buffer.alloc(100_000, "x") }]);
    expect(most).toBeLessThan(100);
  });

  it.each([
    ["shorter than a header", "0000001b"],
    ["of length 0", "00000000"],
    ["longer than VIR_NET_MESSAGE_MAX", "02000005"],
    ["of an unknown type", "0000001c 20008086 00000001 00000042 00000007 00000001 00000000"],
    ["of an unknown status", "0000001c 20008086 00000001 00000042 00000001 00000001 00000003"],
  ])("are refused when %s", (_name, text) => {
    expect(() => [...new MessageReader().push(hex(text))]).toThrow(RpcProtocolError);
  });

  it("of the greatest length are only waited for, not allocated", () => {
    expect([...new MessageReader().push(hex("02000004"))]).toEqual([]);
  });

  it("that are none give nothing but RpcProtocolError", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        const reader = new MessageReader();
        try {
          for (const chunk of chunks) Array.from(reader.push(Buffer.from(chunk)));
        } catch (problem) {
          expect(problem).toBeInstanceOf(RpcProtocolError);
        }
      }),
    );
  });

  it("too long to send are refused", () => {
    expect(() => encodeMessage({ ...message, payload: Buffer.alloc(33_554_432) })).toThrow(RpcProtocolError);
  });
});
