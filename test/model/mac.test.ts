import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generateMac, normalizeMac } from "../../provider/model/mac.js";
import { macAddress, spellingOf } from "../backends/libvirt/xml/arbitraries.js";

describe("normalizeMac", () => {
  it("gives every spelling the one that libvirt prints", () => {
    fc.assert(
      fc.property(
        macAddress.chain((mac) => fc.tuple(fc.constant(mac), spellingOf(mac))),
        ([mac, spelling]) => {
          expect(normalizeMac(spelling)).toBe(mac);
        },
      ),
    );
  });

  it.each([
    "",
    "52:54:00:12:34",
    "52:54:00:12:34:56:78",
    "52:54-00:12:34:56",
    "5254.0012.3456",
    "52:54:00:12:34:5g",
    " 52:54:00:12:34:56",
    "52:54:00:12:34:56\n",
  ])("refuses %j", (text) => expect(normalizeMac(text)).toBeUndefined());
});

describe("generateMac", () => {
  it("puts three random bytes after QEMU's prefix", () => {
    expect(generateMac(Uint8Array.of(0x0a, 0xff, 0, 9))).toBe("52:54:00:0a:ff:00");
  });

  it("refuses fewer bytes", () => {
    expect(() => generateMac(Uint8Array.of(1, 2))).toThrow("fewer than 3 bytes");
  });
});
