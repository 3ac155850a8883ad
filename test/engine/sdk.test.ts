/** oVirt's own client against the test engine: it must satisfy more than ours. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { need } from "../../toolchain/requirement.js";
import { addNic, addProfile, findProfile, listNics } from "../../provider/backends/ovirt/rest/index.js";
import { startEngine, idOf } from "./engine.js";
import { ovirtSdk } from "./sdk/environment.js";
import type { EngineAddress } from "./server.js";

const python = need(ovirtSdk);

/** Runs sdk/NAME.py; the password goes over standard input. */
async function sdk(name: string, engine: EngineAddress, args: Record<string, string> = {}): Promise<unknown> {
  const child = spawn(python, ["-B", join(import.meta.dirname, "sdk", `${name}.py`)], { stdio: "pipe" });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  child.stdin.end(JSON.stringify({ engine, arguments: args }));
  const [status] = (await once(child, "close")) as [number];
  if (status !== 0) throw new Error(Buffer.concat(errors).toString());
  return JSON.parse(Buffer.concat(output).toString());
}

describe("oVirt's Python SDK", () => {
  it("signs on, reads the inventory and follows links", async () => {
    const { engine } = await startEngine();
    expect(await sdk("inventory", engine.address)).toEqual({
      product: "oVirt Engine",
      version: [4, 5],
      tested: true,
      data_centers: ["Default", "labdc"],
      clusters: { Default: [4, 7], lab: [4, 7], old: [4, 5] },
      hosts: { host1: "up", host2: "up" },
      networks: {
        ovirtmgmt: { usages: ["vm"], external: false },
        data: { usages: ["vm"], external: false },
        "data-vf": { usages: ["vm"], external: false },
        ext: { usages: ["vm"], external: true },
      },
      cluster_networks: ["data", "data-vf", "ext", "ovirtmgmt"],
      vms: { web: "up", db: "down", legacy: "down" },
      first_vm: ["db"],
      web_host: "host1",
      physical_functions: [
        ["eth2", 4],
        ["eth2", 4],
      ],
      filters: expect.arrayContaining(["vdsm-no-mac-spoofing", "no-ip-spoofing", "clean-traffic"]) as string[],
    });
  });

  it("adds, lists, updates and removes profiles, and understands the engine's faults", async () => {
    const { engine, client } = await startEngine();
    const seen = (await sdk("profiles", engine.address)) as {
      standby: { id: string };
      spare: { id: string };
      fast: { id: string };
    };
    const fast = {
      id: seen.fast.id,
      name: "fast",
      network: idOf(engine, "networks", "data-vf"),
      pass_through: "enabled",
      migratable: true,
      custom_properties: {},
      network_filter: null,
    };
    expect(seen).toMatchObject({
      standby: { name: "data", migratable: null, custom_properties: { SecurityGroups: "a & b" } },
      fast: { ...fast, failover: seen.standby.id },
      updated: { ...fast, description: "SR-IOV", failover: seen.spare.id },
      uncleared: { ...fast, failover: seen.spare.id },
      refusals: {
        acting: {
          code: 400,
          reason: "Operation Failed",
          detail: "[Cannot edit VM network interface profile. Profile is selected as failover for: \tfast.]",
        },
        taken: { code: 409 },
        virtio: {
          code: 400,
          detail:
            "[Cannot add VM network interface profile. Failover vNIC profile is supported only for migratable passthrough vNIC profiles.]",
        },
      },
      listed: ["data", "spare"],
      left: [{ ...fast, failover: null }],
      gone: { code: 404 },
    });
    // What it wrote, our client reads.
    expect(await findProfile(client, seen.fast.id)).toMatchObject({
      name: "fast",
      description: "SR-IOV",
      passThrough: "enabled",
      migratable: true,
    });
  });

  it("adds, plugs and removes a NIC with failover of our profile, and migrates its VM", async () => {
    const { engine, client } = await startEngine({ stepMillis: 20 });
    const standby = await addProfile(client, { name: "data", network: idOf(engine, "networks", "data") });
    const fast = await addProfile(client, {
      name: "fast",
      network: idOf(engine, "networks", "data-vf"),
      passThrough: "enabled",
      migratable: true,
      failover: standby.id,
    });
    const seen = await sdk("migrate", engine.address, { profile: fast.id });
    expect(seen).toMatchObject({
      added: { name: "nic1", interface: "pci_passthrough", plugged: true, linked: true, vnic_profile: fast.id },
      hot: { code: 409 },
      renamed: { name: "renamed", plugged: false },
      while_migrating: "migrating",
      replugged: { name: "renamed", plugged: true },
      moved: ["up", "host2"],
      same_host: { code: 400 },
      reported: ["enp1s0", "enp6s0", "enp1s0nsby"],
      jobs: [
        ["Migrating VM web to Host host2", "finished"],
        ["Migrating VM web", "failed"],
      ],
      correlated: [63, 62],
      left: [],
    });
    expect((seen as { events: readonly number[] }).events).toEqual(expect.arrayContaining([62, 63, 932]));
    expect(await listNics(client, idOf(engine, "vms", "web"))).toEqual([]);
  });

  it("reads what our client wrote", async () => {
    const { engine, client } = await startEngine();
    const standby = await addProfile(client, { name: "data", network: idOf(engine, "networks", "data") });
    const fast = await addProfile(client, {
      name: 'fast "&" <new>',
      description: "one\ntwo",
      network: idOf(engine, "networks", "data-vf"),
      passThrough: "enabled",
      migratable: true,
      failover: standby.id,
      customProperties: { SecurityGroups: "x" },
    });
    const vm = idOf(engine, "vms", "db");
    const nic = await addNic(client, vm, {
      name: "nic1",
      interface: "pci_passthrough",
      profile: fast.id,
      mac: "52:54:00:12:34:56",
      plugged: false,
    });
    expect(await sdk("read_nic", engine.address, { vm, nic: nic.id, profile: fast.id })).toEqual({
      profile: {
        id: fast.id,
        name: 'fast "&" <new>',
        description: "one\ntwo",
        network: fast.network,
        pass_through: "enabled",
        migratable: true,
        failover: standby.id,
        network_filter: null,
        custom_properties: { SecurityGroups: "x" },
      },
      nic: {
        id: nic.id,
        name: "nic1",
        mac: "52:54:00:12:34:56",
        interface: "pci_passthrough",
        plugged: false,
        linked: true,
        vnic_profile: fast.id,
      },
    });
  });
});
