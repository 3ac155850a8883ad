import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { planDrain, type DrainDestination, type DrainPlan, type DrainVm } from "../../provider/drain/plan.js";

const GiB = 2 ** 20;

function vm(name: string, over: Partial<DrainVm> = {}): DrainVm {
  return {
    name,
    memoryKiB: GiB,
    interfaces: [{ vfNetwork: "data-vf", standbyNetwork: "data" }],
    excluded: new Map(),
    ...over,
  };
}

function host(name: string, freeVfs: number, over: Partial<DrainDestination> = {}): DrainDestination {
  return {
    name,
    freeMemoryKiB: 64 * GiB,
    networks: [
      { name: "data", bridge: true, physicalFunctions: [] },
      { name: "data-vf", bridge: false, physicalFunctions: [{ name: "pf0", freeVfs }] },
    ],
    ...over,
  };
}

const networks = ["n0", "n1", "n2"];
const pfs = ["pf0", "pf1", "pf2"];

const someVms = (most: number): fc.Arbitrary<DrainVm[]> =>
  fc
    .array(
      fc.record({
        memoryKiB: fc.integer({ min: 1, max: 8 }).map((gibibytes) => gibibytes * GiB),
        interfaces: fc.array(
          fc.record({
            vfNetwork: fc.option(fc.constantFrom(...networks), { nil: undefined }),
            standbyNetwork: fc.option(fc.constantFrom(...networks), { nil: undefined }),
          }),
          { maxLength: 3 },
        ),
        excluded: fc.uniqueArray(fc.constantFrom("h0", "h1", "h2"), { maxLength: 2 }),
      }),
      { maxLength: most },
    )
    .map((vms) =>
      vms.map(({ excluded, ...rest }, index) => ({
        ...rest,
        name: `vm${index}`,
        excluded: new Map(excluded.map((name) => [name, "is out of the question"])),
      })),
    );

const someHosts: fc.Arbitrary<DrainDestination[]> = fc
  .array(
    fc.record({
      freeMemoryKiB: fc.integer({ min: 0, max: 24 }).map((gibibytes) => gibibytes * GiB),
      free: fc.tuple(...pfs.map(() => fc.integer({ min: 0, max: 4 }))),
      networks: fc.tuple(
        ...networks.map(() =>
          fc.record({
            bridge: fc.constantFrom<boolean | "unknown">(true, true, false, "unknown"),
            functions: fc.uniqueArray(fc.constantFrom(...pfs), { maxLength: 3 }),
          }),
        ),
      ),
    }),
    { maxLength: 3 },
  )
  .map((hosts) =>
    hosts.map(({ freeMemoryKiB, free, networks: wired }, index) => ({
      name: `h${index}`,
      freeMemoryKiB,
      networks: wired.map(({ bridge, functions }, network) => ({
        name: networks[network] ?? "",
        bridge,
        physicalFunctions: functions.map((name) => ({ name, freeVfs: free[pfs.indexOf(name)] ?? 0 })),
      })),
    })),
  );

/** What the plan promises of a host, against what the host has. */
function expectKept(plan: DrainPlan, vms: readonly DrainVm[], hosts: readonly DrainDestination[]): void {
  for (const destination of hosts) {
    const coming = plan.moves.filter(({ to }) => to === destination.name);
    const guests = coming.map((move) => vms.find(({ name }) => name === move.vm) ?? expect.fail("an unknown VM"));
    expect(guests.reduce((sum, { memoryKiB }) => sum + memoryKiB, 0)).toBeLessThanOrEqual(destination.freeMemoryKiB);
    const promised = coming.flatMap(({ physicalFunctions }) => physicalFunctions.filter((name) => name !== undefined));
    for (const name of pfs) {
      const pf = destination.networks
        .flatMap(({ physicalFunctions }) => physicalFunctions)
        .find((p) => p.name === name);
      expect(promised.filter((other) => other === name).length).toBeLessThanOrEqual(pf?.freeVfs ?? 0);
    }
    for (const [index, guest] of guests.entries()) {
      expect(guest.excluded.has(destination.name)).toBe(false);
      for (const [nic, { vfNetwork, standbyNetwork }] of guest.interfaces.entries()) {
        const named = (name: string) => destination.networks.find((network) => network.name === name);
        if (standbyNetwork !== undefined) expect(named(standbyNetwork)?.bridge).not.toBe(false);
        const pf = coming[index]?.physicalFunctions[nic];
        if (vfNetwork === undefined) expect(pf).toBeUndefined();
        else expect(named(vfNetwork)?.physicalFunctions.map(({ name }) => name)).toContain(pf);
      }
    }
  }
}

/** The most VMs that any assignment can place, where each interface has one PF to choose from. */
function mostPlaceable(vms: readonly DrainVm[], hosts: readonly DrainDestination[]): number {
  const best = (index: number, load: ReadonlyMap<string, readonly DrainVm[]>): number => {
    const next = vms[index];
    if (next === undefined) return 0;
    const placed = hosts.flatMap((destination) => {
      const guests = [...(load.get(destination.name) ?? []), next];
      return fits(guests, destination) ? [1 + best(index + 1, new Map(load).set(destination.name, guests))] : [];
    });
    return Math.max(best(index + 1, load), ...placed);
  };
  return best(0, new Map());
}

function fits(guests: readonly DrainVm[], { name, freeMemoryKiB, networks: wired }: DrainDestination): boolean {
  const needs = guests.flatMap(({ interfaces }) => interfaces).flatMap(({ vfNetwork }) => vfNetwork ?? []);
  return (
    guests.every(
      ({ excluded, interfaces }) =>
        !excluded.has(name) &&
        interfaces.every(
          ({ standbyNetwork }) =>
            standbyNetwork === undefined || wired.some((n) => n.name === standbyNetwork && n.bridge !== false),
        ),
    ) &&
    guests.reduce((sum, { memoryKiB }) => sum + memoryKiB, 0) <= freeMemoryKiB &&
    networks.every((network) => {
      const free = wired.find((n) => n.name === network)?.physicalFunctions[0]?.freeVfs ?? 0;
      return needs.filter((need) => need === network).length <= free;
    })
  );
}

/** Each network has a PF of its own. */
const ownFunctions = (hosts: readonly DrainDestination[]): DrainDestination[] =>
  hosts.map((destination) => ({
    ...destination,
    networks: destination.networks.map((network, index) => ({
      ...network,
      physicalFunctions: network.physicalFunctions.slice(0, 1).map((pf) => ({ ...pf, name: pfs[index] ?? "" })),
    })),
  }));

describe("a drain's plan", () => {
  test("promises no VF, no memory and no bridge that is not there", () => {
    fc.assert(
      fc.property(someVms(8), someHosts, (vms, hosts) => {
        expectKept(planDrain(vms, hosts), vms, hosts);
      }),
    );
  });

  test("speaks of every VM once: it moves, or it stays with a reason for each host", () => {
    fc.assert(
      fc.property(someVms(8), someHosts, (vms, hosts) => {
        const { moves, stuck } = planDrain(vms, hosts);
        expect([...moves, ...stuck].map((each) => each.vm).toSorted()).toEqual(vms.map(({ name }) => name).toSorted());
        for (const { reasons } of stuck) {
          expect([...reasons.keys()]).toEqual(hosts.map(({ name }) => name));
          for (const why of reasons.values()) expect(why).not.toBe("");
        }
      }),
    );
  });

  test("places as many as any plan could, where networks share no PF", () => {
    fc.assert(
      fc.property(someVms(5), someHosts.map(ownFunctions), (vms, hosts) => {
        expect(planDrain(vms, hosts).moves).toHaveLength(mostPlaceable(vms, hosts));
      }),
    );
  });

  test("places as many as any plan could, where only memory and VFs are short", () => {
    const size = fc.integer({ min: 1, max: 8 });
    const guests = fc.array(fc.record({ size, passThrough: fc.boolean() }), { maxLength: 6 });
    const hosts = fc.array(fc.record({ size: fc.integer({ min: 4, max: 14 }), free: fc.integer({ min: 0, max: 3 }) }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(guests, hosts, (guests, hosts) => {
        const vms = guests.map(({ size, passThrough }, index) =>
          vm(`vm${index}`, { memoryKiB: size * GiB, interfaces: passThrough ? [{ vfNetwork: "n0" }] : [] }),
        );
        const destinations = hosts.map(({ size, free }, index) =>
          host(`h${index}`, 0, {
            freeMemoryKiB: size * GiB,
            networks: [{ name: "n0", bridge: true, physicalFunctions: [{ name: "pf0", freeVfs: free }] }],
          }),
        );
        const plan = planDrain(vms, destinations);
        expectKept(plan, vms, destinations);
        expect(plan.moves).toHaveLength(mostPlaceable(vms, destinations));
      }),
    );
  });

  test("finds the plan that a greedy one misses", () => {
    const vms = [6, 4, 4, 3, 3].map((size, index) => vm(`vm${index}`, { memoryKiB: size * GiB }));
    const hosts = ["a", "b"].map((name) => host(name, 8, { freeMemoryKiB: 10 * GiB }));
    expect(planDrain(vms, hosts).stuck).toEqual([]);
  });

  test("goes on past a VM that finds no room", () => {
    const vms = [6, 4, 2].map((size) => vm(`vm${size}`, { memoryKiB: size * GiB }));
    const { moves } = planDrain(vms, [host("a", 8, { freeMemoryKiB: 8 * GiB })]);
    expect(moves).toHaveLength(2);
  });

  test("is the same for the same facts, in whatever order the VMs come", () => {
    fc.assert(
      fc.property(someVms(6), someHosts, (vms, hosts) => {
        expect(planDrain(vms.toReversed(), hosts).moves).toEqual(planDrain(vms, hosts).moves);
      }),
    );
  });

  test("leaves the host that alone can take a VM to that VM", () => {
    const picky = vm("picky", { excluded: new Map([["b", "its CPU is too old"]]) });
    const { moves } = planDrain([vm("easy"), picky], [host("a", 1), host("b", 1)]);
    expect(moves.map(({ vm, to }) => `${vm} ${to}`)).toEqual(["picky a", "easy b"]);
  });

  test("says that there is room for one, but not for both", () => {
    const { moves, stuck } = planDrain([vm("one"), vm("two")], [host("a", 1)]);
    expect(moves).toEqual([{ vm: "one", to: "a", physicalFunctions: ["pf0"] }]);
    expect(stuck[0]?.reasons.get("a")).toBe(
      'insufficient capacity together with the other planned moves: too few free VFs of network "data-vf"',
    );
  });

  test.each([
    [{ excluded: new Map([["a", "its CPU is too old"]]) }, {}, "its CPU is too old"],
    [{}, { freeMemoryKiB: GiB / 2 }, "512 MiB of free memory, 1024 MiB needed"],
    [{}, { networks: [] }, 'no bridge for network "data"'],
    [{ interfaces: [{ vfNetwork: "other" }] }, {}, 'too few free VFs of network "other"'],
  ])("names the reason", (guest, destination, reason) => {
    const { stuck } = planDrain([vm("web", guest)], [host("a", 4, destination)]);
    expect(stuck).toEqual([{ vm: "web", reasons: new Map([["a", reason]]) }]);
  });

  test("takes VFs from the first PF that has one, as the move does", () => {
    const two = host("a", 1, {
      networks: [
        {
          name: "n",
          bridge: false,
          physicalFunctions: [
            { name: "pf0", freeVfs: 1 },
            { name: "pf1", freeVfs: 1 },
          ],
        },
      ],
    });
    const both = vm("web", { interfaces: [{ vfNetwork: "n" }, {}, { vfNetwork: "n" }] });
    expect(planDrain([both], [two]).moves[0]?.physicalFunctions).toEqual(["pf0", undefined, "pf1"]);
  });

  test("a hundred VMs, more than fit on ten hosts, are planned, too", () => {
    const vms = Array.from({ length: 100 }, (_, index) => vm(`vm${index}`, { memoryKiB: (1 + (index % 7)) * GiB }));
    const hosts = Array.from({ length: 10 }, (_, index) => host(`h${index}`, 8));
    const plan = planDrain(vms, hosts);
    expectKept(plan, vms, hosts);
    expect(plan.moves).toHaveLength(80);
  });

  test("gives a VM's interfaces VFs of PFs that their networks share, whenever that can be", () => {
    const shared = host("a", 0, {
      networks: [
        {
          name: "wide",
          bridge: false,
          physicalFunctions: [
            { name: "pf0", freeVfs: 1 },
            { name: "pf1", freeVfs: 1 },
          ],
        },
        { name: "narrow", bridge: false, physicalFunctions: [{ name: "pf0", freeVfs: 1 }] },
      ],
    });
    const web = vm("web", { interfaces: [{ vfNetwork: "wide" }, { vfNetwork: "narrow" }] });
    expect(planDrain([web], [shared]).moves[0]?.physicalFunctions).toEqual(["pf1", "pf0"]);
  });

  test("of thousands of VMs is as sound as one of a few", () => {
    const vms = Array.from({ length: 3_000 }, (_, index) => vm(`vm${index}`, { memoryKiB: (1 + (index % 7)) * GiB }));
    const hosts = Array.from({ length: 100 }, (_, index) => host(`h${index}`, 29, { freeMemoryKiB: 1024 * GiB }));
    const plan = planDrain(vms, hosts);
    expectKept(plan, vms, hosts);
    expect(plan.moves).toHaveLength(2_900);
    expect(plan.stuck).toHaveLength(100);
  });
});
