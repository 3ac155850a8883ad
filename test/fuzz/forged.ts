/** This package's documents in the metadata of domains and networks, as an attacker who may edit one of them could write it. */
import { buildJournal } from "../../provider/migration/journal.js";
import { attribute, formatXml, parseXml, withChildren, type Element } from "../../provider/xml/element.js";
import { buildInterfaceRecords } from "../../provider/backends/libvirt/xml/interface-record.js";
import {
  embedMetadata,
  findMetadata,
  metadataNamespace,
  type MetadataKind,
} from "../../provider/backends/libvirt/xml/metadata.js";
import { buildProfileNetwork } from "../../provider/backends/libvirt/xml/network.js";
import { buildOwed } from "../../provider/backends/libvirt/xml/owed-record.js";
import { parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { buildPlacementRecord } from "../../provider/backends/libvirt/xml/placement-record.js";
import { formatVfClaim } from "../../provider/backends/libvirt/xml/vf-claim.js";
import { buildVfDrivers } from "../../provider/backends/libvirt/xml/vf-drivers.js";
import type { Chance } from "../simulation/chance.js";

/** What stands in the metadata of a domain. */
export const domainKinds = ["journal", "interfaces", "owed", "vfs", "placement"] as const satisfies MetadataKind[];
export type DomainKind = (typeof domainKinds)[number];

const pci = (text: string) => parsePciAddress(text) ?? { domain: 0, bus: 0, slot: 0, function: 0 };
const [own, other, move, profile, standbyProfile] = [0x50, 0xa1, 0xb1, 0xc1, 0xc2].map(
  (n) => `11111111-2222-4333-8444-${n.toString(16).padStart(12, "0")}`,
) as [string, string, string, string, string];

/** One of each kind as the product writes it. */
export const realDocuments: Readonly<Record<MetadataKind, Element>> = {
  journal: buildJournal({
    id: move,
    uuid: own,
    from: "host1",
    to: "host2",
    step: "unplug",
    mover: { machine: "operator", pid: 4_194_305, command: "pulumi" },
    started: 1,
    until: 2,
    interfaces: ["ua-1", "ua-2"].map((alias, index) => ({
      mac: `52:54:00:aa:00:5${index}`,
      primaryAlias: `${alias}-vf`,
      standbyAlias: `${alias}-standby`,
      network: "data-vf",
      sourceVf: pci(`0000:01:10.${2 * index}`),
      destinationVf: pci(`0000:01:10.${2 * index}`),
      sourceDriver: "igbvf",
      destinationDriver: "igbvf",
      device: parseXml(
        `<interface type="hostdev"><mac address="52:54:00:aa:00:5${index}"/><source><address type="pci" domain="0x0000" bus="0x01" slot="0x10" function="0x${2 * index}"/></source><teaming type="transient" persistent="${alias}-standby"/><alias name="${alias}-vf"/></interface>`,
      ),
    })),
  }),
  interfaces: buildInterfaceRecords([
    {
      id: other,
      profile,
      standbyProfile,
      mac: "52:54:00:aa:00:50",
      plugged: true,
      linked: true,
      owner: "dev::web::nic",
    },
    { id: move, profile: standbyProfile, mac: "52:54:00:aa:00:51", plugged: true, linked: false },
  ]),
  owed: buildOwed([{ host: "host2", move, vfs: [pci("0000:01:10.0"), pci("0000:01:10.2")] }]),
  vfs: buildVfDrivers([{ host: "host1", address: pci("0000:01:10.0"), driver: "igbvf" }]) ?? {
    name: "",
    attributes: {},
    children: [],
  },
  placement: buildPlacementRecord({ id: move, stack: "dev", project: "web", resource: "placement" }),
  profile: buildProfileNetwork(
    {
      id: profile,
      name: "data-vf",
      network: "data-vf",
      passThrough: "enabled",
      migratable: true,
      failover: standbyProfile,
      portMirroring: false,
      customProperties: { a: "b" },
      description: "fast",
    },
    { physicalFunction: "pf0" },
  ),
  claim: parseXml(
    formatVfClaim({
      uuid: other,
      vf: pci("0000:01:10.0"),
      holder: `${move}/ua-1-vf`,
      vm: "web",
      kind: "move",
      until: 2,
      driver: "igbvf",
    }),
  ),
};

/** What a forger knows of the cluster: names, numbers and addresses of others. */
export const knownToAll: readonly string[] = [
  ...[own, other, move, profile, standbyProfile, own.toUpperCase(), "00000000-0000-0000-0000-000000000000"],
  ...["host1", "host2", "host3", "host9", "HOST1", "host1 ", "qemu:///system"],
  ...["data", "data-vf", "mgmt-vf", "default", "constructor", "__proto__", "toString"],
  ...["0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6", "0000:02:10.0", "0000:00:1f.2", "01:10.0"],
  ...["0000:01:10.8", "ffff:ff:1f.7", "0000:01:10.0 ", "00000:001:10.0"],
  ...["52:54:00:aa:00:50", "52:54:00:de:ad:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "52-54-00-AA-00-50"],
  ...["ua-1-vf", "ua-1-standby", "ua-more", "hostdev0", "net0", "ua-"],
  ...["igbvf", "vfio-pci", "none", "any", "../../etc/passwd", "mlx5_vfio_pci"],
  ...["journal", "reserve", "unplug", "migrate", "plug", "release", "yes", "no", "true", "enabled", "plug", "move"],
];

const hosts = ["host1", "host2", "host3"];
const functions = ["0", "2", "4", "6"].map((number) => `0000:01:10.${number}`);
const uuids = [own, other, move, profile, standbyProfile];
/** What an attribute of that name may well say: another VM's, another host's, another network's. */
const sensible: Readonly<Record<string, readonly string[]>> = {
  ...{
    from: hosts,
    to: hosts,
    host: hosts,
    name: [...hosts, "db-2"],
    id: uuids,
    uuid: uuids,
    move: uuids,
    profile: uuids,
  },
  ...{
    sourceVf: [...functions, "0000:02:10.0"],
    destinationVf: [...functions, "0000:02:10.0"],
    address: functions,
    vf: functions,
  },
  ...{
    network: ["data", "data-vf", "mgmt-vf"],
    mac: ["52:54:00:aa:00:50", "52:54:00:de:ad:01"],
    standbyProfile: uuids,
  },
  ...{
    step: ["journal", "reserve", "unplug", "migrate", "plug", "release"],
    autostart: ["yes"],
    plugged: ["yes", "no"],
  },
  ...{
    sourceDriver: ["igbvf", "vfio-pci", "any"],
    destinationDriver: ["igbvf", "vfio-pci", "any"],
    driver: ["igbvf", "none", "any"],
  },
};

const hugeLengths = [300, 5_000, 70_000] as const;

/** Values of wrong types and sizes. Characters that XML 1.0 cannot hold are in {@link textTricks}. */
function strange(chance: Chance): string {
  return chance.of([
    () => "",
    () => " ",
    () =>
      chance.of([
        "-1",
        "0",
        "1",
        "1e309",
        "NaN",
        "Infinity",
        "0x7f",
        "1.5",
        "9007199254740991",
        "9007199254740993",
        "8640000000000001",
        "-9007199254740991",
        "4294967296",
        "99999999999999999999",
      ]),
    () =>
      chance.of([
        "<a/>",
        "&amp;",
        "]]>",
        "'; touch /tmp/x #",
        "$(id)",
        "`id`",
        "%s%n",
        "::error::x",
        "\u001b[2J".slice(1),
      ]),
    () =>
      chance.of([
        "\t",
        "\n",
        "a\nb",
        "\r\n",
        "\u0085",
        "\u202Eevil",
        "\uFEFF",
        "\u200B",
        "é",
        "ｈｏｓｔ１",
        "\u{1F600}",
        "\u{E0001}",
      ]),
    () =>
      chance
        .of(["a", ".", "=", "x ", "-", "0", "\\", "\u202E"])
        .repeat(chance.happens(0.97) ? 300 : chance.of(hugeLengths)),
  ])();
}

const value = (chance: Chance): string => (chance.happens(0.65) ? chance.of(knownToAll) : strange(chance));

const attributeNames = [
  ...[
    "id",
    "uuid",
    "vmId",
    "holder",
    "from",
    "to",
    "step",
    "machine",
    "pid",
    "boot",
    "pidNamespace",
    "processStart",
    "started",
    "until",
  ],
  ...[
    "mac",
    "primaryAlias",
    "standbyAlias",
    "network",
    "sourceVf",
    "destinationVf",
    "sourceDriver",
    "destinationDriver",
  ],
  ...[
    "profile",
    "standbyProfile",
    "plugged",
    "linked",
    "owner",
    "name",
    "move",
    "address",
    "host",
    "driver",
    "kind",
    "vf",
  ],
  ...["autostart", "failover", "passThrough", "migratable", "portMirroring", "networkFilter", "qos"],
  ...["__proto__", "constructor", "hasOwnProperty", "toString", "device", "interfaces", "x:y", "xml:space"],
];

const foreignElements = [
  `<hostdev mode="subsystem" type="pci" managed="yes"><source><address domain="0x0000" bus="0x00" slot="0x1f" function="0x2"/></source><alias name="ua-1-vf"/><teaming type="transient" persistent="ua-1-standby"/></hostdev>`,
  `<interface type="hostdev"><mac address="52:54:00:de:ad:01"/><source><address type="pci" domain="0x0000" bus="0x01" slot="0x10" function="0x4"/></source><vlan><tag id="666"/></vlan><alias name="ua-1-vf"/></interface>`,
  `<interface type="bridge"><source bridge="br0"/><script path="/tmp/evil"/><rom file="/etc/shadow"/></interface>`,
  `<disk type="block"><source dev="/dev/sda"/><target dev="sda"/></disk>`,
  `<interface/>`,
  `<host/>`,
  `<host name="host3" move="x"><vf address="0000:01:10.6"/></host>`,
  `<vf host="host1" address="0000:02:10.0" driver="nouveau"/>`,
  `<customProperty name="__proto__" value="x"/>`,
  `<description>&lt;script></description>`,
].map((text) => parseXml(text));

function nested(depth: number): Element {
  let innermost: Element = { name: "interface", attributes: {}, children: [] };
  for (let at = 0; at < depth; at += 1) innermost = { name: "interface", attributes: {}, children: [innermost] };
  return innermost;
}

type Change = (target: Element, chance: Chance) => Element;

const withAttribute = (target: Element, name: string, text: string): Element => ({
  ...target,
  attributes: Object.assign(Object.create(null) as Record<string, string>, target.attributes, { [name]: text }),
});

const nameOfOne = ({ attributes }: Element, chance: Chance): string =>
  chance.of([...Object.keys(attributes), chance.of(attributeNames)]);

/** An attribute says something else that is well formed. */
const lie: Change = (target, chance) => {
  const known = Object.keys(target.attributes).filter((name) => Object.hasOwn(sensible, name));
  if (known.length === 0) return target;
  const name = chance.of(known);
  return withAttribute(target, name, chance.of(sensible[name] ?? [""]));
};

const changes: readonly Change[] = [
  ...Array<Change>(6).fill(lie),
  (target, chance) => withAttribute(target, nameOfOne(target, chance), value(chance)),
  (target, chance) => withAttribute(target, nameOfOne(target, chance), value(chance)),
  (target, chance) => withAttribute(target, chance.of(attributeNames), value(chance)),
  (target, chance) => {
    const gone = nameOfOne(target, chance);
    const kept = Object.entries(target.attributes).filter(([name]) => name !== gone);
    return { ...target, attributes: Object.fromEntries(kept) };
  },
  (target, chance) => {
    const { children } = target;
    if (children.length === 0) return target;
    const again = chance.of(children);
    return withChildren(target, [
      ...children,
      ...Array<Element>(chance.happens(0.98) ? 1 + chance.below(3) : 300).fill(again),
    ]);
  },
  (target, chance) => {
    const at = chance.below(target.children.length + 1);
    return withChildren(
      target,
      target.children.filter((_, index) => index !== at),
    );
  },
  (target) => withChildren(target, [...target.children].reverse()),
  (target) => withChildren(target, [...target.children, target]),
  (target, chance) => withChildren(target, [chance.of(foreignElements), ...target.children]),
  (target, chance) => withChildren(target, [...target.children, chance.of(foreignElements)]),
  (target, chance) => ({
    ...target,
    name: chance.of(["interface", "journal", "host", "vf", "Interface", "a:interface", "__proto__"]),
  }),
  (target, chance) => ({ ...target, text: value(chance) }),
  (target, chance) => (chance.happens(0.1) ? withChildren(target, [nested(chance.of([30, 240, 300]))]) : target),
  (target, chance) => {
    const [one, two] = [nameOfOne(target, chance), nameOfOne(target, chance)];
    const [first, second] = [attribute(target, one) ?? "", attribute(target, two) ?? ""];
    return withAttribute(withAttribute(target, one, second), two, first);
  },
];

/** One element of the document, the top one among them, is changed. */
function changedSomewhere(root: Element, chance: Chance, change: Change): Element {
  const { children } = root;
  if (children.length === 0 || chance.happens(0.4)) return change(root, chance);
  const at = chance.below(children.length);
  return withChildren(
    root,
    children.map((each, index) => (index === at ? changedSomewhere(each, chance, change) : each)),
  );
}

/** Well formed, and no longer what the product wrote. */
export function forgedElement(real: Element, chance: Chance): Element {
  let root = real;
  for (let times = 1 + chance.below(4); times > 0; times -= 1)
    root = changedSomewhere(root, chance, chance.of(changes));
  return root;
}

/** Prefixes, namespaces and repetition, with which an element may stand in a `<metadata>`. */
const settings: readonly ((
  kind: MetadataKind,
  element: Element,
  real: Element,
  chance: Chance,
) => readonly Element[])[] = [
  (kind, element) => [embedMetadata(kind, element)],
  (kind, element) => [embedMetadata(kind, element)],
  (kind, element) => [embedMetadata(kind, element)],
  // The default namespace.
  (kind, element) => [withAttribute(element, "xmlns", metadataNamespace(kind))],
  // Another prefix, and children that lack it.
  (kind, { name, ...rest }) => [withAttribute({ ...rest, name: `x:${name}` }, "xmlns:x", metadataNamespace(kind))],
  // Two of a kind: which counts?
  (kind, element, real) => [embedMetadata(kind, real), embedMetadata(kind, element)],
  (kind, element, real) => [embedMetadata(kind, element), embedMetadata(kind, real)],
  // One of another kind under this kind's namespace, and the prefix bound twice.
  (kind, element, _real, chance) => [
    withAttribute(embedMetadata(chance.of(domainKinds), element), "xmlns:vnic", metadataNamespace(kind)),
  ],
  (kind, element) => [
    { name: "other:app", attributes: { "xmlns:other": "urn:x" }, children: [embedMetadata(kind, element)] },
  ],
  (kind, element) => [embedMetadata(kind, element), { name: "undeclared:journal", attributes: {}, children: [] }],
];

/** The children of a `<metadata>` that has the element in it, one way or another. */
export function settingOf(kind: MetadataKind, element: Element, real: Element, chance: Chance): readonly Element[] {
  return chance.of(settings)(kind, element, real, chance);
}

/** The documents as they stand in what libvirt keeps: a domain's, or a network's own. */
export function documentOf(kind: MetadataKind, element: Element, chance: Chance): string {
  const real = realDocuments[kind];
  if (kind === "profile" || kind === "claim") return formatXml(inNetwork(kind, element, chance));
  const metadata: Element = { name: "metadata", attributes: {}, children: settingOf(kind, element, real, chance) };
  return formatXml({
    name: "domain",
    attributes: { type: "kvm" },
    children: [
      { name: "name", attributes: {}, children: [], text: "web" },
      { name: "uuid", attributes: {}, children: [], text: own },
      metadata,
      { name: "devices", attributes: {}, children: [] },
    ],
  });
}

/** The network that was forged as a whole, with its metadata in one setting or another. */
function inNetwork(kind: MetadataKind, network: Element, chance: Chance): Element {
  const metadata = findMetadata(kind, network);
  if (metadata === undefined || chance.happens(0.5)) return network;
  const forged = forgedElement(metadata, chance);
  const children = settingOf(kind, forged, metadata, chance);
  return withChildren(
    network,
    network.children.map((each) => (each.name === "metadata" ? withChildren(each, children) : each)),
  );
}

/** What no XML that libvirt lets pass can have, and a host that lies can send. */
export const textTricks: readonly string[] = [
  ...["\0", "\u0001", "\u001b[2J", "\uFFFE", "\uD800", "&#0;", "&#x1b;", "&#x110000;", "&#xD800;", "&nbsp;", "&a;"],
  ...[
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "<!ENTITY a '&b;&b;'>",
    "<![CDATA[",
    "]]>",
    "<?xml version='9'?>",
  ],
  ...['" x="', "' y='", "<", ">", "/>", "</vnic:journal>", "<!--", "-->", 'xmlns:vnic="urn:x" ', 'id="1" id="2" '],
];
