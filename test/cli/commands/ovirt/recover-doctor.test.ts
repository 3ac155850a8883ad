import { writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../../engine/model.js";
import { engineCli, type EngineCli } from "./over-engine.js";

let cli: EngineCli;
beforeEach(async () => {
  cli = await engineCli();
});

function host(name: string): Host {
  const found = [...cli.over.engine.model.hosts.values()].find((each) => each.name === name);
  return found ?? expect.fail(`there is no ${name}`);
}

async function moveWithoutVf(): Promise<void> {
  cli.over.engine.disruptions.add({ kind: "vf-not-replugged" });
  expect((await cli.ran("migrate web --to host2")).code).toBe(3);
}

describe("recover", () => {
  it("has nothing to do where nothing is missing", async () => {
    const { code, out } = await cli.ran("recover");
    expect(code).toBe(0);
    expect(out).toContain("Nothing to recover");
  });

  it("exits with 3 and says what helps, where the engine cannot plug beside the standby", async () => {
    await moveWithoutVf();
    const { code, out, err } = await cli.ran("recover");
    expect(code).toBe(3);
    expect(out).toMatch(/^web +host2 +none +- +VF of NIC "nic"/m);
    expect(err).toContain('Shut VM "web" down, plug NIC "nic" in the Administration Portal, and start the VM');
    expect(await cli.document("recover web")).toMatchObject({
      exitCode: 3,
      recovered: [
        { vm: "web", outcome: "moved-without-vf", missing: [expect.stringContaining("VF of NIC") as string] },
      ],
    });
  });

  it("plugs where the engine can, and exits with 0", async () => {
    await moveWithoutVf();
    // The guest still reports the standby, and the domain has it no longer.
    const nic = cli.over.nic("web", "nic");
    const vm = cli.over.vm("web");
    const standby = vm.devices.find(({ kind }) => kind === "bridge") ?? expect.fail("there is no standby");
    vm.devices = vm.devices.map((device) => (device === standby ? { ...device, alias: "ua-going" } : device));
    expect(nic.plugged).toBe(false);
    const { code, out } = await cli.ran("recover web");
    expect(code).toBe(0);
    expect(out).toMatch(/^web +host2 +none +VF of NIC "nic"/m);
    expect(cli.over.nic("web", "nic").plugged).toBe(true);
  });

  it("tells of each VM, also where the engine stops answering in the middle", { timeout: 60_000 }, async () => {
    await moveWithoutVf();
    const { engine } = cli.over;
    const { id } = cli.over.vm("web");
    const watch = setInterval(() => {
      if (!engine.received.some(({ path }) => path.endsWith("/activate"))) return;
      clearInterval(watch);
      engine.disruptions.add({ kind: "unavailable", path: `/vms/${id}/nics`, retryAfter: 0, times: 1000 });
    }, 1);
    engine.received.length = 0;
    engine.disruptions.add({ kind: "slow", method: "POST", path: `/vms/${id}/nics`, milliseconds: 300 });
    const answer = await cli.document("recover");
    clearInterval(watch);
    expect(answer).toMatchObject({
      exitCode: 3,
      recovered: [
        { vm: "web", outcome: "moved-without-vf", missing: [expect.stringContaining("VF of NIC") as string] },
      ],
      errors: [{ code: "engine-fault", message: expect.stringContaining("503") as string }],
    });
  });

  it("leaves a VM alone that the engine migrates, and --now has no meaning", async () => {
    cli.over.engine.disruptions.add({ kind: "replug-late", milliseconds: 60_000 });
    expect((await cli.ran("migrate web --to host2 --plug-timeout 0.2")).code).toBe(3);
    const { code, err } = await cli.ran("recover web");
    expect(code).toBe(1);
    expect(err).toContain("is being migrated by the engine, which plugs its VFs at the end");
    const sent = cli.over.engine.received.filter(({ path }) => path.endsWith("/activate"));
    expect(sent).toEqual([]);
    const now = await cli.ran("recover --now");
    expect(now.code).toBe(1);
    expect(now.err).toContain("Unable to use --now on oVirt");
    const dead = await cli.ran("recover web --host-is-dead host2 --yes");
    expect(dead.code).toBe(1);
    expect(dead.err).toContain("Confirm 'Host has been Rebooted'");
  });
});

describe("doctor", () => {
  it("tells of engine, hosts, physical functions and VFs", async () => {
    const { code, out } = await cli.ran("doctor");
    expect(code).toBe(0);
    expect(out).toContain('oVirt engine 4.5.7-1.el9, cluster "lab" at level 4.7');
    expect(out).toContain("host1: up, VFs in use by web");
    expect(out).toMatch(/^ +eth2 +\S+ +4 +8 +3 +data-vf$/m);
    expect(out).toContain("Nothing is missing.");
  });

  it.each([
    ["4.3.10.4-1.el7", 1],
    ["4.4.5.11-1.el8", 1],
    ["4.4.6.8-1.el8", 0],
    ["4.5.0-0.master", 0],
    ["5.0.0", 0],
    ["master", 0],
  ])("knows whether engine %s has the feature", async (version, exitCode) => {
    cli.over.engine.model.version = version;
    expect(await cli.document("doctor")).toMatchObject({
      exitCode,
      engine: { version },
      findings: exitCode === 0 ? [] : [{ rule: "engine-version", severity: "error" }],
    });
  });

  it("exits with 1 where the cluster's level is too old", async () => {
    const old = [...cli.over.engine.model.clusters.values()].find(({ name }) => name === "old");
    const { url, username, caFile } = cli.over.engine.address;
    expect(old?.version).toEqual({ major: 4, minor: 5 });
    await writeFile(cli.config, JSON.stringify({ ovirt: { url, username, caFile, cluster: "old" } }));
    const { code, out } = await cli.ran("doctor");
    expect(code).toBe(1);
    expect(out).toContain('error: Cluster "old" has compatibility level 4.5');
  });

  it("exits with 1 where a host has failed or lacks the standby's network, and warns of the rest", async () => {
    host("host1").status = "non_operational";
    for (const nic of host("host2").nics) if (nic.name === "eth1") nic.network = undefined;
    const pf = host("host2").nics.find(({ name }) => name === "eth2");
    pf?.virtualFunctions?.networks.clear();
    const { code, out } = await cli.ran("doctor");
    expect(code).toBe(1);
    expect(out).toContain('error: Host "host1" is in status non_operational');
    expect(out).toContain('error: Network "data", which standbys use, is not attached to host "host2"');
    expect(out).toContain('warning: No physical function of host "host2" allows network "data-vf" for its VFs');
    const { findings } = await cli.document("doctor");
    expect(findings).toMatchObject([
      { rule: "engine-hosts", severity: "warning" },
      { rule: "engine-host-not-failed" },
      { rule: "engine-vf-network" },
      { rule: "engine-standby-network" },
    ]);
  });

  it("warns of a cluster of which no host is told", async () => {
    cli.over.vm("web").host = undefined;
    cli.over.vm("web").status = "down";
    cli.over.engine.model.hosts.clear();
    const { code, out } = await cli.ran("doctor");
    expect(code).toBe(0);
    expect(out).toMatch(/warning: The engine lists no host of cluster "lab".*NetworkAdmin/s);
    expect(out).not.toContain("Nothing is missing");
    expect((await cli.ran("drain host1 --yes")).err).toMatch(
      /returned no hosts: the user may lack the permission to see them.*NetworkAdmin/s,
    );
  });

  it("warns of VMs without VF, hosts in maintenance, and profiles without failover", async () => {
    await moveWithoutVf();
    host("host1").status = "maintenance";
    for (const profile of cli.over.engine.model.profiles.values())
      if (profile.name === "fast") profile.failover = undefined;
    const { code, out } = await cli.ran("doctor");
    expect(code).toBe(0);
    expect(out).toContain('warning: Host "host1" is in maintenance');
    expect(out).toContain('warning: Profile "fast" is migratable and has no failover');
  });
});
