/** Rules of profiles and interfaces, with libvirt. */
import { vi } from "vitest";
import { Affect } from "../../../provider/backends/libvirt/constants.js";
import type { HandlerContext } from "../../../provider/handlers/handler.js";
import type { VmInterfaceInputs } from "../../../provider/handlers/inputs/vm-interface.js";
import type { VnicProfileInputs } from "../../../provider/handlers/inputs/vnic-profile.js";
import { vmInterface } from "../../../provider/handlers/libvirt/vm-interface.js";
import { vmPlacement } from "../../../provider/handlers/libvirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/libvirt/vnic-profile.js";
import { parseXml } from "../../../provider/xml/element.js";
import { formatProfileNetwork, type ProfileRecord } from "../../../provider/backends/libvirt/xml/network.js";
import { giveDevices, standbyByHand, vfByHand } from "../../hosts/by-hand.js";
import { bridgeProfile, declarePair, declareProfiles, vfProfile } from "../../hosts/declared.js";
import {
  domainXml,
  withTwoHosts,
  type HostsOptions,
  labNetworks,
  occupy,
  vfs,
  vm,
  type LabLike,
} from "../../hosts/two-hosts.js";
import { without } from "../../hosts/without.js";
import { raises, refusalOf } from "./raises.js";

vi.mock("../../../provider/rules/rule.js", async (original) => {
  const { noting } = await import("./noting.js");
  return noting(await original());
});

type More = Partial<HandlerContext>;

/** What the user reads of two hosts' cluster. */
function within(act: (lab: LabLike) => Promise<unknown>, options: HostsOptions = {}): Promise<string> {
  return withTwoHosts(options, async (lab) => {
    const said = await act(lab);
    return [typeof said === "string" ? said : "", ...lab.progress.warnings, ...lab.progress.infos].join("\n");
  });
}

const reasons = (failures: readonly { readonly reason: string }[]) => failures.map(({ reason }) => reason).join("\n");

async function profile(lab: LabLike, news: unknown, olds?: VnicProfileInputs, more: More = {}): Promise<string> {
  return reasons((await vnicProfile.check(lab.context(more), news, olds)).failures);
}

async function nic(lab: LabLike, news: unknown, olds?: VmInterfaceInputs, more: More = {}): Promise<string> {
  return reasons((await vmInterface.check(lab.context(more), news, olds)).failures);
}

const urn = (kind: string, name: string) => `urn:pulumi:dev::demo::vnic:${kind}::${name}`;
const nobodys = "00000000-0000-4000-8000-000000000000";
const otherMac = "52:54:00:aa:00:51";
const db = { name: "db", uuid: "11111111-2222-4333-8444-000000000051" };

/** A profile that another tool, or another version, has left on the hosts. */
function leaveProfile(lab: LabLike, parts: Partial<ProfileRecord>): string {
  const id = "22222222-2222-4333-8444-000000000001";
  const record: ProfileRecord = { ...bridgeProfile, id, name: "left", ...parts };
  for (const { networks } of lab.hosts)
    networks.define(formatProfileNetwork(record, { bridge: "br0", physicalFunction: "pf0" }));
  return id;
}

// --- profiles

raises("profile-network-exists", () => within((lab) => profile(lab, { ...bridgeProfile, network: "nowhere" })));

raises("profile-name-unique-on-network", () =>
  within(async (lab) => {
    await declareProfiles(lab);
    return profile(lab, bridgeProfile);
  }),
);

raises("profile-passthrough-plain", () => within((lab) => profile(lab, { ...vfProfile, qos: "gold" })));

raises("failover-not-itself", () =>
  within(async (lab) => {
    const { profile: id, standbyProfile } = await declareProfiles(lab);
    return profile(lab, { ...vfProfile, failover: id }, { ...vfProfile, failover: standbyProfile });
  }),
);

raises("failover-exists", () => within((lab) => profile(lab, { ...vfProfile, failover: nobodys })));

raises("failover-is-virtio", () =>
  within(async (lab) => {
    const { profile: failover } = await declareProfiles(lab);
    return profile(lab, { ...vfProfile, name: "b", failover });
  }),
);

raises("failover-migratable-written", () =>
  within(async (lab) => {
    const { standbyProfile: failover } = await declareProfiles(lab);
    return profile(lab, { ...without(vfProfile, "migratable"), name: "b", failover });
  }),
);

raises("failover-on-migratable-passthrough", () =>
  within(async (lab) => {
    const { standbyProfile: failover } = await declareProfiles(lab);
    return profile(lab, { ...vfProfile, name: "b", migratable: false, failover });
  }),
);

raises("profile-passthrough-network-has-pf", () => within((lab) => profile(lab, { ...vfProfile, network: "data" })));

raises("profile-virtio-network-has-bridge", () =>
  within((lab) => profile(lab, { ...bridgeProfile, network: "data-vf" })),
);

raises("failover-mtu-matches", () =>
  within(
    async (lab) => {
      const { standbyProfile: failover } = await declareProfiles(lab);
      await profile(lab, { ...vfProfile, name: "b", failover });
    },
    { networks: { ...labNetworks, "data-vf": { physicalFunctions: ["pf0"], mtu: 9000 } } },
  ),
);

raises("profile-exists", () =>
  within((lab) => profile(lab, { ...bridgeProfile, description: "changed" }, bridgeProfile)),
);

// Pulumi makes a replacement of it, and asks no provider for such an update.
raises("profile-network-fixed", () =>
  within(async (lab) => {
    const { profile: id, standbyProfile: failover } = await declareProfiles(lab);
    const state = { ...vfProfile, failover, differsOn: [] };
    return refusalOf(vnicProfile.update(lab.context(), id, state, { ...vfProfile, failover, network: "data" }));
  }),
);

raises("profile-port-mirroring-fixed-in-use", () =>
  within(async (lab) => {
    const { standbyProfile: failover } = await declarePair(lab);
    return profile(lab, { ...vfProfile, failover, portMirroring: true }, { ...vfProfile, failover });
  }),
);

raises("profile-passthrough-fixed-in-use", () =>
  within(async (lab) => {
    const { standbyProfile: failover } = await declarePair(lab);
    return profile(lab, { ...vfProfile, failover, passThrough: "disabled" }, { ...vfProfile, failover });
  }),
);

raises("failover-profile-fixed", () =>
  within(async (lab) => {
    await declareProfiles(lab);
    return profile(lab, { ...bridgeProfile, description: "changed" }, bridgeProfile);
  }),
);

raises("profile-failover-fixed-in-use", () =>
  within(async (lab) => {
    const { standbyProfile: failover } = await declarePair(lab);
    const { id: other } = await vnicProfile.create(lab.context(), { ...bridgeProfile, name: "other" });
    return profile(lab, { ...vfProfile, failover: other }, { ...vfProfile, failover });
  }),
);

raises("profile-removed-unused", () =>
  within(async (lab) => {
    const { profile: id, standbyProfile: failover } = await declarePair(lab);
    return refusalOf(vnicProfile.delete(lab.context(), id, { ...vfProfile, failover, differsOn: [] }));
  }),
);

raises("profile-removed-not-standby", () =>
  within(async (lab) => {
    const { standbyProfile } = await declarePair(lab);
    return refusalOf(vnicProfile.delete(lab.context(), standbyProfile, { ...bridgeProfile, differsOn: [] }));
  }),
);

raises("profile-removed-not-failover", () =>
  within(async (lab) => {
    const { standbyProfile } = await declareProfiles(lab);
    return refusalOf(vnicProfile.delete(lab.context(), standbyProfile, { ...bridgeProfile, differsOn: [] }));
  }),
);

// --- interfaces

raises("interface-profile-exists", () => within((lab) => nic(lab, { vm: "web", profile: nobodys })));

raises("interface-network-in-cluster", () =>
  within((lab) => nic(lab, { vm: "web", profile: leaveProfile(lab, { network: "elsewhere" }) })),
);

raises("interface-passthrough-linked", () =>
  within(async (lab) => nic(lab, { vm: "web", profile: (await declareProfiles(lab)).profile, linked: false })),
);

raises("interface-free-vf", () =>
  within(async (lab) => {
    const { profile } = await declareProfiles(lab);
    for (const vf of lab.host1.devices.virtualFunctions()) occupy(vf);
    return nic(lab, { vm: "web", profile });
  }),
);

raises("interface-failover-once-per-vm", () =>
  within(async (lab) => nic(lab, { vm: "web", profile: (await declarePair(lab)).profile, mac: otherMac })),
);

raises("interface-mac-unicast", () =>
  within(async (lab) =>
    nic(lab, { vm: "web", profile: (await declareProfiles(lab)).profile, mac: "53:54:00:aa:00:50" }),
  ),
);

raises("interface-mac-not-zero", () =>
  within(async (lab) =>
    nic(lab, { vm: "web", profile: (await declareProfiles(lab)).profile, mac: "00:00:00:00:00:00" }),
  ),
);

raises("interface-mac-once-per-vm", () =>
  within(async (lab) => nic(lab, { vm: "web", profile: (await declarePair(lab)).standbyProfile, mac: vm.mac })),
);

raises("interface-mac-once-in-cluster", () =>
  within(
    async (lab) => {
      const { standbyProfile: profile } = await declarePair(lab);
      await nic(lab, { vm: db.name, profile, mac: vm.mac }, undefined, { urn: urn("VmInterface", "db") });
    },
    { define: [domainXml(db)] },
  ),
);

raises("interface-devices-free-on-vm", () =>
  within(async (lab) => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [standbyByHand, vfByHand(vfs[0])]);
    return nic(lab, { vm: "web", profile, mac: vm.mac });
  }),
);

raises("interface-adopted-like-profile", () =>
  within(async (lab) => {
    const { profile } = await declareProfiles(lab);
    giveDevices(lab, [standbyByHand, vfByHand(vfs[0], "<vlan><tag id='42'/></vlan><alias name='ua-vf0'/>")]);
    return nic(lab, { vm: "web", profile, mac: vm.mac, adopt: true });
  }),
);

raises("interface-vf-plain", () =>
  within((lab) => nic(lab, { vm: "web", profile: leaveProfile(lab, { ...vfProfile, name: "left", qos: "gold" }) })),
);

raises("interface-vf-has-standby", () =>
  within(async (lab) => {
    const { id: profile } = await vnicProfile.create(lab.context(), vfProfile);
    await nic(lab, { vm: "web", profile });
  }),
);

raises("interface-machine-q35", () =>
  within(async (lab) => nic(lab, { vm: db.name, profile: (await declareProfiles(lab)).profile }), {
    define: [domainXml(db, "", { machine: "pc-i440fx-10.0" })],
  }),
);

raises("interface-free-root-port", () =>
  within(async (lab) => {
    const { profile } = await declareProfiles(lab);
    const web = lab.host1.domains.requireNamed("web");
    for (let device = 0; device < 5; device += 1) {
      const xml = `<disk type='network'><target dev='vd${device}'/><alias name='ua-disk${device}'/></disk>`;
      lab.host1.domains.attach(web, parseXml(xml), Affect.LIVE | Affect.CONFIG);
    }
    return nic(lab, { vm: "web", profile });
  }),
);

// --- placements

raises("placement-once-per-vm", () =>
  within(async (lab) => {
    const command = {};
    const check = (name: string) =>
      vmPlacement.check(lab.context({ command, urn: urn("VmPlacement", name) }), { vm: "web", host: "host1" });
    await check("one");
    return reasons((await check("two")).failures);
  }),
);
