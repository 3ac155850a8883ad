/** Moves on an engine that takes its time, and that says what went wrong in events only. */
import { describe, expect, it } from "vitest";
import { vmPlacement, type VmPlacementState } from "../../../provider/handlers/ovirt/vm-placement.js";
import { vnicProfile } from "../../../provider/handlers/ovirt/vnic-profile.js";
import { element } from "../../../provider/xml/element.js";
import { newId, put } from "../../engine/model.js";
import { declarePair, declareProfiles, overEngine, standbyInputs, type OverEngine } from "./over-engine.js";

const toHost2 = { vm: "web", host: "host2" };
const arrived: VmPlacementState = { backend: "ovirt", ...toHost2, missing: [], unplugged: [] };

/** What was sent after the request to migrate. */
function afterMigrate({ engine }: OverEngine): readonly string[] {
  const { received } = engine;
  return received.slice(received.findIndex(({ path }) => path.endsWith("/migrate")) + 1).map(({ method }) => method);
}

function errorEvents({ engine }: OverEngine): readonly number[] {
  return engine.model.events.filter(({ severity }) => severity === "error").map(({ code }) => code);
}

async function messageOf(failing: Promise<unknown>): Promise<string> {
  return failing.then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe("a move on oVirt", () => {
  it("as slow as a real engine ends well, with nothing but reading in between", { timeout: 60_000 }, async () => {
    const over = await overEngine({ stepMillis: undefined });
    await declarePair(over);
    expect((await vmPlacement.create(over.context(), toHost2)).state).toEqual({ ...arrived, vmId: over.vm("web").id });
    expect(new Set(afterMigrate(over))).toEqual(new Set(["GET"]));
    expect(errorEvents(over)).toEqual([]);
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("waits for VFs that the engine plugs 3.5 s after the VM is up", { timeout: 60_000 }, async () => {
    const over = await overEngine();
    await declarePair(over);
    over.engine.disruptions.add({ kind: "replug-late", milliseconds: 3500 });
    expect((await vmPlacement.create(over.context(), toHost2)).state).toEqual({ ...arrived, vmId: over.vm("web").id });
    expect(new Set(afterMigrate(over))).toEqual(new Set(["GET"]));
    expect(errorEvents(over)).toEqual([]);
    expect(over.warnings).toEqual([]);
  });

  it("waits for a guest that releases its VF after 65 s", { timeout: 180_000 }, async () => {
    const over = await overEngine();
    await declarePair(over);
    over.engine.disruptions.add({ kind: "unplug-slow", milliseconds: 65_000 });
    expect((await vmPlacement.create(over.context(), toHost2)).state).toEqual({ ...arrived, vmId: over.vm("web").id });
    expect(over.engine.received.filter(({ path }) => path.endsWith("/migrate"))).toHaveLength(1);
    expect(new Set(afterMigrate(over))).toEqual(new Set(["GET"]));
    expect(errorEvents(over)).toEqual([]);
  });

  it("plugs nothing while the engine has not said that an earlier move is over", { timeout: 60_000 }, async () => {
    const over = await overEngine();
    const { fast } = await declarePair(over);
    over.engine.disruptions.add({ kind: "replug-late", milliseconds: 2000 });
    const host2 = [...over.engine.model.hosts.values()].find(({ name }) => name === "host2")?.id ?? "";
    const to = element("action", {}, [element("host", { id: host2 })]);
    await over.client.post(`/vms/${over.vm("web").id}/migrate`, to);
    await expect.poll(() => over.vm("web").host, { timeout: 20_000 }).toBe(host2);
    expect(over.nic("web", "nic").plugged).toBe(false);
    const { id } = over.vm("web");
    const before = { ...arrived, unplugged: [over.nic("web", "nic").id] };
    expect((await vmPlacement.update(over.context(), id, before, toHost2)).state).toEqual({
      ...arrived,
      vmId: over.vm("web").id,
    });
    expect(over.engine.received.filter(({ path }) => path.endsWith("/activate"))).toEqual([]);
    expect(over.nic("web", "nic").profile).toBe(fast);
    expect(errorEvents(over)).toEqual([]);
  });

  it("tells why the guest kept its VF, which the engine's fault does not", async () => {
    const over = await overEngine();
    await declarePair(over);
    over.engine.disruptions.add({ kind: "unplug-fails" });
    const message = await messageOf(vmPlacement.create(over.context(), toHost2));
    expect(message).toContain('Unable to migrate VM "web" to host "host2": ');
    expect(message).toContain("Failed to unplug Network Interface nic (PCI Passthrough) from VM web.");
    expect(message).toContain("Migration failed (VM: web, Source: host1, Destination: host2)");
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
  });

  it("that another user cancels is reported as cancelled", async () => {
    const over = await overEngine({ stepMillis: "manual" });
    await declarePair(over);
    const moving = messageOf(vmPlacement.create(over.context(), toHost2));
    await expect.poll(() => over.vm("web").status, { timeout: 20_000 }).toBe("migrating");
    await over.client.post(`/vms/${over.vm("web").id}/cancelmigration`, element("action"));
    expect(await moving).toMatch(/Unable to move VM "web" to "host2".*Migration cancelled \(VM: web/s);
  });

  it("of a VM that migrates already has a remedy that fits oVirt", async () => {
    const over = await overEngine();
    over.vm("web").status = "migrating";
    const { failures } = await vmPlacement.check(over.context(), toHost2, undefined);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.reason).toContain("Administration Portal");
    expect(failures[0]?.reason).not.toContain("virsh");
  });
});

describe("what others made on the engine", () => {
  it("never stops a program: a profile named with blanks, and names with blanks around them", async () => {
    const over = await overEngine();
    const [one] = [...over.engine.model.profiles.values()];
    for (const name of ["   ", " data "]) put(over.engine.model.profiles, { ...one, id: newId(), name } as never);
    const { fast } = await declareProfiles(over);
    expect(fast).not.toBe("");
    const { id, state } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "another" });
    expect((await vnicProfile.read(over.context(), id, state))?.state).toEqual(state);
  });
});
