import { expect, it } from "vitest";
import {
  type Controller,
  type GuestAddress,
  type MigrationXmlFacts,
  type TeamingDevice,
  type TeamingFacts,
  evaluate,
  migrationXmlRules,
  teamingRules,
} from "../../provider/rules/index.js";
import { examplesOf } from "./examples.js";

const mac = "52:54:00:11:22:33";

const standby: TeamingDevice = {
  kind: "interface",
  type: "bridge",
  mac,
  alias: "ua-standby",
  model: "virtio",
  teaming: { type: "persistent" },
  guestAddress: on(1),
  mtu: 1500,
  link: "up",
};
const vf: TeamingDevice = {
  kind: "interface",
  type: "hostdev",
  mac,
  alias: "ua-vf",
  teaming: { type: "transient", persistent: "ua-standby" },
  guestAddress: on(2),
  source: "0000:03:10.0",
  sourceType: "pci",
  driver: "vfio",
  link: "up",
};
const hostdev: TeamingDevice = {
  kind: "hostdev",
  type: "pci",
  alias: "ua-vf",
  teaming: { type: "transient", persistent: "ua-standby" },
  guestAddress: on(2),
  source: "0000:03:10.0",
};
const other: TeamingDevice = { kind: "interface", type: "bridge", mac: "52:54:00:11:22:44", alias: "net0" };

const controllers: Controller[] = [
  { type: "usb", index: 2, model: "pcie-to-pci-bridge" },
  { type: "pci", index: 0, model: "pcie-root" },
  { type: "pci", index: 1, model: "pcie-root-port" },
  { type: "pci", index: 2, model: "pcie-root-port" },
  { type: "pci", index: 3, model: "pcie-to-pci-bridge" },
  { type: "pci", index: 4, model: "pcie-switch-downstream-port" },
  { type: "pci", index: 5, model: "pcie-switch-upstream-port" },
  { type: "pci", index: 6, model: "dmi-to-pci-bridge" },
  { type: "pci", index: 7, model: "pci-bridge" },
  { type: "pci", index: 8, model: "pci-expander-bus" },
  { type: "pci", index: 9 },
];

function on(bus: number, change: Partial<GuestAddress> = {}): GuestAddress {
  return { type: "pci", domain: 0, bus, slot: 0, function: 0, ...change };
}

function domain(...interfaces: TeamingDevice[]): TeamingFacts {
  return { machine: "pc-q35-9.2", interfaces, controllers };
}

/** The good pair with its VF changed. */
function vfWith(change: Partial<TeamingDevice>): TeamingFacts {
  return domain(standby, { ...vf, ...change });
}

function standbyWith(change: Partial<TeamingDevice>): TeamingFacts {
  return domain({ ...standby, ...change }, vf);
}

const pair = domain(standby, vf);

const rule = examplesOf(teamingRules);

it("lets the feature page's pair through, as interfaces and with a plain hostdev", () => {
  expect(evaluate(teamingRules, pair)).toEqual([]);
  expect(evaluate(teamingRules, domain(other, hostdev, standby))).toEqual([]);
  expect(evaluate(teamingRules, domain())).toEqual([]);
});

rule("teaming-type", {
  breaks: [[vfWith({ teaming: { type: "active" } }), { message: 'Interface "ua-vf" has teaming of type "active".' }]],
  keeps: [pair, vfWith({ teaming: undefined })],
});

rule("teaming-transient-names-standby", {
  breaks: [
    [
      vfWith({ teaming: { type: "transient" } }),
      { message: `Interface "ua-vf" has <teaming type='transient'> without the standby's alias in persistent=.` },
    ],
    [
      vfWith({ teaming: { type: "transient", persistent: "" } }),
      { message: `Interface "ua-vf" has <teaming type='transient'> without the standby's alias in persistent=.` },
    ],
  ],
  keeps: [pair],
});

rule("teaming-persistent-names-nobody", {
  breaks: [
    [
      standbyWith({ teaming: { type: "persistent", persistent: "ua-x" } }),
      {
        message: `Interface "ua-standby" has <teaming type='persistent'> and must not name another device, but names "ua-x".`,
      },
    ],
  ],
  keeps: [pair, standbyWith({ teaming: { type: "persistent", persistent: "" } })],
});

rule("teaming-standby-virtio", {
  breaks: [
    [
      standbyWith({ model: "e1000e" }),
      { message: 'Interface "ua-standby" is a standby and must be a virtio interface, but has model "e1000e".' },
    ],
    [
      standbyWith({ model: undefined }),
      { message: 'Interface "ua-standby" is a standby and must be a virtio interface, but has no model.' },
    ],
    [
      domain({ ...hostdev, model: "virtio", teaming: { type: "persistent" } }),
      { message: 'Host device "ua-vf" is a standby and must be a virtio interface, but is a host device.' },
    ],
  ],
  keeps: [pair, standbyWith({ model: "virtio-non-transitional" })],
});

rule("teaming-primary-hostdev", {
  breaks: [
    [
      vfWith({ type: "bridge" }),
      { message: 'Interface "ua-vf" is the VF of a pair and must be a host device, but has type "bridge".' },
    ],
  ],
  keeps: [pair, vfWith({ type: "network" }), domain(standby, hostdev), standbyWith({ type: "direct" })],
});

rule("teaming-network-gives-hostdev", {
  breaks: [
    [
      vfWith({ type: "network", actualType: "bridge" }),
      {
        message:
          'Interface "ua-vf" is the VF of a pair, but its libvirt network has forward mode "bridge", not hostdev.',
      },
    ],
  ],
  keeps: [
    pair,
    vfWith({ type: "network" }),
    vfWith({ type: "network", actualType: "hostdev" }),
    vfWith({ actualType: "bridge" }),
    standbyWith({ type: "network", actualType: "bridge" }),
  ],
});

rule("teaming-primary-pci", {
  breaks: [
    [
      vfWith({ sourceType: "usb" }),
      { message: 'Interface "ua-vf" is the VF of a pair and must be a PCI device, but its source is "usb".' },
    ],
    [
      domain(standby, { ...hostdev, type: "mdev" }),
      { message: 'Host device "ua-vf" is the VF of a pair and must be a PCI device, but its source is "mdev".' },
    ],
  ],
  keeps: [
    pair,
    domain(standby, hostdev),
    vfWith({ sourceType: undefined }),
    domain({ ...hostdev, type: "usb", teaming: undefined }),
  ],
});

rule("teaming-standby-alias", {
  breaks: [
    [
      standbyWith({ alias: undefined }),
      { message: `Interface ${mac} is a standby and needs an alias that begins with ua-, but has none.` },
    ],
    [
      standbyWith({ alias: "standby" }),
      { message: 'Interface "standby" is a standby and needs an alias that begins with ua-, but has alias "standby".' },
    ],
    [
      standbyWith({ alias: undefined, mac: undefined }),
      { message: "Interface number 1 is a standby and needs an alias that begins with ua-, but has none." },
    ],
  ],
  keeps: [pair, vfWith({ alias: "hostdev0" })],
});

rule("teaming-primary-alias", {
  breaks: [
    [
      vfWith({ alias: undefined }),
      { message: `Interface ${mac} is the VF of a pair and should have an alias that begins with ua-, but has none.` },
    ],
    [
      domain(other, standby, { ...hostdev, alias: undefined }),
      {
        message:
          "Host device number 3 is the VF of a pair and should have an alias that begins with ua-, but has none.",
      },
    ],
    [
      vfWith({ alias: "hostdev0" }),
      {
        message:
          'Interface "hostdev0" is the VF of a pair and should have an alias that begins with ua-, but has alias "hostdev0".',
      },
    ],
  ],
  keeps: [pair, standbyWith({ alias: "net0" })],
});

rule("teaming-alias-unique", {
  breaks: [
    [domain(standby, vf, { ...other, alias: "ua-vf" }), { message: 'Alias "ua-vf" is given to 2 devices.' }],
    [
      domain(standby, standby, vf, vf, vf),
      { message: 'Alias "ua-standby" is given to 2 devices.' },
      { message: 'Alias "ua-vf" is given to 3 devices.' },
    ],
  ],
  keeps: [pair, domain({ ...other, alias: undefined }, { ...other, alias: undefined })],
});

rule("teaming-not-itself", {
  breaks: [
    [
      vfWith({ teaming: { type: "transient", persistent: "ua-vf" } }),
      { message: 'Interface "ua-vf" names itself as its standby.' },
    ],
  ],
  keeps: [pair, vfWith({ alias: undefined, teaming: { type: "transient" } })],
});

rule("teaming-standby-exists", {
  breaks: [
    [
      vfWith({ teaming: { type: "transient", persistent: "ua-gone" } }),
      { message: 'Interface "ua-vf" names standby "ua-gone", which the domain does not have.' },
    ],
    [
      domain({ ...hostdev, alias: undefined }),
      { message: 'Host device number 1 names standby "ua-standby", which the domain does not have.' },
    ],
  ],
  keeps: [pair, vfWith({ teaming: { type: "transient" } }), domain(standby), domain(other, standby, vf)],
});

rule("teaming-standby-persistent", {
  breaks: [
    [
      standbyWith({ teaming: undefined }),
      { message: `Interface "ua-vf" names "ua-standby" as its standby, which has no <teaming type='persistent'/>.` },
    ],
    [
      standbyWith({ teaming: { type: "transient", persistent: "ua-vf" } }),
      { message: `Interface "ua-standby" names "ua-vf" as its standby, which has no <teaming type='persistent'/>.` },
      { message: `Interface "ua-vf" names "ua-standby" as its standby, which has no <teaming type='persistent'/>.` },
    ],
  ],
  keeps: [
    pair,
    vfWith({ teaming: { type: "transient", persistent: "ua-vf" } }),
    vfWith({ teaming: { type: "transient", persistent: "ua-gone" } }),
    domain({ ...other, alias: undefined }, { ...vf, teaming: { type: "transient" } }),
  ],
});

rule("teaming-one-primary", {
  breaks: [
    [
      domain(standby, vf, { ...vf, alias: "ua-vf2" }),
      {
        message: 'Standby "ua-standby" is named by 2 primary devices: Interface "ua-vf", Interface "ua-vf2".',
      },
    ],
    [
      domain(standby, vf, { ...hostdev, alias: undefined }),
      {
        message: 'Standby "ua-standby" is named by 2 primary devices: Interface "ua-vf", Host device number 3.',
      },
    ],
  ],
  keeps: [
    pair,
    domain(standby, vf, { ...vf, teaming: { type: "persistent", persistent: "ua-standby" } }),
    domain({ ...vf, teaming: { type: "transient" } }, { ...vf, teaming: { type: "transient", persistent: "" } }),
  ],
});

rule("teaming-standby-has-primary", {
  breaks: [
    [domain(standby), { message: 'Interface "ua-standby" is a standby without a primary.' }],
    [
      domain(standby, { ...vf, teaming: { type: "persistent", persistent: "ua-standby" } }),
      { message: 'Interface "ua-standby" is a standby without a primary.' },
      { message: 'Interface "ua-vf" is a standby without a primary.' },
    ],
    [
      domain({ ...standby, alias: undefined }, { ...vf, teaming: { type: "transient" } }),
      { message: `Interface ${mac} is a standby without a primary.` },
    ],
  ],
  keeps: [
    pair,
    domain({ ...vf, alias: "ua-x" }, other, standby, { ...vf, teaming: { type: "transient", persistent: "ua-y" } }),
  ],
});

rule("teaming-mac-given", {
  breaks: [
    [vfWith({ mac: undefined }), { message: 'Interface "ua-vf" has no MAC address.' }],
    [standbyWith({ mac: undefined }), { message: 'Interface "ua-standby" has no MAC address.' }],
  ],
  keeps: [pair, domain(standby, hostdev), domain({ ...other, mac: undefined })],
});

rule("teaming-mac-not-zero", {
  breaks: [
    [
      vfWith({ mac: "00:00:00:00:00:00" }),
      {
        message:
          'Interface "ua-vf" has MAC address 00:00:00:00:00:00: standby and VF would get different generated addresses, and the guest would not pair them.',
      },
    ],
  ],
  keeps: [pair, vfWith({ mac: undefined }), domain({ ...other, mac: "00:00:00:00:00:00" })],
});

rule("teaming-mac-unicast", {
  breaks: [
    [
      standbyWith({ mac: "01:54:00:aa:bb:cc" }),
      { message: 'Interface "ua-standby" has MAC address 01:54:00:aa:bb:cc, which is multicast.' },
    ],
  ],
  keeps: [pair, vfWith({ mac: undefined }), domain({ ...other, mac: "01:54:00:aa:bb:cc" })],
});

rule("teaming-macs-equal", {
  breaks: [
    [
      vfWith({ mac: "52:54:00:11:22:34" }),
      {
        message: `Interface "ua-vf" has MAC address 52:54:00:11:22:34, its standby "ua-standby" has ${mac}.`,
      },
    ],
  ],
  keeps: [
    domain({ ...standby, mac: "52:54:00:aa:bb:cc" }, { ...vf, mac: "52:54:00:AA:BB:CC" }),
    vfWith({ mac: undefined }),
    standbyWith({ mac: undefined }),
    vfWith({ mac: "52:54:00:11:22:34", teaming: { type: "transient", persistent: "ua-gone" } }),
    vfWith({ mac: "52:54:00:11:22:34", teaming: { type: "persistent", persistent: "ua-standby" } }),
    domain(standby, hostdev),
    domain({ ...other, alias: "ua-standby" }, vf),
    domain({ ...standby, alias: undefined }, { ...vf, mac: other.mac, teaming: { type: "transient" } }),
  ],
});

rule("teaming-mac-one-pair", {
  breaks: [
    [
      domain(other, { ...other, mac: mac.toUpperCase() }, standby, vf),
      { message: `Interface "net0" has MAC address ${mac}, which belongs to the pair with standby "ua-standby".` },
    ],
    [
      domain(
        standby,
        vf,
        { ...standby, alias: "ua-s2" },
        { ...vf, alias: "ua-vf2", teaming: { type: "transient", persistent: "ua-s2" } },
      ),
      { message: `Interface "ua-s2" has MAC address ${mac}, which belongs to the pair with standby "ua-standby".` },
      { message: `Interface "ua-vf2" has MAC address ${mac}, which belongs to the pair with standby "ua-standby".` },
      { message: `Interface "ua-standby" has MAC address ${mac}, which belongs to the pair with standby "ua-s2".` },
      { message: `Interface "ua-vf" has MAC address ${mac}, which belongs to the pair with standby "ua-s2".` },
    ],
  ],
  keeps: [
    domain(other, standby, vf),
    domain({ ...standby, mac: undefined }, { ...other, mac: undefined }, vf),
    domain(standby, hostdev, { ...other, mac: undefined }),
  ],
});

rule("teaming-machine-q35", {
  breaks: [
    [
      { ...pair, machine: "pc-i440fx-9.2" },
      { message: 'The machine type is "pc-i440fx-9.2", but a VF with a standby must be on PCI Express.' },
    ],
  ],
  keeps: [pair, { ...pair, machine: undefined }, { ...domain(other, standby), machine: "pc" }],
});

rule("teaming-primary-not-on-root-complex", {
  breaks: [
    [
      vfWith({ guestAddress: on(0, { slot: 9 }) }),
      { message: 'Interface "ua-vf" is on pcie.0, which does not support hot-plug.' },
    ],
    [
      { ...vfWith({ guestAddress: on(0) }), controllers: [] },
      { message: 'Interface "ua-vf" is on pcie.0, which does not support hot-plug.' },
    ],
  ],
  keeps: [
    pair,
    standbyWith({ guestAddress: on(0) }),
    vfWith({ guestAddress: undefined }),
    vfWith({ guestAddress: on(0, { type: "ccw" }) }),
    { ...vfWith({ guestAddress: on(0) }), controllers: [], machine: "pc" },
    { ...vfWith({ guestAddress: on(0) }), controllers: [], machine: undefined },
    { ...vfWith({ guestAddress: on(1) }), controllers: [] },
    { ...vfWith({ guestAddress: on(0) }), controllers: [{ type: "pci", index: 0, model: "pci-root" }] },
  ],
});

rule("teaming-primary-not-on-conventional-pci", {
  breaks: [
    ...(
      [
        [3, "pcie-to-pci-bridge"],
        [6, "dmi-to-pci-bridge"],
        [7, "pci-bridge"],
        [8, "pci-expander-bus"],
      ] as const
    ).map(
      ([bus, model]) =>
        [
          vfWith({ guestAddress: on(bus, { slot: 1 }) }),
          { message: `Interface "ua-vf" is on a ${model}, which is conventional PCI.` },
        ] as const,
    ),
    [
      { ...vfWith({ guestAddress: on(0) }), controllers: [{ type: "pci", index: 0, model: "pci-root" }] },
      { message: 'Interface "ua-vf" is on a pci-root, which is conventional PCI.' },
    ],
  ],
  keeps: [pair, vfWith({ guestAddress: on(4) }), vfWith({ guestAddress: on(9) }), vfWith({ guestAddress: on(77) })],
});

rule("teaming-primary-on-port", {
  breaks: [
    [
      vfWith({ guestAddress: on(5) }),
      { message: 'Interface "ua-vf" is on a pcie-switch-upstream-port, which can\'t hot-plug.' },
    ],
  ],
  keeps: [
    pair,
    vfWith({ guestAddress: on(0) }),
    vfWith({ guestAddress: on(3) }),
    vfWith({ guestAddress: on(4) }),
    vfWith({ guestAddress: on(9) }),
    vfWith({ guestAddress: undefined }),
  ],
});

const fixedPort = { type: "pci", index: 7, model: "pcie-root-port", hotPlugs: false };
rule("teaming-primary-hot-plugs", {
  breaks: [
    [
      { ...vfWith({ guestAddress: on(7) }), controllers: [fixedPort] },
      { message: `Interface "ua-vf" is on a pcie-root-port that does not hot-plug (<target hotplug='off'/>).` },
    ],
    [
      { ...pair, hotPlugOption: "pcie-root-port.hotplug=off" },
      { message: 'Interface "ua-vf" cannot be unplugged: the VM\'s QEMU has the option pcie-root-port.hotplug=off.' },
    ],
  ],
  keeps: [
    pair,
    { ...vfWith({ guestAddress: on(7) }), controllers: [{ ...fixedPort, hotPlugs: true }] },
    { ...vfWith({ guestAddress: undefined }), controllers: [fixedPort] },
    { ...standbyWith({ guestAddress: on(7) }), controllers: [fixedPort] },
  ],
});

rule("teaming-primary-single-function", {
  breaks: [
    [
      vfWith({ guestAddress: on(2, { function: 1 }) }),
      { message: 'Interface "ua-vf" is function 1; the VF of a pair must be function 0 of a single-function device.' },
    ],
    [
      vfWith({ guestAddress: on(2, { multifunction: true }) }),
      {
        message:
          'Interface "ua-vf" is function 0 of a multifunction device; the VF of a pair must be function 0 of a single-function device.',
      },
    ],
  ],
  keeps: [
    pair,
    vfWith({ guestAddress: undefined }),
    vfWith({ guestAddress: on(2, { multifunction: false }) }),
    standbyWith({ guestAddress: on(1, { function: 1 }) }),
  ],
});

rule("teaming-primary-alone-in-slot", {
  breaks: [
    [
      vfWith({ guestAddress: on(1, { function: 1 }) }),
      {
        message:
          'Interface "ua-vf" shares its PCI slot with another device (Interface "ua-standby"); the VF of a pair needs a slot of its own.',
      },
    ],
  ],
  keeps: [
    pair,
    vfWith({ guestAddress: undefined }),
    domain({ ...standby, guestAddress: undefined }, { ...vf, guestAddress: undefined }),
    vfWith({ guestAddress: on(1, { domain: 1 }) }),
    vfWith({ guestAddress: on(1, { slot: 1 }) }),
    domain(standby, vf, { ...other, guestAddress: on(1) }),
  ],
});

rule("teaming-vf-driver-vfio", {
  breaks: [
    [vfWith({ driver: "kvm" }), { message: 'Interface "ua-vf" has driver "kvm"; a VF is assigned with vfio only.' }],
  ],
  keeps: [pair, vfWith({ driver: undefined }), standbyWith({ driver: "vhost" })],
});

rule("teaming-vf-no-filter", {
  breaks: [
    [
      vfWith({ filter: "clean-traffic" }),
      { message: 'Interface "ua-vf" is a VF with <filterref> "clean-traffic", which libvirt ignores.' },
    ],
  ],
  keeps: [pair, standbyWith({ filter: "clean-traffic" })],
});

rule("teaming-vf-no-bandwidth", {
  breaks: [
    [
      vfWith({ bandwidth: true }),
      { message: 'Interface "ua-vf" is a VF with <bandwidth>, with which libvirt refuses to start the VM.' },
    ],
  ],
  keeps: [pair, vfWith({ bandwidth: false }), standbyWith({ bandwidth: true })],
});

rule("teaming-vf-no-vlan-trunk", {
  breaks: [
    [
      vfWith({ vlanTrunk: true }),
      { message: 'Interface "ua-vf" is a VF with a VLAN trunk, with which libvirt refuses to start the VM.' },
    ],
  ],
  keeps: [pair, vfWith({ vlanTrunk: false }), standbyWith({ vlanTrunk: true })],
});

rule("teaming-vf-no-mtu", {
  breaks: [
    [
      vfWith({ mtu: 1500 }),
      {
        message: `Interface "ua-vf" is a VF with <mtu> 1500, which is not supported: the guest uses the standby's MTU.`,
      },
    ],
  ],
  keeps: [pair],
});

rule("teaming-vf-link-up", {
  breaks: [
    [
      vfWith({ link: "down" }),
      { message: `Interface "ua-vf" is a VF with <link state='down'/>, which libvirt ignores.` },
    ],
  ],
  keeps: [pair, vfWith({ link: undefined }), standbyWith({ link: "down" })],
});

rule("teaming-vf-once", {
  breaks: [
    [
      domain(standby, vf, { ...vf, alias: "ua-vf2" }),
      { message: 'VF 0000:03:10.0 is used by more than one device: Interface "ua-vf", Interface "ua-vf2".' },
    ],
    [
      domain(vf, { ...hostdev, alias: undefined }),
      { message: 'VF 0000:03:10.0 is used by more than one device: Interface "ua-vf", Host device number 2.' },
    ],
  ],
  keeps: [
    pair,
    domain(standby, vf, { ...vf, source: "0000:03:10.4" }),
    domain({ ...vf, source: undefined }, { ...vf, source: undefined }),
    domain({ ...standby, source: "br0" }, { ...standby, source: "br0" }),
  ],
});

rule("teaming-vf-not-rtl8139", {
  breaks: [
    [
      vfWith({ type: "network", model: "rtl8139" }),
      {
        message:
          'Interface "ua-vf" is a VF of a libvirt network with model "rtl8139": libvirt would put it on a conventional PCI bridge.',
      },
    ],
  ],
  keeps: [
    pair,
    vfWith({ type: "network", model: "virtio" }),
    vfWith({ type: "network", model: "virtio-non-transitional" }),
    vfWith({ type: "network" }),
    vfWith({ model: "rtl8139" }),
    domain({ ...other, type: "network", model: "rtl8139" }),
  ],
});

rule("teaming-vf-model-written", {
  breaks: [
    [
      vfWith({ type: "network", guestAddress: undefined }),
      {
        message:
          'Interface "ua-vf" is a VF of a libvirt network with neither model nor address: on a host without that network libvirt would choose model rtl8139.',
      },
    ],
  ],
  keeps: [
    vfWith({ type: "network" }),
    vfWith({ type: "network", guestAddress: undefined, model: "virtio" }),
    vfWith({ guestAddress: undefined }),
    domain({ ...other, type: "network" }),
  ],
});

rule("teaming-standby-link-up", {
  breaks: [[standbyWith({ link: "down" }), { message: 'Interface "ua-standby" is a standby with its link down.' }]],
  keeps: [pair, standbyWith({ link: undefined }), vfWith({ link: "down" })],
});

// --- the destination's XML

const migrationRule = examplesOf(migrationXmlRules);
const keepIt = "If the VM's definition was edited during the move, retry when the edit is finished.";

function moved(...target: TeamingDevice[]): MigrationXmlFacts {
  return { source: domain(other, standby, hostdev), target: domain(...target) };
}

const unchanged = moved(other, standby, { ...hostdev, source: "0000:05:10.2" });

it("lets a domain move with another VF", () => {
  expect(evaluate(migrationXmlRules, unchanged)).toEqual([]);
});

migrationRule("migration-xml-nic-count", {
  breaks: [
    [
      moved(other, hostdev),
      { message: "The domain has 2 interfaces, but the destination's XML has 1.", remedy: keepIt },
    ],
  ],
  keeps: [unchanged, moved(other, standby)],
});

migrationRule("migration-xml-hostdev-count", {
  breaks: [
    [moved(other, standby), { message: "The domain has 1 hostdev, but the destination's XML has 0.", remedy: keepIt }],
  ],
  keeps: [unchanged, moved(hostdev)],
});

migrationRule("migration-xml-mac", {
  breaks: [
    [
      moved(other, { ...standby, mac: "52:54:00:11:22:55" }, hostdev),
      {
        message: `Interface "ua-standby" has MAC address ${mac}, but 52:54:00:11:22:55 in the destination\'s XML.`,
        remedy: keepIt,
      },
    ],
    [
      moved(other, { ...standby, mac: undefined }, hostdev),
      { message: `Interface "ua-standby" has MAC address ${mac}, but none in the destination\'s XML.` },
    ],
  ],
  keeps: [
    {
      source: domain({ ...other, mac: "52:54:00:aa:bb:cc" }),
      target: domain({ ...other, mac: "52:54:00:AA:BB:CC" }),
    },
    moved(other),
  ],
});

migrationRule("migration-xml-model", {
  breaks: [
    [
      moved(other, { ...standby, model: "e1000e" }, hostdev),
      { message: 'Interface "ua-standby" has model virtio, but e1000e in the destination\'s XML.' },
    ],
  ],
  keeps: [unchanged],
});

migrationRule("migration-xml-mtu", {
  breaks: [
    [
      moved({ ...other, mtu: 9000 }, standby, hostdev),
      { message: 'Interface "net0" has MTU none, but 9000 in the destination\'s XML.' },
    ],
  ],
  keeps: [unchanged],
});

migrationRule("migration-xml-guest-address", {
  breaks: [
    [
      moved(other, standby, { ...hostdev, guestAddress: on(2, { domain: 1, slot: 3, function: 4 }) }),
      { message: 'Host device "ua-vf" has guest address pci 0:2:0.0, but pci 1:2:3.4 in the destination\'s XML.' },
    ],
    [
      moved(other, { ...standby, guestAddress: undefined }, hostdev),
      { message: 'Interface "ua-standby" has guest address pci 0:1:0.0, but none in the destination\'s XML.' },
    ],
  ],
  keeps: [unchanged],
});

migrationRule("migration-xml-alias", {
  breaks: [
    [
      moved(other, { ...standby, alias: "ua-x" }, hostdev),
      { message: 'Interface "ua-standby" has alias ua-standby, but ua-x in the destination\'s XML.' },
    ],
  ],
  keeps: [unchanged],
});

migrationRule("migration-xml-teaming", {
  breaks: [
    [
      moved(other, { ...standby, teaming: undefined }, { ...hostdev, teaming: { type: "transient", persistent: "x" } }),
      { message: 'Interface "ua-standby" has teaming persistent, but none in the destination\'s XML.' },
      {
        message: 'Host device "ua-vf" has teaming transient ua-standby, but transient x in the destination\'s XML.',
      },
    ],
  ],
  keeps: [unchanged],
});
