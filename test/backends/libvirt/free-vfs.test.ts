/** A VF is free only if it is known to be free: through the host models, as libvirt tells of them. */
import { afterEach, describe, expect, it } from "vitest";
import { hostUseIn, physicalFunctionsOf } from "../../../provider/backends/libvirt/network-vfs.js";
import { heldVfs, isFree } from "../../../provider/backends/libvirt/inventory.js";
import { usesByIp, useOf } from "../../../provider/backends/libvirt/netdevs.js";
import type { ClusterConfig } from "../../../provider/config/index.js";
import { getFreeVfs } from "../../../provider/handlers/functions/get-free-vfs.js";
import { errorsOf, planMove } from "../../../provider/migration/plan.js";
import { formatPciAddress } from "../../../provider/backends/libvirt/xml/pci-address.js";
import { declarePair } from "../../hosts/declared.js";
import { domainXml, twoHosts, occupy, physicalFunction, type LabLike, vfs } from "../../hosts/two-hosts.js";
import { journalOf, leave, pci } from "../../hosts/left-journal.js";
import type { VirtualFunctionModel } from "../../hosts/node-devices.js";

let lab: LabLike;
afterEach(() => lab.close());

const networks = (physicalFunctions: ClusterConfig["networks"][string]["physicalFunctions"]) => ({
  networks: { data: { bridge: "br0" }, "data-vf": { physicalFunctions } },
});

const on = (host: "host1" | "host2", network = "data-vf") =>
  physicalFunctionsOf(lab.cluster, lab.cluster.host(host), network);

async function free(host: "host1" | "host2" = "host2", network = "data-vf"): Promise<readonly string[]> {
  const all = (await on(host, network)).flatMap(({ virtualFunctions }) => virtualFunctions);
  return all.filter(isFree).map(({ address }) => formatPciAddress(address));
}

async function held(host: "host1" | "host2" = "host2"): Promise<readonly string[]> {
  return (await on(host)).flatMap(heldVfs);
}

function vf(index: number, host: "host1" | "host2" = "host2"): VirtualFunctionModel {
  const found = lab[host].devices.virtualFunctions()[index];
  if (found === undefined) throw new Error(`no VF ${index}`);
  return found;
}

function set(index: number, parts: Partial<Record<keyof VirtualFunctionModel, unknown>>): void {
  Object.assign(vf(index), parts);
}

describe("a VF that something on the host uses is not free", () => {
  const uses: readonly [string, VirtualFunctionModel["netdev"], string][] = [
    ["up", { name: "ens1f0v1", up: true, addresses: [] }, "its netdev ens1f0v1 is up"],
    [
      "in a bridge",
      { name: "ens1f0v1", up: false, addresses: [], master: "br0" },
      "its netdev ens1f0v1 is a port of br0",
    ],
    [
      "in a container",
      null,
      "it is bound to host driver igbvf and has no network interface on the host; a container, vDPA or DPDK may be using it",
    ],
  ];
  it.each(uses)("%s", async (_, netdev, why) => {
    lab = await twoHosts();
    set(1, { netdev });
    expect(await free()).toEqual([vfs[0], vfs[2], vfs[3]]);
    expect(await held()).toEqual([`VF ${vfs[1]} (pf0 VF 1): ${why}`]);
  });

  it("but one whose netdev is down is", async () => {
    lab = await twoHosts();
    set(1, { netdev: { name: "ens1f0v1", up: false, addresses: [] } });
    expect(await free()).toEqual([...vfs]);
  });

  it("and a preview names it", async () => {
    lab = await twoHosts();
    await declarePair(lab);
    for (const index of [0, 1, 2, 3]) set(index, { netdev: { name: `ens1f0v${index}`, up: true, addresses: [] } });
    const [error, ...rest] = errorsOf(await planMove(lab.cluster, "web", "host2"));
    expect(rest).toEqual([]);
    expect(error).toMatchObject({ rule: "move-free-vfs" });
    expect(error?.message).toContain(`VF ${vfs[2]} (pf0 VF 2): its netdev ens1f0v2 is up`);
  });

  it("nor does getFreeVfs count it", async () => {
    lab = await twoHosts();
    occupy(vf(0));
    const counted = await getFreeVfs.over.libvirt(lab.context(), { host: "host2", network: "data-vf" });
    expect(counted).toMatchObject({ count: 3, vfs: vfs.slice(1) });
  });
});

describe("by the host's own ip", () => {
  const uses = usesByIp(
    JSON.stringify([
      { ifname: "lo", flags: ["UP", "LOOPBACK"], addr_info: [{ local: "127.0.0.1", prefixlen: 8 }] },
      { ifname: "v0", flags: ["BROADCAST", "MULTICAST"], operstate: "DOWN", addr_info: [] },
      { ifname: "v1", flags: ["NO-CARRIER", "BROADCAST", "UP"], operstate: "DOWN", addr_info: [] },
      { ifname: "v2", flags: ["BROADCAST"], addr_info: [{ local: "10.1.2.3", prefixlen: 24 }] },
      { ifname: "v3", flags: ["BROADCAST"], master: "bond0", addr_info: [] },
      { ifname: "v4", flags: ["BROADCAST"], addr_info: [] },
      { ifname: "v4.100", link: "v4", flags: ["BROADCAST"], addr_info: [] },
    ]),
  );
  const use = (name: string) => useOf({ name, parent: undefined, linkState: "down", ...uses?.(name) });

  it.each([
    ["v0", undefined],
    ["v1", "its netdev v1 is up"],
    ["v2", "its netdev v2 has the address 10.1.2.3/24"],
    ["v3", "its netdev v3 is a port of bond0"],
    ["v4", "its netdev v4 carries v4.100"],
  ])("%s: %s", (name, words) => {
    lab = { close: () => Promise.resolve() } as LabLike;
    expect(use(name)).toBe(words);
  });

  it("what is no such text tells nothing", () => {
    lab = { close: () => Promise.resolve() } as LabLike;
    expect(usesByIp("")).toBeUndefined();
    expect(usesByIp('[{"ifname":1}]')).toBeUndefined();
  });
});

describe("a VF that is bound to VFIO", () => {
  it.each(["vfio-pci", "mlx5_vfio_pci"])("not by this package (%s) is free", async (driver) => {
    lab = await twoHosts();
    for (const index of [0, 1, 2, 3]) set(index, { driver });
    expect(await free()).toEqual([...vfs]);
  });

  it("and that a journal of any host's VM names is not, whatever its driver", async () => {
    lab = await twoHosts();
    const pair = await declarePair(lab);
    leave(lab, journalOf(pair));
    expect(await held()).toEqual([`VF ${vfs[0]} (pf0 VF 0): it is reserved for VM "web"`]);
    vf(0).driver = "igbvf";
    expect(await free()).not.toContain(vfs[0]);
    vf(0).driver = "mlx5_vfio_pci";
    expect(await free()).not.toContain(vfs[0]);
  });
});

describe("a VF in one IOMMU group with others", () => {
  const inOneGroup = () => {
    for (const index of [0, 1]) Object.assign(vf(index), { iommuGroup: 8 });
  };

  it("is not free while one of them is with its own driver", async () => {
    lab = await twoHosts();
    inOneGroup();
    expect(await free()).toEqual([vfs[2], vfs[3]]);
    expect((await held())[0]).toBe(
      `VF ${vfs[0]} (pf0 VF 0): device ${vfs[1]} in the same IOMMU group is bound to host driver igbvf`,
    );
  });

  it("is free where the others are free and on VFIO", async () => {
    lab = await twoHosts();
    inOneGroup();
    for (const index of [0, 1]) vf(index).driver = "vfio-pci";
    expect(await free()).toEqual([...vfs]);
  });

  it("is not free while a VM has one of them", async () => {
    lab = await twoHosts();
    inOneGroup();
    for (const index of [0, 1]) vf(index).driver = "vfio-pci";
    const address = `<address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/>`;
    const nic = `<interface type='hostdev'><mac address='52:54:00:00:00:99'/><source>${address}</source></interface>`;
    lab.host2.domains.define(domainXml({ name: "off", uuid: "11111111-2222-4333-8444-000000000098" }, nic));
    expect(await free()).toEqual([vfs[2], vfs[3]]);
  });
});

describe("a network with a range of a PF's VFs", () => {
  it("has those alone", async () => {
    lab = await twoHosts(networks([{ pf: "pf0", virtualFunctions: "0,2-3" }]));
    expect(await free()).toEqual([vfs[0], vfs[2], vfs[3]]);
    const counted = await getFreeVfs.over.libvirt(lab.context(), { host: "host2", network: "data-vf" });
    expect(counted).toMatchObject({ count: 3, vfs: [vfs[0], vfs[2], vfs[3]] });
  });

  it("moves a VM to one of them, and is refused where none of them is free", async () => {
    lab = await twoHosts(networks([{ pf: "pf0", virtualFunctions: "2" }]));
    await declarePair(lab);
    expect((await planMove(lab.cluster, "web", "host2")).interfaces[0]?.destinationVf).toEqual(pci(vfs[2]));
    occupy(vf(2));
    expect(errorsOf(await planMove(lab.cluster, "web", "host2")).map(({ rule }) => rule)).toEqual(["move-free-vfs"]);
  });

  it("tells two networks of one PF apart", async () => {
    const both = { a: [{ pf: "pf0", virtualFunctions: "0-1" }], b: [{ pf: "pf0", virtualFunctions: "2-3" }] };
    lab = await twoHosts({
      networks: { data: { bridge: "br0" }, a: { physicalFunctions: both.a }, b: { physicalFunctions: both.b } },
    });
    expect([await free("host2", "a"), await free("host2", "b")]).toEqual([
      [vfs[0], vfs[1]],
      [vfs[2], vfs[3]],
    ]);
  });
});

it("what one look at a host's use knows serves all of its PFs", async () => {
  lab = await twoHosts();
  const host = lab.cluster.host("host2");
  const use = await hostUseIn(lab.cluster, host);
  const before = lab.host2.calls.get("connect_list_all_domains");
  await physicalFunctionsOf(lab.cluster, host, "data-vf", use);
  expect(lab.host2.calls.get("connect_list_all_domains")).toBe(before);
});

it("a PF that the host lacks, as after an upgrade that renamed it, is named", async () => {
  lab = await twoHosts();
  await declarePair(lab);
  lab.host2.devices.physicalFunctions.splice(0, 1, physicalFunction("pf0np0", 2, "01"));
  const [error] = errorsOf(await planMove(lab.cluster, "web", "host2"));
  expect(error).toMatchObject({ rule: "move-free-vfs" });
  expect(error?.message).toContain('The host has no physical function "pf0".');
});
