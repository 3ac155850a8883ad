import { beforeEach, describe, expect, it } from "vitest";
import {
  activateNic,
  addNic,
  addProfile,
  deactivateNic,
  findNic,
  freeVirtualFunctions,
  listNics,
  removeNic,
  reportedDevices,
  updateNic,
  type EngineClient,
  type EngineNic,
  type EngineProfile,
} from "../../provider/backends/ovirt/rest/index.js";
import { element } from "../../provider/xml/element.js";
import { idOf, startEngine } from "./engine.js";
import { refusal } from "./refusal.js";
import type { TestEngine } from "./server.js";

let engine: TestEngine;
let client: EngineClient;
let standby: EngineProfile;
let fast: EngineProfile;
let web: string;
let db: string;

beforeEach(async () => {
  ({ engine, client } = await startEngine());
  web = idOf(engine, "vms", "web");
  db = idOf(engine, "vms", "db");
  standby = await addProfile(client, { name: "data", network: idOf(engine, "networks", "data") });
  fast = await addProfile(client, {
    name: "fast",
    network: idOf(engine, "networks", "data-vf"),
    passThrough: "enabled",
    migratable: true,
    failover: standby.id,
  });
});

function addVf(vm: string, name = "nic1"): Promise<EngineNic> {
  return addNic(client, vm, { name, interface: "pci_passthrough", profile: fast.id });
}

function freeVfs(host = "host1") {
  return freeVirtualFunctions(client, idOf(engine, "hosts", host), fast.network);
}

describe("a NIC with failover", () => {
  it("is one NIC in the API and two devices in the VM, of one MAC, the standby's alias made of its profile's id", async () => {
    const nic = await addVf(web);
    expect(await listNics(client, web)).toEqual([nic]);
    expect(nic).toMatchObject({ plugged: true, linked: true, interface: "pci_passthrough", profile: fast.id });
    expect(engine.devices("web")).toEqual([
      { alias: `ua-${nic.id}`, mac: nic.mac, kind: "hostdev", vf: expect.any(String) as string },
      { alias: `ua-${standby.id}`, mac: nic.mac, kind: "bridge" },
    ]);
    expect(await freeVfs()).toHaveLength(3);
    const reported = await reportedDevices(client, web, nic.id);
    expect(reported).toHaveLength(3);
    expect(new Set(reported.map(({ mac }) => mac))).toEqual(new Set([nic.mac]));
  });

  it("of a VM that is down has no device until it is started, and gives its VF back when it is stopped", async () => {
    await addVf(db);
    expect(engine.devices("db")).toEqual([]);
    await client.post(`/vms/${db}/start`, element("action"));
    expect(engine.devices("db").map(({ kind }) => kind)).toEqual(["hostdev", "bridge"]);
    await client.post(`/vms/${db}/stop`, element("action"));
    expect(engine.devices("db")).toEqual([]);
    expect(await freeVfs()).toHaveLength(4);
  });

  it("is unplugged and plugged as a whole", async () => {
    const { id } = await addVf(web);
    await deactivateNic(client, web, id);
    expect(engine.devices("web")).toEqual([]);
    expect((await findNic(client, web, id))?.plugged).toBe(false);
    expect(await freeVfs()).toHaveLength(4);
    await activateNic(client, web, id);
    expect(engine.devices("web")).toHaveLength(2);
  });

  it("comes up without its standby when the failover profile was removed, and leaves an orphan behind", async () => {
    const { id } = await addVf(web);
    await client.delete(`/vnicprofiles/${standby.id}`);
    await deactivateNic(client, web, id);
    expect(engine.devices("web").map(({ alias }) => alias)).toEqual([`ua-${standby.id}`]);
    await activateNic(client, web, id);
    expect(engine.devices("web").map(({ kind }) => kind)).toEqual(["bridge", "hostdev"]);
  });

  it("does not come a second time with the same failover profile: the standby's alias is taken, the VF goes again", async () => {
    await addVf(web, "nic1");
    const fault = await refusal(addVf(web, "nic2"));
    expect(fault).toMatchObject({
      status: 400,
      detail: "Failed to activate VM Network Interface.",
      messageId: "ACTIVATE_NIC_FAILED",
    });
    expect(await listNics(client, web)).toHaveLength(1);
    expect(engine.devices("web")).toHaveLength(2);
    expect(await freeVfs()).toHaveLength(3);
  });

  it("is removed only unplugged or with the VM down", async () => {
    const { id } = await addVf(web);
    expect(await refusal(removeNic(client, web, id))).toMatchObject({
      status: 409,
      detail: "Cannot remove Interface. The VM Network Interface is plugged to a running VM.",
    });
    await deactivateNic(client, web, id);
    await removeNic(client, web, id);
    expect(await listNics(client, web)).toEqual([]);
  });
});

describe("a NIC is refused", () => {
  it("with failover in a cluster below 4.6, when it is added and when it is edited", async () => {
    const legacy = idOf(engine, "vms", "legacy");
    const text = "Interface. VM interface with failover vNIC profile is supported only in cluster level >= 4.6.";
    const id = "ACTION_TYPE_FAILED_VM_INTERFACE_WITH_FAILOVER_IS_SUPPORTED_ONLY_IN_CLUSTER_4_6_AND_ABOVE";
    expect(await refusal(addVf(legacy))).toMatchObject({ status: 400, detail: `Cannot add ${text}`, messageId: id });
    const plain = await addProfile(client, { name: "plain", network: fast.network, passThrough: "enabled" });
    const nic = await addNic(client, legacy, { name: "nic1", interface: "pci_passthrough", profile: plain.id });
    expect(await refusal(updateNic(client, legacy, nic.id, { profile: fast.id }))).toMatchObject({
      status: 400,
      detail: `Cannot edit ${text}`,
    });
  });

  it("whose type does not match its profile, either way", async () => {
    const text =
      "Cannot add Interface. The network interface type doesn't match the profile. Virtual machine interface of type 'PCI Passthrough' should have 'Passthrough' profile and vice versa.";
    for (const nic of [
      { name: "nic1", profile: fast.id },
      { name: "nic1", profile: standby.id, interface: "pci_passthrough" as const },
    ]) {
      expect(await refusal(addNic(client, db, nic))).toMatchObject({
        status: 409,
        detail: text,
        messageId: "ACTION_TYPE_FAILED_VM_INTERFACE_TYPE_NOT_MATCH_PROFILE",
      });
    }
  });

  it("as a VF that is not linked", async () => {
    const unlinked = { name: "nic1", profile: fast.id, interface: "pci_passthrough" as const, linked: false };
    expect(await refusal(addNic(client, db, unlinked))).toMatchObject({
      status: 400,
      detail: "Cannot add Interface. Unlinking of 'passthrough' vm network interface is not supported.",
    });
  });

  it("of a profile that is not there, or on a network that is not in the cluster", async () => {
    const noSuch = { name: "nic1", profile: "00000000-0000-0000-0000-000000000000" };
    expect(await refusal(addNic(client, db, noSuch))).toMatchObject({
      status: 400,
      detail: "Cannot add Interface. The specified VM network interface profile doesn't exist.",
    });
    engine.model.clusters.get(idOf(engine, "clusters", "lab"))?.networks.delete(standby.network);
    expect(await refusal(addNic(client, db, { name: "nic1", profile: standby.id }))).toMatchObject({
      status: 409,
      detail: "The specified Logical Network doesn't exist in the current Cluster.",
      messageId: "NETWORK_NOT_EXISTS_IN_CURRENT_CLUSTER",
    });
    // The failover's network is not asked for.
    expect(await addVf(db)).toMatchObject({ profile: fast.id });
  });

  it("of a name or MAC that is taken", async () => {
    const { mac } = await addNic(client, db, { name: "nic1", profile: standby.id });
    expect(await refusal(addNic(client, db, { name: "nic1", profile: standby.id }))).toMatchObject({
      status: 409,
      detail: "Network interface name is already in use",
    });
    const same = { name: "nic1", profile: standby.id, mac: mac.toUpperCase() };
    expect(await refusal(addNic(client, web, same))).toMatchObject({
      status: 409,
      detail: `MAC Address ${mac.toUpperCase()} is already in use by VM or snapshot: db.`,
    });
  });

  it("where no VF is free: it is not added, nor plugged", async () => {
    for (const nic of engine.model.hosts.get(idOf(engine, "hosts", "host1"))?.nics ?? []) {
      if (nic.physicalFunction !== undefined) nic.usedBy = "another VM";
    }
    const suitable =
      "There is no free virtual function which is suitable for virtual nic nic1. A virtual function is considered as suitable if the VF's configuration of its physical function contains the virtual nic's network/network label.";
    expect(await refusal(addVf(web))).toMatchObject({
      status: 400,
      detail: `Cannot add Interface. ${suitable}`,
      messageId: "CANNOT_PLUG_PASSTHROUGH_VNIC_NO_SUITABLE_VF",
    });
    expect(await listNics(client, web)).toEqual([]);
    const unplugged = { name: "nic1", interface: "pci_passthrough" as const, profile: fast.id, plugged: false };
    const { id } = await addNic(client, web, unplugged);
    expect(await refusal(activateNic(client, web, id))).toMatchObject({ detail: `Cannot edit Interface. ${suitable}` });
    expect((await findNic(client, web, id))?.plugged).toBe(false);
  });

  it("on a host that does not have its network, which is asked only of virtio", async () => {
    for (const nic of engine.model.hosts.get(idOf(engine, "hosts", "host1"))?.nics ?? []) nic.network = undefined;
    expect(await refusal(addNic(client, web, { name: "nic1", profile: standby.id }))).toMatchObject({
      status: 409,
      detail:
        "The Network does not exist on the host the VM is running on.\n Either add the Network to the Host, migrate the VM to a Host that has this Network, or add the vNic as unplugged.",
    });
    await addVf(web, "nic2");
    expect(engine.devices("web")).toHaveLength(2);
  });

  it("any change while it is a VF plugged into a running VM, except to unplug it", async () => {
    const { id } = await addVf(web);
    expect(await refusal(updateNic(client, web, id, { name: "renamed" }))).toMatchObject({
      status: 409,
      detail:
        "Cannot edit Interface. Updating some of the properties is not supported while the interface is plugged into a running virtual machine. Please un-plug the interface, update the properties, and then plug it back.",
      messageId: "CANNOT_PERFORM_HOT_UPDATE",
    });
    expect(await updateNic(client, web, id, { plugged: false, name: "renamed" })).toMatchObject({
      plugged: false,
      name: "renamed",
    });
  });
});

it("a virtio NIC is edited in a running VM, and its MAC is not", async () => {
  const other = await addProfile(client, { name: "other", network: standby.network });
  const { id } = await addNic(client, web, { name: "nic1", profile: standby.id });
  expect(await updateNic(client, web, id, { profile: other.id, linked: false })).toMatchObject({
    profile: other.id,
    linked: false,
  });
  expect((await refusal(updateNic(client, web, id, { mac: "52:54:00:00:00:01" }))).messageId).toBe(
    "CANNOT_PERFORM_HOT_UPDATE",
  );
});
