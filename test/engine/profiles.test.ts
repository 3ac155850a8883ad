import { beforeEach, describe, expect, it } from "vitest";
import {
  addNic,
  addProfile,
  findProfile,
  listProfiles,
  removeProfile,
  updateProfile,
  type EngineClient,
  type EngineProfile,
  type ProfileWrite,
} from "../../provider/backends/ovirt/rest/index.js";
import { element } from "../../provider/xml/element.js";
import { idOf, startEngine } from "./engine.js";
import { newId, type Network, type Vm } from "./model.js";
import { refusal } from "./refusal.js";
import type { TestEngine } from "./server.js";

const noSuch = "00000000-0000-0000-0000-000000000000";

let engine: TestEngine;
let client: EngineClient;
let data: string;
let dataVf: string;

beforeEach(async () => {
  ({ engine, client } = await startEngine());
  data = idOf(engine, "networks", "data");
  dataVf = idOf(engine, "networks", "data-vf");
});

/** A pair of profiles as the feature page has it. */
async function pair(): Promise<{ standby: EngineProfile; fast: EngineProfile }> {
  const standby = await addProfile(client, { name: "data", network: data });
  const fast = await addProfile(client, passthrough({ failover: standby.id }));
  return { standby, fast };
}

function passthrough(more: ProfileWrite = {}): ProfileWrite & { name: string; network: string } {
  return { name: "fast", network: dataVf, passThrough: "enabled", migratable: true, ...more } as never;
}

function changed(name: string, change: Partial<Network>): void {
  const network = engine.model.networks.get(idOf(engine, "networks", name));
  if (network !== undefined) engine.model.networks.set(network.id, { ...network, ...change });
}

const adding = "Cannot add VM network interface profile. ";
const editing = "Cannot edit VM network interface profile. ";

describe("a profile is added", () => {
  it("as it was asked for, with the engine's default filter on a virtio profile", async () => {
    const { standby, fast } = await pair();
    expect(standby).toMatchObject({
      passThrough: "disabled",
      networkFilter: idOf(engine, "networkFilters", "vdsm-no-mac-spoofing"),
    });
    expect(standby.migratable).toBeUndefined();
    expect(fast).toMatchObject({ passThrough: "enabled", migratable: true, failover: standby.id });
    expect(fast.networkFilter).toBeUndefined();
    expect((await listProfiles(client)).filter(({ name }) => name !== "ovirtmgmt")).toEqual([standby, fast]);
  });

  const refused: readonly {
    readonly rule: string;
    readonly prepare?: () => unknown;
    readonly profile: () => ProfileWrite;
    readonly status: number;
    readonly id: string;
    readonly text: string;
  }[] = [
    {
      rule: "networkQosExistsOrNull",
      profile: () => ({ qos: noSuch }),
      status: 400,
      id: "ACTION_TYPE_FAILED_NETWORK_QOS_NOT_EXISTS",
      text: "The specified Network QoS doesn't exist.",
    },
    {
      rule: "vnicProfileForVmNetworkOnly",
      prepare: () => changed("data", { vmNetwork: false }),
      profile: () => ({}),
      status: 400,
      id: "ACTION_TYPE_FAILED_CANNOT_ADD_VNIC_PROFILE_TO_NON_VM_NETWORK",
      text: `${adding}VM network interface profiles cannot be added to a non-VM network. Please make sure the network is a VM network.`,
    },
    {
      rule: "vnicProfileNameNotUsed",
      prepare: () => addProfile(client, { name: "new", network: data }),
      profile: () => ({}),
      status: 409,
      id: "ACTION_TYPE_FAILED_VNIC_PROFILE_NAME_IN_USE",
      text: `${adding}The VM network interface profile's name is already used by an existing profile for the same network.\n-Please choose a different name.`,
    },
    {
      rule: "portMirroringNotSetIfExternalNetwork",
      profile: () => ({ network: idOf(engine, "networks", "ext"), portMirroring: true }),
      status: 400,
      id: "ACTION_TYPE_FAILED_EXTERNAL_NETWORK_CANNOT_BE_PORT_MIRRORED",
      text: `${adding}External network cannot be used when port mirroring is set.`,
    },
    {
      rule: "validateCustomProperties",
      profile: () => ({ customProperties: { SecurityGroups: "", queues: "4" } }),
      status: 400,
      id: "ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_KEYS",
      text: "Cannot add VM network interface profile if some of the specified custom properties are not configured by the system. The keys are: queues",
    },
    ...["portMirroring", "qos", "networkFilter"].map((property) => ({
      rule: `passthroughProfileContainsSupportedProperties, ${property}`,
      profile: () => ({
        passThrough: "enabled" as const,
        ...(property === "portMirroring" ? { portMirroring: true } : {}),
        ...(property === "qos" ? { qos: idOf(engine, "qos", "limited") } : {}),
        ...(property === "networkFilter" ? { networkFilter: idOf(engine, "networkFilters", "clean-traffic") } : {}),
      }),
      status: 400,
      id: "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_CONTAINS_NOT_SUPPORTED_PROPERTIES",
      text: `${adding}'Port Mirroring,'Qos' and 'Network Filter' are not supported on passthrough profiles.`,
    })),
    {
      rule: "passthroughProfileNoPortIsolation",
      prepare: () => changed("data", { portIsolation: true }),
      profile: () => ({ passThrough: "enabled" }),
      status: 400,
      id: "ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_NOT_SUPPORTS_PORT_ISOLATION",
      text: `${adding}Networks with Port Isolation enabled are not supported on passthrough profiles.`,
    },
    {
      rule: "validNetworkFilterId",
      profile: () => ({ networkFilter: noSuch }),
      status: 400,
      id: "ACTION_TYPE_FAILED_INVALID_VNIC_PROFILE_NETWORK_FILTER_ID",
      text: `${adding}vNIC profile 'new' has an invalid network filter id '${noSuch}'.`,
    },
    {
      rule: "validFailoverId, missing, before the check on the profile itself",
      profile: () => ({ failover: noSuch }),
      status: 400,
      id: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_ID_IS_NOT_VALID",
      text: `${adding}Failover must be valid non-passthrough vNIC profile.`,
    },
  ];

  it.each(refused)("$rule", async ({ prepare, profile, status, id, text }) => {
    await prepare?.();
    const fault = await refusal(addProfile(client, { name: "new", network: data, ...profile() } as never));
    expect(fault).toMatchObject({ status, reason: "Operation Failed", detail: text, messageId: id });
  });

  it("validFailoverId, passthrough target", async () => {
    const target = await addProfile(client, passthrough({ name: "vf" }));
    const fault = await refusal(addProfile(client, passthrough({ failover: target.id })));
    expect(fault).toMatchObject({
      status: 400,
      detail: `${adding}Failover must be valid non-passthrough vNIC profile.`,
    });
  });

  it("validFailoverId, target on an external network", async () => {
    const target = await addProfile(client, { name: "ext", network: idOf(engine, "networks", "ext") });
    const fault = await refusal(addProfile(client, { name: "new", network: data, failover: target.id }));
    expect(fault).toMatchObject({
      status: 400,
      detail: `${adding}Failover vNIC profile based on external network is not supported.`,
      messageId: "ACTION_TYPE_FAILED_FAILOVER_VNIC_PROFILE_NOT_SUPPORTED_WITH_EXTERNAL_NETWORK",
    });
  });

  it.each<[string, ProfileWrite]>([
    ["virtio", { passThrough: "disabled" }],
    ["not migratable", { migratable: false }],
    ["migratable left out, which means false", { migratable: undefined }],
  ])("validFailoverId, the profile itself is %s", async (_, change) => {
    const standby = await addProfile(client, { name: "data", network: data });
    const fault = await refusal(addProfile(client, passthrough({ failover: standby.id, ...change })));
    expect(fault).toMatchObject({
      status: 400,
      detail: `${adding}Failover vNIC profile is supported only for migratable passthrough vNIC profiles.`,
      messageId: "ACTION_TYPE_FAILED_FAILOVER_IS_SUPPORTED_ONLY_FOR_MIGRATABLE_PASSTROUGH",
    });
  });

  it("not without a name or a network, nor on a network that is not there", async () => {
    const incomplete = await refusal(client.post("/vnicprofiles", element("vnic_profile")));
    expect(incomplete).toMatchObject({
      status: 400,
      reason: "Input validation failed.",
      detail: "Parameter 'profile.name' is mandatory but was not provided.",
    });
    const lost = await refusal(addProfile(client, { name: "new", network: noSuch }));
    expect(lost).toMatchObject({ status: 404, detail: `Entity not found: Network: id=${noSuch}` });
  });

  it("with one name on two networks, and by upper and lower case on one", async () => {
    await addProfile(client, { name: "data", network: data });
    await addProfile(client, { name: "Data", network: data });
    await addProfile(client, { name: "data", network: dataVf });
    expect((await listProfiles(client)).filter(({ name }) => name !== "ovirtmgmt")).toHaveLength(3);
  });

  it("by its network too", async () => {
    const body = element("vnic_profile", {}, [element("name", {}, "data")]);
    const added = await client.post(`/networks/${data}/vnicprofiles`, body);
    const listed = [];
    for await (const profile of client.list(`/networks/${data}/vnicprofiles`)) listed.push(profile);
    expect(listed).toEqual([added]);
  });
});

describe("a profile is edited", () => {
  it("by merging: what is not said stays", async () => {
    const { fast } = await pair();
    const edited = await updateProfile(client, fast.id, { description: "SR-IOV" });
    expect(edited).toEqual({ ...fast, description: "SR-IOV" });
  });

  it("so that an empty filter and QoS clear, and an empty failover is ignored", async () => {
    const { fast } = await pair();
    const limited = await addProfile(client, { name: "limited", network: data, qos: idOf(engine, "qos", "limited") });
    expect(limited.networkFilter).toBeDefined();
    expect(await updateProfile(client, limited.id, { networkFilter: null, qos: null })).toMatchObject({
      networkFilter: undefined,
      qos: undefined,
    });
    const emptied = await client.put(`/vnicprofiles/${fast.id}`, element("vnic_profile", {}, [element("failover")]));
    expect(emptied.children.find(({ name }) => name === "failover")?.attributes).toMatchObject({ id: fast.failover });
  });

  it("into a passthrough profile only when the default filter goes", async () => {
    const { id } = await addProfile(client, { name: "data", network: data });
    const fault = await refusal(updateProfile(client, id, { passThrough: "enabled" }));
    expect(fault.messageId).toBe("ACTION_TYPE_FAILED_PASSTHROUGH_PROFILE_CONTAINS_NOT_SUPPORTED_PROPERTIES");
    expect(await updateProfile(client, id, { passThrough: "enabled", networkFilter: null })).toMatchObject({
      passThrough: "enabled",
      migratable: false,
    });
  });

  it("not out of passthrough or migratable while it has a failover", async () => {
    const { fast } = await pair();
    for (const change of [{ passThrough: "disabled" as const }, { migratable: false }]) {
      expect(await refusal(updateProfile(client, fast.id, change))).toMatchObject({
        status: 400,
        detail: `${editing}Failover vNIC profile is supported only for migratable passthrough vNIC profiles.`,
      });
    }
  });

  it("not onto itself as failover, nor onto another network", async () => {
    const { fast, standby } = await pair();
    expect(await refusal(updateProfile(client, fast.id, { failover: fast.id }))).toMatchObject({
      status: 400,
      detail: `${editing}Failover vNIC profile cannot point to itself.`,
    });
    expect(await refusal(updateProfile(client, standby.id, { network: dataVf }))).toMatchObject({
      status: 400,
      detail: `${editing}VM network interface profile's network cannot be changed.`,
    });
  });

  it("not at all while it acts as failover, not even its description", async () => {
    const { standby } = await pair();
    await addProfile(client, passthrough({ name: "faster", failover: standby.id }));
    expect(await refusal(updateProfile(client, standby.id, { description: "standby" }))).toMatchObject({
      status: 400,
      detail: `${editing}Profile is selected as failover for: \tfast,\n\tfaster.`,
      messageId: "ACTION_TYPE_FAILED_UPDATE_OF_FAILOVER_PROFILE_IS_NOT_SUPPORTED",
    });
  });

  it.each<[string, ProfileWrite]>([
    ["failover", { failover: "other" }],
    ["port mirroring", { portMirroring: true }],
    ["passthrough", { passThrough: "enabled", networkFilter: null }],
  ])("in its %s only while no VM uses it, running or not", async (property, change) => {
    const { fast, standby } = await pair();
    const other = await addProfile(client, { name: "other", network: data });
    const used = property === "failover" ? fast : other;
    await addNic(client, idOf(engine, "vms", "db"), {
      name: "nic1",
      profile: used.id,
      interface: used === fast ? "pci_passthrough" : "virtio",
    });
    const wanted = property === "failover" ? { failover: other.id } : change;
    expect(await refusal(updateProfile(client, used.id, wanted))).toMatchObject({
      status: 409,
      detail: `${editing}This VM network interface profile is used by virtual machine:  \tdb.\n - Please remove it from this virtual machine and try again.`,
      messageId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_ONE_USE",
    });
    expect((await findProfile(client, fast.id))?.failover).toBe(standby.id);
  });
});

describe("a profile is removed", () => {
  it("also under the feet of those that name it as failover, whose failover is cleared", async () => {
    const { fast, standby } = await pair();
    await removeProfile(client, standby.id);
    expect(await findProfile(client, standby.id)).toBeUndefined();
    expect((await findProfile(client, fast.id))?.failover).toBeUndefined();
  });

  it("only when no VM uses it; more than five are not named", async () => {
    const { id } = await addProfile(client, { name: "data", network: data });
    const [db] = [...engine.model.vms.values()].filter(({ name }) => name === "db");
    for (let number = 1; number <= 6; number += 1) {
      const vm = { ...db, id: newId(), name: `vm${number}`, nics: [], devices: [] } as unknown as Vm;
      engine.model.vms.set(vm.id, vm);
      await addNic(client, vm.id, { name: "nic1", profile: id });
    }
    expect(await refusal(removeProfile(client, id))).toMatchObject({
      status: 409,
      detail:
        "Cannot remove VM network interface profile. This VM network interface profile is used by virtual machines (6): \tvm1,\n\tvm2,\n\tvm3,\n\tvm4,\n\tvm5,\n\t...\n - Please detach virtual machines using this profile and try again.",
      messageId: "ACTION_TYPE_FAILED_VNIC_PROFILE_IN_MANY_USES",
    });
  });

  it("only when no template uses it", async () => {
    const { id } = await addProfile(client, { name: "data", network: data });
    engine.model.templates.set("t", { id: "t", name: "small", profiles: [id] });
    expect(await refusal(removeProfile(client, id))).toMatchObject({
      status: 409,
      detail: expect.stringContaining("is used by template:  \tsmall.") as string,
    });
  });
});

it("profiles are not searched: whatever is asked for, there is none", async () => {
  await pair();
  const search = async (query: string) => {
    const names = [];
    for await (const profile of client.list("/vnicprofiles", { search: query, parameters: { max: "1" } })) {
      names.push(profile.children[0]?.text);
    }
    return names;
  };
  for (const query of ["name=fast", "sortby name desc", "sortby name asc page 1", ""]) {
    expect(await search(query)).toEqual([]);
  }
});
