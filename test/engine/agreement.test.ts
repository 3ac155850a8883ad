/**
 * Our rules and the engine's, which are written apart from each other, on the same profiles: where the engine refuses, we
 * foresee it, with its message; where it does not, we refuse only for a reason of our own.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProfile } from "../../provider/backends/ovirt/rest/vnic-profile.js";
import { evaluate, profileRules, rules, type Profile as OurProfile } from "../../provider/rules/index.js";
import { mapProfile } from "./mapper.js";
import { messages, type MessageId } from "./messages.js";
import { Model, put, type Profile } from "./model.js";
import { addProfileRules, removeProfileRules, updateProfileRules, type ProfileFacts } from "./rules/profile.js";
import type { EngineRule } from "./rules/rule.js";

describe("a message that we quote is the engine's, word for word:", () => {
  const quoted = rules.flatMap(({ id, engineId, engineText }) =>
    engineId !== undefined && engineId in messages ? [{ rule: id, engineId: engineId as MessageId, engineText }] : [],
  );

  it("they are most of them", () => {
    expect(quoted.length).toBeGreaterThan(20);
  });

  it.each(quoted)("$rule", ({ engineId, engineText }) => {
    expect(engineText).toBe(messages[engineId].text);
  });
});

// Ids are the names here: we go by names where the engine goes by ids.
const plainNetwork = { dataCenter: "dc", vmNetwork: true, external: false, portIsolation: false, mtu: 0 };
const networks = [
  { ...plainNetwork, id: "data", name: "data" },
  { ...plainNetwork, id: "data-vf", name: "data-vf" },
  { ...plainNetwork, id: "ext", name: "ext", external: true },
  { ...plainNetwork, id: "isolated", name: "isolated", portIsolation: true },
  { ...plainNetwork, id: "storage", name: "storage", vmNetwork: false },
];
const ids = ["p1", "p2", "p3"];

const networkName = fc.constantFrom(...networks.map(({ name }) => name));
const mostly = <T>(often: T, seldom: T) => fc.oneof({ weight: 4, arbitrary: fc.constant(often) }, fc.constant(seldom));

const profileNamed = (id: string) =>
  fc.record({
    id: fc.constant(id),
    name: fc.constantFrom("red", "green", "blue"),
    network: networkName,
    passThrough: fc.boolean(),
    migratable: fc.boolean(),
    portMirroring: mostly(false, true),
    failover: fc.option(fc.constantFrom(...ids, "gone"), { nil: undefined }),
    qos: mostly<string | undefined>(undefined, "limited"),
    networkFilter: fc.option(fc.constantFrom("clean-traffic"), { nil: undefined }),
    customProperties: fc.constant({}),
  });

const wanted = profileNamed("new").chain((profile) =>
  fc
    .record({
      qos: fc.constantFrom(profile.qos, "unlimited"),
      networkFilter: fc.constantFrom(profile.networkFilter, profile.networkFilter, "no-such-filter"),
      network: fc.constantFrom(profile.network, profile.network, profile.network, "no-such-network"),
      customProperties: mostly<Record<string, string>>({}, { queues: "4" }),
    })
    .map((change) => ({ ...profile, ...change })),
);

const world = fc.record({
  stored: fc.tuple(...ids.map(profileNamed)),
  users: fc.array(fc.record({ vm: fc.constantFrom("vm1", "vm2"), profile: fc.constantFrom(...ids) }), { maxLength: 3 }),
  templateOf: fc.option(fc.constantFrom(...ids), { nil: undefined }),
});

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

/** A store holds no failover that the engine would not have taken. */
function modelOf({ stored, users, templateOf }: World): Model {
  const model = new Model();
  for (const network of networks) put(model.networks, network);
  for (const profile of stored) put(model.profiles, { ...profile });
  for (const profile of model.profiles.values()) {
    const target = stored.find(({ id }) => id === profile.failover);
    const taken =
      target?.passThrough === false && target.network !== "ext" && profile.passThrough && profile.migratable;
    if (!taken) profile.failover = undefined;
  }
  put(model.qos, { id: "limited", name: "limited" });
  put(model.networkFilters, { id: "clean-traffic", name: "clean-traffic" });
  model.customPropertyNames.add("SecurityGroups");
  for (const name of ["vm1", "vm2"]) {
    const nics = users
      .filter(({ vm }) => vm === name)
      .map(({ profile }, index) => ({
        id: `${name}-${index}`,
        name: `nic${index}`,
        mac: "",
        interface: "virtio" as const,
        linked: true,
        plugged: true,
        profile,
      }));
    put(model.vms, { id: name, name, cluster: "lab", status: "down", nics, devices: [] });
  }
  if (templateOf !== undefined) put(model.templates, { id: "t", name: "t", profiles: [templateOf] });
  return model;
}

function ours(profile: Profile): OurProfile {
  return { ...profile, passThrough: profile.passThrough ? "enabled" : "disabled" };
}

/** The message of our first finding, if it is one of the engine's. */
function ourVerdict(action: "add" | "edit" | "remove", model: Model, profile: Profile, stored?: Profile) {
  const [first] = evaluate(
    profileRules[action],
    {
      action,
      backend: "ovirt",
      profile: ours(profile),
      stored: stored && ours(stored),
      others: [...model.profiles.values()].filter(({ id }) => id !== profile.id).map(ours),
      networks: [...model.networks.values()],
      usedByVms: model.vmsUsing(profile.id).map(({ name }) => name),
      standbyOfVms: [],
      usedByTemplates: model.templatesUsing(profile.id).map(({ name }) => name),
      qosNames: [...model.qos.keys()],
      networkFilters: [...model.networkFilters.keys()],
      customPropertyNames: [...model.customPropertyNames],
    },
    { firstOnly: true },
  ).filter(({ severity }) => severity === "error");
  return first?.rule === "profile-custom-properties-defined"
    ? "ACTION_TYPE_FAILED_INVALID_CUSTOM_PROPERTIES_INVALID_KEYS"
    : first?.engineId;
}

function engineVerdict(table: readonly EngineRule<ProfileFacts>[], facts: ProfileFacts): MessageId | undefined {
  for (const { refuse } of table) {
    const refusal = refuse(facts);
    if (refusal !== undefined) return refusal.id;
  }
  return undefined;
}

describe("what the engine says, we foresee, and only that:", () => {
  it("add", () => {
    const seen = new Set<string | undefined>();
    fc.assert(
      fc.property(world, wanted, (state, profile) => {
        const model = modelOf(state);
        const verdict = engineVerdict(addProfileRules, { model, profile, defaultFilter: false });
        seen.add(verdict);
        expect(ourVerdict("add", model, profile)).toBe(verdict);
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect(seen.size).toBeGreaterThan(9);
  });

  it("edit: what we want, written over what is stored", () => {
    const seen = new Set<string | undefined>();
    fc.assert(
      fc.property(world, wanted, fc.constantFrom(...ids), (state, change, id) => {
        const model = modelOf(state);
        const stored = model.profiles.get(id);
        if (stored === undefined) return;
        const profile = { ...change, id };
        const written = formatProfile({
          ...profile,
          passThrough: profile.passThrough ? "enabled" : "disabled",
          qos: profile.qos ?? null,
          networkFilter: profile.networkFilter ?? null,
        });
        const verdict = engineVerdict(updateProfileRules, { model, stored, profile: mapProfile(written, stored) });
        seen.add(verdict);
        expect(ourVerdict("edit", model, profile, stored)).toBe(verdict);
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect(seen.size).toBeGreaterThan(9);
  });

  it("remove", () => {
    fc.assert(
      fc.property(world, fc.constantFrom(...ids), (state, id) => {
        const model = modelOf(state);
        const stored = model.profiles.get(id);
        if (stored === undefined) return;
        const verdict = engineVerdict(removeProfileRules, { model, stored, profile: stored });
        expect(ourVerdict("remove", model, stored, stored)).toBe(verdict);
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});
