import { beforeEach, describe, expect, it } from "vitest";
import { PartialFailure } from "../../../provider/handlers/handler.js";
import type { VmInterfaceInputs } from "../../../provider/handlers/inputs/vm-interface.js";
import { vmInterface, type VmInterfaceState } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { migrateVm } from "../../../provider/backends/ovirt/rest/index.js";
import { idOf } from "../../engine/engine.js";
import { start, stop } from "../../engine/commands/power.js";
import {
  administrator,
  declarePair,
  declareProfiles,
  fastInputs,
  overEngine,
  standbyInputs,
  urn,
  type OverEngine,
} from "./over-engine.js";

let over: OverEngine;
beforeEach(async () => {
  over = await overEngine();
});

const base: Omit<VmInterfaceInputs, "profile"> = { vm: "web", plugged: true, linked: true };
const at = { urn: urn("VmInterface", "nic") };

async function failuresOf(news: unknown, olds?: VmInterfaceInputs, more: object = at) {
  return (await vmInterface.check(over.context(more), news, olds)).failures;
}

/** The engine migrates the VM and leaves it without its VF. */
async function loseVf() {
  over.engine.disruptions.add({ kind: "vf-not-replugged" });
  await migrateVm(over.client, over.vm("web").id, idOf(over.engine, "hosts", "host2"));
  await expect.poll(() => over.engine.model.events.some(({ code }) => code === 63), { timeout: 20_000 }).toBe(true);
}

describe("check", () => {
  it("lets a pair be, and asks the engine for its cluster's level", async () => {
    const { fast } = await declareProfiles(over);
    expect(await failuresOf({ vm: "web", profile: fast })).toEqual([]);
    const old = await overEngine({}, { cluster: "old" });
    const profiles = await declareProfiles(old);
    const { failures } = await vmInterface.check(old.context(at), { vm: "legacy", profile: profiles.fast });
    expect(failures).toMatchObject([
      { property: "profile", reason: expect.stringContaining("cluster level 4.6") as string },
    ]);
  });

  it("refuses what the rules refuse", async () => {
    const { fast } = await declarePair(over);
    expect(await failuresOf({ vm: "web", profile: "00000000-0000-4000-8000-000000000000" })).toMatchObject([
      { property: "profile" },
    ]);
    expect(await failuresOf({ vm: "db", profile: fast, linked: false })).toMatchObject([{ property: "linked" }]);
    expect(await failuresOf({ vm: "db", profile: fast, mac: "01:00:5e:00:00:01" })).toMatchObject([
      { property: "mac" },
    ]);
    // The standby's alias is made of the failover profile.
    expect(
      await failuresOf({ vm: "web", profile: fast }, undefined, { urn: urn("VmInterface", "second") }),
    ).toMatchObject([{ property: "profile", reason: expect.stringContaining("same failover") as string }]);
  });

  it("has nothing to say of what is not known yet, or of a VM that is yet to be made", async () => {
    expect(await failuresOf({ vm: "web", profile: UNKNOWN })).toEqual([]);
    const { fast } = await declareProfiles(over);
    expect(await failuresOf({ vm: "new", profile: fast })).toEqual([]);
    expect(over.warnings.at(-1)).toContain('no VM "new" yet');
  });

  it("refuses a VM of another cluster", async () => {
    const { fast } = await declareProfiles(over);
    await expect(failuresOf({ vm: "legacy", profile: fast })).rejects.toThrow(/not in cluster "lab"/);
  });

  it("only warns where no VF is seen to be free", async () => {
    const { fast } = await declareProfiles(over);
    for (const host of over.engine.model.hosts.values())
      for (const nic of host.nics) if (nic.physicalFunction !== undefined) nic.usedBy = "db";
    expect(await failuresOf({ vm: "web", profile: fast })).toEqual([]);
    expect(over.warnings.join()).toContain("none is free");
  });

  it("lets a plugged VF be replaced", async () => {
    const { inputs, fast } = await declarePair(over, { mac: "52:54:00:00:00:01" });
    expect(await failuresOf({ vm: "web", profile: fast, mac: "52:54:00:00:00:02" }, inputs)).toEqual([]);
  });
});

describe("an interface", () => {
  it("is made as a pair: one NIC of the engine's, two devices", async () => {
    const { id, state, fast, standby } = await declarePair(over);
    const nic = over.nic("web", "nic");
    expect(nic).toMatchObject({ interface: "pci_passthrough", profile: fast, plugged: true });
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    expect(id).toBe(`${over.vm("web").id}/${nic.id}`);
    expect(state).toEqual({
      backend: "ovirt",
      vm: "web",
      vmId: over.vm("web").id,
      profile: fast,
      mac: nic.mac,
      macMadeUp: true,
      host: "host1",
      vf: "0000:05:10.0",
      aliases: [`ua-${standby}`, `ua-${nic.id}`],
      missing: [],
    });
    const diff = await vmInterface.diff(over.context(), id, state, { ...base, profile: fast });
    expect(diff.changes).toBe(false);
  });

  it("of a virtio profile is a virtio NIC, whose link goes down and up", async () => {
    const { id: profile } = await vnicProfile.create(over.context(), standbyInputs);
    const { id, state } = await vmInterface.create(over.context(), { ...base, profile });
    expect(over.nic("web", "nic").interface).toBe("virtio");
    const next = await vmInterface.update(over.context(), id, state, { ...base, profile, linked: false });
    expect(next.state.linked).toBe(false);
    expect(over.nic("web", "nic").linked).toBe(false);
  });

  it("is unplugged, plugged and removed", async () => {
    const { id, state, inputs } = await declarePair(over);
    const out = await vmInterface.update(over.context(), id, state, { ...inputs, plugged: false });
    expect(out.state).toMatchObject({ plugged: false, missing: [] });
    expect(out.state).not.toHaveProperty("vf");
    expect(over.kinds("web")).toEqual([]);
    await vmInterface.update(over.context(), id, out.state, inputs);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    await vmInterface.delete(over.context(), id, state);
    expect(over.vm("web").nics).toEqual([]);
    expect(over.kinds("web")).toEqual([]);
    await vmInterface.delete(over.context(), id, state);
    expect(await vmInterface.read(over.context(), id, state)).toBeUndefined();
  });

  it("of a VM that is down has no host yet", async () => {
    const { state } = await declarePair(over, { vm: "db" });
    expect(state).toMatchObject({ vm: "db", missing: [] });
    expect(state).not.toHaveProperty("host");
  });

  it("gets a name that the VM has not", async () => {
    const { fast } = await declarePair(over);
    const { id: other } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "other" });
    const { id: second } = await vnicProfile.create(over.context(), { ...fastInputs, name: "second", failover: other });
    expect(fast).not.toBe(second);
    await vmInterface.create(over.context(at), { ...base, profile: second });
    expect(over.vm("web").nics.map(({ name }) => name)).toEqual(["nic", "nic_2"]);
  });

  it("is no clash with itself where a change replaces it, and takes the old one's place", async () => {
    const { id, state, inputs } = await declarePair(over, { mac: "52:54:00:00:00:01" });
    const news = { ...inputs, mac: "52:54:00:00:00:02" };
    const command = { ...at, command: {} };
    expect(await failuresOf(news, inputs, command)).toEqual([]);
    expect(await failuresOf(news, undefined, command)).toEqual([]);
    const [failure] = await failuresOf(news, undefined, { ...at, command: {} });
    expect(failure?.reason).toContain('If NIC "nic" belongs to this resource, use adopt: true');

    const next = await vmInterface.create(over.context(command), news);
    expect(next).toMatchObject({ state: { mac: news.mac, missing: [] } });
    await vmInterface.delete(over.context(command), id, state);
    expect(over.vm("web").nics.map(({ name, mac }) => ({ name, mac }))).toEqual([{ name: "nic", mac: news.mac }]);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("that was deleted before its replacement is made takes no other NIC's place", async () => {
    const { standby: profile } = await declareProfiles(over);
    const undeclared: VmInterfaceInputs = { ...base, profile };
    const { id, state } = await vmInterface.create(over.context(at), undeclared);
    const sibling = { urn: urn("VmInterface", "sibling") };
    const { state: other } = await vmInterface.create(over.context(sibling), undeclared);
    const ctx = over.context({ ...at, command: {} });
    const news = { ...undeclared, mac: "56:6f:00:00:00:77" };
    expect((await vmInterface.check(ctx, news, undeclared)).failures).toEqual([]);
    await vmInterface.delete(ctx, id, state);
    await vmInterface.create(ctx, news);
    const macs = over.vm("web").nics.map(({ mac }) => mac.toLowerCase());
    expect(macs).toEqual(expect.arrayContaining([other.mac, news.mac]));
  });

  it("that was added is in the state, also where the engine does not tell more of it", async () => {
    const { fast } = await declareProfiles(over);
    over.engine.disruptions.add({
      kind: "forbidden",
      method: "GET",
      path: `/vnicprofiles/${fast}`,
      times: 1,
      status: 400,
    });
    const made: unknown = await vmInterface
      .create(over.context(at), { ...base, profile: fast })
      .catch((error: unknown) => error);
    expect(made).toBeInstanceOf(PartialFailure);
    const { nics, id: owner } = over.vm("web");
    const [nic] = nics.filter(({ name }) => name === "nic");
    expect(made).toMatchObject({
      id: `${owner}/${nic?.id ?? ""}`,
      state: { vm: "web", profile: fast, mac: nic?.mac.toLowerCase() },
    });
  });

  it("of a VM that was renamed keeps its state, and is not changed", async () => {
    const { id, state, inputs } = await declarePair(over);
    Object.assign(over.vm("web"), { name: "web2" });
    const read = await vmInterface.read(over.context(at), id, state);
    expect(read?.state).toMatchObject({ vm: "web", missing: [expect.stringContaining('it is called "web2" now')] });
    expect(read?.inputs).toMatchObject({ vm: "web" });
    const refused = vmInterface.update(over.context(at), id, read?.state ?? state, inputs);
    await expect(refused).rejects.toMatchObject({ problem: { code: "vm-is-another" } });
    expect(over.vm("web2").nics).not.toEqual([]);
  });

  it("comes back where the one that replaces it cannot be added", async () => {
    const { inputs } = await declarePair(over, { vm: "db", mac: "52:54:00:00:00:01" });
    const command = { ...at, command: {} };
    const news = { ...inputs, mac: "52:54:00:00:00:02" };
    await failuresOf(news, inputs, command);
    over.engine.disruptions.add({ kind: "reset", method: "POST", path: `/vms/${over.vm("db").id}/nics` });
    await expect(vmInterface.create(over.context(command), news)).rejects.toThrow(/engine/);
    expect(over.vm("db").nics).toEqual([expect.objectContaining({ name: "nic", mac: inputs.mac })]);
  });

  it("that is taken over stays when its predecessor is deleted in that command", async () => {
    const { id, state, inputs } = await declarePair(over, { mac: "52:54:00:00:00:01" });
    const command = { ...at, command: {} };
    await vmInterface.create(over.context(command), { ...inputs, adopt: true });
    await vmInterface.delete(over.context(command), id, state);
    expect(over.vm("web").nics).toHaveLength(1);
  });

  it("is taken over by its MAC where that is asked for", async () => {
    const mac = "52:54:00:00:00:01";
    const { id, inputs } = await declarePair(over, { mac });
    await expect(vmInterface.create(over.context(at), inputs)).rejects.toThrow(/adopt: true/);
    expect(await failuresOf({ ...inputs, adopt: true })).toEqual([]);
    const taken = await vmInterface.create(over.context(at), { ...inputs, adopt: true });
    expect(taken).toMatchObject({ id, state: { adopt: true, mac } });
    expect(over.vm("web").nics).toHaveLength(1);
  });

  it("that another tool unplugged is seen to drift", async () => {
    const { id, state, inputs } = await declarePair(over);
    const next = await vmInterface.update(over.context(), id, state, { ...inputs, plugged: false });
    expect(next.state.plugged).toBe(false);
    const found = await vmInterface.read(over.context(), id, state);
    expect(found?.inputs.plugged).toBe(false);
    expect((await vmInterface.diff(over.context(), id, found?.state ?? state, inputs)).changes).toBeUndefined();
  });

  it("is made once although the answer is interrupted", async () => {
    const { fast } = await declareProfiles(over);
    over.engine.disruptions.add({ kind: "cut", method: "POST", path: "/vms" });
    await vmInterface.create(over.context(at), { ...base, profile: fast });
    expect(over.vm("web").nics).toHaveLength(1);
  });

  it("is not gone when the engine does not answer", async () => {
    const { id, state } = await declarePair(over);
    over.engine.disruptions.add({ kind: "unavailable", times: 100, retryAfter: 0 });
    await expect(vmInterface.read(over.context(), id, state)).rejects.toThrow(/503/);
  });
});

describe("a NIC whose VF the engine has lost", () => {
  it("is missing its VF, can't be plugged beside its standby, and can after a power cycle", async () => {
    const { id, state, inputs } = await declarePair(over);
    await loseVf();
    const found = await vmInterface.read(over.context(), id, state);
    expect(found?.state).toMatchObject({
      plugged: false,
      host: "host2",
      missing: [expect.stringMatching(/^VF of NIC "nic"/)],
    });

    const refused = await vmInterface
      .update(over.context(), id, found?.state ?? state, inputs)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PartialFailure);
    expect((refused as PartialFailure).message).toMatch(
      /ACTIVATE_NIC_FAILED.*Shut VM "web" down, run pulumi up, and start it/s,
    );
    const saved = (refused as PartialFailure).state as VmInterfaceState;
    expect(saved.missing).toHaveLength(1);

    stop(over.engine.model, over.vm("web"), administrator);
    start(over.engine.model, over.vm("web"), administrator);
    const next = await vmInterface.update(over.context(), id, saved, inputs);
    expect(next.state).toMatchObject({ missing: [] });
    expect(next.state).not.toHaveProperty("plugged");
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("is removed with a word on its MAC, which the standby goes on using", async () => {
    const { id, state } = await declarePair(over);
    await loseVf();
    await vmInterface.delete(over.context(), id, state);
    expect(over.warnings.join()).toContain(`and its MAC ${state.mac} until it is shut down`);
    expect(over.vm("web").nics).toEqual([]);
  });

  it("is plugged for the next start while the VM is down", async () => {
    const { id, state, inputs } = await declarePair(over);
    await loseVf();
    stop(over.engine.model, over.vm("web"), administrator);
    await vmInterface.update(over.context(), id, state, inputs);
    expect(over.kinds("web")).toEqual([]);
    start(over.engine.model, over.vm("web"), administrator);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });
});

describe("an answer that a proxy gives in the engine's place", () => {
  it.each([502, 504] as const)("(%d) to an addition, a plug and an unplug is followed", async (status) => {
    const { fast } = await declareProfiles(over);
    const { id: vm } = over.vm("web");
    over.engine.disruptions.add({ kind: "proxy-error", method: "POST", path: `/vms/${vm}/nics`, status });
    const { id, state } = await vmInterface.create(over.context(at), { ...base, profile: fast });
    expect(over.vm("web").nics).toHaveLength(1);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    for (const plugged of [false, true]) {
      over.engine.disruptions.add({ kind: "proxy-error", method: "POST", path: `/vms/${vm}/nics`, status });
      await vmInterface.update(over.context(), id, state, { ...base, profile: fast, plugged });
      expect(over.nic("web", "nic").plugged).toBe(plugged);
    }
    const posts = over.engine.received.filter(({ method, path }) => method === "POST" && path.includes("/nics"));
    expect(posts).toHaveLength(3);
  });

  it("to a plug that failed is an error at once", async () => {
    const { id, state, inputs } = await declarePair(over);
    await loseVf();
    over.engine.disruptions.add({
      kind: "proxy-error",
      method: "POST",
      path: `/vms/${over.vm("web").id}/nics`,
      status: 504,
    });
    await expect(vmInterface.update(over.context(), id, state, inputs)).rejects.toThrow(
      /Failed to plug Network Interface nic/,
    );
  });

  it("to a profile's addition is followed", async () => {
    over.engine.disruptions.add({ kind: "proxy-error", method: "POST", path: "/vnicprofiles", status: 504 });
    const { id } = await vnicProfile.create(over.context(), standbyInputs);
    expect(over.engine.model.profiles.get(id)).toMatchObject({ name: "data" });
  });
});

describe("a VM whose NICs the engine does not change", () => {
  it.each(["paused", "suspended"] as const)("since it is %s is refused, at preview too", async (status) => {
    const { fast } = await declareProfiles(over);
    over.vm("web").status = status;
    expect(await failuresOf({ vm: "web", profile: fast })).toEqual([
      { property: "vm", reason: expect.stringContaining(`it is in status ${status}`) as string },
    ]);
    await expect(vmInterface.create(over.context(at), { ...base, profile: fast })).rejects.toMatchObject({
      problem: { code: "vm-status" },
    });
    expect(over.engine.received.filter(({ method, path }) => method === "POST" && path.endsWith("/nics"))).toEqual([]);
  });

  it("yet is waited for", async () => {
    const { fast } = await declareProfiles(over);
    over.vm("web").status = "powering_up";
    expect(await failuresOf({ vm: "web", profile: fast })).toEqual([]);
    expect(over.warnings.join()).toContain("in status powering_up: pulumi up waits");
    setTimeout(() => (over.vm("web").status = "up"), 300);
    await vmInterface.create(over.context(at), { ...base, profile: fast });
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });
});

describe("an answer that is lost while the engine is still at it", () => {
  const impatient = (path: string, milliseconds = 1500) =>
    over.engine.disruptions.add({ kind: "proxy-impatient", method: "POST", path, milliseconds });
  const posts = (end: string) =>
    over.engine.received.filter(({ method, path }) => method === "POST" && path.endsWith(end)).length;

  it("to an addition is followed, and the NIC is made once", async () => {
    const { fast } = await declareProfiles(over);
    impatient(`/vms/${over.vm("web").id}/nics`);
    const { state } = await vmInterface.create(over.context(at), { ...base, profile: fast });
    expect(state.mac).toBe(over.nic("web", "nic").mac);
    expect(over.vm("web").nics).toMatchObject([{ plugged: true }]);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    expect(posts("/nics")).toBe(1);
  });

  it("to a plug and an unplug is followed, and nothing is sent twice", async () => {
    const { id, state, inputs } = await declarePair(over);
    impatient(`/vms/${over.vm("web").id}/nics/`);
    const out = await vmInterface.update(over.context(), id, state, { ...inputs, plugged: false });
    expect([over.nic("web", "nic").plugged, over.kinds("web")]).toEqual([false, []]);
    impatient(`/vms/${over.vm("web").id}/nics/`);
    await vmInterface.update(over.context(), id, out.state, inputs);
    expect([over.nic("web", "nic").plugged, over.kinds("web")]).toEqual([true, ["bridge", "hostdev"]]);
    expect([posts("/deactivate"), posts("/activate")]).toEqual([1, 1]);
  });

  it("is told with the engine's reason where it failed, and soon", { timeout: 20_000 }, async () => {
    const { id, state, inputs } = await declarePair(over);
    // The standby is there still, and libvirt takes no second one.
    await loseVf();
    impatient(`/vms/${over.vm("web").id}/nics/`);
    const plugging = vmInterface.update(over.context(), id, state, inputs);
    await expect(plugging).rejects.toThrow(
      /Unable to plug NIC "nic" of VM "web": Failed to plug Network Interface nic .*Failed to update Interface nic/,
    );
    expect(over.nic("web", "nic").plugged).toBe(false);
  });
});
