/** The plugin over gRPC, as the engine calls it, on two hosts in this process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bridgeProfile, declarePair, vfProfile } from "../../hosts/declared.js";
import { twoHosts, vfs, vm, type LabLike } from "../../hosts/two-hosts.js";
import { refusals } from "../../hosts/refusals.js";
import { expectedState, clusterState } from "../../hosts/cluster-state.js";
import { errorOf, PluginClient, savedHalfWay, secret, unknownValue, urnOf } from "./plugin-client.js";

let lab: LabLike;
let plugin: PluginClient;
let reports: string;
beforeEach(async () => {
  reports = await mkdtemp(join(tmpdir(), "reports-"));
  vi.stubEnv("VNIC_FAILOVER_REPORTS", reports);
  lab = await twoHosts();
  plugin = await PluginClient.configured(lab.stackConfig);
});
afterEach(async () => {
  await plugin.close();
  await lab.close();
  await rm(reports, { recursive: true });
  vi.unstubAllEnvs();
});

const profileUrn = urnOf("VnicProfile", "data");
const nicUrn = urnOf("VmInterface", "nic");
const placementUrn = urnOf("VmPlacement", "web");
const onHost1 = { vm: "web", host: "host1", missing: [] };

describe("the plugin", () => {
  it("says who it is and what it has", async () => {
    const started = await PluginClient.start();
    expect((await started.handshake("127.0.0.1:1")).getAcceptSecrets()).toBe(true);
    expect((await started.pluginInfo()).getVersion()).toBe("1.2.3");
    expect(await started.schema()).toMatchObject({ name: "vnic-failover", version: "1.2.3" });
    expect((await started.configure({})).getSupportspreview()).toBe(true);
    await started.close();
  });

  it("has no type, function or method but its own, and says so", async () => {
    const unknown = await errorOf(plugin.check(urnOf("Vm", "web"), {}));
    expect(unknown.details).toMatch(/resource type "vnic-failover:index:Vm".*VnicProfile/);
    expect((await errorOf(plugin.invoke("getVm", {}))).details).toMatch(/getVm/);
  });
});

describe("configuration", () => {
  it("is refused where it is wrong, by property and without values", async () => {
    const { failures } = await plugin.checkConfig({
      cluster: '{"hosts":{"a":{"uri":7}}}',
      sshPassword: secret("s3cret"),
    });
    expect(failures).toEqual([{ property: "", reason: expect.stringContaining("cluster.hosts.a.uri") as string }]);
    expect((await plugin.checkConfig({})).failures).toMatchObject([
      { reason: expect.stringContaining("ovirt") as string },
    ]);
    const both = await plugin.checkConfig({ cluster: "{}", ovirt: "{}" });
    expect(both.failures).toMatchObject([{ reason: expect.stringContaining("both") as string }]);
  });

  it("is refused where a key has no meaning, which is named without its value", async () => {
    const { failures } = await plugin.checkConfig({ ...lab.stackConfig, sshPrivatKey: secret("s3cret") });
    expect(failures).toEqual([
      {
        property: "",
        reason: expect.stringContaining(
          'vnic-failover:sshPrivatKey is an unknown key; did you mean "vnic-failover:sshPrivateKey"?',
        ) as string,
      },
    ]);
    expect(JSON.stringify(failures)).not.toContain("s3cret");
  });

  it("keeps its secrets, and waits for what is not known yet", async () => {
    const config = { ...lab.stackConfig, sshPrivateKey: secret("-----BEGIN PRIVATE KEY-----"), version: "0.1.0" };
    expect(await plugin.checkConfig(config)).toEqual({ inputs: config, failures: [] });
    expect((await plugin.checkConfig({ cluster: unknownValue })).failures).toEqual([]);
  });

  it("is taken as objects, as JSON, and with secrets within", async () => {
    const cluster = JSON.parse(lab.stackConfig.cluster ?? "") as { hosts: Record<string, { uri: string }> };
    const wrapped = Object.fromEntries(
      Object.entries(cluster.hosts).map(([name, { uri }]) => [name, { uri: secret(uri) }]),
    );
    for (const given of [cluster, JSON.stringify({ ...cluster, hosts: wrapped })]) {
      const other = await PluginClient.configured({ cluster: given as string });
      expect(await other.invoke("getVmPlacement", { vm: "web" })).toMatchObject({ host: "host1" });
      await other.close();
    }
  });

  it("that has changed replaces nothing", async () => {
    const diff = await plugin.diffConfig({ cluster: "{}" }, { cluster: '{"hosts":{}}' });
    expect(diff.getChanges()).toBe(2);
    expect(diff.getReplacesList()).toEqual([]);
    expect((await plugin.diffConfig({ cluster: "{}" }, { cluster: "{}" })).getChanges()).toBe(1);
  });
});

describe("a resource", () => {
  it("is checked, made, seen, changed and removed", async () => {
    const { inputs, failures } = await plugin.check(profileUrn, { network: "data" });
    expect({ inputs, failures }).toEqual({ inputs: bridgeProfile, failures: [] });
    const { id, state } = await plugin.create(profileUrn, inputs);
    expect(state).toEqual({ ...bridgeProfile, failover: null, differsOn: [] });

    const news = { ...inputs, description: "the standby" };
    const values = { oldInputs: inputs, state, news };
    expect(await plugin.diff(profileUrn, id, { ...values, news: inputs })).toMatchObject({ changes: false, lines: {} });
    expect(await plugin.diff(profileUrn, id, values)).toEqual({
      changes: true,
      replaces: [],
      deleteBeforeReplace: true,
      lines: { description: "ADD" },
    });
    expect(await plugin.diff(profileUrn, id, { ...values, news: { ...inputs, network: "other" } })).toMatchObject({
      replaces: ["network"],
      lines: { network: "UPDATE_REPLACE" },
    });
    const { state: updated } = await plugin.update(profileUrn, id, state, news);
    expect(await plugin.read(profileUrn, id, updated, news)).toEqual({ id, state: updated, inputs: news });
    await plugin.delete(profileUrn, id, updated);
    expect(await plugin.read(profileUrn, id, updated, news)).toEqual({ id: "", state: {}, inputs: {} });
  });

  it("shows by what it really is that it has drifted", async () => {
    const { inputs } = await plugin.check(profileUrn, { network: "data" });
    const { id, state } = await plugin.create(profileUrn, inputs);
    const drifted = { ...state, differsOn: ["host2"] };
    expect(await plugin.diff(profileUrn, id, { oldInputs: inputs, state: drifted, news: inputs })).toMatchObject({
      changes: true,
      lines: { differsOn: "DELETE of state" },
    });
  });

  it("that is refused names the property, but not where the engine would print a secret", async () => {
    const news = { vm: "web", profile: "p", mac: "no MAC" };
    const open = await plugin.check(nicUrn, news);
    expect(open.failures).toEqual([{ property: "mac", reason: expect.stringContaining("MAC address") as string }]);
    const hidden = await plugin.check(nicUrn, { ...news, mac: secret("no MAC") });
    expect(hidden.failures).toEqual([
      { property: "", reason: expect.stringMatching(/^mac must be a MAC address/) as string },
    ]);
    expect(hidden.inputs["mac"]).toEqual(secret("no MAC"));
  });

  it("keeps a secret wherever its text stands in the state", async () => {
    const mac = "52:54:00:aa:00:60";
    const standby = await plugin.create(profileUrn, { ...bridgeProfile, name: "plain" });
    const { inputs } = await plugin.check(nicUrn, { vm: "web", profile: standby.id, mac: secret(mac) });
    const { id, state } = await plugin.create(nicUrn, inputs);
    const held = Object.entries(state).filter(([, value]) => JSON.stringify(value).includes(mac));
    expect(held.map(([name]) => name).sort()).toEqual(["mac", "xml"]);
    for (const [, value] of held) expect(value).toEqual(secret(expect.stringContaining(mac)));
    const read = await plugin.read(nicUrn, id, state, inputs);
    expect(read).toEqual({ id, state, inputs });
  });
});

describe("a preview", () => {
  it("tells of a resource that is to be made what is known, and leaves the rest unknown", async () => {
    const before = lab.hosts.map(({ callCount }) => callCount);
    expect(await plugin.create(nicUrn, { vm: "web", profile: unknownValue }, { preview: true })).toEqual({
      id: "",
      state: {
        vm: "web",
        profile: unknownValue,
        mac: unknownValue,
        host: unknownValue,
        vf: unknownValue,
        vmId: unknownValue,
        aliases: unknownValue,
        xml: unknownValue,
        plugged: true,
        linked: true,
        missing: [],
      },
    });
    expect(lab.hosts.map(({ callCount }) => callCount)).toEqual(before);
  });

  it("tells of one that is to be changed what stays", async () => {
    const { id, state } = await declarePair(lab);
    const news = { vm: "web", profile: state.profile, mac: vm.mac, plugged: false, linked: true };
    const { state: previewState } = await plugin.update(nicUrn, id, { ...state }, news, { preview: true });
    expect(previewState).toMatchObject({ ...news, aliases: [...state.aliases], vf: unknownValue, xml: unknownValue });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });
});

describe("an import", () => {
  it("finds what a person calls it, and gives the resource's own id", async () => {
    const { standbyProfile, profile, id } = await declarePair(lab);
    for (const name of ["data-vf/data-vf", profile]) {
      const found = await plugin.read(urnOf("VnicProfile", "fast"), name);
      expect(found).toMatchObject({ id: profile, inputs: { ...vfProfile, failover: standbyProfile } });
    }
    for (const name of [`web/${vm.mac.toUpperCase()}`, id]) {
      const found = await plugin.read(nicUrn, name);
      expect(found).toMatchObject({ id, state: { missing: [] }, inputs: { vm: "web", profile } });
    }
    expect(await plugin.read(placementUrn, "web")).toEqual({
      id: "web",
      state: { ...onHost1, vmId: vm.uuid, lastMove: null },
      inputs: { vm: "web", host: "host1" },
    });
  });

  it.each([
    ["VnicProfile", "data/nothing"],
    ["VmInterface", "web/52:54:00:00:00:99"],
    ["VmInterface", "absent/52:54:00:00:00:99"],
    ["VmPlacement", "absent"],
  ])("of a %s that is not there finds nothing: %s", async (kind, name) => {
    expect(await plugin.read(urnOf(kind, "it"), name)).toEqual({ id: "", state: {}, inputs: {} });
  });

  it("of what is no name says how to write one", async () => {
    expect((await errorOf(plugin.read(nicUrn, vm.mac))).details).toMatch(/<vm>\/<mac>/);
  });

  it("is no change for a program that declares it, with its MAC or without", async () => {
    await declarePair(lab);
    const { id, state, inputs } = await plugin.read(nicUrn, `web/${vm.mac}`);
    for (const declared of [{}, { mac: vm.mac }]) {
      const { inputs: news } = await plugin.check(
        nicUrn,
        { vm: "web", profile: inputs["profile"], ...declared },
        inputs,
      );
      expect(await plugin.diff(nicUrn, id, { oldInputs: inputs, state, news })).toMatchObject({ changes: false });
    }
  });
});

describe("a move", () => {
  beforeEach(() => declarePair(lab));
  const there = { vm: "web", host: "host2" };

  it("that fails saves where the VM is", async () => {
    lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
    const error = await errorOf(plugin.update(placementUrn, "web", onHost1, there));
    expect(error.details).not.toMatch(/\n\s+at /);
    expect(savedHalfWay(error)).toMatchObject({
      id: "web",
      properties: { host: "host1", lastMove: { outcome: "failed-on-source" } },
      reasons: [error.details],
    });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
  });

  it("that is refused changes nothing, and says why", async () => {
    lab.host2.freeMemoryKiB = 1;
    const error = await errorOf(plugin.update(placementUrn, "web", onHost1, there));
    expect(error.details).toMatch(/free memory.*Nothing was changed/);
    expect(error.metadata.get("grpc-status-details-bin")).toEqual([]);
  });

  it.each([
    ["is cancelled", 0, /was cancelled/],
    ["takes longer than its resource's timeout", 0.4, /timeout/],
  ])("that %s is rolled back, and it is said why", async (_, timeout, message) => {
    const engine = await logOfAnEngine();
    await plugin.handshake(engine.address);
    Object.assign(lab.host1.memory, { passes: 10_000, milliseconds: 5 });
    if (timeout === 0)
      lab.host1.before("domain_migrate_perform3_params", () => {
        setTimeout(() => void plugin.cancel(), 5);
      });
    const error = await errorOf(plugin.update(placementUrn, "web", onHost1, there, { timeout }));
    expect(savedHalfWay(error).properties).toMatchObject({ host: "host1" });
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    const warned = engine.lines.filter(({ ephemeral }) => !ephemeral).map(({ message }) => message);
    // The hosts have no SSH connection: the report's notes of that follow.
    expect(warned.filter((line) => !line.startsWith("The guest was not probed from"))).toEqual([
      expect.stringMatching(message),
    ]);
    engine.close();
  });

  it("is told on the resource's row while it goes on", async () => {
    const engine = await logOfAnEngine();
    await plugin.handshake(engine.address);
    await plugin.update(placementUrn, "web", onHost1, there);
    expect(new Set(engine.lines.map(({ urn }) => urn))).toEqual(new Set([placementUrn]));
    const shown = engine.lines.filter(({ ephemeral }) => ephemeral).map(({ message }) => message);
    expect(shown[0]).toMatch(/^preflight/);
    expect(shown.at(-1)).toBe("");
    engine.close();
  });

  it("warns of what a preview could not look at", async () => {
    const engine = await logOfAnEngine();
    await plugin.attach(engine.address);
    const { stackConfig } = await lab.entrance();
    const other = await PluginClient.configured(stackConfig);
    await other.attach(engine.address);
    lab.host2.close();
    expect((await other.check(placementUrn, there)).failures).toEqual([]);
    expect(engine.lines).toContainEqual({
      urn: placementUrn,
      ephemeral: false,
      message: expect.stringContaining("host2") as string,
    });
    await other.close();
    engine.close();
  });
});

describe("functions", () => {
  it("say where a VM is, what a host has free, and what a move would do", async () => {
    await declarePair(lab);
    expect(await plugin.invoke("getVmPlacement", { vm: "web" })).toEqual({
      vm: "web",
      host: "host1",
      state: "running",
    });
    const free = (host: string) => plugin.invoke("getFreeVfs", { host, network: "data-vf" });
    expect(await free("host1")).toMatchObject({ count: 3, vfs: vfs.slice(1) });
    expect(await free("host2")).toMatchObject({ count: 4, vfs: [...vfs] });
    const plan = await plugin.invoke("planMove", { vm: "web", host: "host2" });
    expect(plan).toMatchObject({
      from: "host1",
      to: "host2",
      refused: false,
      interfaces: [{ mac: vm.mac, network: "data-vf", standbyNetwork: "data", vfBefore: vfs[0], vfAfter: vfs[0] }],
    });
    expect((plan["steps"] as { name: string }[]).map(({ name }) => name)).toContain("migrate");
    lab.host2.freeMemoryKiB = 1;
    expect(await plugin.invoke("planMove", { vm: "web", host: "host2" })).toMatchObject({ refused: true, steps: [] });
    expect(await plugin.invoke("planMove", { vm: "web", host: "host1" })).toMatchObject({
      alreadyThere: true,
      steps: [],
    });
  });

  it("refuse what they are not asked rightly", async () => {
    expect((await errorOf(plugin.invoke("getVmPlacement", { vm: "" }))).details).toMatch(
      /^Unable to use the arguments: vm is empty\./,
    );
    expect((await errorOf(plugin.invoke("getVmPlacement", { vm: "absent" }))).details).toMatch(/"absent"/);
    expect((await errorOf(plugin.invoke("getFreeVfs", { host: "host3", network: "data-vf" }))).details).toMatch(
      /"host3"/,
    );
    expect((await errorOf(plugin.invoke("getFreeVfs", { host: "host1", network: "data" }))).details).toMatch(
      /physicalFunctions/,
    );
  });
});

/** An engine, as far as its log goes. */
async function logOfAnEngine() {
  const lines: { urn: string; message: string; ephemeral: boolean }[] = [];
  const server = new grpc.Server();
  server.addService(EngineService, {
    log: ({ request }: { request: LogRequest }, done: (error: null, answer: Empty) => void) => {
      lines.push({ urn: request.getUrn(), message: request.getMessage(), ephemeral: request.getEphemeral() });
      done(null, new Empty());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { lines, address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}
