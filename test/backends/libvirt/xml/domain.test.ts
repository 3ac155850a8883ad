import { describe, expect, it } from "vitest";
import {
  parseDomain,
  replacePrimarySource,
  withInterface,
  withoutInterface,
} from "../../../../provider/backends/libvirt/xml/domain.js";
import { child, element, formatXml, parseXml } from "../../../../provider/xml/element.js";
import { findMetadata } from "../../../../provider/backends/libvirt/xml/metadata.js";
import { pairs } from "../../../../provider/backends/libvirt/xml/teaming.js";
import { thrown } from "./thrown.js";
import { fixtureInput, fixtures } from "./fixtures.js";

const running = fixtureInput("running", "domain");
const vf = { domain: 0, bus: 0xb3, slot: 0x11, function: 4 };
const named = (primaryAlias: string, standbyAlias = "ua-none") => ({
  mac: "52:54:00:aa:00:01",
  primaryAlias,
  standbyAlias,
});
/** Its <hostdev> is a VF in a pair. */
const teamedHostdev = running.replace(
  "<alias name='hostdev1'/>",
  "<teaming type='transient' persistent='ua-other'/><alias name='hostdev1'/>",
);

describe("a domain", () => {
  it.each(fixtures("domain"))("is read: $name", ({ input, expected }) => {
    const { raw, metadata, interfaces, ...domain } = parseDomain(input);
    const readable = interfaces.map((nic) => ({ ...nic, raw: undefined }));
    expect({ ...domain, interfaces: readable }).toEqual(JSON.parse(expected));
    expect(metadata).toBe(child(raw, "metadata"));
    expect(interfaces.map((nic) => nic.raw.name)).toEqual(interfaces.map((nic) => nic.device));
  });

  it("has its pair and its journal found in it", () => {
    const domain = parseDomain(running);
    expect(pairs(domain)).toEqual({
      pairs: [{ standby: domain.interfaces[0], primary: domain.interfaces[1] }],
      unpaired: [],
    });
    expect(findMetadata("journal", domain.raw)).toEqual(
      element("journal", { step: "2" }, [element("entry", { at: "3" })]),
    );
  });

  it.each([
    ["<memory>1048577</memory>", 1048577],
    ["<memory unit='b'>1025</memory>", 2],
    ["<memory unit='GB'>1</memory>", 976563],
    ["<memory unit='T'>1</memory>", 2 ** 30],
    ["", 0],
  ])("has its memory in KiB: %s", (memory, kib) => {
    expect(parseDomain(`<domain><name>a</name><uuid>b</uuid>${memory}</domain>`)).toMatchObject({
      memoryKiB: kib,
      vcpus: 1,
      machine: "",
      interfaces: [],
      rootPorts: [],
    });
  });

  it.each([
    "<network><name>a</name><uuid>b</uuid></network>",
    "<domain><uuid>b</uuid></domain>",
    "<domain><name>a</name></domain>",
  ])("is not %s", (xml) =>
    expect(thrown(() => parseDomain(xml))).toMatchObject({ name: "XmlError", problem: { code: "xml-unexpected" } }),
  );
});

describe("editing a domain", () => {
  it("points a VF elsewhere and touches nothing else", () => {
    const before = formatXml(parseXml(running));
    const after = formatXml(replacePrimarySource(parseXml(running), named("ua-vf"), vf));
    expect(changedTags(before, after)).toEqual([
      [
        '<address type="pci" domain="0x0000" bus="1" slot="16" function="0"/>',
        '<address type="pci" domain="0x0000" bus="0xb3" slot="0x11" function="0x4"/>',
      ],
    ]);
    expect(parseDomain(after).interfaces[1]?.vf).toEqual(vf);
  });

  it("does the same to a <hostdev>, which keeps its form", () => {
    const after = formatXml(replacePrimarySource(parseXml(teamedHostdev), named("hostdev1", "ua-other"), vf));
    expect(after).toContain(
      '<source><address domain="0x0000" bus="0xb3" slot="0x11" function="0x4"/></source><teaming type="transient" persistent="ua-other"/><alias name="hostdev1"/>',
    );
  });

  it.each(["ua-standby", "ua-none", "pcie.0"])("has no VF of alias %s to point elsewhere", (alias) => {
    expect(() => replacePrimarySource(parseXml(running), named(alias), vf)).toThrow(`alias "${alias}"`);
  });

  it("takes a NIC out and puts it back where it was", () => {
    const domain = parseXml(running);
    const primary = parseDomain(running).interfaces[1]?.raw ?? element("none");
    const without = withoutInterface(domain, "ua-vf");
    expect(aliases(without)).toEqual(["ua-standby", "net2"]);
    expect(aliases(withInterface(without, primary, { before: "net2" }))).toEqual(["ua-standby", "ua-vf", "net2"]);
    expect(withInterface(without, primary, { before: "net2" })).toEqual(domain);
    expect(aliases(withInterface(without, primary))).toEqual(["ua-standby", "net2", "ua-vf"]);
    expect(aliases(withInterface(without, primary, { before: "gone" }))).toEqual(["ua-standby", "net2", "ua-vf"]);
  });

  it("takes out no device that is not a NIC", () => {
    const domain = parseXml(running);
    expect(withoutInterface(domain, "pcie.0")).toEqual(domain);
  });

  it("adds the first NIC after all devices, and needs devices to add to", () => {
    const nic = element("interface", { type: "user" });
    expect(formatXml(withInterface(parseXml("<domain><devices><disk/></devices></domain>"), nic))).toBe(
      '<domain><devices><disk/><interface type="user"/></devices></domain>',
    );
    expect(() => withInterface(element("domain"), nic)).toThrow("it has no <devices>");
  });
});

function aliases(domain: ReturnType<typeof parseXml>) {
  return parseDomain(formatXml(domain)).interfaces.map(({ alias }) => alias);
}

function changedTags(before: string, after: string) {
  const tags = (xml: string) => xml.split(/(?<=>)(?=<)/);
  return tags(before).flatMap((tag, n) => (tag === tags(after)[n] ? [] : [[tag, tags(after)[n]]]));
}
