import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { element } from "../../../../provider/xml/element.js";
import {
  formatPciAddress,
  nodeDeviceName,
  parsePciAddress,
  parsePciElement,
  pciAttributes,
  samePciAddress,
} from "../../../../provider/backends/libvirt/xml/pci-address.js";
import { pciAddress } from "./arbitraries.js";

const address = { domain: 0, bus: 0xb3, slot: 2, function: 3 };

describe("a PCI address", () => {
  it("is read back from every form that it is written in", () => {
    fc.assert(
      fc.property(pciAddress, (original) => {
        expect(parsePciAddress(formatPciAddress(original))).toEqual(original);
        expect(parsePciAddress(nodeDeviceName(original))).toEqual(original);
        expect(parsePciElement(element("address", pciAttributes(original)))).toEqual(original);
        const decimal = { ...original };
        expect(parsePciElement(element("address", decimal))).toEqual(original);
      }),
    );
  });

  it("is the same in hexadecimal and decimal, as oVirt and libvirt write it", () => {
    const hexadecimal = parsePciElement(
      element("address", { bus: "0xb3", domain: "0x0000", function: "0x3", slot: "0x02", type: "pci" }),
    );
    const decimal = parsePciElement(element("address", { bus: "179", domain: "0", function: "3", slot: "2" }));
    expect(hexadecimal).toEqual(address);
    expect(decimal).toEqual(address);
  });

  it("is written as sysfs and libvirt name it", () => {
    expect(formatPciAddress(address)).toBe("0000:b3:02.3");
    expect(nodeDeviceName(address)).toBe("pci_0000_b3_02_3");
    expect(nodeDeviceName({ ...address, domain: 0x10000 })).toBe("pci_10000_b3_02_3");
    expect(parsePciAddress("B3:02.3")).toEqual(address);
  });

  it("reads a leading zero as strtoul does", () => {
    expect(parsePciElement(element("address", { bus: "010", slot: "0X1f" }))).toEqual({
      domain: 0,
      bus: 8,
      slot: 31,
      function: 0,
    });
  });

  it.each([
    { bus: "0x100" },
    { slot: "0x20" },
    { function: "8" },
    { domain: "0x100000000" },
    { domain: "4294967296" },
    { bus: "-1" },
    { bus: "08" },
    { bus: "b3" },
    { bus: "0x" },
    { bus: "" },
    { type: "pci" },
  ])("is not %j", (attributes) => expect(parsePciElement(element("address", attributes))).toBeUndefined());

  it.each(["", "0000:b3:02", "0000:b3:02.8", "0000:b3:20.0", "pci_0000_b3_02", "net_eth0", "0000:b3:02.3 "])(
    "is not %j",
    (text) => expect(parsePciAddress(text)).toBeUndefined(),
  );

  it("is another one if any part differs", () => {
    expect(samePciAddress(address, { ...address })).toBe(true);
    for (const part of ["domain", "bus", "slot", "function"] as const) {
      expect(samePciAddress(address, { ...address, [part]: 1 })).toBe(false);
    }
  });
});
