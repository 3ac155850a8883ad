import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { drainFacts } from "../../provider/drain/facts.js";
import { planDrain } from "../../provider/drain/plan.js";
import { declarePair } from "../hosts/declared.js";
import { domainXml, twoHosts, vm, type LabLike } from "../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

function start(...names: string[]): void {
  for (const [index, name] of names.entries()) {
    const uuid = `11111111-2222-4333-8444-00000000010${index}`;
    lab.host1.domains.start(lab.host1.domains.define(domainXml({ name, uuid })));
  }
}

const asked = (host: LabLike["host1"]) => new Map(host.calls);

describe("the facts of a drain", () => {
  it("are the running VMs with their pairs, and what the destination has", async () => {
    await declarePair(lab);
    start("db");
    const { vms, destinations, unreachable } = await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(vms).toEqual([
      {
        name: "web",
        uuid: vm.uuid,
        from: "host1",
        memoryKiB: 262_144,
        interfaces: [{ vfNetwork: "data-vf", standbyNetwork: "data" }],
        excluded: new Map(),
        unplug: new Map([["host2", expect.objectContaining({ when: "early" })]]),
      },
      {
        name: "db",
        uuid: "11111111-2222-4333-8444-000000000100",
        from: "host1",
        memoryKiB: 262_144,
        interfaces: [],
        excluded: new Map(),
      },
    ]);
    expect(destinations).toMatchObject([{ name: "host2", freeMemoryKiB: 2_097_152 }]);
    expect(unreachable).toEqual([]);
    expect(planDrain(vms, destinations).stuck).toEqual([]);
  });

  it("ask a destination once for what holds of it, though it is surveyed and a move of each VM is planned", async () => {
    await declarePair(lab);
    lab.host2.calls.clear();
    await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(lab.host2.calls.get("connect_get_capabilities")).toBe(1);
    expect(lab.host2.calls.get("connect_get_lib_version")).toBe(1);
    // Nothing that only `doctor` wants to know.
    expect(lab.host2.calls.get("domain_get_autostart")).toBeUndefined();
  });

  it("ask a destination for what it has as often for many VMs as for one", async () => {
    await drainFacts(lab.cluster, "host1", ["host2"]);
    const before = asked(lab.host2);
    start("a", "b", "c", "d");
    await drainFacts(lab.cluster, "host1", ["host2"]);
    const more = [...asked(lab.host2)].map(([name, times]) => [name, times - 2 * (before.get(name) ?? 0)] as const);
    // A VM is looked for everywhere, and its CPU compared.
    expect(Object.fromEntries(more.filter(([, times]) => times > 0))).toEqual({
      domain_lookup_by_name: 4,
      connect_compare_cpu: 4,
    });
  });

  it("have nothing of a VM that ends meanwhile", async () => {
    start("db", "gone");
    const gone = lab.host1.domains.requireNamed("gone");
    const end = () => {
      lab.host1.domains.stop(gone);
      lab.host1.domains.undefine(gone);
    };
    lab.host1.before("domain_get_state", end, { when: ({ dom }) => dom.name === "gone" });
    const { vms } = await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(vms.map(({ name }) => name)).toEqual(["web", "db"]);
  });

  it("leave a VM out that is excluded by a rule, with the rule's words", async () => {
    lab.host2.uuid = lab.host1.uuid;
    const { vms } = await drainFacts(lab.cluster, "host1", ["host2"]);
    expect(vms[0]?.excluded.get("host2")).toMatch(/same UUID/);
  });
});
