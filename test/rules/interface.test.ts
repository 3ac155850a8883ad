import { expect, it } from "vitest";
import {
  type InterfaceFacts,
  type LogicalNetwork,
  type Profile,
  type VmNic,
  type VmOfNic,
  evaluate,
  interfaceRules,
} from "../../provider/rules/index.js";
import { UNKNOWN, type MaybeUnknown } from "../../provider/model/unknown.js";
import { examplesOf } from "./examples.js";

const rule = examplesOf(interfaceRules);

const networks: LogicalNetwork[] = [
  { name: "data", bridge: "br0" },
  { name: "data-vf", physicalFunctions: ["eth2"] },
];
const standby: Profile = { id: "S", name: "data", network: "data", passThrough: "disabled" };
const fast: Profile = {
  id: "F",
  name: "fast",
  network: "data-vf",
  passThrough: "enabled",
  migratable: true,
  failover: "S",
};
const alone: Profile = { id: "A", name: "alone", network: "data-vf", passThrough: "enabled" };
const profiles = [standby, fast, alone];
const nic: VmNic = { name: "nic", vm: "web", profile: "F", mac: "52:54:00:12:34:56" };
const goodVm: VmOfNic = {
  running: true,
  machine: "pc-q35-9.2",
  freeRootPorts: 2,
  clusterLevel: { major: 4, minor: 6 },
  networksOnHost: ["data", "data-vf"],
  freeVfs: 1,
};

function add(
  change: Partial<MaybeUnknown<VmNic>> = {},
  { vm, ...facts }: Partial<InterfaceFacts> = {},
): InterfaceFacts {
  return {
    action: "add",
    backend: "libvirt",
    nic: { ...nic, ...change },
    others: [],
    profiles,
    networks,
    vm: { ...goodVm, ...vm },
    ...facts,
  };
}

function edit(
  stored: VmNic,
  change: Partial<MaybeUnknown<VmNic>>,
  facts: Partial<InterfaceFacts> = {},
): InterfaceFacts {
  return { ...add({}, facts), action: "edit", stored, nic: { ...stored, ...change } };
}

it("lets a good pair through", () => {
  expect(evaluate(interfaceRules, add())).toEqual([]);
});

rule("interface-profile-exists", {
  breaks: [
    [
      add({ profile: "X" }),
      { property: "profile", message: 'Interface "nic" names profile "X", which does not exist.' },
    ],
    [
      add({}, { profiles: [] }),
      { property: "profile", message: 'Interface "nic" names profile "F", which does not exist.' },
    ],
  ],
  keeps: [
    add(),
    add({ profile: UNKNOWN }, { profiles: [] }),
    add({ profile: "X" }, { profiles: UNKNOWN }),
    add({ profile: "X" }, { profiles: [standby, { ...fast, id: UNKNOWN }] }),
  ],
});

rule("interface-network-in-cluster", {
  breaks: [
    [
      add({}, { networks: [] }),
      {
        property: "profile",
        message: 'Interface "nic" needs network "data-vf" of profile "fast", which the cluster does not have.',
      },
      {
        property: "profile",
        message: 'Interface "nic" needs network "data" of profile "data", which the cluster does not have.',
      },
    ],
    [
      add({}, { networks: [{ name: "data-vf" }] }),
      {
        property: "profile",
        message: 'Interface "nic" needs network "data" of profile "data", which the cluster does not have.',
      },
    ],
    [
      add({ profile: "A" }, { networks: [] }),
      {
        property: "profile",
        message: 'Interface "nic" needs network "data-vf" of profile "alone", which the cluster does not have.',
      },
    ],
  ],
  keeps: [
    add(),
    add({ profile: "X" }, { networks: [] }),
    add({}, { networks: UNKNOWN }),
    add({}, { networks: [{ name: "data-vf" }], profiles: [{ ...fast, failover: UNKNOWN }, standby] }),
    add({}, { networks: [{ name: "data-vf" }], profiles: [fast] }),
    add({ profile: "A" }, { networks: [], profiles: [{ ...alone, network: UNKNOWN }] }),
  ],
});

rule("interface-passthrough-linked", {
  breaks: [
    [
      add({ linked: false }),
      { property: "linked", message: 'Interface "nic" is a VF, whose link cannot be set down from outside the guest.' },
    ],
  ],
  keeps: [
    add({ linked: true }),
    add({ linked: UNKNOWN }),
    add({ linked: false, profile: "S" }),
    add({ linked: false, profile: "X" }),
  ],
});

rule("interface-free-vf", {
  breaks: [
    [
      add({}, { vm: { freeVfs: 0 } }),
      {
        property: "profile",
        message: 'Interface "nic" needs a VF of network "data-vf", and none is free on the host of VM "web".',
      },
    ],
    [
      edit({ ...nic, plugged: false }, { plugged: true }, { vm: { freeVfs: 0 } }),
      {
        property: "profile",
        message: 'Interface "nic" needs a VF of network "data-vf", and none is free on the host of VM "web".',
      },
    ],
  ],
  keeps: [
    add(),
    add({ plugged: false }, { vm: { freeVfs: 0 } }),
    add({ plugged: UNKNOWN }, { vm: { freeVfs: 0 } }),
    add({ profile: "S" }, { vm: { freeVfs: 0 } }),
    add({ profile: "X" }, { vm: { freeVfs: 0 } }),
    edit(nic, {}, { vm: { freeVfs: 0 } }),
  ],
});

rule("interface-network-on-host", {
  breaks: [
    [
      add({}, { vm: { networksOnHost: ["data-vf"] } }),
      {
        property: "profile",
        message: 'Interface "nic" needs network "data" of profile "data", which the host of VM "web" does not have.',
      },
    ],
    [
      add({}, { vm: { networksOnHost: [] } }),
      {
        property: "profile",
        message: 'Interface "nic" needs network "data-vf" of profile "fast", which the host of VM "web" does not have.',
      },
      {
        property: "profile",
        message: 'Interface "nic" needs network "data" of profile "data", which the host of VM "web" does not have.',
      },
    ],
  ],
  keeps: [
    add(),
    add({}, { vm: { networksOnHost: undefined } }),
    add({ plugged: false }, { vm: { networksOnHost: [] } }),
    edit(nic, {}, { vm: { networksOnHost: [] } }),
    add({ profile: "A" }, { vm: { networksOnHost: [] }, profiles: [{ ...alone, network: UNKNOWN }] }),
  ],
});

rule("interface-failover-cluster-level", {
  breaks: [
    [
      add({}, { vm: { clusterLevel: { major: 4, minor: 5 } } }),
      {
        property: "profile",
        message:
          'Profile "fast" of interface "nic" has a failover, which needs cluster level 4.6; the cluster of VM "web" has level 4.5.',
      },
    ],
    [
      add({}, { vm: { clusterLevel: { major: 3, minor: 7 } } }),
      {
        property: "profile",
        message:
          'Profile "fast" of interface "nic" has a failover, which needs cluster level 4.6; the cluster of VM "web" has level 3.7.',
      },
    ],
  ],
  keeps: [
    add(),
    add({}, { vm: { clusterLevel: { major: 5, minor: 0 } } }),
    add({}, { vm: { clusterLevel: undefined } }),
    add({ profile: "A" }, { vm: { clusterLevel: { major: 4, minor: 5 } } }),
    add({ profile: "X" }, { vm: { clusterLevel: { major: 4, minor: 5 } } }),
    add({}, { vm: { clusterLevel: { major: 4, minor: 5 } }, profiles: [{ ...fast, failover: UNKNOWN }] }),
  ],
});

const second: VmNic = { name: "second", vm: "web", profile: "G", mac: "52:54:00:12:34:57" };
const twin: Profile = { ...fast, id: "G", name: "twin" };

rule("interface-failover-once-per-vm", {
  breaks: [
    [
      add({}, { others: [{ ...second, profile: "F" }] }),
      { property: "profile", message: 'Interfaces "nic" and "second" of VM "web" have the same failover "data".' },
    ],
    [
      add({}, { others: [second], profiles: [fast, twin] }),
      { property: "profile", message: 'Interfaces "nic" and "second" of VM "web" have the same failover "S".' },
    ],
  ],
  keeps: [
    add({}, { others: [{ ...second, profile: "A" }] }),
    add({ profile: "A" }, { others: [{ ...second, profile: "A" }] }),
    add({}, { others: [{ ...second, vm: "db", profile: "F" }] }),
    add({ vm: UNKNOWN }, { others: [{ ...second, vm: UNKNOWN, profile: "F" }] }),
    add({}, { others: [{ ...second, profile: UNKNOWN }] }),
    add({}, { others: [second], profiles: [fast, { ...twin, failover: UNKNOWN }] }),
    add({}, { others: [second], profiles: [fast, { ...twin, failover: "T" }] }),
    add({ profile: "X" }, { others: [{ ...second, profile: "X" }] }),
    add({}, { others: UNKNOWN }),
  ],
});

rule("interface-mac-unicast", {
  breaks: [
    [
      add({ mac: "01:54:00:aa:bb:cc" }),
      { property: "mac", message: 'Interface "nic" has MAC address 01:54:00:aa:bb:cc, which is multicast.' },
    ],
    [
      add({ mac: "FF:ff:ff:ff:ff:ff" }),
      { property: "mac", message: 'Interface "nic" has MAC address FF:ff:ff:ff:ff:ff, which is multicast.' },
    ],
  ],
  keeps: [add({ mac: "fe:54:00:aa:bb:cc" }), add({ mac: "01:54" }), add({ mac: undefined }), add({ mac: UNKNOWN })],
});

rule("interface-mac-not-zero", {
  breaks: [
    [
      add({ mac: "00:00:00:00:00:00" }),
      {
        property: "mac",
        message:
          'Interface "nic" has MAC address 00:00:00:00:00:00: standby and VF would get different generated addresses, and the guest would not pair them.',
      },
    ],
  ],
  keeps: [add({ mac: "00:00:00:00:00:02" }), add({ mac: undefined }), add({ mac: UNKNOWN })],
});

rule("interface-mac-once-per-vm", {
  breaks: [
    [
      add({ mac: "52:54:00:AA:BB:CC" }, { others: [second, { ...second, mac: "52:54:00:aa:bb:cc" }] }),
      {
        property: "mac",
        message:
          'Interfaces "nic" and "second" of VM "web" have the same MAC address 52:54:00:AA:BB:CC: the guest pairs devices by it.',
      },
    ],
  ],
  keeps: [
    add({}, { others: [second] }),
    add({ mac: undefined }, { others: [{ ...second, mac: undefined }] }),
    add({ mac: UNKNOWN }, { others: [{ ...second, mac: UNKNOWN }] }),
    add({}, { others: [{ ...second, mac: undefined }] }),
    add({}, { others: [{ ...second, vm: "db", mac: "52:54:00:12:34:56" }] }),
    add({}, { others: UNKNOWN }),
  ],
});

rule("interface-mac-once-in-cluster", {
  breaks: [
    [
      add({}, { others: [second, { ...second, vm: "db", mac: "52:54:00:12:34:56" }] }),
      {
        property: "mac",
        message: 'Interface "nic" of VM "web" has MAC address 52:54:00:12:34:56, and so has "second" of VM "db".',
      },
    ],
  ],
  keeps: [
    add({}, { others: [{ ...second, mac: "52:54:00:12:34:56" }] }),
    add({}, { others: [{ ...second, vm: "db" }] }),
    add({}, { others: [{ ...second, vm: UNKNOWN, mac: "52:54:00:12:34:56" }] }),
    add({ mac: undefined }, { others: [{ ...second, vm: "db", mac: undefined }] }),
    add({ mac: UNKNOWN }, { others: [{ ...second, vm: "db", mac: UNKNOWN }] }),
    add({}, { others: [{ ...second, vm: "db", mac: undefined }] }),
  ],
});

const bridged = { device: 'bridge NIC net0 on bridge "br0"', mac: "52:54:00:12:34:56", adoptable: false };
const whole = { device: "the pair of standby ua-s and VF 0000:01:10.0 (ua-vf)", adoptable: true };

rule("interface-devices-free-on-vm", {
  breaks: [
    [
      add({}, { vm: { inTheWay: [bridged] } }),
      {
        property: "mac",
        message:
          'VM "web" has bridge NIC net0 on bridge "br0" already, with MAC address 52:54:00:12:34:56, which interface "nic" would duplicate.',
        remedy: "Unplug it first, or give the interface another address.",
      },
    ],
    [
      add({}, { vm: { inTheWay: [whole, { ...whole, mac: "52:54:00:12:34:56" }] } }),
      {
        property: "mac",
        message:
          'VM "web" has the pair of standby ua-s and VF 0000:01:10.0 (ua-vf) already, which interface "nic" would duplicate.',
        remedy: "Take it over with adopt: true, or unplug it first.",
      },
      {
        property: "mac",
        message:
          'VM "web" has the pair of standby ua-s and VF 0000:01:10.0 (ua-vf) already, with MAC address 52:54:00:12:34:56, which interface "nic" would duplicate.',
        remedy: 'Take it over with adopt: true and mac: "52:54:00:12:34:56", or unplug it first.',
      },
    ],
  ],
  keeps: [add(), add({}, { vm: { inTheWay: [] } })],
});

rule("interface-adopted-like-profile", {
  breaks: [
    [
      add({}, { vm: { differences: ["its VF has VLAN 42", "its standby is elsewhere"] } }),
      {
        property: "profile",
        message:
          'Interface "nic" can\'t take over the pair with MAC address 52:54:00:12:34:56 of VM "web": its VF has VLAN 42; its standby is elsewhere.',
      },
    ],
  ],
  keeps: [add(), add({}, { vm: { differences: [] } })],
});

rule("interface-vf-plain", {
  breaks: [
    [
      add({}, { profiles: [{ ...fast, networkFilter: "clean", qos: "gold", portMirroring: true }] }),
      ...["networkFilter", "qos", "portMirroring"].map((setting) => ({
        property: "profile",
        message: `Interface "nic" is a VF, but its profile "fast" has ${setting}, which has no effect on a VF.`,
        remedy: `Remove ${setting} from the profile.`,
      })),
    ],
  ],
  keeps: [
    add(),
    add({ profile: "X" }),
    add({}, { profiles: [{ ...fast, networkFilter: UNKNOWN, qos: UNKNOWN, portMirroring: UNKNOWN }] }),
    add({ profile: "S" }, { profiles: [{ ...standby, networkFilter: "clean", qos: "gold", portMirroring: true }] }),
  ],
});

rule("interface-vf-has-standby", {
  breaks: [
    [
      add({ profile: "A" }),
      {
        property: "profile",
        message:
          'Profile "alone" of interface "nic" has no failover: VM "web" cannot be moved while it has this interface.',
      },
    ],
    [
      add({ profile: "A" }, { backend: "ovirt" }),
      {
        property: "profile",
        message:
          'Profile "alone" of interface "nic" has no failover: VM "web" will have no network on this interface during a move.',
      },
    ],
  ],
  keeps: [add(), add({ profile: "S" }), add({ profile: "X" }), add({}, { profiles: [{ ...fast, failover: UNKNOWN }] })],
});

rule("interface-machine-q35", {
  breaks: [
    [
      add({}, { vm: { machine: "pc-i440fx-9.2" } }),
      {
        property: "vm",
        message: 'Interface "nic" needs PCI Express, but VM "web" has machine type "pc-i440fx-9.2".',
      },
    ],
  ],
  keeps: [
    add(),
    add({}, { vm: { machine: "q35" } }),
    add({}, { vm: { machine: undefined } }),
    add({ profile: "A" }, { vm: { machine: "pc" } }),
    add({ profile: "X" }, { vm: { machine: "pc" } }),
  ],
});

rule("interface-free-root-port", {
  breaks: [
    [
      add({}, { vm: { freeRootPorts: 1 } }),
      {
        property: "vm",
        message: 'Interface "nic" needs 2 free pcie-root-ports, but running VM "web" has 1.',
      },
    ],
    [
      add({ profile: "A" }, { vm: { freeRootPorts: 0 } }),
      {
        property: "vm",
        message: 'Interface "nic" needs 1 free pcie-root-port, but running VM "web" has 0.',
      },
    ],
    [
      add({}, { vm: { freeRootPorts: 1, fixedRootPorts: 4 } }),
      {
        property: "vm",
        message: `Interface "nic" needs 2 free pcie-root-ports, but running VM "web" has 1. 4 more cannot be used while it runs (<target hotplug='off'/>).`,
      },
    ],
  ],
  keeps: [
    add({}, { vm: { freeRootPorts: 2 } }),
    add({ profile: "A" }, { vm: { freeRootPorts: 1 } }),
    add({}, { vm: { freeRootPorts: 0, running: false } }),
    add({}, { vm: { freeRootPorts: undefined } }),
    add({}, { vm: { freeRootPorts: 0 }, backend: "ovirt" }),
    add({ plugged: false }, { vm: { freeRootPorts: 0 } }),
    add({ profile: "X" }, { vm: { freeRootPorts: 0 } }),
    edit(nic, {}, { vm: { freeRootPorts: 0 } }),
  ],
});
