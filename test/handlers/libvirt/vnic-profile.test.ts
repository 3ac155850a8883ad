import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostUnreachable } from "../../../provider/backends/libvirt/host-errors.js";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { vnicProfile, type VnicProfileState } from "../../../provider/handlers/libvirt/vnic-profile.js";
import { bridgeProfile, declarePair, declareProfiles, vfProfile } from "../../hosts/declared.js";
import { twoHosts, type LabLike } from "../../hosts/two-hosts.js";
import { Refusal } from "../../hosts/refusals.js";
import { without } from "../../hosts/without.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const urn = (name: string) => `urn:pulumi:dev::demo::vnic:VnicProfile::${name}`;

async function failuresOf(news: unknown, more: Parameters<LabLike["context"]>[0] = {}, olds?: typeof vfProfile) {
  const { failures } = await vnicProfile.check(lab.context(more), news, olds);
  return failures;
}

function stateOf(inputs: object, differsOn: readonly string[] = []): VnicProfileState {
  return { ...bridgeProfile, ...inputs, differsOn };
}

const callCounts = () => lab.hosts.map(({ callCount }) => callCount);

describe("check", () => {
  it("fills in defaults", async () => {
    const { inputs, failures } = await vnicProfile.check(lab.context(), { name: "data", network: "data" });
    expect(failures).toEqual([]);
    expect(inputs).toEqual(bridgeProfile);
  });

  it.each([
    ["name", { network: "data" }],
    ["name", { name: "a/b", network: "data" }],
    ["passThrough", { name: "a", network: "data", passThrough: "maybe" }],
    ["migratable", { name: "a", network: "data", migratable: "yes" }],
    ["customProperties.queues", { name: "a", network: "data", customProperties: { queues: 4 } }],
    ["description", { name: "a", network: "data", description: "x".repeat(4001) }],
  ])("names the property at fault: %s", async (property, news) => {
    expect((await failuresOf(news)).map((failure) => failure.property)).toEqual([property]);
  });

  it("names what it does not know", async () => {
    expect((await failuresOf({ name: "a", network: "data", colour: "red" }))[0]?.reason).toContain('"colour"');
  });

  it.each([
    ["network", { ...bridgeProfile, network: "nowhere" }, /which the cluster does not have\. Networks: data, data-vf/],
    ["network", { ...bridgeProfile, network: "dat" }, /does not have\. Did you mean "data"\? Networks: data, data-vf/],
    ["network", { ...bridgeProfile, network: "data-vf" }, /has no bridge/],
    ["failover", { ...vfProfile, failover: "00000000-0000-4000-8000-000000000000" }, /which does not exist/],
    ["qos", { ...vfProfile, qos: "gold" }, /is passthrough/],
  ])("runs the rules: %s", async (property, news, why) => {
    const [failure, ...rest] = await failuresOf(news);
    expect(rest).toEqual([]);
    expect(failure?.property).toBe(property);
    expect(failure?.reason).toMatch(why);
  });

  it("refuses a failover that is not for migratable passthrough, or is itself passthrough", async () => {
    const { standbyProfile, profile } = await declareProfiles(lab);
    expect(await failuresOf({ ...vfProfile, name: "b", migratable: false, failover: standbyProfile })).toMatchObject([
      { property: "failover" },
    ]);
    expect(await failuresOf({ ...vfProfile, name: "b", failover: profile })).toMatchObject([{ property: "failover" }]);
    expect(
      await failuresOf({ ...without(vfProfile, "migratable"), name: "b", failover: standbyProfile }),
    ).toMatchObject([{ property: "migratable" }]);
    expect(await failuresOf({ ...vfProfile, name: "b", failover: standbyProfile })).toEqual([]);
  });

  it("has nothing to say of what is not known yet", async () => {
    expect(
      await failuresOf({
        name: UNKNOWN,
        network: UNKNOWN,
        passThrough: "enabled",
        migratable: true,
        failover: UNKNOWN,
      }),
    ).toEqual([]);
    expect(await failuresOf({ ...vfProfile, qos: UNKNOWN })).toEqual([]);
  });

  it("knows profiles that this program declares and that do not exist yet", async () => {
    const command = {};
    await failuresOf(vfProfile, { command, urn: urn("fast") });
    const news = { ...vfProfile, name: "b", failover: UNKNOWN };
    expect(await failuresOf(news, { command, urn: urn("b"), references: { failover: urn("fast") } })).toMatchObject([
      { property: "failover", reason: expect.stringContaining("is passthrough") as string },
    ]);
    expect(await failuresOf(bridgeProfile, { command, urn: urn("one") })).toEqual([]);
    expect(await failuresOf(bridgeProfile, { command, urn: urn("two") })).toMatchObject([{ property: "name" }]);
    // Another command's program has declared none of it.
    expect(await failuresOf(bridgeProfile, { command: {}, urn: urn("two") })).toEqual([]);
  });

  it("lets profiles be taken over that exist, one as the other's failover", async () => {
    await declareProfiles(lab);
    const command = {};
    expect(await failuresOf({ ...bridgeProfile, adopt: true }, { command, urn: urn("data") })).toEqual([]);
    const news = { ...vfProfile, failover: UNKNOWN, adopt: true };
    expect(await failuresOf(news, { command, urn: urn("data-vf"), references: { failover: urn("data") } })).toEqual([]);
  });

  it("raises nothing for an unreachable host, and warns", async () => {
    lab.host2.close();
    expect(await failuresOf(bridgeProfile)).toEqual([]);
    expect(lab.progress.warnings).toEqual([expect.stringContaining('Unable to reach host "host2"')]);
  });

  it("still refuses what needs no host to be known", async () => {
    lab.host2.close();
    expect(await failuresOf({ ...bridgeProfile, network: "nowhere" })).toMatchObject([{ property: "network" }]);
  });

  it("asks no host when nothing has changed", async () => {
    await declareProfiles(lab);
    const before = callCounts();
    expect(await failuresOf(vfProfile, {}, vfProfile)).toEqual([]);
    expect(callCounts()).toEqual(before);
  });

  it("refuses the edit of a profile that acts as failover, at the property that would change", async () => {
    await declareProfiles(lab);
    const { failures } = await vnicProfile.check(
      lab.context(),
      { ...bridgeProfile, description: "new" },
      bridgeProfile,
    );
    expect(failures).toMatchObject([
      { property: "description", reason: expect.stringContaining("acts as failover") as string },
    ]);
  });

  it("takes another network for another profile: the one that stands must not be in use", async () => {
    const { id } = await vnicProfile.create(lab.context(), bridgeProfile);
    const onTheOther = { ...vfProfile, name: "data" };
    expect((await vnicProfile.check(lab.context(), onTheOther, bridgeProfile)).failures).toEqual([]);
    await vnicProfile.create(lab.context(), { ...vfProfile, failover: id });
    expect((await vnicProfile.check(lab.context(), onTheOther, bridgeProfile)).failures).toMatchObject([
      { property: "network", reason: expect.stringContaining('acts as failover of "data-vf"') as string },
    ]);
  });

  it("refuses the edit of a profile that is gone, unless a host is unreachable", async () => {
    const edited = { ...bridgeProfile, description: "new" };
    expect((await vnicProfile.check(lab.context(), edited, bridgeProfile)).failures).toMatchObject([
      { reason: expect.stringContaining("no longer exists") as string },
    ]);
    lab.host1.close();
    expect((await vnicProfile.check(lab.context(), edited, bridgeProfile)).failures).toEqual([]);
  });
});

describe("diff", () => {
  const diff = (state: VnicProfileState, news: object) =>
    vnicProfile.diff(lab.context(), "id", state, { ...bridgeProfile, ...news });

  it("is none for the same inputs, however ordered, and for adopt", async () => {
    expect(
      (await diff(stateOf({ customProperties: { a: "1", b: "2" } }), { customProperties: { b: "2", a: "1" } })).changes,
    ).toBe(false);
    expect((await diff(stateOf({}), { adopt: true })).changes).toBe(false);
  });

  it("is an update of anything but the network, which replaces, the old one first", async () => {
    expect(await diff(stateOf({}), { description: "new" })).toMatchObject({ changes: undefined, replaces: [] });
    expect(await diff(stateOf({}), { name: "new" })).toMatchObject({ changes: undefined, replaces: [] });
    expect(await diff(stateOf({}), { network: "other" })).toMatchObject({
      replaces: ["network"],
      deleteBeforeReplace: true,
    });
  });

  it("is drift where a host has it otherwise", async () => {
    expect((await diff(stateOf({}, ["host2"]), {})).changes).toBe(true);
  });

  it("counts what is not known as a change", async () => {
    expect((await diff(stateOf({}), { failover: UNKNOWN })).changes).toBeUndefined();
  });
});

describe("create", () => {
  it("makes the profile on every host, under a new id", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(state).toEqual(stateOf({}));
    for (const host of lab.hosts) expect(host.networks.all()).toEqual([{ name: "data", uuid: id }]);
  });

  it("refuses one that exists, and takes it over with adopt", async () => {
    const { id } = await vnicProfile.create(lab.context(), bridgeProfile);
    await expect(vnicProfile.create(lab.context(), bridgeProfile)).rejects.toMatchObject({
      problem: { code: "profile-exists" },
    });
    const adopted = await vnicProfile.create(lab.context(), { ...bridgeProfile, description: "mine", adopt: true });
    expect(adopted).toMatchObject({ id, state: { description: "mine", adopt: true } });
    expect((await lab.cluster.profiles.find(id))?.profile.description).toBe("mine");
  });

  it("adopts what acts as failover as it is, and refuses to change it on the way", async () => {
    const { standbyProfile } = await declareProfiles(lab);
    expect((await vnicProfile.create(lab.context(), { ...bridgeProfile, adopt: true })).id).toBe(standbyProfile);
    await expect(
      vnicProfile.create(lab.context(), { ...bridgeProfile, description: "mine", adopt: true }),
    ).rejects.toMatchObject({ problem: { code: "failover-profile-fixed" } });
  });

  it("looks at the rules once more", async () => {
    await expect(vnicProfile.create(lab.context(), { ...vfProfile, network: "data" })).rejects.toMatchObject({
      problem: { code: "profile-passthrough-network-has-pf" },
    });
  });

  it("leaves nothing where one host fails, also where another is unreachable", async () => {
    lab.host2.refuse("network_define_xml_flags", new Refusal(38, 19, "No space left on device"));
    await expect(vnicProfile.create(lab.context(), bridgeProfile)).rejects.toThrow(/No space left/);
    expect(lab.host1.networks.all()).toEqual([]);
    lab.host2.close();
    lab.host1.refuse("network_define_xml_flags", new Refusal(38, 19, "No space left on device"));
    await expect(vnicProfile.create(lab.context(), bridgeProfile)).rejects.toThrow(/No space left/);
    expect(lab.host1.networks.all()).toEqual([]);
    lab.host1.close();
    await expect(vnicProfile.create(lab.context(), bridgeProfile)).rejects.toThrow(HostUnreachable);
  });
});

describe("while a host is unreachable", () => {
  const notWritten = 'vNIC profile "data" was not written to host "host2": ';

  it.each([false, true])(
    "a profile is created on the others, and completed later (maintenance: %s)",
    async (resting) => {
      const { stackConfig } = await lab.entrance(resting ? ["host2"] : []);
      const context = () => lab.context({ config: stackConfig });
      lab.host2.close();
      const { id, state } = await vnicProfile.create(context(), bridgeProfile);
      expect(state).toEqual(stateOf({}, ["host2"]));
      expect(lab.progress.warnings).toEqual([expect.stringContaining(notWritten)]);
      expect(lab.host1.networks.all()).toEqual([{ name: "data", uuid: id }]);
      // A refresh does not forget it, and the next update is planned though nothing is declared otherwise.
      const found = await vnicProfile.read(context(), id, state);
      expect(found?.state).toEqual(state);
      expect((await vnicProfile.diff(context(), id, state, bridgeProfile)).changes).toBe(true);
      await lab.reopen(lab.host2);
      const seen = await vnicProfile.read(context(), id, stateOf({}));
      expect(seen?.state.differsOn).toEqual(["host2"]);
      expect(await vnicProfile.update(context(), id, state, bridgeProfile)).toEqual({ state: stateOf({}) });
      expect(lab.host2.networks.all()).toEqual([{ name: "data", uuid: id }]);
      expect((await vnicProfile.diff(context(), id, stateOf({}), bridgeProfile)).changes).toBe(false);
    },
  );

  it("a profile is changed on the others, but for what depends on the VMs that use it", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    lab.host2.close();
    const described = { ...bridgeProfile, description: "new" };
    expect((await vnicProfile.update(lab.context(), id, state, described)).state).toEqual(
      stateOf({ description: "new" }, ["host2"]),
    );
    expect(lab.host1.networks.xml(lab.host1.networks.byUuid(id))).toContain("new");
    const mirroring = { ...described, portMirroring: true };
    await expect(vnicProfile.update(lab.context(), id, state, mirroring)).rejects.toThrow(HostUnreachable);
  });

  it("a failover that only it may have is not said to be missing, and rules of what is known hold", async () => {
    const { id } = await vnicProfile.create(lab.context(), bridgeProfile);
    lab.host1.networks.undefine(lab.host1.networks.byUuid(id));
    lab.host2.close();
    const { state } = await vnicProfile.create(lab.context(), { ...vfProfile, failover: id });
    expect(state.differsOn).toEqual(["host2"]);
    await expect(vnicProfile.create(lab.context(), { ...vfProfile, failover: id })).rejects.toMatchObject({
      problem: { code: "profile-exists" },
    });
  });

  it("a host that refuses the login is an error", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    const refused = new Refusal(88, 0, "access denied");
    const { stackConfig } = await lab.entrance();
    lab.host2.refuse("connect_open", refused, { times: 20 });
    const context = lab.context({ config: stackConfig });
    const news = { ...bridgeProfile, description: "new" };
    await expect(vnicProfile.update(context, id, state, news)).rejects.toThrow(/Unable to use host "host2"/);
    await expect(vnicProfile.read(context, id, state)).rejects.toThrow(/Unable to use host "host2"/);
  });
});

describe("read", () => {
  it("gives inputs that bring no change", async () => {
    const { standbyProfile, profile } = await declareProfiles(lab);
    const declared = { ...vfProfile, failover: standbyProfile };
    const found = await vnicProfile.read(lab.context(), profile, { ...declared, differsOn: [] });
    expect(found).toEqual({ id: profile, state: { ...declared, differsOn: [] }, inputs: declared });
  });

  it("sees what another tool changed, and which host lacks it", async () => {
    const { standbyProfile, profile } = await declareProfiles(lab);
    for (const host of lab.hosts) {
      const net = host.networks.byUuid(profile);
      host.networks.define(host.networks.xml(net).replace('migratable="true"', 'migratable="false"'));
    }
    lab.host2.networks.undefine(lab.host2.networks.byUuid(standbyProfile));
    const edited = await vnicProfile.read(lab.context(), profile, stateOf(vfProfile));
    expect(edited).toMatchObject({ inputs: { migratable: false }, state: { differsOn: [] } });
    const lacking = await vnicProfile.read(lab.context(), standbyProfile, stateOf({}));
    expect(lacking?.state.differsOn).toEqual(["host2"]);
    if (lacking === undefined) throw new Error("gone");
    expect((await vnicProfile.diff(lab.context(), standbyProfile, lacking.state, bridgeProfile)).changes).toBe(true);
    await vnicProfile.update(lab.context(), standbyProfile, lacking.state, bridgeProfile);
    expect((await lab.cluster.profiles.find(standbyProfile))?.differsOn).toEqual([]);
  });

  it("is undefined for one that is gone, and an error while a host is unreachable", async () => {
    const id = "00000000-0000-4000-8000-000000000000";
    expect(await vnicProfile.read(lab.context(), id, stateOf({}))).toBeUndefined();
    const { stackConfig } = await lab.entrance();
    lab.host2.close();
    await expect(vnicProfile.read(lab.context({ config: stackConfig }), id, stateOf({}))).rejects.toThrow(
      HostUnreachable,
    );
  });
});

describe("update", () => {
  it("changes it on every host, its name too", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    const news = { ...bridgeProfile, name: "renamed", description: "new" };
    expect(await vnicProfile.update(lab.context(), id, state, news)).toEqual({ state: stateOf(news) });
    for (const host of lab.hosts) expect(host.networks.all()).toEqual([{ name: "renamed", uuid: id }]);
  });

  it("looks at the rules once more", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    await vnicProfile.create(lab.context(), { ...vfProfile, failover: id });
    await expect(
      vnicProfile.update(lab.context(), id, state, { ...bridgeProfile, description: "new" }),
    ).rejects.toMatchObject({ problem: { code: "failover-profile-fixed" } });
  });
});

describe("delete", () => {
  it("removes it from every host, and is done where it is gone", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    await vnicProfile.delete(lab.context(), id, state);
    await vnicProfile.delete(lab.context(), id, state);
    for (const host of lab.hosts) expect(host.networks.all()).toEqual([]);
  });

  it("refuses what VMs use, what a standby is of, and what acts as failover", async () => {
    const { standbyProfile, profile } = await declarePair(lab);
    await expect(vnicProfile.delete(lab.context(), profile, stateOf(vfProfile))).rejects.toMatchObject({
      problem: { code: "profile-removed-unused" },
    });
    await expect(vnicProfile.delete(lab.context(), standbyProfile, stateOf({}))).rejects.toMatchObject({
      problem: { code: "profile-removed-not-standby" },
    });
    expect(lab.host1.networks.all()).toHaveLength(2);
  });

  it("is an error while a host is unreachable", async () => {
    const { id, state } = await vnicProfile.create(lab.context(), bridgeProfile);
    lab.host2.close();
    await expect(vnicProfile.delete(lab.context(), id, state)).rejects.toThrow(/host2/);
    expect(lab.host1.networks.all()).toHaveLength(1);
  });
});
