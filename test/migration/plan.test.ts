import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gatherFacts } from "../../provider/migration/facts.js";
import { beginJournal, errorsOf, MoveRefused, planMove, warningsOf } from "../../provider/migration/plan.js";
import type { Element } from "../../provider/xml/element.js";
import { parsePciAddress } from "../../provider/backends/libvirt/xml/pci-address.js";
import { changingCalls } from "../hosts/changing-calls.js";
import { type DeclaredPair, declarePair } from "../hosts/declared.js";
import { twoHosts, type LabLike, physicalFunction, vfs, vm, occupy } from "../hosts/two-hosts.js";

let lab: LabLike;
let pair: DeclaredPair;
beforeEach(async () => {
  lab = await twoHosts();
  pair = await declarePair(lab);
});
afterEach(() => lab.close());

describe("the facts of a move", () => {
  it("are those of the VM, of both hosts and of their networks", async () => {
    const { facts } = await gatherFacts(lab.cluster, "web", "host2");
    const networks = [
      { name: "data-vf", physicalFunctions: [{ name: "pf0", up: true, freeVfs: 4 }] },
      { name: "data", bridge: "br0", bridgeExists: true, bridgeUplinks: ["uplink0"], mtu: 1500 },
    ];
    expect(facts).toMatchObject({
      vm: {
        name: "web",
        exists: true,
        activeOn: ["host1"],
        state: "running",
        job: "none",
        memoryKiB: 262_144,
        interfaces: [
          {
            name: pair.state.aliases[1],
            vfNetwork: "data-vf",
            standbyNetwork: "data",
            standbyLinkUp: true,
            migratable: true,
          },
        ],
        blockingDevices: [],
        disks: [],
      },
      source: { name: "host1", answers: true, uuid: lab.host1.uuid },
      destination: {
        name: "host2",
        configured: true,
        answers: true,
        uuid: lab.host2.uuid,
        passthrough: true,
        libvirtVersion: 11_003_000,
        qemuVersion: 10_000_013,
        freeMemoryKiB: 2_097_152,
        networks,
      },
      cpu: "identical",
    });
    expect(facts.source?.networks?.[0]?.physicalFunctions).toEqual([
      { name: "pf0", up: true, freeVfs: 3, held: [`VF ${vfs[0]} (pf0 VF 0): VM "web" has it`] },
    ]);
  });

  it("find the networks of a pair without a record, by its PF and its bridge", async () => {
    const web = lab.host1.domains.requireNamed("web");
    web.live = web.live && { ...web.live, children: web.live.children.filter(({ name }) => name !== "metadata") };
    const { facts } = await gatherFacts(lab.cluster, "web", "host2");
    expect(facts.vm.interfaces).toMatchObject([{ vfNetwork: "data-vf", standbyNetwork: "data" }]);
  });

  it("say that a job runs", async () => {
    const web = lab.host1.domains.requireNamed("web");
    web.job = { direction: "incoming", phase: "begun", cancelled: false, parameters: [] };
    expect((await gatherFacts(lab.cluster, "web", "host2")).facts.vm.job).toBe("migration in");
  });

  it("leave out what an unreachable host would have told, and what the VM may be there", async () => {
    lab.host1.close();
    const { facts } = await gatherFacts(lab.cluster, "web", "host2");
    expect(facts.vm).toEqual({ name: "web", activeOn: [] });
    expect(facts.source).toBeUndefined();
    expect(facts.cpu).toBeUndefined();
  });

  it("say that no host has the VM only when every host answers", async () => {
    expect((await gatherFacts(lab.cluster, "absent", "host2")).facts.vm.exists).toBe(false);
    lab.host2.close();
    expect((await gatherFacts(lab.cluster, "absent", "host2")).facts.vm.exists).toBeUndefined();
  });

  it("leave a bridge unknown where the host has no way to tell", async () => {
    lab.host2.devices.hasInterfaceDriver = false;
    const { facts } = await gatherFacts(lab.cluster, "web", "host2");
    expect(facts.destination.networks?.[1]).toEqual({ name: "data", bridge: "br0" });
    expect(errorsOf(await planMove(lab.cluster, "web", "host2"))).toEqual([]);
  });

  it("say that a bridge is not there", async () => {
    lab.host2.devices.bridges.splice(0);
    const { facts } = await gatherFacts(lab.cluster, "web", "host2");
    expect(facts.destination.networks?.[1]).toEqual({ name: "data", bridge: "br0", bridgeExists: false });
  });
});

describe("the plan of a move", () => {
  it("promises each pair a VF of the destination", async () => {
    const plan = await planMove(lab.cluster, "web", "host2");
    expect(plan).toMatchObject({ vm: "web", from: "host1", to: "host2", alreadyThere: false, journal: undefined });
    expect(errorsOf(plan)).toEqual([]);
    expect(plan.interfaces).toEqual([
      {
        mac: vm.mac,
        primaryAlias: pair.state.aliases[1],
        standbyAlias: pair.state.aliases[0],
        network: "data-vf",
        standbyNetwork: "data",
        sourceVf: parsePciAddress(vfs[0]),
        destinationVf: parsePciAddress(vfs[0]),
        device: expect.objectContaining({ name: "interface" }) as Element,
        sourceDriver: "igbvf",
        destinationDriver: "igbvf",
        destinationNetdevs: [expect.stringMatching(/^net_pf0v0_/)],
      },
    ]);
    expect(plan.unplug.when).toBe("early");
  });

  it("changes nothing", async () => {
    const [from1 = 0, from2 = 0] = lab.hosts.map(({ journal }) => journal.length);
    await planMove(lab.cluster, "web", "host2");
    expect(changingCalls(lab, [from1, from2])).toEqual([]);
  });

  it("finds nothing to say about a VM that is there already", async () => {
    const plan = await planMove(lab.cluster, "web", "host1");
    expect(plan.alreadyThere).toBe(true);
    expect(errorsOf(plan)).toEqual([]);
  });

  it("warns where the standby hangs on the VF's own PF", async () => {
    lab.host2.devices.bridges.splice(0, 1, { name: "br0", mtu: 1500, ports: ["pf0"] });
    const plan = await planMove(lab.cluster, "web", "host2");
    expect(warningsOf(plan).map(({ rule }) => rule)).toContain("move-standby-uplink-apart");
    expect(errorsOf(plan)).toEqual([]);
  });

  it("takes the second PF of the network when the first has no VF left", async () => {
    await lab.close();
    lab = await twoHosts({ networks: { data: { bridge: "br0" }, "data-vf": { physicalFunctions: ["pf0", "pf1"] } } });
    for (const host of lab.hosts) host.devices.physicalFunctions.push(physicalFunction("pf1", 1, "02"));
    pair = await declarePair(lab);
    for (const vf of lab.host2.devices.physicalFunctions[0]?.virtualFunctions ?? []) occupy(vf);
    const plan = await planMove(lab.cluster, "web", "host2");
    expect(plan.interfaces[0]?.destinationVf).toEqual(parsePciAddress("0000:02:10.0"));
  });

  it("without a free VF begins no journal", async () => {
    for (const vf of lab.host2.devices.virtualFunctions()) occupy(vf);
    const plan = await planMove(lab.cluster, "web", "host2");
    expect(errorsOf(plan).map(({ rule }) => rule)).toEqual(["move-free-vfs"]);
    expect(() => beginJournal(plan, "host1")).toThrow(MoveRefused);
  });

  it("begins a journal of this process", async () => {
    const journal = beginJournal(await planMove(lab.cluster, "web", "host2"), "host1");
    expect(journal).toMatchObject({ from: "host1", to: "host2", step: "journal", mover: { pid: process.pid } });
  });
});
