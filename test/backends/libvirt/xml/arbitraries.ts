/** What the property tests draw from. */
import fc from "fast-check";
import { element, type Element } from "../../../../provider/xml/element.js";
import type { Bandwidth } from "../../../../provider/backends/libvirt/xml/interface.js";
import type { ProfileRecord } from "../../../../provider/backends/libvirt/xml/network.js";
import type { PciAddress } from "../../../../provider/backends/libvirt/xml/pci-address.js";
import type { PrimaryInterface, StandbyInterface } from "../../../../provider/backends/libvirt/xml/teaming.js";

/** Text that XML 1.0 can hold, rich in what it has to escape. */
export const xmlText: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "&",
        "<",
        ">",
        '"',
        "'",
        "\t",
        "\n",
        "\r",
        " ",
        ";",
        "#",
        "&amp;",
        "&lt;",
        "&#10;",
        "]]>",
        "<!--",
        "\u00A0",
        "\u2028",
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom("é", "Ω", "漢", "😀", "\uFFFD", "\uE000", "a", "0") },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 1, unit: "grapheme-ascii" }) },
  ),
  maxLength: 12,
});

/** Names that JavaScript gives a meaning to, that a namespace gives one to, and ordinary ones. */
export const xmlName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__"),
  fc.constantFrom("vnic:profile", "a:b", "xmlns", "xmlns:a", "xml:lang", "_", "é-1.b", "interface"),
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/),
);

const inMixedContent = xmlText.filter((text) => /[^ \t\r\n]/.test(text));

/** Any element in the form that the parser gives: white space between elements is not content. */
export const anyElement: fc.Arbitrary<Element> = fc.letrec<{ element: Element }>((tie) => ({
  element: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(xmlName, attributes(), xmlText).map(([name, values, text]) => element(name, values, text)),
    fc
      .tuple(
        xmlName,
        attributes(),
        fc.array(fc.tuple(tie("element"), fc.option(inMixedContent, { nil: undefined })), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.option(inMixedContent, { nil: undefined }),
      )
      .map(([name, values, children, text]) => ({
        ...element(
          name,
          values,
          children.map(([child, tail]) => (tail === undefined ? child : { ...child, tail })),
        ),
        ...(text === undefined ? {} : { text }),
      })),
  ),
})).element;

function attributes(): fc.Arbitrary<Record<string, string>> {
  return fc.dictionary(xmlName, xmlText, { maxKeys: 4, noNullPrototype: false });
}

export const macAddress: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map(([first = 0, ...rest]) => [first & 0xfe, ...rest].map((octet) => octet.toString(16).padStart(2, "0")).join(":"));

/** Another spelling of the same MAC. */
export function spellingOf(mac: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.mixedCase(fc.constant(mac)), fc.boolean())
    .map(([text, dashes]) => (dashes ? text.replaceAll(":", "-") : text));
}

export const pciAddress: fc.Arbitrary<PciAddress> = fc.record({
  domain: fc.integer({ min: 0, max: 0xffff }),
  bus: fc.integer({ min: 0, max: 0xff }),
  slot: fc.integer({ min: 0, max: 0x1f }),
  function: fc.integer({ min: 0, max: 7 }),
});

export const userAlias: fc.Arbitrary<string> = fc.oneof(
  fc.uuid().map((id) => `ua-${id}`),
  fc.stringMatching(/^ua-[a-zA-Z0-9_.-]{1,12}$/),
);

const deviceName = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,15}$/);
const linkState = fc.constantFrom("up" as const, "down" as const);
const rate = fc.record(
  {
    average: fc.integer({ min: 1, max: 1e6 }),
    peak: fc.integer({ min: 1, max: 1e6 }),
    burst: fc.integer({ min: 1, max: 1e6 }),
  },
  { requiredKeys: ["average"] },
);
const bandwidth: fc.Arbitrary<Bandwidth> = fc.oneof(
  fc.record({ inbound: rate, outbound: rate }, { requiredKeys: ["inbound"] }),
  fc.record({ outbound: rate }),
);

export const standby: fc.Arbitrary<StandbyInterface> = fc.record(
  {
    mac: macAddress,
    bridge: deviceName,
    linkState,
    alias: userAlias,
    mtu: fc.integer({ min: 68, max: 65535 }),
    filter: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.-]{0,20}$/),
    portIsolated: fc.boolean(),
    bandwidth,
    address: pciAddress,
  },
  { requiredKeys: ["mac", "bridge", "linkState", "alias"] },
);

export const primary: fc.Arbitrary<PrimaryInterface> = fc.record(
  {
    mac: macAddress,
    vf: pciAddress,
    alias: userAlias,
    standbyAlias: userAlias,
    linkState,
    vlan: fc.integer({ min: 0, max: 4095 }),
    address: pciAddress,
  },
  { requiredKeys: ["mac", "vf", "alias", "standbyAlias"] },
);

export const profile: fc.Arbitrary<ProfileRecord> = fc.record(
  {
    id: fc.uuid(),
    name: fc.stringMatching(/^[a-zA-Z0-9_. -]{0,12}[a-z]$/),
    network: xmlText,
    passThrough: fc.constantFrom("enabled" as const, "disabled" as const),
    migratable: fc.boolean(),
    failover: fc.uuid(),
    portMirroring: fc.boolean(),
    networkFilter: xmlText,
    qos: xmlText,
    customProperties: fc.dictionary(fc.oneof(xmlName, xmlText), xmlText, { maxKeys: 4, noNullPrototype: false }),
    description: xmlText,
  },
  { requiredKeys: ["id", "name", "network", "passThrough", "migratable", "portMirroring", "customProperties"] },
);

/** An `<interface>` as libvirt may print it: any type, any of its children, in any order. */
export function printedInterface(mac: string, alias: string, teamed: boolean): fc.Arbitrary<Element> {
  const types = [
    "bridge",
    "network",
    "user",
    "ethernet",
    "direct",
    "hostdev",
    "vhostuser",
    "vdpa",
    "udp",
    "null",
    "vds",
  ];
  const options = [
    element("source", { bridge: "br0" }),
    element("target", { dev: "vnet0" }),
    element("model", { type: "virtio" }),
    element("driver", { name: "vhost", queues: 4 }, [element("host", { csum: "off" })]),
    element("mtu", { size: 1500 }),
    element("link", { state: "down" }),
    element("vlan", { trunk: "yes" }, [element("tag", { id: 1 }), element("tag", { id: 2, nativeMode: "tagged" })]),
    element("virtualport", { type: "openvswitch" }, [element("parameters", { interfaceid: "x" })]),
    element("bandwidth", {}, [element("inbound", { average: 1, floor: 1 })]),
    element("filterref", { filter: "clean-traffic" }, [element("parameter", { name: "IP", value: "10.0.0.1" })]),
    element("address", { type: "pci", domain: "0x0000", bus: "0x01", slot: "0x00", function: "0x0" }),
    element("rom", { enabled: "no" }),
    element("boot", { order: 1 }),
  ];
  return fc
    .tuple(
      fc.constantFrom(...types),
      fc.subarray(options),
      fc.constantFrom("persistent", "transient"),
      spelledUpper(mac),
    )
    .chain(([type, some, role, address]) =>
      fc
        .shuffledSubarray(
          [
            ...some,
            element("mac", { address, type: "static" }),
            element("alias", { name: alias }),
            ...(teamed
              ? [element("teaming", { type: role, persistent: role === "transient" ? "ua-s" : undefined })]
              : []),
          ],
          { minLength: some.length + (teamed ? 3 : 2) },
        )
        .map((parts) => element("interface", { type }, parts)),
    );
}

function spelledUpper(mac: string): fc.Arbitrary<string> {
  return fc.mixedCase(fc.constant(mac));
}
