/** Moves that others began: the engine plugs a VM's VFs later than it says that the VM is up, and takes requests meanwhile. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { migrateVm } from "../../../provider/backends/ovirt/rest/index.js";
import { withoutMigration } from "../../../provider/backends/ovirt/stable-vm.js";
import { vmInterface } from "../../../provider/handlers/ovirt/vm-interface.js";
import { vmPlacement } from "../../../provider/handlers/ovirt/vm-placement.js";
import { element } from "../../../provider/xml/element.js";
import { idOf } from "../../engine/engine.js";
import { declarePair, overEngine, urn, type OverEngine } from "./over-engine.js";

vi.setConfig({ testTimeout: 60_000 });

let over: OverEngine;
let pair: Awaited<ReturnType<typeof declarePair>>;
beforeEach(async () => {
  over = await overEngine();
  pair = await declarePair(over, { mac: "52:54:00:00:00:01" });
}, 60_000);

const hostOf = (vm: string) => over.engine.model.hosts.get(over.vm(vm).host ?? "")?.name;
const sent = (end: string) =>
  over.engine.received.filter(({ method, path }) => method !== "GET" && path.endsWith(end)).length;
const errors = () => over.engine.model.events.filter(({ severity }) => severity === "error").map(({ code }) => code);

/** The VM is up on host2 and not yet plugged there. */
async function upBeforeItsReplug(begin: "user" | "system" = "user", milliseconds = 1500) {
  over.engine.disruptions.add({ kind: "replug-late", milliseconds });
  if (begin === "system") await over.engine.moveBySystem("web", "host2");
  else await migrateVm(over.client, over.vm("web").id, idOf(over.engine, "hosts", "host2"));
  await expect.poll(() => hostOf("web"), { timeout: 10_000, interval: 10 }).toBe("host2");
  expect(over.nic("web", "nic").plugged).toBe(false);
}

describe.each(["user", "system"] as const)("while the engine is not done with a move that a %s began", (who) => {
  it("a placement waits, and moves the VM with its VF", async () => {
    await upBeforeItsReplug(who);
    const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host1" });
    expect(state).toMatchObject({ host: "host1", missing: [], unplugged: [] });
    expect(over.kinds("web")).toEqual(["bridge", "hostdev"]);
    expect(errors()).toEqual([]);
  });

  it("a placement that wants the VM where it arrives has nothing to do", async () => {
    await upBeforeItsReplug(who);
    const before = sent("/migrate");
    const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host2" });
    expect(state).toMatchObject({ host: "host2", missing: [] });
    expect(sent("/migrate")).toBe(before);
    expect(sent("/activate")).toBe(0);
  });
});

describe("while the engine is not done with a move", () => {
  it("an interface that is deleted takes its standby along", async () => {
    await upBeforeItsReplug();
    await vmInterface.delete(over.context(), pair.id, pair.state);
    expect(over.vm("web").nics).toEqual([]);
    expect(over.kinds("web")).toEqual([]);
    expect(errors()).toEqual([]);
  });

  it("an interface that is replaced takes its standby along", async () => {
    const command = { urn: urn("VmInterface", "nic"), command: {} };
    const news = { ...pair.inputs, mac: "52:54:00:00:00:02" };
    await vmInterface.check(over.context(command), news, pair.inputs);
    await upBeforeItsReplug();
    await vmInterface.create(over.context(command), news);
    expect(over.vm("web").nics.map(({ mac }) => mac)).toEqual([news.mac]);
    expect(over.engine.devices("web").map(({ mac }) => mac)).toEqual([news.mac, news.mac]);
    expect(errors()).toEqual([]);
  });

  it("an interface is unplugged only when it is plugged", async () => {
    await upBeforeItsReplug();
    const { state } = await vmInterface.update(over.context(), pair.id, pair.state, { ...pair.inputs, plugged: false });
    expect(state.plugged).toBe(false);
    expect(over.kinds("web")).toEqual([]);
    expect(over.nic("web", "nic").plugged).toBe(false);
    expect(errors()).toEqual([]);
  });

  it("what waits for it in vain is refused", async () => {
    await upBeforeItsReplug("user", 5000);
    const [vm] = [over.vm("web")];
    const asked = { id: vm.id, name: vm.name, status: vm.status, cluster: vm.cluster };
    await expect(withoutMigration(over.client, asked, { seconds: 0.1 })).rejects.toMatchObject({
      problem: { code: "migration-not-over" },
    });
    await expect(
      vmPlacement.create(over.context(), { vm: "web", host: "host1", migration: { migrateTimeout: 0.1 } }),
    ).rejects.toThrow(/has not reported the end of its migration yet/);
    expect(sent("/migrate")).toBe(1);
  });
});

describe("a move of which there will be no end", () => {
  /** It may be an administrator's doing as well: the interface has drifted, and `up` plugs it. */
  const isToldByItsInterface = async () => {
    const { state } = await vmPlacement.create(over.context(), { vm: "web", host: "host2" });
    expect(state).toMatchObject({ missing: [], unplugged: [] });
    expect(await vmInterface.read(over.context(), pair.id, pair.state)).toMatchObject({ state: { plugged: false } });
    expect(over.nic("web", "nic").plugged).toBe(false);
  };

  it("since the engine was restarted, is not waited for, and its VF is not plugged", async () => {
    await upBeforeItsReplug();
    over.engine.restart();
    await isToldByItsInterface();
    await vmInterface.delete(over.context(), pair.id, pair.state);
    expect(over.vm("web").nics).toEqual([]);
    expect(over.warnings.join()).toContain(`and its MAC ${pair.state.mac} until it is shut down`);
  });

  it("since it was cancelled so late that the VM arrives, is not waited for", async () => {
    over = await overEngine({ stepMillis: "manual" });
    pair = await declarePair(over);
    over.engine.disruptions.add({ kind: "cancelled-late" });
    await migrateVm(over.client, over.vm("web").id, idOf(over.engine, "hosts", "host2"));
    await over.client.post(`/vms/${over.vm("web").id}/cancelmigration`, element("action"));
    over.engine.advance(6);
    expect(hostOf("web")).toBe("host2");
    // The VF that was reserved there stays the VM's.
    const reserved = [...over.engine.model.hosts.values()].flatMap(({ nics }) =>
      nics.flatMap(({ usedBy }) => usedBy ?? []),
    );
    expect(reserved).toEqual([over.vm("web").id]);
    await isToldByItsInterface();
  });
});
