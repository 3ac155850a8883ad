import { describe, expect, it } from "vitest";
import {
  type LogicalNetwork,
  type Profile,
  type ProfileFacts,
  evaluate,
  profileRules,
} from "../../provider/rules/index.js";
import { UNKNOWN, type MaybeUnknown } from "../../provider/model/unknown.js";
import { examplesOf } from "./examples.js";

const rule = examplesOf([...new Set([...profileRules.add, ...profileRules.edit, ...profileRules.remove])]);

const networks: LogicalNetwork[] = [
  { name: "data", bridge: "br0", mtu: 1500 },
  { name: "data-vf", physicalFunctions: ["eth2"], mtu: 1500 },
  { name: "outside", external: true, bridge: "br1" },
  { name: "storage", vmNetwork: false, bridge: "br2" },
  { name: "lonely", portIsolation: true, physicalFunctions: ["eth3"] },
  { name: "jumbo", physicalFunctions: ["eth4"], mtu: 9000 },
  { name: "no-pf", physicalFunctions: [] },
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
const plain: Profile = { id: "P", name: "plain", network: "data" };
const outside: Profile = { id: "O", name: "outside", network: "outside" };

function add(profile: Partial<MaybeUnknown<Profile>>, facts: Partial<ProfileFacts> = {}): ProfileFacts {
  return {
    action: "add",
    backend: "libvirt",
    profile: { ...fast, ...profile },
    others: [standby, outside],
    networks,
    usedByVms: [],
    standbyOfVms: [],
    usedByTemplates: [],
    qosNames: ["gold", "silver"],
    networkFilters: [],
    customPropertyNames: ["queues"],
    ...facts,
  };
}

function edit(
  stored: Profile,
  change: Partial<MaybeUnknown<Profile>>,
  facts: Partial<ProfileFacts> = {},
): ProfileFacts {
  return { ...add({}, facts), action: "edit", profile: { ...stored, ...change }, stored };
}

function remove(profile: Profile, facts: Partial<ProfileFacts>): ProfileFacts {
  return { ...add({}, facts), action: "remove", profile };
}

rule("profile-exists", {
  breaks: [[{ ...edit(fast, {}), stored: undefined }, { message: 'Profile "fast" no longer exists.' }]],
  keeps: [edit(fast, {})],
});

rule("profile-network-exists", {
  breaks: [
    [
      add({ network: "nowhere" }),
      { property: "network", message: 'Profile "fast" is for network "nowhere", which the cluster does not have.' },
    ],
    [
      add({ name: UNKNOWN }, { networks: [] }),
      {
        property: "network",
        message: 'Profile (not yet known) is for network "data-vf", which the cluster does not have.',
      },
    ],
  ],
  keeps: [
    add({}),
    add({ network: UNKNOWN }),
    add({ network: UNKNOWN }, { networks: [] }),
    add({ network: "nowhere" }, { networks: UNKNOWN }),
  ],
});

rule("profile-qos-exists", {
  breaks: [
    [
      add({ qos: "bronze" }),
      {
        property: "qos",
        message: 'Profile "fast" names qos "bronze", which the cluster does not have.',
        remedy: 'Name one of "gold" and "silver".',
      },
    ],
  ],
  keeps: [add({ qos: "silver" }), add({}), add({ qos: UNKNOWN }), add({ qos: "bronze" }, { qosNames: UNKNOWN })],
});

rule("profile-network-filter-exists", {
  breaks: [
    [
      add({ networkFilter: "clean" }),
      {
        property: "networkFilter",
        message: 'Profile "fast" names networkFilter "clean", which the cluster does not have.',
        remedy: "Omit it: the cluster has none.",
      },
    ],
  ],
  keeps: [
    add({}),
    add({ networkFilter: "clean" }, { networkFilters: ["clean"] }),
    add({ networkFilter: "clean" }, { networkFilters: UNKNOWN }),
  ],
});

rule("profile-custom-properties-defined", {
  breaks: [
    [
      add({ customProperties: { speed: "1", queues: "2", colour: "3" } }),
      {
        property: "customProperties",
        message: 'Profile "fast" names customProperties "speed", which the cluster does not have.',
        remedy: 'Name one of "queues".',
      },
      {
        property: "customProperties",
        message: 'Profile "fast" names customProperties "colour", which the cluster does not have.',
      },
    ],
  ],
  keeps: [
    add({ customProperties: { queues: "2" } }),
    add({}),
    add({ customProperties: UNKNOWN }),
    add({ customProperties: { speed: "1" } }, { customPropertyNames: UNKNOWN }),
  ],
});

rule("profile-on-vm-network", {
  breaks: [
    [
      add({ network: "storage" }),
      { property: "network", message: 'Profile "fast" is for network "storage", which is not a VM network.' },
    ],
  ],
  keeps: [
    add({}),
    add({ network: "unheard-of" }),
    add({ network: "storage" }, { networks: [{ name: "storage", vmNetwork: true }] }),
  ],
});

rule("profile-name-unique-on-network", {
  breaks: [
    [
      add({ name: "data", network: "data" }),
      { property: "name", message: 'Network "data" already has a profile "data".' },
    ],
    [
      edit(fast, {}, { others: [standby, { ...fast, id: UNKNOWN }] }),
      { property: "name", message: 'Network "data-vf" already has a profile "fast".' },
    ],
  ],
  keeps: [
    add({ name: "data" }),
    add({ network: "data" }),
    add({ name: "Data", network: "data" }),
    add({ name: UNKNOWN, network: "data" }, { others: [{ ...standby, name: UNKNOWN }] }),
    add({ name: "data", network: UNKNOWN }, { others: [{ ...standby, network: UNKNOWN }] }),
    add({ name: "data", network: "data" }, { others: UNKNOWN }),
  ],
});

rule("profile-network-fixed", {
  breaks: [
    [
      edit(fast, { network: "jumbo" }),
      { property: "network", message: 'Profile "fast" is on network "data-vf" and can\'t move to "jumbo".' },
    ],
  ],
  keeps: [edit(fast, {}), edit(fast, { network: UNKNOWN }), { ...edit(fast, { network: "jumbo" }), stored: undefined }],
});

rule("profile-port-mirroring-not-external", {
  breaks: [
    [
      add({ ...outside, portMirroring: true }),
      {
        property: "portMirroring",
        message: 'Profile "outside" mirrors ports, but network "outside" is external.',
      },
    ],
  ],
  keeps: [
    add({ ...outside }),
    add({ ...outside, portMirroring: UNKNOWN }),
    add({ ...plain, portMirroring: true }),
    add({ ...plain, network: "unheard-of", portMirroring: true }),
  ],
});

rule("profile-passthrough-plain", {
  breaks: [
    [
      add({ portMirroring: true, qos: "gold", networkFilter: "clean" }),
      {
        property: "portMirroring",
        message:
          "Profile \"fast\" is passthrough, so it can't have portMirroring: a VF's traffic does not pass through the host.",
        remedy: 'Omit portMirroring, or set passThrough to "disabled".',
      },
      {
        property: "qos",
        message:
          "Profile \"fast\" is passthrough, so it can't have qos: a VF's traffic does not pass through the host.",
      },
      {
        property: "networkFilter",
        message:
          "Profile \"fast\" is passthrough, so it can't have networkFilter: a VF's traffic does not pass through the host.",
      },
    ],
  ],
  keeps: [
    add({ portMirroring: false }),
    add({ ...plain, passThrough: undefined, portMirroring: true, qos: "gold", networkFilter: "clean" }),
    add({ passThrough: UNKNOWN, qos: "gold" }),
    add({ portMirroring: UNKNOWN, qos: UNKNOWN, networkFilter: UNKNOWN }),
  ],
});

rule("profile-passthrough-no-port-isolation", {
  breaks: [
    [
      add({ network: "lonely" }),
      {
        property: "passThrough",
        message: 'Profile "fast" is passthrough, but network "lonely" isolates its ports.',
      },
    ],
  ],
  keeps: [add({}), add({ network: "lonely", passThrough: "disabled" }), add({ network: "unheard-of" })],
});

rule("profile-passthrough-network-has-pf", {
  breaks: [
    [
      add({ network: "data" }),
      {
        property: "network",
        message: 'Profile "fast" is passthrough, but network "data" has no physical functions to take VFs from.',
      },
    ],
    [
      add({ network: "no-pf" }),
      {
        property: "network",
        message: 'Profile "fast" is passthrough, but network "no-pf" has no physical functions to take VFs from.',
      },
    ],
  ],
  keeps: [
    add({}),
    add({ network: "data" }, { backend: "ovirt" }),
    add({ network: "data", passThrough: "disabled" }),
    add({ network: "unheard-of" }),
  ],
});

rule("profile-virtio-network-has-bridge", {
  breaks: [
    [
      add({ ...plain, network: "data-vf", passThrough: undefined }),
      {
        property: "network",
        message: 'Profile "plain" is virtio, but network "data-vf" has no bridge to plug it into.',
      },
    ],
    [
      add({ passThrough: "disabled" }),
      {
        property: "network",
        message: 'Profile "fast" is virtio, but network "data-vf" has no bridge to plug it into.',
      },
    ],
  ],
  keeps: [
    add({ ...plain, passThrough: undefined }),
    add({}),
    add({ passThrough: UNKNOWN }),
    add({ passThrough: "disabled" }, { backend: "ovirt" }),
    add({ passThrough: "disabled", network: "unheard-of" }),
  ],
});

rule("failover-not-itself", {
  breaks: [[add({ failover: "F" }), { property: "failover", message: 'Profile "fast" names itself as its failover.' }]],
  keeps: [
    add({}),
    add({ failover: undefined }),
    add({ id: UNKNOWN, failover: UNKNOWN }),
    add({ id: UNKNOWN, failover: "F" }),
  ],
});

rule("failover-exists", {
  breaks: [
    [
      add({ failover: "X" }),
      { property: "failover", message: 'Profile "fast" names failover "X", which does not exist.' },
    ],
    [
      add({ id: UNKNOWN, failover: "X" }, { others: [] }),
      { property: "failover", message: 'Profile "fast" names failover "X", which does not exist.' },
    ],
  ],
  keeps: [
    add({}),
    add({ failover: "F" }),
    add({ failover: undefined }, { others: [] }),
    add({ failover: UNKNOWN }, { others: [] }),
    add({ failover: "X" }, { others: UNKNOWN }),
    add({ failover: "X" }, { others: [outside, { ...standby, id: UNKNOWN }] }),
  ],
});

rule("failover-is-virtio", {
  breaks: [
    [
      add({}, { others: [{ ...standby, passThrough: "enabled" }] }),
      {
        property: "failover",
        message:
          'Profile "fast" names "data" as its failover, which is passthrough: the standby of a VF must be virtio.',
      },
    ],
  ],
  keeps: [
    add({}),
    add({ failover: undefined }, { others: [{ ...standby, passThrough: "enabled" }] }),
    add({ failover: UNKNOWN }, { others: [{ ...standby, id: UNKNOWN, passThrough: "enabled" }] }),
    add({}, { others: [{ ...standby, passThrough: UNKNOWN }] }),
  ],
});

rule("failover-not-external", {
  breaks: [
    [
      add({ failover: "O" }),
      {
        property: "failover",
        message: 'Profile "fast" names "outside" as its failover, whose network "outside" is external.',
      },
    ],
  ],
  keeps: [add({}), add({ failover: undefined }), add({ failover: "O" }, { networks: UNKNOWN })],
});

rule("failover-migratable-written", {
  breaks: [
    [
      add({ migratable: undefined }),
      {
        property: "migratable",
        message: 'Profile "fast" has a failover but omits migratable, which defaults to false.',
      },
    ],
  ],
  keeps: [
    add({}),
    add({ migratable: false }),
    add({ migratable: UNKNOWN }),
    add({ migratable: undefined, failover: undefined }),
    add({ migratable: undefined, passThrough: "disabled" }),
  ],
});

rule("failover-on-migratable-passthrough", {
  breaks: [
    [
      add({ passThrough: "disabled" }),
      { property: "failover", message: 'Profile "fast" has a failover, but is not passthrough.' },
    ],
    [
      add({ passThrough: undefined, migratable: false }),
      { property: "failover", message: 'Profile "fast" has a failover, but is not passthrough.' },
    ],
    [
      add({ migratable: false }),
      { property: "failover", message: 'Profile "fast" has a failover, but is not migratable.' },
    ],
  ],
  keeps: [
    add({}),
    add({ migratable: undefined }),
    add({ passThrough: UNKNOWN, migratable: UNKNOWN }),
    add({ passThrough: "disabled", failover: undefined }),
    add({ passThrough: "disabled", failover: UNKNOWN }),
  ],
});

rule("failover-mtu-matches", {
  breaks: [
    [
      add({ network: "jumbo" }),
      {
        property: "failover",
        message:
          'The network of profile "fast" has MTU 9000, but that of its failover "data" has MTU 1500: the guest uses the standby\'s MTU for both devices.',
      },
    ],
  ],
  keeps: [
    add({}),
    add({ network: "jumbo", failover: undefined }),
    add({ network: "jumbo", failover: "O" }),
    add({ network: "lonely" }),
    add({ network: "unheard-of" }),
    add({ network: "jumbo" }, { others: [{ ...standby, network: "unheard-of" }] }),
  ],
});

rule("failover-fixes-passthrough", {
  breaks: [
    [
      edit(fast, { failover: undefined, passThrough: "disabled", migratable: false }, { backend: "ovirt" }),
      {
        property: "passThrough",
        message: `Profile "fast" must stay passthrough and migratable while it has a failover, and oVirt's REST API cannot clear a failover.`,
      },
    ],
    [
      edit(fast, { failover: undefined, migratable: false }, { backend: "ovirt" }),
      {
        property: "migratable",
        message: `Profile "fast" must stay passthrough and migratable while it has a failover, and oVirt's REST API cannot clear a failover.`,
      },
    ],
  ],
  keeps: [
    edit(fast, { failover: undefined, migratable: false }),
    edit(fast, { failover: undefined }, { backend: "ovirt" }),
    edit(fast, { failover: UNKNOWN, migratable: false }, { backend: "ovirt" }),
    edit(plain, { migratable: false }, { backend: "ovirt" }),
    { ...edit(fast, { failover: undefined, migratable: false }, { backend: "ovirt" }), action: "add" },
    { ...edit(fast, { failover: undefined, migratable: false }, { backend: "ovirt" }), stored: undefined },
  ],
});

rule("failover-not-cleared-over-rest", {
  breaks: [
    [
      edit(fast, { failover: undefined }, { backend: "ovirt" }),
      {
        property: "failover",
        message: 'The failover of profile "fast" cannot be cleared by oVirt\'s REST API.',
      },
    ],
  ],
  keeps: [
    edit(fast, { failover: undefined }),
    edit(fast, {}, { backend: "ovirt" }),
    edit(fast, { failover: UNKNOWN }, { backend: "ovirt" }),
    edit(plain, {}, { backend: "ovirt" }),
    { ...edit(fast, { failover: undefined }, { backend: "ovirt" }), action: "add" },
    { ...edit(fast, { failover: undefined }, { backend: "ovirt" }), stored: undefined },
  ],
});

rule("profile-port-mirroring-fixed-in-use", {
  breaks: [
    [
      edit(plain, { portMirroring: true }, { usedByVms: ["web"] }),
      {
        property: "portMirroring",
        message: 'Profile "plain" is used by 1 VM, "web", so its portMirroring cannot be changed.',
      },
    ],
    [
      edit({ ...plain, portMirroring: true }, { portMirroring: undefined }, { usedByVms: ["web", "db"] }),
      {
        property: "portMirroring",
        engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES",
        message: 'Profile "plain" is used by 2 VMs, "web" and "db", so its portMirroring cannot be changed.',
      },
    ],
  ],
  keeps: [
    edit(plain, { portMirroring: true }),
    edit(plain, { portMirroring: true }, { usedByVms: UNKNOWN }),
    edit(plain, { portMirroring: false }, { usedByVms: ["web"] }),
    edit(plain, { portMirroring: UNKNOWN }, { usedByVms: ["web"] }),
    { ...edit(plain, { portMirroring: true }, { usedByVms: ["web"] }), stored: undefined },
  ],
});

rule("profile-passthrough-fixed-in-use", {
  breaks: [
    [
      edit(plain, { passThrough: "enabled" }, { usedByVms: ["web", "db", "mail"] }),
      {
        property: "passThrough",
        engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES",
        message: 'Profile "plain" is used by 3 VMs, "web", "db" and "mail", so its passThrough cannot be changed.',
      },
    ],
  ],
  keeps: [
    edit(plain, { passThrough: "disabled" }, { usedByVms: ["web"] }),
    edit(standby, { passThrough: undefined }, { usedByVms: ["web"] }),
    edit(plain, { passThrough: "enabled" }),
  ],
});

rule("profile-failover-fixed-in-use", {
  breaks: [
    [
      edit(fast, { failover: undefined }, { usedByVms: ["web"] }),
      { property: "failover", message: 'Profile "fast" is used by 1 VM, "web", so its failover cannot be changed.' },
    ],
    [
      edit(fast, { failover: "O" }, { usedByVms: ["web"] }),
      { property: "failover", message: 'Profile "fast" is used by 1 VM, "web", so its failover cannot be changed.' },
    ],
  ],
  keeps: [
    edit(fast, { description: "new" }, { usedByVms: ["web"] }),
    edit(fast, { failover: UNKNOWN }, { usedByVms: ["web"] }),
    edit(fast, { failover: "O" }),
  ],
});

rule("failover-profile-fixed", {
  breaks: [
    [
      edit(standby, { description: "new" }, { others: [fast, plain, { ...fast, id: "G", name: "faster" }] }),
      {
        property: "description",
        message: 'Profile "data" acts as failover of "fast" and "faster", so its description cannot be changed.',
      },
    ],
    [
      edit(
        { ...standby, qos: "gold", customProperties: { a: "1", b: "2" } },
        {
          name: "renamed",
          network: "other",
          passThrough: "enabled",
          migratable: true,
          failover: "O",
          portMirroring: true,
          networkFilter: "clean",
          qos: undefined,
          customProperties: { a: "1", b: "3" },
        },
        { others: [fast] },
      ),
      ...[
        "name",
        "network",
        "passThrough",
        "migratable",
        "failover",
        "portMirroring",
        "networkFilter",
        "qos",
        "customProperties",
      ].map((property) => ({
        property,
        message: `Profile "data" acts as failover of "fast", so its ${property} cannot be changed.`,
      })),
    ],
    [
      edit({ ...standby, customProperties: { a: "1" } }, { customProperties: undefined }, { others: [fast] }),
      {
        property: "customProperties",
        message: 'Profile "data" acts as failover of "fast", so its customProperties cannot be changed.',
      },
    ],
  ],
  keeps: [
    edit(standby, {}, { others: [fast] }),
    edit(
      standby,
      { description: "", migratable: false, portMirroring: false, customProperties: {} },
      { others: [fast] },
    ),
    edit(
      { ...standby, customProperties: { a: "1", b: "2" } },
      { customProperties: { b: "2", a: "1" } },
      { others: [fast] },
    ),
    edit(standby, { description: UNKNOWN, customProperties: UNKNOWN }, { others: [fast] }),
    edit(standby, { description: "new" }, { others: [plain] }),
    edit(standby, { description: "new" }, { others: [{ ...fast, failover: UNKNOWN }] }),
    edit(standby, { description: "new" }, { others: UNKNOWN }),
    { ...edit(standby, { description: "new" }, { others: [fast] }), stored: undefined },
  ],
});

rule("profile-removed-unused", {
  breaks: [
    [
      remove(plain, { usedByVms: ["web"] }),
      { message: 'Profile "plain" is used by 1 VM, "web", and can\'t be removed.' },
    ],
  ],
  keeps: [remove(plain, { usedByTemplates: ["golden"] }), remove(plain, { usedByVms: UNKNOWN })],
});

rule("profile-removed-not-in-templates", {
  breaks: [
    [
      remove(plain, { usedByTemplates: ["golden", "silver"] }),
      {
        engineId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES",
        message: 'Profile "plain" is used by 2 templates, "golden" and "silver", and can\'t be removed.',
      },
    ],
  ],
  keeps: [remove(plain, { usedByVms: ["web"] }), remove(plain, { usedByTemplates: UNKNOWN })],
});

rule("profile-removed-not-standby", {
  breaks: [
    [
      remove(standby, { standbyOfVms: ["web"] }),
      { message: 'Profile "data" is the profile of the standby in 1 VM, "web", and can\'t be removed.' },
    ],
  ],
  keeps: [remove(standby, { others: [fast] }), remove(standby, { standbyOfVms: UNKNOWN })],
});

rule("profile-removed-not-failover", {
  breaks: [
    [
      remove(standby, { others: [fast, outside] }),
      { message: 'Profile "data" acts as failover of "fast" and can\'t be removed.' },
    ],
  ],
  keeps: [
    remove(plain, { others: [fast] }),
    remove(standby, { others: UNKNOWN }),
    { ...remove(standby, { others: [{ ...fast, failover: UNKNOWN }] }), profile: { ...standby, id: UNKNOWN } },
  ],
});

describe("profile rules", () => {
  // The order is the engine's: the first failure is its answer.
  it("stand in the order of AddVnicProfileCommand", () => {
    expect(profileRules.add.map(({ id }) => id)).toEqual([
      "profile-network-exists",
      "profile-qos-exists",
      "profile-on-vm-network",
      "profile-name-unique-on-network",
      "profile-port-mirroring-not-external",
      "profile-custom-properties-defined",
      "profile-passthrough-plain",
      "profile-passthrough-no-port-isolation",
      "profile-network-filter-exists",
      "failover-not-itself",
      "failover-exists",
      "failover-is-virtio",
      "failover-not-external",
      "failover-migratable-written",
      "failover-on-migratable-passthrough",
      "profile-passthrough-network-has-pf",
      "profile-virtio-network-has-bridge",
      "failover-mtu-matches",
    ]);
  });

  it("stand in the order of UpdateVnicProfileCommand", () => {
    expect(profileRules.edit.map(({ id }) => id)).toEqual([
      "profile-exists",
      "profile-name-unique-on-network",
      "profile-network-fixed",
      "profile-qos-exists",
      "profile-port-mirroring-fixed-in-use",
      "profile-port-mirroring-not-external",
      "profile-custom-properties-defined",
      "profile-passthrough-fixed-in-use",
      "profile-passthrough-plain",
      "profile-passthrough-no-port-isolation",
      "profile-network-filter-exists",
      "failover-not-itself",
      "failover-exists",
      "failover-is-virtio",
      "failover-not-external",
      "failover-migratable-written",
      "failover-on-migratable-passthrough",
      "failover-fixes-passthrough",
      "failover-profile-fixed",
      "profile-failover-fixed-in-use",
      "failover-not-cleared-over-rest",
      "profile-passthrough-network-has-pf",
      "profile-virtio-network-has-bridge",
      "failover-mtu-matches",
    ]);
  });

  it("stand in the order of RemoveVnicProfileCommand, and refuse what it lets through", () => {
    expect(profileRules.remove.map(({ id }) => id)).toEqual([
      "profile-removed-unused",
      "profile-removed-not-in-templates",
      "profile-removed-not-standby",
      "profile-removed-not-failover",
    ]);
  });

  it("let the feature page's own pair through", () => {
    expect(evaluate(profileRules.add, add({}))).toEqual([]);
    expect(evaluate(profileRules.add, { ...add({}, { others: [] }), profile: standby })).toEqual([]);
  });
});
