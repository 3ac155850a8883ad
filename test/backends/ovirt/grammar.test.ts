/** Every search that our client sends is one that the engine can read: what it can't read it answers with nothing. */
import { expect, it } from "vitest";
import {
  listClusters,
  listHosts,
  listNetworks,
  listProfiles,
  listVms,
  lookUpCluster,
  lookUpHost,
  lookUpNetwork,
  lookUpVm,
} from "../../../provider/backends/ovirt/rest/index.js";
import { startEngine } from "../../engine/engine.js";
import { newId } from "../../engine/model.js";
import { parseSearch } from "../../engine/search/grammar.js";
import { searchObjects } from "../../engine/search/objects.js";
import type { TestEngine } from "../../engine/server.js";

/** Of the engine's searchable collections. */
const objects = {
  "/vms": searchObjects.vm,
  "/hosts": searchObjects.host,
  "/networks": searchObjects.network,
  "/clusters": searchObjects.cluster,
  "/datacenters": searchObjects.dataCenter,
  "/events": searchObjects.event,
};

function searchesOf({ received }: TestEngine): readonly { readonly collection: string; readonly search: string }[] {
  return received.flatMap(({ path }) => {
    const [collection = "", query] = path.split("?");
    const search = new URLSearchParams(query).get("search");
    return search === null ? [] : [{ collection, search }];
  });
}

const oddNames = [
  "web",
  "my own vm",
  "a.b:c",
  'the "web"',
  "it's",
  "a;b",
  " lead",
  "trail ",
  "   ",
  "50%",
  "a\\b",
  "w*",
];

it("of lists and of names, however odd they are", async () => {
  const { engine, client } = await startEngine();
  const [db] = engine.model.vms.values();
  for (const name of oddNames.slice(1)) {
    const id = newId();
    engine.model.vms.set(id, { ...db, id, name } as never);
  }
  for (const list of [listVms, listHosts, listNetworks, listClusters, listProfiles]) await list(client);
  for (const name of oddNames) expect(await lookUpVm(client, name)).toMatchObject({ name });
  await lookUpHost(client, "host1");
  await lookUpCluster(client, "lab");
  await lookUpNetwork(client, "data");

  const sent = searchesOf(engine);
  expect(sent.length).toBeGreaterThan(8);
  for (const { collection, search } of sent) {
    const object = objects[collection as keyof typeof objects] as (typeof objects)["/vms"] | undefined;
    expect(object, `${collection} has no search`).toBeDefined();
    expect(object && parseSearch(object, search), search).toBeDefined();
  }
});

it.each([
  ["sortby name", true],
  ["sortby name asc", true],
  ["sortby name asc page 2", true],
  ["name=* page 1", true],
  ["page 1", true],
  ["", true],
  ["web", true],
  ["name = web and status != down", true],
  ['name="a b" or name=c sortby name desc', true],
  ["Hosts.name=host1", true],
  ["host=host1", true],
  ["sortby name page 1", false],
  ["bogus=x", true],
  ["bogus=x and", false],
  ["===", true],
  ['name="web" and', false],
  ['name="we"b"', false],
  ["name='web'", false],
  ["name=", false],
  ["name", false],
  ["status=bogus", false],
  ["id=nonsense", false],
  ["sortby bogus asc", false],
  ["page x", false],
])("the engine's grammar: %s", (search, readable) => {
  expect(parseSearch(searchObjects.vm, search) !== undefined).toBe(readable);
});

it("an empty list of what every engine has is not taken for one", async () => {
  const { engine, client } = await startEngine();
  engine.model.networks.clear();
  const problem = { code: "engine-list-empty", remedy: expect.stringContaining("NetworkAdmin") as string };
  await expect(listNetworks(client)).rejects.toMatchObject({ problem });
  // A search that finds nothing is no list without members.
  await expect(lookUpNetwork(client, "data")).rejects.toMatchObject({ problem: { code: "engine-name-unknown" } });
});
