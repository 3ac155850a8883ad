import { readFile } from "node:fs/promises";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { PassThrough } from "node:stream";
import { lookUpHost } from "../../../../provider/backends/ovirt/rest/index.js";
import { putIntoMaintenance } from "../../../../provider/cli/commands/ovirt/maintenance.js";
import { jsonBoard } from "../../../../provider/cli/output/progress-board.js";
import { newEngine } from "../../../../provider/handlers/ovirt/session.js";
import { newId, put, type Host } from "../../../engine/model.js";
import { engineCli, type EngineCli } from "./over-engine.js";

let cli: EngineCli;
beforeEach(async () => {
  cli = await engineCli();
  const { model } = cli.over.engine;
  const { cluster, host } = cli.over.vm("web");
  put(model.vms, { id: newId(), name: "app", cluster, status: "up", host, nics: [], devices: [] });
});

function host(name: string): Host {
  const found = [...cli.over.engine.model.hosts.values()].find((each) => each.name === name);
  return found ?? expect.fail(`there is no ${name}`);
}

const moves = () => cli.over.engine.received.filter(({ path }) => path.endsWith("/migrate")).length;

describe("drain", () => {
  it("shows its plan with --dry-run, and moves nothing", async () => {
    const { code, out } = await cli.ran("drain host1 --dry-run");
    expect(code).toBe(0);
    expect(out).toContain('The plan for "host1":');
    expect(out).toMatch(/^ +web +host2 +eth2$/m);
    expect(out).toMatch(/^ +app +host2 +-$/m);
    expect(out).toContain("put the host into maintenance, with --maintenance or in the Administration Portal");
    expect(await cli.document("drain host1 --dry-run")).toMatchObject({
      exitCode: 0,
      kind: "drain",
      plan: { moves: [{ uuid: expect.any(String) as string }, {}], stuck: [] },
      next: { maintenance: false, command: null },
    });
    expect(moves()).toBe(0);
  });

  it("moves every VM, leaves reports, and is undone by its own", async () => {
    const refused = await cli.ran("drain host1");
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("Use --yes");

    const answer = await cli.document("drain host1 --yes --concurrency 2");
    expect(answer).toMatchObject({
      exitCode: 0,
      results: [{ outcome: "moved" }, { outcome: "moved" }],
    });
    expect([cli.hostOf("web"), cli.hostOf("app")]).toEqual(["host2", "host2"]);
    const file = String(answer["drainReport"]);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
      kind: "drain",
      host: "host1",
      vms: [{ from: "host1", to: "host2", outcome: "moved" }, { outcome: "moved" }],
    });
    expect(await cli.reports()).toHaveLength(2);

    host("host1").status = "maintenance";
    const resting = await cli.ran(`drain --undo ${file} --yes`);
    expect(resting.code).toBe(1);
    expect(resting.err).toContain('host "host1" is in status maintenance');
    host("host1").status = "up";
    const undone = await cli.ran(`drain --undo ${file} --yes`);
    expect(undone.code).toBe(0);
    expect([cli.hostOf("web"), cli.hostOf("app")]).toEqual(["host1", "host1"]);
    expect((await cli.ran(`drain --undo ${file} --yes`)).out).toContain('it is on "host1" already');
  });

  it("tries once more, elsewhere, and exits with the worst outcome", async () => {
    cli.over.engine.disruptions.add({ kind: "unplug-fails", vm: "web" });
    const { code, out, err } = await cli.ran("drain host1 --yes");
    expect(code).toBe(2);
    expect(cli.hostOf("app")).toBe("host2");
    expect(cli.hostOf("web")).toBe("host1");
    expect(out).toMatch(/^web +host2 +failed, on the source with its VF$/m);
    expect(err).toContain("Failed to unplug Network Interface nic");
  });

  it("leaves a VM where no host has what it needs, and refuses hosts that take none", async () => {
    for (const nic of host("host2").nics) if (nic.physicalFunction !== undefined) nic.usedBy = "another";
    const { code, out } = await cli.ran("drain host1 --yes");
    expect(code).toBe(1);
    expect(out).toContain('web cannot be moved:\n  host2: too few free VFs of network "data-vf"');
    expect(cli.hostOf("app")).toBe("host2");

    host("host2").status = "maintenance";
    expect((await cli.ran("drain host1 --yes")).err).toContain("has no other host that is up");
    expect((await cli.ran("drain host1 --to host2 --yes")).err).toContain("is in status maintenance");
    expect((await cli.ran("drain host9 --yes")).err).toContain('Unable to find host "host9"');
    expect((await cli.ran("drain host1 --unplug late --yes")).err).toContain("Unable to use --unplug on oVirt");
  });

  it("puts the host into the engine's maintenance once no VM runs there", async () => {
    const dry = await cli.ran("drain host1 --maintenance --dry-run");
    expect(dry.code).toBe(0);
    expect(dry.out).toContain('Then the engine would put "host1" into maintenance.');
    expect(host("host1").status).toBe("up");

    const { code, out, err } = await cli.ran("drain host1 --maintenance --yes");
    expect(code).toBe(0);
    expect(out).toContain('"host1" is in maintenance.');
    expect(out).toContain('Once the engine has "host1" in maintenance, placements that name it are suspended');
    expect(out).not.toContain("with --maintenance");
    expect(err).toContain('checking whether "web" can move to "host2"');
    expect(host("host1").status).toBe("maintenance");
    expect([cli.hostOf("web"), cli.hostOf("app")]).toEqual(["host2", "host2"]);
    // Every move was one of this command's, and none the engine's own.
    expect(moves()).toBe(2);
    expect(cli.over.engine.model.events.map((event) => event.code)).not.toContain(67);
    expect(cli.over.nic("web", "nic").plugged).toBe(true);

    host("host1").status = "up";
    expect(await cli.document("drain host1 --maintenance --yes")).toMatchObject({ exitCode: 0, maintenance: true });
    expect((await cli.ran("drain host1 --maintenance --yes")).code).toBe(0);
  });

  it("does not ask for maintenance where a VM stays, is on its way there, or the engine refuses", async () => {
    for (const nic of host("host2").nics) if (nic.physicalFunction !== undefined) nic.usedBy = "another";
    const left = await cli.ran("drain host1 --maintenance --yes");
    expect(left.code).toBe(1);
    expect(left.err).toContain('Unable to put host "host1" into maintenance: VM "web" still runs there');
    expect(host("host1").status).toBe("up");

    for (const nic of host("host2").nics) if (nic.usedBy === "another") nic.usedBy = undefined;
    const { model } = cli.over.engine;
    const elsewhere = { ...cli.over.vm("app"), id: newId(), name: "comes", status: "migrating" as const };
    put(model.vms, { ...elsewhere, host: host("host2").id });
    const coming = await cli.ran("drain host1 --maintenance --yes");
    expect(coming.code).toBe(1);
    expect(coming.err).toContain('VM "comes" may be migrating to it');
    expect([cli.hostOf("web"), host("host1").status]).toEqual(["host2", "up"]);
  });

  it("says what is left where the engine does not get there", async () => {
    cli = await engineCli({ stepMillis: "manual" });
    const answer = { outcome: "ok" as const, document: {}, text: "moved" };
    const { config } = cli.over;
    const engine = newEngine(config);
    onTestFinished(() => engine.client.close());
    const console = { progress: jsonBoard(new PassThrough()), signal: new AbortController().signal };
    const context = { ...console, engine, show: () => undefined, confirm: undefined };
    const late = await putIntoMaintenance(
      context,
      { host: await lookUpHost(engine.client, "host1"), left: [], answer },
      0.1,
    );
    expect(late.outcome).toBe("unclear");
    expect(String(late.errors?.[0])).toContain("is still in status preparing_for_maintenance after 0.1 s");
  });

  it("says that nothing moves back from a host in maintenance", async () => {
    host("host1").status = "preparing_for_maintenance";
    const { out } = await cli.ran("drain host1 --dry-run");
    expect(out).toContain('The engine has "host1" in maintenance: placements that name it are suspended');
  });
});
