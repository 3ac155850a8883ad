import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { vmInterface } from "../../../../provider/handlers/ovirt/vm-interface.js";
import { vnicProfile } from "../../../../provider/handlers/ovirt/vnic-profile.js";
import { fastInputs, standbyInputs, urn } from "../../../handlers/ovirt/over-engine.js";
import { engineCli, type EngineCli } from "./over-engine.js";

const before = { mac: expect.any(String) as string, network: "data-vf", vfBefore: "0000:05:10.0" };

function migrateRequests({ over }: EngineCli): number {
  return over.engine.received.filter(({ path }) => path.endsWith("/migrate")).length;
}

describe("the configuration", () => {
  it("comes from a file, below ovirt, vnic-failover:ovirt or as a stack has it, and the password from the environment", async () => {
    const cli = await engineCli();
    const engine = (JSON.parse(await readFile(cli.config, "utf8")) as { readonly ovirt: unknown }).ovirt;
    for (const content of [
      engine,
      { "vnic-failover:ovirt": engine },
      { config: { "vnic-failover:ovirt": engine } },
      { ovirt: engine },
    ]) {
      await writeFile(cli.config, JSON.stringify(content));
      const { code, out, err } = await cli.ran("status web");
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("host1");
    }
    const without = await cli.ran("status", {});
    expect(without.code).toBe(1);
    expect(without.err).toContain("VNIC_FAILOVER_OVIRT_PASSWORD");
    expect((await cli.ran("status", { VNIC_FAILOVER_OVIRT_PASSWORD: "wrong" })).err).toContain("sign");

    await writeFile(cli.config, JSON.stringify({ ovirt: { ...(engine as object), clutser: "lab" } }));
    expect((await cli.ran("status")).err).toMatch(/engine\.json:1: ovirt has an unknown key "clutser"; did you mean/);
    await writeFile(cli.config, JSON.stringify({ ovirt: engine, cluster: { hosts: {} } }));
    expect((await cli.ran("status")).err).toContain("both vnic-failover:cluster and vnic-failover:ovirt");
  });

  it("ends with the token returned", async () => {
    const cli = await engineCli();
    const { signOn } = cli.over.engine;
    const { live, issued } = signOn;
    await cli.ran("status");
    expect(signOn.live).toBe(live);
    expect(signOn.issued).toBe(issued + 1);
  });
});

describe("status", () => {
  it("tells where each VM runs, with which VF, and whether it migrates", async () => {
    const cli = await engineCli({ stepMillis: "manual" });
    const { code, out } = await cli.ran("status");
    expect(code).toBe(0);
    expect(out).toMatch(/^db +down +- +- /m);
    expect(out).toMatch(/^web +up +host1 +nic +\S+ +data +data-vf +0000:05:10.0 +-$/m);
    expect(out).not.toContain("legacy");

    const migrating = cli.ran("migrate web --to host2");
    await expect.poll(() => cli.over.vm("web").status, { timeout: 20_000 }).toBe("migrating");
    expect((await cli.ran("status web")).out).toMatch(/none +under way, \d+ %$/m);
    const poll = setInterval(() => cli.over.engine.advance(), 20);
    expect((await migrating).code).toBe(0);
    clearInterval(poll);
  });

  it("refuses a VM that the engine has not", async () => {
    const { code, err } = await (await engineCli()).ran("status wep");
    expect(code).toBe(1);
    expect(err).toContain('Unable to find VM "wep"');
  });
});

describe("plan", () => {
  it("tells what the engine would do, and changes nothing", async () => {
    const cli = await engineCli();
    const { code, out } = await cli.ran("plan web --to host2");
    expect(code).toBe(0);
    expect(out).toContain('VM "web": "host1" -> "host2"');
    expect(out).toContain("The move is possible");
    expect(await cli.document("plan web --to host2")).toMatchObject({
      exitCode: 0,
      refused: false,
      from: "host1",
      interfaces: [{ nic: "nic", network: "data-vf", standbyNetwork: "data", vfBefore: "0000:05:10.0" }],
    });
    expect(migrateRequests(cli)).toBe(0);
  });

  it("exits with 1 where the move would be refused", async () => {
    const cli = await engineCli();
    const { code, out } = await cli.ran("plan db --to host2");
    expect(code).toBe(1);
    expect(out).toContain("nothing would be changed");
  });
});

describe("migrate", () => {
  it("moves the VM, exits with 0, and leaves a report", async () => {
    const cli = await engineCli();
    const { code, out } = await cli.ran("migrate web --to host2");
    expect(code).toBe(0);
    expect(out).toContain('VM "web" has moved from "host1" to "host2".');
    expect(out).toContain("downtime (oVirt engine): 42 ms");
    expect(cli.hostOf("web")).toBe("host2");
    const [report] = await cli.reports();
    expect(report).toMatchObject({
      vm: "web",
      from: "host1",
      to: "host2",
      outcome: "moved",
      interfaces: [{ ...before, vfAfter: "0000:05:10.0" }],
      job: { downtime: 42 },
      secondsWithoutVf: expect.any(Number) as number,
    });
    expect(report?.phases.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      "preflight done",
      "unplug done",
      "migrate done",
      "plug done",
    ]);
    expect(report?.moments.map(({ what }) => what).join()).toMatch(
      /unplugged.*Migration started.*plugged to.*completed/,
    );
    expect((await cli.files()).filter((name) => name.endsWith(".html"))).toHaveLength(1);

    const again = await cli.ran("migrate web --to host2");
    expect(again.code).toBe(0);
    expect(again.out).toContain("Nothing to do");
  });

  it("exits with 1 where a rule or the engine refuses, and leaves no report", async () => {
    const cli = await engineCli();
    expect((await cli.ran("migrate db --to host2")).code).toBe(1);
    expect((await cli.ran("migrate web --to host9")).code).toBe(1);
    for (const host of cli.over.engine.model.hosts.values())
      if (host.name === "host2") for (const nic of host.nics) if (nic.physicalFunction) nic.usedBy = "another";
    const refused = await cli.ran("migrate web --to host2");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("no free virtual functions");
    expect(cli.hostOf("web")).toBe("host1");
    expect(await cli.files()).toEqual([]);
  });

  it("waits for a move that others began before it plans its own", async () => {
    const cli = await engineCli();
    cli.over.engine.disruptions.add({ kind: "replug-late", milliseconds: 1500 });
    await cli.over.engine.moveBySystem("web", "host2");
    const there = await cli.ran("migrate web --to host2");
    expect({ code: there.code, out: there.out }).toMatchObject({
      code: 0,
      out: expect.stringContaining("Nothing to do") as string,
    });
    expect(migrateRequests(cli)).toBe(0);
    expect(cli.over.nic("web", "nic").plugged).toBe(true);

    cli.over.engine.disruptions.add({ kind: "replug-late", milliseconds: 1500 });
    await cli.over.engine.moveBySystem("web", "host1");
    expect((await cli.ran("migrate web --to host2")).code).toBe(0);
    expect(cli.hostOf("web")).toBe("host2");
    expect(cli.over.engine.model.events.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("exits with 1 for options that the engine's policy decides", async () => {
    const cli = await engineCli();
    const { code, err } = await cli.ran("migrate web --to host2 --bandwidth 5 --announce probe");
    expect(code).toBe(1);
    expect(err).toContain("Unable to use --bandwidth, --announce on oVirt");
    expect(migrateRequests(cli)).toBe(0);
    expect((await cli.ran("migrate web --to host2 --plug-timeout 9")).code).toBe(0);
  });

  it("exits with 2 where the guest does not release its VF", async () => {
    const cli = await engineCli();
    cli.over.engine.disruptions.add({ kind: "unplug-fails" });
    const { code, out, err } = await cli.ran("migrate web --to host2");
    expect(code).toBe(2);
    expect(out).toContain('VM "web" has not moved: it is on "host1", with its VF.');
    expect(err).toContain("Failed to unplug Network Interface nic");
    expect(err).toContain("then run the command again.");
    expect(await cli.reports()).toMatchObject([
      { outcome: "failed-on-source", interfaces: [{ ...before, vfAfter: before.vfBefore }] },
    ]);
  });

  it("exits with 4 where one VF of two is unplugged already, and says how that comes back", async () => {
    const cli = await engineCli();
    const { over } = cli;
    const { id: other } = await vnicProfile.create(over.context(), { ...standbyInputs, name: "other" });
    const { id: second } = await vnicProfile.create(over.context(), { ...fastInputs, name: "second", failover: other });
    const more = { vm: "web", profile: second, plugged: true, linked: true };
    await vmInterface.create(over.context({ urn: urn("VmInterface", "more") }), more);
    over.engine.disruptions.add({ kind: "unplug-fails", nic: "more" });
    const { code, err } = await cli.ran("migrate web --to host2");
    expect(code).toBe(4);
    expect(err).toMatch(/Failed to unplug Network Interface more.*\)\. The VM runs without the VF of NIC "nic"/);
    expect(err).toContain("Check what uses the VF in the guest, then run the command again.");
    expect(err).toContain(
      'To plug what is missing: shut VM "web" down, plug NIC "nic" in the Administration Portal, and start the VM.',
    );
    expect(await cli.reports()).toMatchObject([{ outcome: "unclear", interfaces: [{ vfAfter: null }, {}] }]);
  });

  it("exits with 3 where the engine does not plug the VF again", async () => {
    const cli = await engineCli();
    cli.over.engine.disruptions.add({ kind: "vf-not-replugged" });
    const { code, out } = await cli.ran("migrate web --to host2");
    expect(code).toBe(3);
    expect(out).toContain("VF 0000:05:10.0 -> none");
    expect(out).toMatch(
      /why: Failed to plug.*After migration of web.*Shut VM "web" down, plug NIC "nic" in the Administration Portal/,
    );
    expect(await cli.reports()).toMatchObject([
      { outcome: "moved-without-vf", interfaces: [{ ...before, vfAfter: null }] },
    ]);
    const there = await cli.ran("migrate web --to host2");
    expect(there.code).toBe(3);
    expect(there.out).toContain("vnic-failover recover web");
    expect((await cli.document("status web"))["needRecovery"]).toEqual(["web"]);
  });

  it("exits with 4 where the migration failed, since the VM is on its source without VF, and where the engine goes on", async () => {
    const cli = await engineCli();
    cli.over.engine.disruptions.add({ kind: "migration-fails" });
    const failed = await cli.ran("migrate web --to host2");
    expect(failed.code).toBe(4);
    expect(failed.err).toContain('VM "web" runs on "host1" without the VF of NIC "nic"');
    expect(await cli.reports()).toMatchObject([{ outcome: "unclear", interfaces: [{ ...before, vfAfter: null }] }]);

    const slow = await engineCli({ stepMillis: "manual" });
    const late = await slow.ran("migrate web --to host2 --migrate-timeout 0.1");
    expect(late.code).toBe(4);
    expect(late.err).toContain("The engine continues the migration.");
    expect(late.err).toContain("then run vnic-failover status.");
  });
});

describe("release", () => {
  it("has nothing to do on oVirt", async () => {
    const cli = await engineCli();
    const { code, out } = await cli.ran("release db");
    expect(code).toBe(0);
    expect(out).toContain("on oVirt no owner is recorded for a placement");
  });
});
