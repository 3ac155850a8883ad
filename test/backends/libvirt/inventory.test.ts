import { refusals } from "../../hosts/refusals.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  hostInterface,
  isBoundToVfio,
  physicalFunction,
  releaseVf,
  reserveVf,
  vfUsers,
} from "../../../provider/backends/libvirt/inventory.js";
import { netdevsOn } from "../../../provider/backends/libvirt/netdevs.js";
import {
  formatPciAddress,
  parsePciAddress,
  type PciAddress,
} from "../../../provider/backends/libvirt/xml/pci-address.js";
import { declarePair } from "../../hosts/declared.js";
import { domainXml, twoHosts, type LabLike, vfs } from "../../hosts/two-hosts.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

const host1 = () => lab.cluster.host("host1");

function pci(text: string): PciAddress {
  const parsed = parsePciAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const using = (address: string) =>
  `<interface type='hostdev'><mac address='52:54:00:00:00:99'/><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x${address.slice(-1)}'/></source></interface>`;

describe("a PF", () => {
  it("is found by its interface's name, with its VFs, their drivers and users", async () => {
    await declarePair(lab);
    const found = await physicalFunction(host1(), "pf0");
    expect(found).toMatchObject({ name: "pf0", address: pci("0000:01:00.0"), linkUp: true });
    expect(
      found?.virtualFunctions.map(({ address, driver, usedBy }) => [formatPciAddress(address), driver, usedBy]),
    ).toEqual([
      [vfs[0], "vfio-pci", "web"],
      [vfs[1], "igbvf", undefined],
      [vfs[2], "igbvf", undefined],
      [vfs[3], "igbvf", undefined],
    ]);
  });

  it("counts a VF as used that only a definition names", async () => {
    lab.host1.domains.define(domainXml({ name: "off", uuid: "11111111-2222-4333-8444-000000000098" }, using(vfs[2])));
    const found = await physicalFunction(host1(), "pf0");
    expect(found?.virtualFunctions.map(({ usedBy }) => usedBy)).toEqual([undefined, undefined, "off", undefined]);
    expect(await vfUsers(host1(), "live")).toEqual([]);
    expect(await vfUsers(host1())).toEqual([{ domain: "off", address: pci(vfs[2]) }]);
  });

  it("that is down is said to be", async () => {
    const [pf] = lab.host1.devices.physicalFunctions;
    if (pf !== undefined) pf.linkUp = false;
    expect((await physicalFunction(host1(), "pf0"))?.linkUp).toBe(false);
  });

  it("is none where there is no such interface", async () => {
    expect(await physicalFunction(host1(), "pf1")).toBeUndefined();
    expect(await physicalFunction(host1(), "pf")).toBeUndefined();
  });
});

describe("a VF", () => {
  it("is bound to vfio and returned", async () => {
    await reserveVf(host1(), pci(vfs[3]));
    expect(await isBoundToVfio(host1(), pci(vfs[3]))).toBe(true);
    await releaseVf(host1(), pci(vfs[3]));
    expect(await isBoundToVfio(host1(), pci(vfs[3]))).toBe(false);
  });

  it("that is with its own driver, or gone, needs no return", async () => {
    await releaseVf(host1(), pci(vfs[3]));
    await releaseVf(host1(), pci("0000:05:10.0"));
    expect(lab.host1.calls.get("node_device_re_attach")).toBeUndefined();
    expect(await isBoundToVfio(host1(), pci("0000:05:10.0"))).toBe(false);
  });

  it("of a running domain is not handed out, in libvirt's own words", async () => {
    await declarePair(lab);
    await expect(reserveVf(host1(), pci(vfs[0]))).rejects.toThrow(
      `Requested operation is not valid: PCI device ${vfs[0]} is in use by driver QEMU, domain web`,
    );
  });
});

describe("a host's bridge", () => {
  it("is known with its MTU and ports", async () => {
    expect(await hostInterface(host1(), "br0", { commands: false })).toEqual({
      name: "br0",
      type: "bridge",
      mtu: 1500,
      ports: ["uplink0"],
    });
  });

  it("is absent, or not known where libvirt has no interface driver and no command may be run", async () => {
    expect(await hostInterface(host1(), "br9", { commands: false })).toBe("absent");
    lab.host1.devices.hasInterfaceDriver = false;
    expect(await hostInterface(host1(), "br0", { commands: false })).toBe("unknown");
    // The local socket has no way to run any.
    expect(await hostInterface(host1(), "br0", { commands: true })).toBe("unknown");
  });
});

it("a device that changes its driver while it is looked at is looked at again", async () => {
  lab.host1.refuse("node_device_get_xml_desc", refusals.causeUnknown(), { times: 3 });
  expect((await physicalFunction(lab.cluster.host("host1"), "pf0"))?.virtualFunctions).toHaveLength(4);
});

it("so is one whose netdev goes meanwhile", async () => {
  const host = lab.cluster.host("host1");
  const { name } = (await netdevsOn(host, { commands: false })).netdevs[0] ?? expect.fail("there is no netdev");
  lab.host1.refuse("node_device_get_xml_desc", refusals.causeUnknown(), { times: 3 });
  expect((await netdevsOn(host, { commands: false })).netdevs.map((each) => each.name)).toContain(name);
});

it("one that has gone, and that libvirt still knows by its name, is none", async () => {
  const host = lab.cluster.host("host1");
  const nodeDevices = async () => (await netdevsOn(host, { commands: false })).netdevs.map((each) => each.nodeDevice);
  const [vf] = lab.host1.devices.virtualFunctions();
  const gone = (await nodeDevices()).find((name) => name.startsWith("net_pf0v0")) ?? expect.fail("it has no netdev");
  lab.host1.refuse("node_device_get_xml_desc", refusals.causeUnknown(), {
    times: 1000,
    when: ({ name }) => name === gone,
  });
  let lists = 0;
  lab.host1.after("connect_list_all_node_devices", () => {
    if (lists++ === 0 && vf !== undefined) lab.host1.devices.detach(vf);
  });
  expect(await nodeDevices()).not.toContain(gone);
});
