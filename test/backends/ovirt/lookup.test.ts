import { describe, expect, it } from "vitest";
import {
  listClusterNetworks,
  listNetworkFilters,
  listNetworkQos,
  lookUpCluster,
  lookUpHost,
  lookUpNetwork,
  lookUpVm,
  installedApplications,
} from "../../../provider/backends/ovirt/rest/index.js";
import { idOf, startEngine } from "../../engine/engine.js";
import { newId } from "../../engine/model.js";

describe("a thing is found", () => {
  it("by its name and by its id", async () => {
    const { engine, client } = await startEngine();
    const web = await lookUpVm(client, "web");
    expect(web).toMatchObject({ name: "web", status: "up", host: idOf(engine, "hosts", "host1") });
    expect(await lookUpVm(client, web.id)).toEqual(web);
    expect(await lookUpHost(client, "host2")).toMatchObject({ status: "up", address: "127.0.0.3" });
    expect(await lookUpCluster(client, "old")).toMatchObject({ level: { major: 4, minor: 5 } });
    expect(await lookUpNetwork(client, "ext")).toMatchObject({ external: true, vmNetwork: true, mtu: undefined });
  });

  it("by the very name: upper case and wildcards are no other's", async () => {
    const { client } = await startEngine();
    for (const name of ["Web", "we*", "w", '"web"']) {
      await expect(lookUpVm(client, name)).rejects.toMatchObject({
        problem: { code: "engine-name-unknown", what: expect.stringContaining(`VM "${name}"`) as string },
      });
    }
  });

  it("by a name with blanks, one that looks like an id, and one with quotation marks", async () => {
    const { engine, client } = await startEngine();
    const [db] = [...engine.model.vms.values()].filter(({ name }) => name === "db");
    for (const name of ["my own vm", 'the "web"', "00000000-0000-0000-0000-00000000000a"]) {
      engine.model.vms.set(name, { ...db, id: newId(), name } as never);
      expect(await lookUpVm(client, name)).toMatchObject({ name });
    }
  });

  it("only when one is meant", async () => {
    const { engine, client } = await startEngine();
    const data = [...engine.model.networks.values()].find(({ name }) => name === "data");
    engine.model.networks.set("other", { ...data, id: "other" } as never);
    await expect(lookUpNetwork(client, "data")).rejects.toMatchObject({
      problem: { code: "engine-name-ambiguous", remedy: expect.stringContaining("other") as string },
    });
  });
});

it("a cluster's networks, the filters, the QoS and the guest's applications are listed", async () => {
  const { engine, client } = await startEngine();
  engine.model.clusters.get(idOf(engine, "clusters", "lab"))?.networks.delete(idOf(engine, "networks", "ext"));
  const lab = await lookUpCluster(client, "lab");
  expect((await listClusterNetworks(client, lab.id)).map(({ name }) => name)).toEqual(["ovirtmgmt", "data", "data-vf"]);
  expect((await listNetworkFilters(client)).map(({ name }) => name)).toContain("vdsm-no-mac-spoofing");
  expect((await listNetworkQos(client, lab.dataCenter ?? "")).map(({ name }) => name)).toEqual(["limited"]);
  expect(await installedApplications(client, idOf(engine, "vms", "web"))).toContain("kernel-5.14.0-427.el9");
  expect(await installedApplications(client, idOf(engine, "vms", "db"))).toEqual([]);
});
