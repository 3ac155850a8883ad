import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DomainInstance } from "../../../provider/backends/libvirt/cluster.js";
import {
  aliasesOf,
  type InterfaceSpec,
  plugInterface,
  recordsOf,
  unplugInterface,
  xmlOf,
} from "../../../provider/backends/libvirt/interfaces.js";
import { takeVf } from "../../../provider/backends/libvirt/vf-plugging.js";
import { parsePciAddress } from "../../../provider/backends/libvirt/xml/pci-address.js";
import { pairs } from "../../../provider/backends/libvirt/xml/teaming.js";
import { declareProfiles } from "../../hosts/declared.js";
import { twoHosts, type LabLike, vfs, vm } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";
import { clusterState } from "../../hosts/cluster-state.js";
import { without } from "../../hosts/without.js";

let lab: LabLike;
let spec: InterfaceSpec;
beforeEach(async () => {
  lab = await twoHosts();
  const ids = await declareProfiles(lab);
  const stored = async (id: string) => {
    const found = await lab.cluster.profiles.find(id);
    if (found === undefined) throw new Error(id);
    return found.profile;
  };
  spec = {
    record: {
      id: "cfcd29b5-c772-4d25-8f48-c626dac3bae5",
      profile: ids.profile,
      standbyProfile: ids.standbyProfile,
      mac: vm.mac,
      plugged: true,
      linked: true,
    },
    profile: await stored(ids.profile),
    standby: await stored(ids.standbyProfile),
  };
});
afterEach(() => lab.close());

const instance = (): Promise<DomainInstance> => lab.cluster.require("web");
const host1 = () => lab.cluster.host("host1");
const domainNow = async () => host1().liveDomain((await instance()).dom);
const drivers = () => lab.host1.devices.virtualFunctions().map(({ driver }) => driver);
const untouched = { vfs: [], definedVfs: [], bound: [] };

describe("an interface with failover", () => {
  it("is the pair of the feature page, live and in the definition", async () => {
    const vf = await plugInterface(lab.cluster, await instance(), spec);
    expect(vf).toEqual(parsePciAddress(vfs[0]));
    expect(aliasesOf(spec)).toEqual({ standby: `ua-${spec.standby?.id ?? ""}`, primary: `ua-${spec.record.id}` });
    for (const domain of [await domainNow(), await host1().inactiveDomain((await instance()).dom)]) {
      const { pairs: found, unpaired } = pairs(domain);
      expect(unpaired).toEqual([]);
      expect(found).toMatchObject([
        {
          standby: {
            type: "bridge",
            model: "virtio",
            mac: vm.mac,
            source: { bridge: "br0" },
            mtu: 1500,
            linkState: "up",
          },
          primary: { type: "hostdev", mac: vm.mac, vf: parsePciAddress(vfs[0]), driver: "vfio" },
        },
      ]);
      expect(recordsOf(domain)).toEqual([{ ...spec.record, vmId: vm.uuid }]);
    }
    expect(xmlOf(lab.cluster, "host1", spec, vf)).toContain('managed="no"');
  });

  it("is in the definition alone while the VM is off", async () => {
    lab.host1.domains.stop(lab.host1.domains.requireNamed("web"));
    await plugInterface(lab.cluster, await instance(), spec);
    expect(clusterState(lab)).toMatchObject({ activeOn: [], vfs: [], definedVfs: [vfs[0]] });
    await unplugInterface(lab.cluster, await instance(), spec, { forget: true });
    expect(clusterState(lab)).toMatchObject(untouched);
  });

  it("goes with both its devices, its VF back with its driver, its record forgotten or kept as unplugged", async () => {
    await plugInterface(lab.cluster, await instance(), spec);
    await unplugInterface(lab.cluster, await instance(), spec, { forget: false });
    expect((await domainNow()).interfaces).toEqual([]);
    expect(drivers()).toEqual(["igbvf", "igbvf", "igbvf", "igbvf"]);
    expect(recordsOf(await domainNow())).toEqual([{ ...spec.record, plugged: false, vmId: vm.uuid }]);
    await unplugInterface(lab.cluster, await instance(), spec, { forget: true });
    expect(recordsOf(await domainNow())).toEqual([]);
  });

  it.each([
    ["the standby", 0],
    ["the VF", 1],
  ])("is rolled back whole when %s cannot be plugged", async (_, skip) => {
    lab.host1.refuse("domain_attach_device_flags", refusals.noSlot(), { skip });
    await expect(plugInterface(lab.cluster, await instance(), spec)).rejects.toThrow(
      /No more available PCI slots.*The changes were rolled back/,
    );
    expect(clusterState(lab)).toMatchObject(untouched);
    expect((await domainNow()).interfaces).toEqual([]);
    expect(recordsOf(await domainNow())).toEqual([]);
  });

  it("is rolled back whole when it cannot be recorded", async () => {
    lab.host1.refuse("domain_set_metadata", refusals.noConfig());
    await expect(plugInterface(lab.cluster, await instance(), spec)).rejects.toThrow(/cannot change persistent config/);
    expect(clusterState(lab)).toMatchObject(untouched);
    expect((await domainNow()).interfaces).toEqual([]);
  });

  it("says what could not be rolled back", async () => {
    lab.host1.refuse("domain_attach_device_flags", refusals.noSlot(), { skip: 1 });
    lab.host1.refuse("domain_detach_device_alias", refusals.jobHeld(), { times: 9 });
    await expect(plugInterface(lab.cluster, await instance(), spec)).rejects.toThrow(
      /Not all changes could be rolled back: .*cannot acquire state change lock/,
    );
    expect(drivers()[0]).toBe("igbvf");
  });

  it("keeps its VF when its standby cannot go", async () => {
    await plugInterface(lab.cluster, await instance(), spec);
    lab.host1.refuse("domain_detach_device_alias", refusals.jobHeld(), {
      when: ({ alias }) => alias === `ua-${spec.standby?.id ?? ""}`,
    });
    await expect(unplugInterface(lab.cluster, await instance(), spec, { forget: true })).rejects.toThrow(
      /cannot acquire state change lock/,
    );
    expect(clusterState(lab)).toMatchObject({ vfs: [vfs[0]], definedVfs: [vfs[0]], bound: [`host1 ${vfs[0]}`] });
    expect(pairs(await domainNow()).pairs).toHaveLength(1);
  });

  it("keeps its VF when the guest does not release it", async () => {
    await plugInterface(lab.cluster, await instance(), spec);
    lab.host1.guest.unplug = "refuses";
    await expect(unplugInterface(lab.cluster, await instance(), spec, { forget: true })).rejects.toThrow(
      /rejected the unplug request for device/,
    );
    expect(clusterState(lab)).toMatchObject({ vfs: [vfs[0]], definedVfs: [vfs[0]] });
    expect(pairs(await domainNow()).pairs).toHaveLength(1);
  });
});

describe("an interface without failover", () => {
  it("of a virtio profile is one device without teaming", async () => {
    const { standby } = spec;
    if (standby === undefined) throw new Error("no standby");
    const record = without(spec.record, "standbyProfile");
    const virtio = { record: { ...record, profile: standby.id }, profile: standby };
    expect(await plugInterface(lab.cluster, await instance(), virtio)).toBeUndefined();
    expect(aliasesOf(virtio)).toEqual({ standby: `ua-${record.id}` });
    const [nic, ...rest] = (await domainNow()).interfaces;
    expect(rest).toEqual([]);
    expect(nic).toMatchObject({ type: "bridge", model: "virtio", mac: vm.mac });
    expect(nic?.teaming).toBeUndefined();
  });

  it("of a passthrough profile is a VF alone", async () => {
    const profile = without(spec.profile, "failover");
    await plugInterface(lab.cluster, await instance(), { record: spec.record, profile });
    const [nic, ...rest] = (await domainNow()).interfaces;
    expect(rest).toEqual([]);
    expect(nic).toMatchObject({ type: "hostdev", vf: parsePciAddress(vfs[0]) });
    expect(nic?.teaming).toBeUndefined();
  });
});

describe("a VF to be taken", () => {
  it("is the first that is free, bound to vfio", async () => {
    const [first] = lab.host1.devices.virtualFunctions();
    if (first !== undefined) first.netdev = { name: "pf0v0", up: true, addresses: [] };
    const taken = await takeVf(lab.cluster, host1(), { network: "data-vf", vm: "web" });
    expect(taken).toMatchObject({ address: parsePciAddress(vfs[1]), driver: "igbvf" });
    expect(drivers()).toEqual(["igbvf", "vfio-pci", "igbvf", "igbvf"]);
  });

  it("is missed with what was seen", async () => {
    for (const [number, vf] of lab.host1.devices.virtualFunctions().entries())
      vf.netdev = { name: `ens1f0v${number}`, up: true, addresses: [] };
    const [pf] = lab.host1.devices.physicalFunctions;
    if (pf !== undefined) pf.linkUp = false;
    const take = () => takeVf(lab.cluster, host1(), { network: "data-vf", vm: "web" });
    await expect(take()).rejects.toMatchObject({ problem: { code: "no-free-vf" } });
    await expect(take()).rejects.toThrow(
      /pf0 \(link down\): 4 VFs, none free; VF 0000:01:10.0 \(pf0 VF 0\): its netdev ens1f0v0 is up/,
    );
  });

  it("cannot be had of a network without PFs", async () => {
    await expect(takeVf(lab.cluster, host1(), { network: "data", vm: "web" })).rejects.toMatchObject({
      problem: { code: "network-not-configured" },
    });
  });
});
