/** What only the plugin does, over an oVirt engine: imports by name, and functions. */
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { closeAll } from "../../../provider/handlers/shutdown.js";
import { declarePair, overEngine, type OverEngine } from "../../handlers/ovirt/over-engine.js";
import { errorOf, PluginClient, savedHalfWay, urnOf } from "./plugin-client.js";

let over: OverEngine;
let plugin: PluginClient;
beforeEach(async () => {
  over = await overEngine();
  plugin = await PluginClient.configured(over.config);
  onTestFinished(() => plugin.close());
});

describe("an import", () => {
  it("finds what a person calls it, and gives the resource's own id", async () => {
    const { standby, fast, id, inputs } = await declarePair(over);
    const vm = over.vm("web");
    const nic = over.nic("web", "nic");
    for (const name of ["data-vf/fast", fast]) {
      expect(await plugin.read(urnOf("VnicProfile", "fast"), name)).toMatchObject({
        id: fast,
        inputs: { name: "fast", network: "data-vf", failover: standby },
      });
    }
    for (const name of [`web/${nic.mac}`, "web/nic", id]) {
      const found = await plugin.read(urnOf("VmInterface", "nic"), name);
      expect(found).toMatchObject({ id, state: { missing: [] }, inputs: { profile: inputs.profile } });
    }
    expect(await plugin.read(urnOf("VmPlacement", "web"), "web")).toMatchObject({
      id: vm.id,
      inputs: { vm: "web", host: "host1" },
    });
  });

  it.each([
    ["VnicProfile", "data/nothing"],
    ["VmInterface", "web/nothing"],
    ["VmInterface", "absent/nic"],
    ["VmPlacement", "absent"],
  ])("of a %s that is not there finds nothing: %s", async (kind, name) => {
    expect(await plugin.read(urnOf(kind, "it"), name)).toEqual({ id: "", state: {}, inputs: {} });
  });
});

describe("a cancellation", () => {
  it("of a move says that the engine goes on, keeps what is known, and gives the token back", async () => {
    over = await overEngine({ stepMillis: "manual" });
    plugin = await PluginClient.configured(over.config);
    onTestFinished(() => plugin.close());
    await declarePair(over);
    const before = { backend: "ovirt", vm: "web", host: "host1", missing: [], unplugged: [] };
    const moving = errorOf(
      plugin.update(urnOf("VmPlacement", "web"), over.vm("web").id, before, { vm: "web", host: "host2" }),
    );
    await expect.poll(() => over.vm("web").status, { timeout: 20_000 }).toBe("migrating");
    await plugin.cancel();
    const { reasons, properties } = savedHalfWay(await moving);
    expect(reasons.join()).toContain('The operation was cancelled while VM "web" was migrating to host "host2"');
    expect(properties).toMatchObject({ vm: "web", unplugged: [over.nic("web", "nic").id] });
    const sent = over.engine.received.filter(({ method }) => method !== "GET").map(({ path }) => path);
    expect(sent.at(-1)).toMatch(/\/migrate$/);
    // As the plugin's process does when Pulumi ends it.
    await over.client.close();
    await closeAll();
    expect(over.engine.signOn.live).toBe(0);
    over.engine.advance(10);
    await expect.poll(() => over.nic("web", "nic").plugged, { timeout: 20_000 }).toBe(true);
  });
});

describe("functions", () => {
  it("say where a VM is, what a host has free, and whether a move can be", async () => {
    await declarePair(over);
    expect(await plugin.invoke("getVmPlacement", { vm: "web" })).toEqual({ vm: "web", host: "host1", state: "up" });
    const free = await plugin.invoke("getFreeVfs", { host: "host2", network: "data-vf" });
    expect(free).toMatchObject({ host: "host2", network: "data-vf", count: (free["vfs"] as unknown[]).length });
    expect(free["count"]).toBeGreaterThan(0);
    const there = { vm: "web", host: "host2" };
    expect(await plugin.invoke("planMove", there)).toMatchObject({
      from: "host1",
      to: "host2",
      alreadyThere: false,
      refused: false,
      steps: [],
    });
    expect(await plugin.invoke("planMove", { ...there, host: "host1" })).toMatchObject({
      alreadyThere: true,
      findings: [],
    });
    const host = [...over.engine.model.hosts.values()].find(({ name }) => name === "host2") ?? expect.fail("no host2");
    host.status = "maintenance";
    expect(await plugin.invoke("planMove", there)).toMatchObject({
      refused: true,
      findings: expect.arrayContaining([
        expect.objectContaining({ rule: "move-host-up", severity: "error" }),
      ]) as object,
    });
  });

  it("say of what they do not find that it is not there", async () => {
    expect((await errorOf(plugin.invoke("getVmPlacement", { vm: "absent" }))).details).toMatch(/"absent"/);
    const nowhere = errorOf(plugin.invoke("getFreeVfs", { host: "host2", network: "nothing" }));
    expect((await nowhere).details).toMatch(/network "nothing"/);
  });
});
