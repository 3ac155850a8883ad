import { beforeEach, describe, expect, it } from "vitest";
import { listProfiles } from "../../../provider/backends/ovirt/rest/index.js";
import type { VnicProfileInputs } from "../../../provider/handlers/inputs/vnic-profile.js";
import { vnicProfile, type VnicProfileState } from "../../../provider/handlers/ovirt/vnic-profile.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { idOf } from "../../engine/engine.js";
import { named, put } from "../../engine/model.js";
import {
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

async function failuresOf(news: unknown, olds?: VnicProfileInputs, more = {}) {
  return (await vnicProfile.check(over.context(more), news, olds)).failures;
}

describe("check", () => {
  it.each([
    ["network", { ...standbyInputs, network: "nowhere" }, /which the cluster does not have/],
    ["qos", { ...standbyInputs, qos: "gold" }, /gold/],
    ["networkFilter", { ...standbyInputs, networkFilter: "none-such" }, /none-such/],
    ["networkFilter", { ...fastInputs, networkFilter: "clean-traffic" }, /is passthrough/],
    ["portMirroring", { ...standbyInputs, network: "ext", portMirroring: true }, /external/],
    ["failover", { ...fastInputs, failover: "00000000-0000-4000-8000-000000000000" }, /which does not exist/],
    ["colour", { ...standbyInputs, colour: "red" }, /colour/],
  ])("refuses at %s", async (property, news, why) => {
    const [failure, ...rest] = await failuresOf(news);
    expect(rest).toEqual([]);
    expect(`${failure?.property ?? ""} ${failure?.reason ?? ""}`).toMatch(property);
    expect(failure?.reason).toMatch(why);
  });

  it("refuses networks that are not for VMs, or isolate ports under a VF", async () => {
    const dataCenter = named(over.engine.model.dataCenters, "labdc")?.id ?? "";
    const plain = { dataCenter, external: false, mtu: 0, vmNetwork: true, portIsolation: false };
    put(over.engine.model.networks, { ...plain, id: "n1", name: "storage", vmNetwork: false });
    put(over.engine.model.networks, { ...plain, id: "n2", name: "isolated", portIsolation: true });
    expect(await failuresOf({ ...standbyInputs, network: "storage" })).toMatchObject([{ property: "network" }]);
    expect(await failuresOf({ ...fastInputs, network: "isolated" })).toMatchObject([{ property: "passThrough" }]);
  });

  it("refuses a failover on an external network, passthrough, or for what is not migratable", async () => {
    const { fast, standby } = await declareProfiles(over);
    const { id: external } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "e", network: "ext" });
    const second = { ...fastInputs, name: "second" };
    expect(await failuresOf({ ...second, failover: external })).toMatchObject([{ property: "failover" }]);
    expect(await failuresOf({ ...second, failover: fast })).toMatchObject([{ property: "failover" }]);
    expect(await failuresOf({ ...second, migratable: false, failover: standby })).toMatchObject([
      { property: "failover" },
    ]);
    expect(await failuresOf({ ...second, failover: standby })).toEqual([]);
  });

  it("says at preview what REST can't do: clear a failover, or switch passthrough off beside one", async () => {
    const { standby } = await declareProfiles(over);
    const olds = { ...fastInputs, failover: standby };
    const [cleared] = await failuresOf(fastInputs, olds);
    expect(cleared?.property).toBe("failover");
    expect(cleared?.reason).toMatch(/cannot be cleared by oVirt's REST API.*Administration Portal/);
    const [off] = await failuresOf({ ...fastInputs, passThrough: "disabled" }, olds);
    expect(off?.property).toBe("passThrough");
  });

  it("refuses edits of what VMs use, and of what acts as failover", async () => {
    const { standby } = await declarePair(over);
    const { id: other } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "other" });
    const olds = { ...fastInputs, failover: standby };
    const [used] = await failuresOf({ ...olds, failover: other }, olds);
    expect(used?.reason).toMatch(/used by .*"web"/);
    const [acting] = await failuresOf({ ...standbyInputs, description: "x" }, standbyInputs);
    expect(acting?.reason).toMatch(/acts as failover of "fast"/);
  });

  it("knows profiles that are only declared yet", async () => {
    const command = {};
    await failuresOf(fastInputs, undefined, { command, urn: urn("VnicProfile", "fast") });
    const news = { ...fastInputs, name: "b", failover: UNKNOWN };
    const references = { failover: urn("VnicProfile", "fast") };
    expect(await failuresOf(news, undefined, { command, urn: urn("VnicProfile", "b"), references })).toMatchObject([
      { reason: expect.stringContaining("is passthrough") as string },
    ]);
  });

  it("raises nothing for an engine that does not answer, and warns", async () => {
    over.engine.disruptions.add({ kind: "unavailable", times: 100, retryAfter: 0 });
    expect(await failuresOf(standbyInputs)).toEqual([]);
    expect(over.warnings[0]).toMatch(/503.*were skipped/);
  });

  it("asks no host about what has not changed", async () => {
    const before = over.engine.received.length;
    expect(await failuresOf(standbyInputs, standbyInputs)).toEqual([]);
    expect(over.engine.received.length).toBe(before);
  });

  it("fails, where the password is wrong, without a word of it", async () => {
    const locked = await overEngine({}, { password: "not the secret" });
    const failure = vnicProfile.check(locked.context(), standbyInputs);
    await expect(failure).rejects.toThrow(/sign on as user "admin@internal"/);
    await expect(failure).rejects.not.toThrow(/not the secret/);
  });
});

describe("a profile", () => {
  it("is made with all its attributes, read, edited and removed", async () => {
    const inputs: VnicProfileInputs = {
      ...standbyInputs,
      networkFilter: "clean-traffic",
      qos: "limited",
      customProperties: { SecurityGroups: "a" },
      description: "one",
    };
    const { id, state } = await vnicProfile.create(over.context(), inputs);
    expect(state).toEqual({ backend: "ovirt", ...inputs, differsOn: [] });
    expect(await vnicProfile.read(over.context(), id, state)).toEqual({ id, state, inputs });

    const next = await vnicProfile.update(over.context(), id, state, { ...standbyInputs, portMirroring: true });
    expect(next.state).toMatchObject({ portMirroring: true, customProperties: {} });
    expect(next.state).not.toHaveProperty("networkFilter");
    expect(over.engine.model.profiles.get(id)).toMatchObject({
      networkFilter: undefined,
      qos: undefined,
      customProperties: {},
    });

    await vnicProfile.delete(over.context(), id, next.state);
    expect(await vnicProfile.read(over.context(), id, next.state)).toBeUndefined();
    await vnicProfile.delete(over.context(), id, next.state);
  });

  it("keeps the engine's default filter, which is no drift, and loses it when it becomes passthrough", async () => {
    const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
    expect(over.engine.model.profiles.get(id)?.networkFilter).toBe(
      idOf(over.engine, "networkFilters", "vdsm-no-mac-spoofing"),
    );
    const diff = await vnicProfile.diff(over.context(), id, state, standbyInputs);
    expect(diff.changes).toBe(false);
    const next = await vnicProfile.update(over.context(), id, state, {
      ...standbyInputs,
      passThrough: "enabled",
      migratable: true,
    });
    expect(next.state).toMatchObject({ passThrough: "enabled", migratable: true });
  });

  it("takes ids for names, and keeps them as they were given", async () => {
    const network = idOf(over.engine, "networks", "data");
    const { state, id } = await vnicProfile.create(over.context(), { ...standbyInputs, network });
    expect(state.network).toBe(network);
    expect((await vnicProfile.read(over.context(), id, state))?.state.network).toBe(network);
    expect((await vnicProfile.read(over.context(), id, {} as VnicProfileState))?.inputs.network).toBe("data");
  });

  it("is renamed, and taken over otherwise, although the program's own declaration has that name", async () => {
    const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
    const ctx = over.context({ urn: urn("VnicProfile", "standby") });
    const news = { ...standbyInputs, name: "renamed" };
    await vnicProfile.check(ctx, news, standbyInputs);
    expect(await vnicProfile.update(ctx, id, state, news)).toMatchObject({ state: { name: "renamed" } });
    const adopting = { ...news, adopt: true, description: "ours" };
    await vnicProfile.check(ctx, adopting);
    expect(await vnicProfile.create(ctx, adopting)).toMatchObject({ id, state: { description: "ours" } });
  });

  it("is taken over only where that is asked for", async () => {
    const { id } = await vnicProfile.create(over.context(), standbyInputs);
    await expect(vnicProfile.create(over.context(), standbyInputs)).rejects.toThrow(/adopt: true/);
    const taken = await vnicProfile.create(over.context(), { ...standbyInputs, adopt: true, description: "ours" });
    expect(taken).toMatchObject({ id, state: { adopt: true, description: "ours" } });
  });

  it("is seen to drift", async () => {
    const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
    const profile = over.engine.model.profiles.get(id);
    if (profile !== undefined) profile.portMirroring = true;
    const found = await vnicProfile.read(over.context(), id, state);
    expect(found?.state.portMirroring).toBe(true);
    const diff = await vnicProfile.diff(over.context(), id, found?.state ?? state, standbyInputs);
    expect(diff).toMatchObject({ changes: undefined, replaces: [] });
  });

  it("is not removed from under a standby, where the engine would clear the failover silently", async () => {
    const { standby } = await declareProfiles(over);
    const state: VnicProfileState = { ...standbyInputs, backend: "ovirt", differsOn: [] };
    await expect(vnicProfile.delete(over.context(), standby, state)).rejects.toThrow(/acts as failover of "fast"/);
  });
});

describe("a profile that can't be read any more", () => {
  it.each(["update", "delete", "read"] as const)(
    "is told to be so by its %s, and not taken for gone",
    async (operation) => {
      const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
      const profile = over.engine.model.profiles.get(id) ?? expect.fail();
      profile.customProperties = { "": "what no engine of today has" };
      // Lists leave it out, and others go on.
      expect((await listProfiles(over.client)).map((each) => each.id)).not.toContain(id);
      await vnicProfile.create(over.context(), { ...standbyInputs, name: "another" });
      const asked = {
        update: () => vnicProfile.update(over.context(), id, state, { ...standbyInputs, description: "new" }),
        delete: () => vnicProfile.delete(over.context(), id, state),
        read: () => vnicProfile.read(over.context(), id, state),
      }[operation]();
      await expect(asked).rejects.toThrow(/Unable to read the oVirt engine's answer: <custom_property> has no <name>/);
      expect(over.engine.model.profiles.get(id)).toBe(profile);
    },
  );
});

describe("an engine with troubles", () => {
  it("that does not answer is an error, and nothing is gone", async () => {
    const { id, state } = await vnicProfile.create(over.context(), standbyInputs);
    over.engine.disruptions.add({ kind: "unavailable", times: 100, retryAfter: 0 });
    await expect(vnicProfile.read(over.context(), id, state)).rejects.toThrow(/503/);
    await expect(vnicProfile.delete(over.context(), id, state)).rejects.toThrow(/503/);
  });

  it("that forgets its tokens gives a new one", async () => {
    over.engine.disruptions.add({ kind: "token-expired", method: "POST", path: "/vnicprofiles" });
    const { id } = await vnicProfile.create(over.context(), standbyInputs);
    expect(over.engine.model.profiles.has(id)).toBe(true);
  });

  it("that cuts its answer off has one profile all the same, and it is ours", async () => {
    over.engine.disruptions.add({ kind: "cut", method: "POST", path: "/vnicprofiles" });
    const { id } = await vnicProfile.create(over.context(), standbyInputs);
    const all = await listProfiles(over.client);
    expect(all.filter(({ name }) => name !== "ovirtmgmt").map((profile) => profile.id)).toEqual([id]);
  });
});
