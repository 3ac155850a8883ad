/** Two processes never take one VF, and a VF gets the driver back that it had. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimsOn } from "../../../provider/backends/libvirt/reservations.js";
import { takeFreeVf, type Taker } from "../../../provider/backends/libvirt/vf-claims.js";
import { takeVf } from "../../../provider/backends/libvirt/vf-plugging.js";
import { moveVm } from "../../../provider/migration/move.js";
import { recover } from "../../../provider/migration/recover.js";
import { vmInterface } from "../../../provider/handlers/libvirt/vm-interface.js";
import { formatVfClaim, parseVfClaim } from "../../../provider/backends/libvirt/xml/vf-claim.js";
import { declarePair, declareProfiles } from "../../hosts/declared.js";
import { domainXml, twoHosts, occupy, type Entrance, type LabLike, vfs } from "../../hosts/two-hosts.js";
import { journalOf, leave, pci } from "../../hosts/left-journal.js";
import { expectedState, clusterState } from "../../hosts/cluster-state.js";

const db = { name: "db", uuid: "11111111-2222-4333-8444-000000000051" };

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts({ define: [domainXml(db)] });
});
afterEach(() => lab.close());

const taker = (holder: string, parts: Partial<Taker> = {}): Taker => ({
  ...{ holder, vm: holder, kind: "plug", lasts: 60, commands: false },
  journals: () => Promise.resolve({ vfs: [], complete: true }),
  ...parts,
});
const vf0 = { address: pci(vfs[0]), driver: "igbvf" };
const drivers = (host: LabLike["host1"]) => host.devices.virtualFunctions().map(({ driver }) => driver);
const claims = async (host = "host1") => (await claimsOn(lab.cluster.host(host))).map(({ vm }) => vm);

describe("of two processes that take a VF", () => {
  it("one gets it, and the other is told so, whichever comes first", async () => {
    const other = await lab.entrance();
    const hosts = [lab.cluster.host("host1"), other.cluster.host("host1")];
    const taken = await Promise.all(hosts.map((host, index) => takeFreeVf(host, vf0, taker(`vm${index}`))));
    expect(taken.filter((each) => each !== undefined)).toHaveLength(1);
    expect(await claims()).toHaveLength(1);
    await taken.find((each) => each !== undefined)?.release();
    expect(await claims()).toEqual([]);
  });

  it("the second finds that the first has it, though it was free when it looked", async () => {
    // As it is when the first has claimed, bound, plugged and released its claim in the meantime.
    lab.host1.devices.detach(lab.host1.devices.functionAt(vfs[0])?.vf ?? raise());
    expect(await takeFreeVf(lab.cluster.host("host1"), vf0, taker("vm"))).toBeUndefined();
    expect(await claims()).toEqual([]);
  });

  it("nor is one taken that the host itself has begun to use", async () => {
    occupy(lab.host1.devices.functionAt(vfs[0])?.vf ?? raise());
    expect(await takeFreeVf(lab.cluster.host("host1"), vf0, taker("vm"))).toBeUndefined();
    expect(drivers(lab.host1)[0]).toBe("igbvf");
  });

  it("also where both are bound to VFIO at boot, and the first is in a domain by now", async () => {
    const seen = { address: pci(vfs[0]), driver: "vfio-pci" };
    for (const vf of lab.host1.devices.virtualFunctions()) vf.driver = "vfio-pci";
    const nic = `<interface type='hostdev'><mac address='52:54:00:00:00:99'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source></interface>`;
    lab.host1.domains.define(domainXml({ name: "off", uuid: "11111111-2222-4333-8444-000000000098" }, nic));
    expect(await takeFreeVf(lab.cluster.host("host1"), seen, taker("vm"))).toBeUndefined();
  });
});

describe("a claim", () => {
  it("is read back as it was written", () => {
    const claim = {
      ...{ uuid: "6f2c1f0e-7a4c-4c2e-9a3f-3c1b0d9e8f7a", vf: pci(vfs[1]), holder: "id/ua-1", vm: "web" },
      ...({ kind: "move", until: 1_700_000_000_000 } as const),
    };
    expect(parseVfClaim(formatVfClaim(claim))).toEqual(claim);
    expect(parseVfClaim("<network><name>default</name></network>")).toBeUndefined();
  });

  it("of a plug that died counts until its time is over", async () => {
    const host = lab.cluster.host("host1");
    expect(await takeFreeVf(host, vf0, taker("dead", { lasts: 60 }))).toBeDefined();
    const now = { address: vf0.address, driver: "vfio-pci" };
    expect(await takeFreeVf(host, now, taker("other"))).toBeUndefined();
    const { profileRecord } = await profileOf();
    // Another VF is chosen meanwhile.
    expect((await takeVf(lab.cluster, host, { network: profileRecord.network, vm: "db" })).address).toEqual(
      pci(vfs[1]),
    );
  });

  it("of a plug that died long ago counts no more", async () => {
    const host = lab.cluster.host("host1");
    expect(await takeFreeVf(host, vf0, taker("dead", { lasts: -1 }))).toBeDefined();
    const now = { address: vf0.address, driver: "vfio-pci" };
    expect(await takeFreeVf(host, now, taker("other"))).toBeDefined();
    expect(await claims()).toEqual(["other"]);
  });

  it("of a move counts as long as its journal is there", async () => {
    const host = lab.cluster.host("host2");
    const move = { kind: "move", lasts: -1 } as const;
    const id = journalOf(await declarePair(lab)).id;
    expect(await takeFreeVf(host, vf0, taker(`${id}/ua-1`, move))).toBeDefined();
    const journals = (moves: readonly string[]) => () =>
      Promise.resolve({
        vfs: moves.map((each) => ({ host: "host2", address: vf0.address, vm: "web", move: each })),
        complete: true,
      });
    const now = { address: vf0.address, driver: "vfio-pci" };
    expect(await takeFreeVf(host, now, taker("other", { journals: journals([id]) }))).toBeUndefined();
    expect(await takeFreeVf(host, now, taker("other", { journals: journals([]) }))).toBeDefined();
  });
});

describe("two movers at once", () => {
  /** Both plan before either has written anything, and so choose the same VF. */
  async function both(): Promise<{ outcomes: readonly unknown[]; other: Entrance }> {
    const { profile, standbyProfile: _ } = await declareProfiles(lab);
    lab.host1.domains.start(lab.host1.domains.requireNamed("db"));
    for (const [vm, mac] of [
      ["web", "52:54:00:aa:00:50"],
      ["db", "52:54:00:aa:00:51"],
    ])
      await vmInterface.create(lab.context(), { vm: vm ?? "", profile, mac: mac ?? "" });
    const other = await lab.entrance();
    const outcomes = await Promise.allSettled([
      moveVm(lab.cluster, { vm: "web", to: "host2" }),
      moveVm(other.cluster, { vm: "db", to: "host2" }),
    ]);
    return { outcomes, other };
  }

  it("that plan the same VF: each VM gets one of its own", async () => {
    const { outcomes } = await both();
    expect(outcomes).toMatchObject([{ value: { outcome: "moved" } }, { value: { outcome: "moved" } }]);
    const [web, other] = [clusterState(lab, "web"), clusterState(lab, "db")];
    expect(new Set([...web.vfs, ...other.vfs])).toEqual(new Set([vfs[0], vfs[1]]));
    expect([web.definedVfs, other.definedVfs]).toEqual([web.vfs, other.vfs]);
    expect(drivers(lab.host1)).toEqual(["igbvf", "igbvf", "igbvf", "igbvf"]);
    expect([await claims("host1"), await claims("host2")]).toEqual([[], []]);
  });

  it("with one VF left: one VM moves, the other keeps its own, and says why", async () => {
    for (const vf of lab.host2.devices.virtualFunctions().slice(1)) occupy(vf);
    const { outcomes } = await both();
    const refused = outcomes.filter((each) => (each as { status: string }).status === "rejected");
    expect(refused).toHaveLength(1);
    expect(clusterState(lab, "web").vfs.concat(clusterState(lab, "db").vfs)).toHaveLength(2);
    expect([clusterState(lab, "web").journals, clusterState(lab, "db").journals]).toEqual([[], []]);
    expect([await claims("host1"), await claims("host2")]).toEqual([[], []]);
  });
});

describe("a VF gets back what it had", () => {
  it("its driver, after a move and after the interface is deleted", async () => {
    const pair = await declarePair(lab);
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    expect([drivers(lab.host1), drivers(lab.host2)]).toEqual([Array(4).fill("igbvf"), Array(4).fill("igbvf")]);
  });

  it("VFIO, where it was there at boot, on both hosts", async () => {
    for (const host of lab.hosts) for (const vf of host.devices.virtualFunctions()) vf.driver = "vfio-pci";
    const pair = await declarePair(lab);
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    await moveVm(lab.cluster, { vm: "web", to: "host1" });
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    for (const host of lab.hosts) {
      expect(drivers(host)).toEqual(Array(4).fill("vfio-pci"));
      expect(host.calls.get("node_device_re_attach")).toBeUndefined();
    }
  });

  it("its driver, where libvirt has bound it to a VFIO variant", async () => {
    for (const host of lab.hosts) for (const vf of host.devices.virtualFunctions()) vf.driver = "mlx5_core";
    const pair = await declarePair(lab);
    expect(drivers(lab.host1)[0]).toBe("mlx5_vfio_pci");
    await moveVm(lab.cluster, { vm: "web", to: "host2" });
    expect([drivers(lab.host1)[0], drivers(lab.host2)[0]]).toEqual(["mlx5_core", "mlx5_vfio_pci"]);
    await moveVm(lab.cluster, { vm: "web", to: "host1" });
    await vmInterface.delete(lab.context(), pair.id, pair.state);
    for (const host of lab.hosts) expect(drivers(host)).toEqual(Array(4).fill("mlx5_core"));
  });

  it("its driver, where a move of an older version is rolled back", async () => {
    leave(lab, journalOf(await declarePair(lab)));
    await recover(lab.cluster, "web", { now: true });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect(drivers(lab.host2)).toEqual(Array(4).fill("igbvf"));
  });

  it("and nothing, where a journal tells that it was on VFIO before", async () => {
    const pair = await declarePair(lab);
    const journal = journalOf(pair);
    const interfaces = journal.interfaces.map((nic) => ({
      ...nic,
      ...{ sourceDriver: "igbvf", destinationDriver: "vfio-pci" },
    }));
    leave(lab, { ...journal, interfaces });
    await recover(lab.cluster, "web", { now: true });
    expect(drivers(lab.host2)).toEqual(["vfio-pci", "igbvf", "igbvf", "igbvf"]);
  });
});

async function profileOf() {
  const { profile } = await declareProfiles(lab);
  const stored = await lab.cluster.profiles.find(profile);
  return { profileRecord: stored?.profile ?? raise() };
}

function raise(): never {
  throw new Error("the lab has it");
}
