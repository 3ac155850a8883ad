import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type InterfaceFacts,
  type LogicalNetwork,
  type PlacementFacts,
  type Profile,
  type ProfileFacts,
  type TeamingDevice,
  type TeamingFacts,
  type Violation,
  type VmNic,
  evaluate,
  interfaceRules,
  migrationXmlRules,
  placementRules,
  profileRules,
  teamingRules,
} from "../../provider/rules/index.js";
import { UNKNOWN, type MaybeUnknown } from "../../provider/model/unknown.js";

/*
 * Small alphabets, so that names, ids and addresses meet. An id, name or network in them may be anything; what these
 * properties must not depend on is which.
 */
const name = fc.constantFrom("a", "b", "c");
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const flag = maybe(fc.boolean());
const mac = fc.constantFrom(
  "52:54:00:00:00:01",
  "52:54:00:00:00:02",
  "00:00:00:00:00:00",
  "01:00:00:00:00:00",
  "52:54:00:AB:00:01",
  "52:54:00:ab:00:01",
  "no mac",
  "",
);

const profile: fc.Arbitrary<Profile> = fc.record({
  id: name,
  name,
  network: name,
  passThrough: maybe(fc.constantFrom("enabled" as const, "disabled" as const)),
  migratable: flag,
  failover: maybe(name),
  portMirroring: flag,
  networkFilter: maybe(name),
  qos: maybe(name),
  customProperties: maybe(fc.dictionary(name, name)),
  description: maybe(name),
});
const profiles = fc.uniqueArray(profile, { selector: ({ id }) => id });
const network: fc.Arbitrary<LogicalNetwork> = fc.record({
  name,
  external: flag,
  vmNetwork: flag,
  portIsolation: flag,
  bridge: maybe(name),
  physicalFunctions: maybe(fc.array(name)),
  mtu: maybe(fc.constantFrom(1500, 9000)),
});
const networks = fc.uniqueArray(network, { selector: (one) => one.name });
const names = fc.array(name);
const backend = fc.constantFrom("libvirt" as const, "ovirt" as const);

const profileFacts: fc.Arbitrary<ProfileFacts> = fc.record({
  action: fc.constantFrom("add" as const, "edit" as const, "remove" as const),
  backend,
  profile,
  stored: maybe(profile),
  others: profiles,
  networks,
  usedByVms: names,
  standbyOfVms: names,
  usedByTemplates: names,
  qosNames: names,
  networkFilters: names,
  customPropertyNames: names,
});

const nic: fc.Arbitrary<VmNic> = fc.record({
  name,
  vm: name,
  profile: name,
  mac: maybe(mac),
  plugged: flag,
  linked: flag,
});

const interfaceFacts: fc.Arbitrary<InterfaceFacts> = fc.record({
  action: fc.constantFrom("add" as const, "edit" as const),
  backend,
  nic,
  stored: maybe(nic),
  others: fc.array(nic),
  profiles,
  networks,
  vm: fc.record({
    running: flag,
    machine: maybe(fc.constantFrom("q35", "pc")),
    freeRootPorts: maybe(fc.nat(3)),
    clusterLevel: maybe(fc.record({ major: fc.nat(5), minor: fc.nat(9) })),
    networksOnHost: maybe(names),
    freeVfs: maybe(fc.nat(2)),
  }),
});

/** Which of a record's values are not yet known: one bit for each key, in order. */
function masked<T extends object>(record: T, bits: number): MaybeUnknown<T> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value], index) => [key, (bits >> index) & 1 ? UNKNOWN : (value as unknown)]),
  ) as MaybeUnknown<T>;
}

/** An id that is not known yet may be the one that is named: then a profile that names no other names itself. */
function idsOf(violations: readonly Violation[]): Set<string> {
  return new Set(violations.map(({ rule }) => (rule === "failover-not-itself" ? "failover-exists" : rule)));
}

const bits = fc.nat(0xffff);

describe("a value that is not yet known", () => {
  it("raises nothing on a profile that would not be raised once it is known, whatever it will be", () => {
    fc.assert(
      fc.property(profileFacts, bits, fc.array(bits), bits, (facts, own, others, lists) => {
        const hidden: ProfileFacts = {
          ...facts,
          profile: masked(facts.profile as Profile, own),
          others: (facts.others as Profile[]).map((other, index) => masked(other, others[index] ?? 0)),
        };
        const { action, backend: kind, profile: shown, stored, ...rest } = hidden;
        const all = { action, backend: kind, profile: shown, stored, ...masked(rest, lists) } as ProfileFacts;
        const rules = profileRules[action];
        const known = idsOf(evaluate(rules, facts));
        for (const preview of [hidden, all]) {
          for (const id of idsOf(evaluate(rules, preview))) expect(known).toContain(id);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("raises nothing on an interface that would not be raised once it is known, whatever it will be", () => {
    fc.assert(
      fc.property(interfaceFacts, bits, fc.array(bits), fc.array(bits), bits, (facts, own, others, known, lists) => {
        const hidden: InterfaceFacts = {
          ...facts,
          nic: masked(facts.nic as VmNic, own),
          others: (facts.others as VmNic[]).map((other, index) => masked(other, others[index] ?? 0)),
          profiles: (facts.profiles as Profile[]).map((one, index) => masked(one, known[index] ?? 0)),
        };
        const { others: nics, profiles: all, networks: nets, ...rest } = hidden;
        const preview = {
          ...rest,
          ...masked({ others: nics, profiles: all, networks: nets }, lists),
        } as InterfaceFacts;
        const raised = idsOf(evaluate(interfaceRules, facts));
        for (const id of idsOf(evaluate(interfaceRules, preview))) expect(raised).toContain(id);
      }),
      { numRuns: 1000 },
    );
  });

  it("raises nothing at all where nothing is known", () => {
    fc.assert(
      fc.property(profileFacts, interfaceFacts, (ofProfile, ofNic) => {
        const { action, backend: kind, stored } = ofProfile;
        const blank = {
          ...masked(ofProfile, -1),
          action,
          backend: kind,
          stored: stored ?? (ofProfile.profile as Profile),
          profile: masked(ofProfile.profile as Profile, -1),
        } as ProfileFacts;
        expect(evaluate(profileRules[action], blank)).toEqual([]);
        const blankNic = {
          ...ofNic,
          nic: masked(ofNic.nic as VmNic, -1),
          others: UNKNOWN,
          profiles: UNKNOWN,
          networks: UNKNOWN,
        } as InterfaceFacts;
        expect(evaluate(interfaceRules, blankNic)).toEqual([]);
      }),
    );
  });
});

const teamingDevice: fc.Arbitrary<TeamingDevice> = fc.record({
  kind: fc.constantFrom("interface" as const, "hostdev" as const),
  type: fc.constantFrom("bridge", "hostdev", "network", "pci", "usb", ""),
  mac: maybe(fc.oneof(mac, fc.string())),
  alias: maybe(fc.constantFrom("ua-a", "ua-b", "net0", "", "__proto__")),
  model: maybe(fc.constantFrom("virtio", "rtl8139", "")),
  teaming: maybe(
    fc.record({
      type: fc.constantFrom("persistent", "transient", "other"),
      persistent: maybe(fc.constantFrom("ua-a", "ua-b", "net0", "", "__proto__")),
    }),
  ),
  guestAddress: maybe(
    fc.record({
      type: fc.constantFrom("pci", "ccw"),
      domain: fc.nat(1),
      bus: fc.nat(3),
      slot: fc.nat(1),
      function: fc.nat(1),
      multifunction: flag,
    }),
  ),
  source: maybe(name),
  sourceType: maybe(fc.constantFrom("pci", "usb")),
  actualType: maybe(fc.constantFrom("hostdev", "bridge")),
  driver: maybe(fc.constantFrom("vfio", "kvm")),
  mtu: maybe(fc.nat(9000)),
  link: maybe(fc.constantFrom("up", "down")),
  vlanTrunk: flag,
  filter: maybe(name),
  bandwidth: flag,
});

const teamingFacts: fc.Arbitrary<TeamingFacts> = fc.record({
  machine: maybe(fc.constantFrom("pc-q35-9.2", "pc")),
  interfaces: fc.array(teamingDevice),
  controllers: fc.array(
    fc.record({
      type: fc.constantFrom("pci", "usb"),
      index: fc.nat(3),
      model: maybe(fc.constantFrom("pcie-root", "pcie-root-port", "pci-bridge", "")),
    }),
  ),
});

const host = fc.record({
  name: fc.constantFrom("host1", "host2"),
  configured: flag,
  status: maybe(fc.constantFrom("up", "maintenance")),
  answers: flag,
  unreachable: maybe(
    fc.record({
      why: fc.string().map((text) => `Unable to reach host "host1": ${text}`),
      remedy: maybe(fc.constant("Start it.")),
    }),
  ),
  uuid: maybe(name),
  libvirtVersion: maybe(fc.nat(12_000_000)),
  qemuVersion: maybe(fc.nat(12_000_000)),
  freeMemoryKiB: maybe(fc.nat()),
  passthrough: flag,
  networks: maybe(
    fc.array(
      fc.record({
        name,
        bridge: maybe(name),
        bridgeExists: flag,
        bridgeUplinks: maybe(names),
        mtu: maybe(fc.constantFrom(1500, 9000)),
        physicalFunctions: maybe(fc.array(fc.record({ name, up: flag, freeVfs: maybe(fc.nat(2)) }))),
      }),
    ),
  ),
});

const vm = fc.record({
  name: fc.constantFrom("web"),
  exists: flag,
  state: maybe(fc.constantFrom("running" as const, "paused" as const, "shutoff" as const, "other" as const)),
  activeOn: maybe(names),
  job: maybe(fc.constantFrom("none", "migration out", "snapshot")),
  moveBegunBy: maybe(name),
  unmovableStatus: maybe(fc.constantFrom("suspended")),
  memoryKiB: maybe(fc.nat()),
  interfaces: maybe(
    fc.array(
      fc.record({
        name,
        vfNetwork: maybe(name),
        standbyNetwork: maybe(name),
        migratable: flag,
        standbyLinkUp: flag,
      }),
    ),
  ),
  blockingDevices: maybe(names),
  disks: maybe(
    fc.array(
      fc.record({
        target: name,
        type: fc.constantFrom("file", "network"),
        source: maybe(name),
        readonly: flag,
        shared: flag,
      }),
    ),
  ),
  guest: maybe(
    fc.record({
      agent: flag,
      os: maybe(fc.constantFrom("linux" as const, "windows" as const, "other" as const)),
      kernel: maybe(fc.oneof(fc.string(), fc.constantFrom("4.17.0", "4.18.0", "6.1.0"))),
      virtioDrivers: maybe(fc.oneof(fc.string(), fc.constantFrom("0.1.1", "0.1.190"))),
    }),
  ),
});

const placementFacts: fc.Arbitrary<PlacementFacts> = fc.record({
  vm,
  source: maybe(host),
  destination: host,
  cpu: maybe(fc.constantFrom("identical" as const, "superset" as const, "incompatible" as const)),
  clusterNetworks: maybe(names),
});

describe("a fact that is not known", () => {
  it("raises nothing on a move", () => {
    fc.assert(
      fc.property(placementFacts, bits, bits, bits, (facts, ofVm, ofSource, ofDestination) => {
        fc.pre(facts.source !== undefined && facts.source.name !== facts.destination.name);
        const forgotten: PlacementFacts = {
          ...facts,
          vm: { ...facts.vm, ...absent(facts.vm, ofVm) },
          source: { ...facts.source, ...absent(facts.source, ofSource) },
          destination: { ...facts.destination, ...absent(facts.destination, ofDestination) },
        };
        const known = idsOf(evaluate(placementRules, facts));
        for (const id of idsOf(evaluate(placementRules, forgotten))) expect(known).toContain(id);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Those of a record's values that are left untold, but for its name. */
function absent<T extends { readonly name: string }>(record: T, mask: number): Partial<T> {
  return Object.fromEntries(
    Object.keys(record)
      .filter((key, index) => key !== "name" && (mask >> index) & 1)
      .map((key) => [key, undefined]),
  ) as Partial<T>;
}

describe("what a rule finds", () => {
  it("is told in sentences that name the profile", () => {
    fc.assert(
      fc.property(profileFacts, (facts) => {
        const spoken = [facts.profile, facts.stored].map((one) => `"${String(one?.name)}"`);
        for (const violation of wellSpoken(evaluate(profileRules[facts.action], facts))) {
          expect(spoken.some((quoted) => violation.message.includes(quoted))).toBe(true);
        }
      }),
    );
  });

  it("is told in sentences that name the interface", () => {
    fc.assert(
      fc.property(interfaceFacts, (facts) => {
        const spoken = [facts.nic, facts.stored].map((one) => `"${String(one?.name)}"`);
        for (const violation of wellSpoken(evaluate(interfaceRules, facts))) {
          expect(spoken.some((quoted) => violation.message.includes(quoted))).toBe(true);
        }
      }),
    );
  });

  it("is told in sentences on any domain, and on any two", () => {
    fc.assert(
      fc.property(teamingFacts, teamingFacts, (source, target) => {
        wellSpoken(evaluate(teamingRules, source));
        wellSpoken(evaluate(migrationXmlRules, { source, target }));
        expect(evaluate(migrationXmlRules, { source, target: source })).toEqual([]);
      }),
    );
  });

  it("is told in sentences that name the VM or a host", () => {
    fc.assert(
      fc.property(placementFacts, (facts) => {
        for (const violation of wellSpoken(evaluate(placementRules, facts))) {
          expect(violation.message).toMatch(/"web"|"host[12]"/);
        }
      }),
    );
  });
});

function wellSpoken(violations: readonly Violation[]): readonly Violation[] {
  for (const { message, remedy } of violations) {
    expect(message).toMatch(/^[A-Z].*\.$/s);
    expect(remedy).toMatch(/^[A-Z].*\.$/s);
    expect(`${message}${remedy}`).not.toMatch(/undefined|\[object|NaN|Symbol/);
  }
  return violations;
}

/** Free VFs against the plainest possible search: every way to give interfaces physical functions. */
describe("free VFs", () => {
  it("are found too few exactly where no way to give them out serves every interface", () => {
    const functions = fc.array(fc.record({ name: fc.constantFrom("eth0", "eth1", "eth2"), freeVfs: fc.nat(2) }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(
        fc.record({ a: functions, b: functions, c: functions }),
        fc.record({ eth0: fc.nat(2), eth1: fc.nat(2), eth2: fc.nat(2) }),
        fc.array(name, { maxLength: 5 }),
        (pools, free, wanted) => {
          const pfs = (network_: string) =>
            [...new Set(pools[network_ as "a"].map((pf) => pf.name))].map((pf) => ({
              name: pf,
              freeVfs: free[pf as "eth0"],
            }));
          const found = evaluate(placementRules, {
            vm: { name: "web", interfaces: wanted.map((vfNetwork, index) => ({ name: String(index), vfNetwork })) },
            destination: {
              name: "host2",
              networks: (["a", "b", "c"] as const).map((one) => ({ name: one, physicalFunctions: pfs(one) })),
            },
          });
          const serves = (left: Record<string, number>, [first, ...rest]: readonly string[]): boolean =>
            first === undefined ||
            pfs(first).some((pf) => {
              const remaining = left[pf.name] ?? 0;
              return remaining > 0 && serves({ ...left, [pf.name]: remaining - 1 }, rest);
            });
          expect(found.some(({ rule }) => rule === "move-free-vfs")).toBe(!serves(free, wanted));
        },
      ),
      { numRuns: 500 },
    );
  });
});
