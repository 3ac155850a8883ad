import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { element, formatXml, parseXml, type Element } from "../../../../provider/xml/element.js";
import {
  asPrimary,
  asStandby,
  buildPrimary,
  buildStandby,
  matchInterface,
  pairs,
  parseInterface,
  primaryAlias,
  standbyAlias,
  type PrimaryInterface,
  type StandbyInterface,
} from "../../../../provider/backends/libvirt/xml/teaming.js";
import { macAddress, primary, printedInterface, spellingOf, standby, userAlias } from "./arbitraries.js";
import { fixtures } from "./fixtures.js";

describe("the standby's XML", () => {
  it.each(fixtures("standby"))("is that of $name", ({ input, expected }) => {
    expect(buildStandby(JSON.parse(input) as StandbyInterface)).toEqual(parseXml(expected));
  });

  it("is read back as it was built", () => {
    fc.assert(
      fc.property(standby, (original) => {
        const built = buildStandby(original);
        const read = asStandby(parseInterface(parseXml(formatXml(built))));
        expect(read).toEqual(original);
        expect(read && buildStandby(read)).toEqual(built);
      }),
    );
  });

  it("needs a MAC", () => {
    expect(() => buildStandby({ mac: "x", bridge: "br0", linkState: "up", alias: "ua-a" })).toThrow(
      '"x" is not a valid MAC address',
    );
  });
});

describe("the VF's XML", () => {
  it.each(fixtures("primary"))("is that of $name", ({ input, expected }) => {
    expect(buildPrimary(JSON.parse(input) as PrimaryInterface)).toEqual(parseXml(expected));
  });

  it("is read back as it was built", () => {
    fc.assert(
      fc.property(primary, (original) => {
        const built = buildPrimary(original);
        const read = asPrimary(parseInterface(parseXml(formatXml(built))));
        expect(read).toEqual(original);
        expect(read && buildPrimary(read)).toEqual(built);
      }),
    );
  });

  it("is not taken for one with several VLANs, nor for a standby", () => {
    const trunk = parseXml(
      formatXml(buildPrimary({ ...vf("ua-v", "ua-s"), vlan: 1 })).replace(
        '<tag id="1"/>',
        '<tag id="1"/><tag id="2"/>',
      ),
    );
    expect(parseInterface(trunk).vlan).toEqual({ trunk: true, tags: [1, 2] });
    expect(asPrimary(parseInterface(trunk))).toBeUndefined();
    expect(asStandby(parseInterface(buildPrimary(vf("ua-v", "ua-s"))))).toBeUndefined();
    expect(asPrimary(parseInterface(buildStandby(virtio("ua-s"))))).toBeUndefined();
  });
});

it("names both halves as oVirt does", () => {
  expect([standbyAlias("P"), primaryAlias("N")]).toEqual(["ua-P", "ua-N"]);
});

it("reads a <hostdev> with teaming", () => {
  const hostdev = element("hostdev", { mode: "subsystem", type: "pci", managed: "yes" }, [
    element("source", {}, [element("address", { domain: "0", bus: "3", slot: "7", function: "1" })]),
    element("teaming", { type: "transient", persistent: "ua-s" }),
  ]);
  expect(parseInterface(hostdev)).toEqual({
    device: "hostdev",
    type: "pci",
    managed: true,
    source: {},
    vf: { domain: 0, bus: 3, slot: 7, function: 1 },
    teaming: { type: "transient", persistent: "ua-s" },
    raw: hostdev,
  });
});

it("takes the source of a USB network adapter for no VF", () => {
  const usb = element("interface", { type: "hostdev" }, [
    element("source", {}, [element("address", { type: "usb", bus: "1", device: "2" })]),
  ]);
  expect(parseInterface(usb).vf).toBeUndefined();
});

describe("matching", () => {
  it("finds any interface that libvirt can print by MAC, in any spelling, and with teaming by alias too", () => {
    fc.assert(
      fc.property(
        fc
          .tuple(macAddress, macAddress, userAlias, userAlias, fc.boolean())
          .filter(([mac, otherMac, alias, otherAlias]) => mac !== otherMac && alias !== otherAlias)
          .chain(([mac, otherMac, alias, otherAlias, teamed]) =>
            fc.record({
              meant: printedInterface(mac, alias, teamed),
              twin: printedInterface(mac, otherAlias, true),
              other: printedInterface(otherMac, alias, teamed),
              spelling: spellingOf(mac),
              alias: fc.constant(alias),
              otherAlias: fc.constant(otherAlias),
              teamed: fc.constant(teamed),
            }),
          ),
        ({ meant, twin, other, spelling, alias, otherAlias, teamed }) => {
          const nic = parseInterface(parseXml(formatXml(meant)));
          const nics = [parseInterface(other), parseInterface(twin), nic];
          expect(matchInterface(nics, { mac: spelling, alias })).toBe(nic);
          // Without teaming the alias is only libvirt's own affair.
          expect(matchInterface([nic], { mac: spelling, alias: otherAlias })).toBe(teamed ? undefined : nic);
          expect(matchInterface([nic], { mac: spelling })).toBe(teamed ? undefined : nic);
        },
      ),
    );
  });

  it("never matches an interface without MAC, nor with an alias of another case", () => {
    const withoutMac = parseInterface(element("interface", { type: "bridge" }, [element("alias", { name: "ua-s" })]));
    expect(matchInterface([withoutMac], { mac: "", alias: "ua-s" })).toBeUndefined();
    expect(matchInterface([nic(buildStandby(virtio("ua-s")))], { mac, alias: "UA-s" })).toBeUndefined();
  });

  it("says so when it can't tell two apart", () => {
    const twins = ["net0", "net1"].map((name) =>
      nic(element("interface", { type: "bridge" }, [element("mac", { address: mac }), element("alias", { name })])),
    );
    expect(matchInterface(twins, { mac, alias: "net1" })).toBe(twins[1]);
    expect(() => matchInterface(twins, { mac, alias: "ua-x" })).toThrow(
      `Unable to identify the interface with MAC ${mac}: 2 interfaces of the VM have it. Give each interface its own MAC address (virsh edit).`,
    );
  });
});

describe("pairing", () => {
  it("joins standbys and VFs by alias, in any order, and reports what is left over", () => {
    const a = nic(buildStandby(virtio("ua-a")));
    const b = nic(buildStandby(virtio("ua-b")));
    const onA = nic(buildPrimary(vf("ua-1", "ua-a")));
    const onAToo = nic(buildPrimary(vf("ua-2", "ua-a")));
    const onNothing = nic(buildPrimary(vf("ua-3", "ua-c")));
    const onItself = nic(buildPrimary(vf("ua-4", "ua-4")));
    const plain = nic(element("interface", { type: "user" }));
    expect(pairs({ interfaces: [onA, plain, a, b, onAToo, onNothing, onItself] })).toEqual({
      pairs: [{ standby: a, primary: onA }],
      unpaired: [
        { kind: "surplus-primary", nic: onAToo },
        { kind: "dangling-primary", nic: onNothing },
        { kind: "dangling-primary", nic: onItself },
        { kind: "standby-without-primary", nic: b },
      ],
    });
  });

  it("joins nothing by an alias that both lack", () => {
    const anonymous = nic(element("interface", { type: "bridge" }, [element("teaming", { type: "persistent" })]));
    const aimless = nic(element("interface", { type: "hostdev" }, [element("teaming", { type: "transient" })]));
    expect(pairs({ interfaces: [anonymous, aimless] }).unpaired.map(({ kind }) => kind)).toEqual([
      "dangling-primary",
      "standby-without-primary",
    ]);
  });
});

const mac = "52:54:00:aa:00:01";

function nic(raw: Element) {
  return parseInterface(raw);
}

function virtio(alias: string): StandbyInterface {
  return { mac, bridge: "br0", linkState: "up", alias };
}

function vf(alias: string, standbyAlias: string): PrimaryInterface {
  return { mac, vf: { domain: 0, bus: 1, slot: 16, function: 0 }, alias, standbyAlias };
}
