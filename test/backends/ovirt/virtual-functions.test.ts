/** Which VFs are free, where the engine's scheduler would give them to a NIC. */
import { beforeEach, describe, expect, it } from "vitest";
import { freeVirtualFunctions, migrateVm, type EngineClient } from "../../../provider/backends/ovirt/rest/index.js";
import { vmPlacement } from "../../../provider/handlers/ovirt/vm-placement.js";
import { element } from "../../../provider/xml/element.js";
import { idOf } from "../../engine/engine.js";
import { newId, type Host, type HostNic } from "../../engine/model.js";
import { suitableVf } from "../../engine/virtual-functions.js";
import { declarePair, overEngine, type OverEngine } from "../../handlers/ovirt/over-engine.js";

let over: OverEngine;
let client: EngineClient;
beforeEach(async () => {
  over = await overEngine({ stepMillis: "manual" });
  client = over.client;
});

function host(name: string): Host {
  const found = [...over.engine.model.hosts.values()].find((each) => each.name === name);
  return found ?? expect.fail(`there is no ${name}`);
}

function nic(name: string): HostNic {
  return host("host2").nics.find((each) => each.name === name) ?? expect.fail(`there is no ${name}`);
}

async function free(network = "data-vf"): Promise<readonly string[]> {
  const found = await freeVirtualFunctions(client, host("host2").id, idOf(over.engine, "networks", network));
  return found.map(({ name }) => name).toSorted();
}

/** The engine's own opinion: whether its scheduler would find one. */
function engineFinds(network = "data-vf"): boolean {
  const { model } = over.engine;
  const meant = model.networks.get(idOf(over.engine, "networks", network)) ?? expect.fail();
  return suitableVf(host("host2"), meant) !== undefined;
}

const all = ["eth2v0", "eth2v1", "eth2v2", "eth2v3"];

describe("a VF is free", () => {
  it("where its physical function serves the network, by name, by a label of it, or all of them", async () => {
    expect(await free()).toEqual(all);
    expect([await free("data"), engineFinds("data")]).toEqual([[], false]);
    const allowed = nic("eth2").virtualFunctions ?? expect.fail();
    allowed.networks.clear();
    expect([await free(), engineFinds()]).toEqual([[], false]);
    allowed.labels.add("fast");
    expect([await free(), engineFinds()]).toEqual([[], false]);
    const network = over.engine.model.networks.get(idOf(over.engine, "networks", "data-vf")) ?? expect.fail();
    network.label = "fast";
    expect([await free(), engineFinds()]).toEqual([all, true]);
    expect(await free("data")).toEqual([]);
    network.label = "slow";
    expect(await free()).toEqual([]);
  });

  it("unless a network, a VLAN or a bond is on it", async () => {
    nic("eth2v0").network = idOf(over.engine, "networks", "data");
    const made = { mac: "02:00:00:00:02:99", id: newId() };
    host("host2").nics.push({ ...made, name: "eth2v1.7", base: "eth2v1" });
    host("host2").nics.push({ ...made, id: newId(), name: "bond0", bonded: [nic("eth2v2").id] });
    expect([await free(), engineFinds()]).toEqual([["eth2v3"], true]);
  });

  it("unless it shares its IOMMU group", async () => {
    for (const name of ["eth2v1", "eth2v3"]) nic(name).iommuGroup = 7;
    nic("eth2v0").iommuGroup = 8;
    expect([await free(), engineFinds()]).toEqual([["eth2v0", "eth2v2"], true]);
  });

  it("unless it is a VM's, or set aside for one that is on its way there or was", async () => {
    await declarePair(over);
    await migrateVm(client, over.vm("web").id, host("host2").id);
    expect(over.vm("web").status).toBe("migrating");
    expect(await free()).toHaveLength(3);
    // What was set aside stays so after a cancellation, and the host has the VF's netdev all the same.
    await client.post(`/vms/${over.vm("web").id}/cancelmigration`, element("action"));
    expect(await free()).toHaveLength(3);
  });

  it("in the words of a preview: a warning where none is", async () => {
    await declarePair(over);
    const web = over.vm("web").id;
    for (const { physicalFunction, name } of [...host("host2").nics])
      if (physicalFunction !== undefined) nic(name).usedBy = web;
    const { failures } = await vmPlacement.check(over.context(), { vm: "web", host: "host2" }, undefined);
    expect(failures).toEqual([]);
    expect(over.warnings.join()).toContain('Host "host2" has too few free VFs of network "data-vf"');
  });

  it("and a network that no physical function serves is warned of, with what helps on oVirt", async () => {
    await declarePair(over);
    nic("eth2").virtualFunctions?.networks.clear();
    await vmPlacement.check(over.context(), { vm: "web", host: "host2" }, undefined);
    expect(over.warnings.join()).toMatch(/no physical function for network "data-vf".*Allow the network, or its label/);
  });
});
