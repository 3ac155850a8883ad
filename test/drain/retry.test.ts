import { describe, expect, it } from "vitest";
import { elsewhere, type DrainPlan, type DrainVm } from "../../provider/drain/plan.js";
import { withSecondTry } from "../../provider/drain/retry.js";

const planOf = (...moves: (readonly [vm: string, to: string])[]): DrainPlan => ({
  moves: moves.map(([vm, to]) => ({ vm, to, physicalFunctions: [] })),
  stuck: [],
});

/** Every move to one of these hosts fails. */
const failingOn =
  (...hosts: string[]) =>
  ({ moves }: DrainPlan) =>
    Promise.resolve(moves.map(({ vm, to }) => ({ vm, to, moved: !hosts.includes(to) })));
const isAsBefore = ({ moved }: { moved: boolean }) => !moved;
const never = () => expect.fail("nothing is to be planned again");

describe("a drain's second try", () => {
  it("is not made where all went well", async () => {
    const plan = planOf(["a", "host2"], ["b", "host3"]);
    const results = await withSecondTry(plan, { make: failingOn(), isAsBefore, planAgain: never });
    expect(results.map(({ vm, moved }) => `${vm} ${moved}`)).toEqual(["a true", "b true"]);
  });

  it("is planned for those that are left, with what they have tried", async () => {
    const asked: unknown[] = [];
    const results = await withSecondTry(planOf(["a", "host2"], ["b", "host3"], ["c", "host2"]), {
      make: failingOn("host2"),
      isAsBefore,
      planAgain: (failed) => {
        asked.push(failed);
        return Promise.resolve(planOf(["c", "host3"]));
      },
    });
    expect(asked).toEqual([
      new Map([
        ["a", "host2"],
        ["c", "host2"],
      ]),
    ]);
    // For "a" there was no other place: what became of it first is what became of it.
    expect(results).toEqual([
      { vm: "a", to: "host2", moved: false },
      { vm: "b", to: "host3", moved: true },
      { vm: "c", to: "host3", moved: true },
    ]);
  });

  it("is the last one", async () => {
    let plans = 0;
    const results = await withSecondTry(planOf(["a", "host2"]), {
      make: failingOn("host2", "host3"),
      isAsBefore,
      planAgain: () => {
        plans += 1;
        return Promise.resolve(planOf(["a", "host3"]));
      },
    });
    expect(plans).toBe(1);
    expect(results).toEqual([{ vm: "a", to: "host3", moved: false }]);
  });

  it("is not made for a VM that is no longer as it was", async () => {
    await withSecondTry(planOf(["a", "host2"]), {
      make: failingOn("host2"),
      isAsBefore: () => false,
      planAgain: never,
    });
  });

  it("takes the facts of the VMs that are left, less what they have tried", () => {
    const vm = (name: string): DrainVm => ({
      name,
      memoryKiB: 1,
      interfaces: [],
      excluded: new Map([["host4", "its CPU is too old"]]),
    });
    const [left, ...more] = elsewhere([vm("a"), vm("b")], new Map([["b", "host2"]]));
    expect(more).toEqual([]);
    expect(left?.name).toBe("b");
    expect([...(left?.excluded.keys() ?? [])]).toEqual(["host4", "host2"]);
  });
});
