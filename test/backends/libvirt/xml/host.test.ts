import { describe, expect, it } from "vitest";
import {
  parseDomainCapabilities,
  parseHostCapabilities,
} from "../../../../provider/backends/libvirt/xml/capabilities.js";
import { parseNodeDevice } from "../../../../provider/backends/libvirt/xml/node-device.js";
import { fixtures } from "./fixtures.js";

describe("a node device", () => {
  it.each(fixtures("node-device"))("is read: $name", ({ input, expected }) => {
    expect(parseNodeDevice(input)).toEqual(JSON.parse(expected));
  });

  it("of another kind has its name and little else", () => {
    expect(parseNodeDevice("<device><name>computer</name><capability type='system'/></device>")).toEqual({
      name: "computer",
      kind: "other",
    });
  });

  it("that can have no VF says so", () => {
    const pf = fixtures("node-device").find(({ name }) => name === "pf")?.input ?? "";
    const none = pf.replace(/ maxCount='7'>[^]*?<\/capability>/, "/>");
    expect(parseNodeDevice(none)).toMatchObject({ virtualFunctions: { maxCount: 0, addresses: [] } });
  });

  it.each([
    ["<domain/>", "needs <device> with <name>"],
    ["<device/>", "needs <device> with <name>"],
    [
      "<device><name>pci_x</name><capability type='pci'><bus>1</bus></capability></device>",
      "pci_x: it needs a PCI address",
    ],
    ["<device><name>net_x</name><capability type='net'/></device>", "net_x: it needs the name of an interface"],
  ])("is not %s", (xml, why) => expect(() => parseNodeDevice(xml)).toThrow(why));
});

describe("capabilities", () => {
  it.each(fixtures("capabilities"))("of a host are read: $name", ({ input, expected }) => {
    expect(parseHostCapabilities(input)).toEqual(JSON.parse(expected));
  });

  it("of a host that says nothing are empty", () => {
    expect(parseHostCapabilities("<capabilities/>")).toEqual({});
  });

  it("of a domain tell whether it can have a VF", () => {
    const xml = (supported: string, backend: string) => `
      <domainCapabilities>
        <path>/usr/bin/qemu-system-x86_64</path><domain>kvm</domain><machine>pc-q35-9.2</machine>
        <devices><hostdev supported='${supported}'>
          <enum name='mode'><value>subsystem</value></enum>
          <enum name='pciBackend'><value>default</value><value>${backend}</value></enum>
        </hostdev></devices>
      </domainCapabilities>`;
    expect(parseDomainCapabilities(xml("yes", "vfio"))).toEqual({
      emulator: "/usr/bin/qemu-system-x86_64",
      virtType: "kvm",
      machine: "pc-q35-9.2",
      vfio: true,
    });
    expect(parseDomainCapabilities(xml("no", "vfio")).vfio).toBe(false);
    expect(parseDomainCapabilities(xml("yes", "xen")).vfio).toBe(false);
  });

  it("are not taken from another document", () => {
    expect(() => parseHostCapabilities("<domainCapabilities/>")).toThrow(
      "expected <capabilities>, found <domainCapabilities>",
    );
    expect(() => parseDomainCapabilities("<capabilities/>")).toThrow(
      "expected <domainCapabilities>, found <capabilities>",
    );
  });
});
