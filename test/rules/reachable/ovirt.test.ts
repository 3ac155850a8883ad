/** Rules that an oVirt engine's facts alone can break, and those of the engine itself. */
import { vi } from "vitest";
import type { VmInterfaceInputs } from "../../../provider/handlers/inputs/vm-interface.js";
import type { VnicProfileInputs } from "../../../provider/handlers/inputs/vnic-profile.js";
import { vmInterface } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vmPlacement } from "../../../provider/handlers/ovirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import { engineDoctor } from "../../../provider/cli/commands/ovirt/doctor.js";
import { engineOf } from "../../../provider/handlers/ovirt/session.js";
import { contextWith } from "../../cli/command-context.js";
import { named, put, type Host, type HostNic } from "../../engine/model.js";
import {
  declarePair,
  declareProfiles,
  fastInputs,
  overEngine,
  standbyInputs,
  type OverEngine,
} from "../../handlers/ovirt/over-engine.js";
import { raises, raisesByEngine, refusalOf } from "./raises.js";

vi.mock("../../../provider/rules/rule.js", async (original) => {
  const { noting } = await import("./noting.js");
  return noting(await original());
});

type Cluster = NonNullable<Parameters<typeof overEngine>[1]>["cluster"];

/** What the user reads. */
async function within(act: (over: OverEngine) => Promise<string>, cluster?: Cluster): Promise<string> {
  const over = await overEngine({}, cluster === undefined ? {} : { cluster });
  return [await act(over), ...over.warnings, ...over.infos].join("\n");
}

const reasons = (failures: readonly { readonly reason: string }[]) => failures.map(({ reason }) => reason).join("\n");

async function profile(over: OverEngine, news: unknown, olds?: VnicProfileInputs): Promise<string> {
  return reasons((await vnicProfile.check(over.context(), news, olds)).failures);
}

async function nic(over: OverEngine, news: unknown, olds?: VmInterfaceInputs): Promise<string> {
  return reasons((await vmInterface.check(over.context(), news, olds)).failures);
}

async function placement(over: OverEngine): Promise<string> {
  return reasons((await vmPlacement.check(over.context(), { vm: "web", host: "host2" })).failures);
}

async function diagnosis(over: OverEngine): Promise<string> {
  return (await engineDoctor({ ...contextWith(), engine: engineOf(over.context()) })).text;
}

const missing = (what: string): never => {
  throw new Error(`the test engine has no ${what}`);
};
const host = ({ engine }: OverEngine, name: string): Host => named(engine.model.hosts, name) ?? missing(name);
const hostNic = (of: Host, name: string): HostNic => of.nics.find((each) => each.name === name) ?? missing(name);

function network({ engine }: OverEngine, name: string, parts: { vmNetwork?: boolean; portIsolation?: boolean }): void {
  const dataCenter = named(engine.model.dataCenters, "labdc")?.id ?? "";
  const plain = { dataCenter, external: false, mtu: 0, vmNetwork: true, portIsolation: false };
  put(engine.model.networks, { ...plain, id: name, name, ...parts });
}

// --- profiles

raises("profile-qos-exists", () => within((over) => profile(over, { ...standbyInputs, qos: "gold" })));
raises("profile-on-vm-network", () =>
  within((over) => {
    network(over, "storage", { vmNetwork: false });
    return profile(over, { ...standbyInputs, network: "storage" });
  }),
);
raises("profile-port-mirroring-not-external", () =>
  within((over) => profile(over, { ...standbyInputs, network: "ext", portMirroring: true })),
);
raisesByEngine("profile-custom-properties-defined", () =>
  within((over) =>
    refusalOf(vnicProfile.create(over.context(), { ...standbyInputs, customProperties: { queues: "4" } })),
  ),
);
raises("profile-passthrough-no-port-isolation", () =>
  within((over) => {
    network(over, "isolated", { portIsolation: true });
    return profile(over, { ...fastInputs, network: "isolated" });
  }),
);
raises("profile-network-filter-exists", () =>
  within((over) => profile(over, { ...standbyInputs, networkFilter: "none-such" })),
);
raises("failover-not-external", () =>
  within(async (over) => {
    const external = { ...standbyInputs, name: "e", network: "ext" };
    const { id: failover } = await vnicProfile.create(over.context(), external);
    return profile(over, { ...fastInputs, failover });
  }),
);
raises("failover-fixes-passthrough", () =>
  within(async (over) => {
    const { standby: failover } = await declareProfiles(over);
    return profile(over, { ...fastInputs, passThrough: "disabled" }, { ...fastInputs, failover });
  }),
);
raises("failover-not-cleared-over-rest", () =>
  within(async (over) => {
    const { standby: failover } = await declareProfiles(over);
    return profile(over, fastInputs, { ...fastInputs, failover });
  }),
);
raisesByEngine("profile-removed-not-in-templates", () =>
  within(async (over) => {
    const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
    put(over.engine.model.templates, { id: "golden", name: "golden", profiles: [id] });
    return refusalOf(vnicProfile.delete(over.context(), id, state));
  }),
);

// --- interfaces

raises("interface-network-on-host", () =>
  within(async (over) => {
    const { standby } = await declareProfiles(over);
    hostNic(host(over, "host1"), "eth1").network = undefined;
    return nic(over, { vm: "web", profile: standby });
  }),
);
raises("interface-failover-cluster-level", () =>
  within(async (over) => nic(over, { vm: "legacy", profile: (await declareProfiles(over)).fast }), "old"),
);

// --- moves

raises("move-vm-status", () =>
  within((over) => {
    over.vm("web").status = "suspended";
    return placement(over);
  }),
);
raises("move-host-up", () =>
  within((over) => {
    host(over, "host2").status = "non_operational";
    return placement(over);
  }),
);
raises("move-standby-network-in-cluster", () =>
  within(async (over) => {
    await declarePair(over);
    const data = named(over.engine.model.networks, "data")?.id ?? "";
    over.engine.model.clusters.get(over.vm("web").cluster)?.networks.delete(data);
    return placement(over);
  }),
);
raises("move-vf-network", () =>
  within(async (over) => {
    await declarePair(over);
    hostNic(host(over, "host2"), "eth2").virtualFunctions?.networks.clear();
    return placement(over);
  }),
);
raises("move-passthrough-migratable", () =>
  within(async (over) => {
    const { fast } = await declarePair(over);
    Object.assign(over.engine.model.profiles.get(fast) ?? {}, { migratable: false, failover: undefined });
    return placement(over);
  }),
);
raises("move-vf-has-standby", () =>
  within(async (over) => {
    const { fast } = await declarePair(over);
    Object.assign(over.engine.model.profiles.get(fast) ?? {}, { failover: undefined });
    return placement(over);
  }),
);

// --- the engine and its hosts

raises("engine-version", () =>
  within((over) => {
    over.engine.model.version = "4.3.10.4-1.el7";
    return diagnosis(over);
  }),
);
raises("engine-cluster-level", () => within(diagnosis, "old"));
raises("engine-hosts", () =>
  within((over) => {
    host(over, "host1").status = "maintenance";
    return diagnosis(over);
  }),
);
raises("engine-host-not-failed", () =>
  within((over) => {
    host(over, "host1").status = "non_operational";
    return diagnosis(over);
  }),
);
raises("engine-host-in-maintenance", () =>
  within((over) => {
    host(over, "host2").status = "maintenance";
    return diagnosis(over);
  }),
);
raises("engine-host-vfs", () =>
  within((over) => {
    const { nics } = host(over, "host2");
    nics.splice(0, nics.length, ...nics.filter(({ physicalFunction }) => physicalFunction === undefined));
    return diagnosis(over);
  }),
);
raises("engine-vf-network", () =>
  within(async (over) => {
    await declareProfiles(over);
    hostNic(host(over, "host2"), "eth2").virtualFunctions?.networks.clear();
    return diagnosis(over);
  }),
);
raises("engine-standby-network", () =>
  within(async (over) => {
    await declareProfiles(over);
    hostNic(host(over, "host2"), "eth1").network = undefined;
    return diagnosis(over);
  }),
);
raises("engine-profile-failover", () =>
  within(async (over) => {
    await vnicProfile.create(over.context(), fastInputs);
    return diagnosis(over);
  }),
);
raises("engine-vm-without-vf", () =>
  within(async (over) => {
    await declarePair(over);
    over.engine.disruptions.add({ kind: "vf-not-replugged" });
    await refusalOf(vmPlacement.create(over.context(), { vm: "web", host: "host2" }));
    return diagnosis(over);
  }),
);
