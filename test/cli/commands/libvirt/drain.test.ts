/** Drains of in-process hosts, and their undoing: through the code that gathers the facts and the product's own move. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CommandContext } from "../../../../provider/cli/command.js";
import { drain, type DrainRequest } from "../../../../provider/cli/commands/libvirt/drain.js";
import { undoDrain, type UndoRequest } from "../../../../provider/cli/commands/libvirt/drain-undo.js";
import { migrate } from "../../../../provider/cli/commands/libvirt/migrate.js";
import { plan } from "../../../../provider/cli/commands/libvirt/plan.js";
import type { LibvirtCluster } from "../../../../provider/backends/libvirt/cluster.js";
import type { DrainReport } from "../../../../provider/drain/report.js";
import { vmPlacement } from "../../../../provider/handlers/libvirt/vm-placement.js";
import { defaultMigrationOptions } from "../../../../provider/migration/options.js";
import { declarePair } from "../../../hosts/declared.js";
import { domainXml, twoHosts, type LabLike } from "../../../hosts/two-hosts.js";
import { contextWith, type KeptContext } from "../../command-context.js";

const options = { ...defaultMigrationOptions, announce: "none" } as const;

let lab: LabLike;
let reportDir: string;
beforeEach(async () => {
  lab = await twoHosts({ more: 1 });
  await declarePair(lab);
  reportDir = await mkdtemp(join(tmpdir(), "vnic-failover-drain-"));
});
afterEach(async () => {
  await lab.close();
  await rm(reportDir, { recursive: true });
});

const on = (cluster: LibvirtCluster, over: Partial<CommandContext> = {}): KeptContext =>
  contextWith({ cluster, ...over });

const drained = (context: CommandContext, over: Partial<DrainRequest> = {}) =>
  drain(context, { host: "host1", concurrency: 1, confirmed: true, options, reportDir, ...over });

const undone = (context: CommandContext, file: string, over: Partial<UndoRequest> = {}) =>
  undoDrain(context, { file, concurrency: 1, confirmed: true, options, reportDir, ...over });

/** A second VM on host1, without interfaces. */
function startDb(): void {
  const uuid = "11111111-2222-4333-8444-000000000060";
  lab.host1.domains.start(lab.host1.domains.define(domainXml({ name: "db", uuid })));
}

const hostOf = async (vm: string) => (await lab.cluster.require(vm)).host.name;

async function drainToHost2(): Promise<string> {
  const { outcome, document } = await drained(on(lab.cluster), { to: ["host2"] });
  expect(outcome).toBe("moved");
  return String(document["drainReport"]);
}

async function edited(file: string, edit: (report: DrainReport) => void): Promise<string> {
  const report = JSON.parse(await readFile(file, "utf8")) as DrainReport;
  edit(report);
  await writeFile(file, JSON.stringify(report));
  return file;
}

describe("a host under maintenance", () => {
  it("shows of each VM with a VF when that leaves the guest, and why", async () => {
    startDb();
    const [early, late] = await Promise.all(
      (["auto", "late"] as const).map((unplug) =>
        drained(on(lab.cluster), { to: ["host2"], dryRun: true, options: { ...options, unplug } }),
      ),
    );
    expect(early?.text).toMatch(/VM +TO +VFS FROM +UNPLUG\n.*web +host2 +pf0 +early\n/s);
    expect(early?.text).toMatch(/db +host2 +- +-\n/);
    expect(early?.text).toContain("early: VFs leave the guest before the migration: fewer packets are lost so");
    expect(late?.document).toMatchObject({
      plan: {
        moves: expect.arrayContaining([
          expect.objectContaining({ vm: "web", unplug: { when: "late", why: "migration.unplug says so" } }),
          expect.objectContaining({ vm: "db", unplug: null }),
        ]) as unknown,
      },
    });
  });

  it("is no destination: neither of migrate, nor of plan, nor of a drain", async () => {
    const { cluster } = await lab.entrance(["host2"]);
    const context = on(cluster);
    await expect(migrate(context, { vm: "web", to: "host2", options, reportDir })).rejects.toMatchObject({
      name: "MoveRefused",
      message: expect.stringContaining(
        "host host2 is under maintenance, so no VM is moved to it. Nothing was changed.",
      ) as string,
    });
    const planned = await plan(context, { vm: "web", to: "host2" });
    expect(planned.outcome).toBe("refused");
    expect(planned.document["findings"]).toMatchObject([{ rule: "move-destination-not-in-maintenance" }]);
    expect(await hostOf("web")).toBe("host1");

    const { outcome, document } = await drained(context);
    expect(outcome).toBe("moved");
    expect(document["results"]).toMatchObject([{ vm: "web", to: "host3" }]);
    await expect(drained(context, { host: "host3", to: ["host2"] })).rejects.toMatchObject({
      problem: { code: "drain-to-maintenance" },
    });
  });

  it("is left out of a second try, too", async () => {
    const { cluster } = await lab.entrance(["host3"]);
    lab.host2.freeMemoryKiB = 1;
    const { outcome, document } = await drained(on(cluster));
    expect(outcome).toBe("refused");
    expect(document["plan"]).toMatchObject({
      moves: [],
      stuck: [{ vm: "web", reasons: { host2: expect.stringContaining("MiB") as string } }],
    });
  });

  it("is emptied as any other, and no stack is said to move its VMs back", async () => {
    const { cluster } = await lab.entrance(["host1"]);
    const context = on(cluster);
    const { outcome, text, document } = await drained(context, { to: ["host2"] });
    expect(outcome).toBe("moved");
    expect(await hostOf("web")).toBe("host2");
    const sentence =
      '"host1" is under maintenance: placements that name it are suspended, so no stack with this configuration moves';
    expect(context.shown[0]).toContain(sentence);
    expect(text).toContain(sentence);
    expect(text).not.toContain("config set");
    expect(document["next"]).toEqual({ maintenance: true, command: null, placements: [] });
  });

  it("leaves no destination where all others are under maintenance", async () => {
    const { cluster } = await lab.entrance(["host2", "host3"]);
    await expect(drained(on(cluster))).rejects.toMatchObject({
      problem: {
        code: "drain-without-destination",
        what: 'Unable to drain "host1": every other host is under maintenance',
      },
    });
  });
});

describe("a drain", () => {
  it("moves the VM that was planned, and no other that has taken its name meanwhile", async () => {
    startDb();
    const confirm = () => {
      const { domains } = lab.host1;
      const planned = domains.named("db") ?? expect.fail("no db");
      domains.undefine(planned);
      domains.stop(planned);
      const uuid = "11111111-2222-4333-8444-000000000061";
      domains.start(domains.define(domainXml({ name: "db", uuid })));
      return Promise.resolve(true);
    };
    const { document, errors } = await drained(on(lab.cluster, { confirm }), { to: ["host2"], confirmed: false });
    expect(errors).toMatchObject([{ problem: { code: "vm-is-another" } }]);
    expect(document["results"]).toMatchObject([
      { vm: "web", outcome: "moved" },
      { vm: "db", outcome: "refused" },
    ]);
    expect(await hostOf("db")).toBe("host1");
  });
});

describe("a drain says what the stacks do next", () => {
  const command = "pulumi config set --path 'vnic-failover:cluster.hosts.host1.maintenance' true";

  it("in the plan and at the end, with the command that makes the VMs stay", async () => {
    const context = on(lab.cluster, { configuration: { stack: "prod" } });
    const { text, document } = await drained(context, { to: ["host2"] });
    for (const shown of [context.shown[0], text]) {
      expect(shown).toContain(
        'A stack that places this VM on "host1" moves it back with its next pulumi up --refresh.',
      );
      expect(shown).toContain(`To prevent that, run in that stack: ${command} --stack prod\n`);
    }
    expect(document["next"]).toEqual({ maintenance: false, command: `${command} --stack prod`, placements: [] });
  });

  it("of each stack that has placed a VM, by the note in the VM's metadata", async () => {
    startDb();
    const urn = "urn:pulumi:blue::net::pulumi-nodejs:dynamic/vnic-failover:VmPlacement::web-place";
    await vmPlacement.create(lab.context({ urn }), { vm: "web", host: "host1" });
    const context = on(lab.cluster, { configuration: { stack: "prod" } });
    const { text, document } = await drained(context, { to: ["host2"] });
    for (const shown of [context.shown[0], text]) {
      expect(shown).toContain(
        `The next pulumi up --refresh in stack "blue" (project "net") moves VM "web" back to "host1". To prevent that, run: ${command} --stack blue\n`,
      );
      expect(shown).toContain('A stack that places one of the other VMs on "host1" moves it back');
    }
    expect(document["next"]).toMatchObject({
      placements: [{ vm: "web", stack: "blue", project: "net", resource: "web-place" }],
    });
  });

  it("and names the file that the command itself read", async () => {
    const context = on(lab.cluster, { configuration: { config: "cluster.yaml", stack: "prod" } });
    const { text, document } = await drained(context, { dryRun: true });
    expect(document["next"]).toEqual({ maintenance: false, command, placements: [] });
    expect(text).toContain("This command read cluster.yaml: set hosts.host1.maintenance to true there, too.");
  });

  it("and nothing where nothing moves", async () => {
    lab.host2.freeMemoryKiB = 1;
    const { text } = await drained(on(lab.cluster), { to: ["host2"] });
    expect(text).not.toMatch(/stack|pulumi/);
  });
});

describe("a drain's undoing", () => {
  it("shows its plan, and moves back what the drain has moved", async () => {
    startDb();
    const file = await drainToHost2();
    expect([await hostOf("web"), await hostOf("db")]).toEqual(["host2", "host2"]);
    const context = on(lab.cluster);
    const { outcome, text, document } = await undone(context, file);
    expect(context.shown[0]).toMatch(
      /^The plan to undo the drain of "host1":\n\n.*\n {2}web +host2 +host1 +pf0 +early\n/,
    );
    expect(outcome).toBe("moved");
    expect([await hostOf("web"), await hostOf("db")]).toEqual(["host1", "host1"]);
    expect(document).toMatchObject({ kind: "undo", host: "host1", next: null });
    expect(text).toMatch(/^db +host1 +moved$/m);

    // Its report is a drain's as well: it can be undone in its turn.
    const again = await undone(on(lab.cluster), String(document["drainReport"]));
    expect(again.outcome).toBe("moved");
    expect(await hostOf("web")).toBe("host2");
  });

  it("only shows the plan without a yes, or on a dry run", async () => {
    const file = await drainToHost2();
    const asked: string[] = [];
    const confirm = (question: string) => Promise.resolve(asked.push(question) < 0);
    expect((await undone(on(lab.cluster, { confirm }), file, { confirmed: false })).outcome).toBe("refused");
    expect(asked).toEqual(["Move this VM?"]);
    const dry = await undone(on(lab.cluster), file, { confirmed: false, dryRun: true });
    expect(dry.outcome).toBe("ok");
    expect(dry.document["plan"]).toMatchObject({ moves: [{ vm: "web", from: "host2", to: "host1" }] });
    expect(await hostOf("web")).toBe("host2");
  });

  it("leaves alone what has moved on, is back or is gone, and says so", async () => {
    const file = await drainToHost2();
    await migrate(on(lab.cluster), { vm: "web", to: "host3", options, reportDir });
    const moved = await undone(on(lab.cluster), file);
    expect(moved).toMatchObject({ outcome: "ok", document: { plan: { moves: [], skipped: [{ vm: "web" }] } } });
    expect(moved.text).toBe(
      'Nothing to do: none of the VMs drained from "host1" needs to be moved back.\n\nweb is skipped: it has since moved to "host3".',
    );
    await migrate(on(lab.cluster), { vm: "web", to: "host1", options, reportDir });
    expect((await undone(on(lab.cluster), file)).text).toContain('it is on "host1" already');
    await edited(file, ({ vms }) => vms.forEach((vm) => (vm.vm = "absent")));
    expect((await undone(on(lab.cluster), file)).text).toContain("no host of the cluster has it");
    await edited(file, ({ vms }) => vms.forEach((vm) => (vm.outcome = "failed-on-source")));
    expect((await undone(on(lab.cluster), file)).text).toContain("the drain did not move it");
  });

  it("moves no other VM of the name", async () => {
    const file = await drainToHost2();
    await edited(file, ({ vms }) => vms.forEach((vm) => (vm.uuid = "99999999-2222-4333-8444-000000000050")));
    const { outcome, text } = await undone(on(lab.cluster), file);
    expect(outcome).toBe("ok");
    expect(text).toContain('the VM of that name on "host2" is another VM');
    expect(await hostOf("web")).toBe("host2");
  });

  it("looks again before each move: a VM that moves on meanwhile is left alone", async () => {
    const file = await drainToHost2();
    const confirm = async () => {
      await migrate(on(lab.cluster), { vm: "web", to: "host3", options, reportDir });
      return true;
    };
    const { outcome, errors } = await undone(on(lab.cluster, { confirm }), file, { confirmed: false });
    expect(outcome).toBe("refused");
    expect(errors).toMatchObject([{ problem: { code: "vm-moved-on" } }]);
    expect(await hostOf("web")).toBe("host3");
  });

  it("is refused where the host is under maintenance, with the command that ends it", async () => {
    const file = await drainToHost2();
    const { cluster } = await lab.entrance(["host1"]);
    await expect(undone(on(cluster, { configuration: { stack: "prod" } }), file)).rejects.toMatchObject({
      problem: {
        code: "undo-to-maintenance",
        what: 'Unable to undo the drain of "host1": "host1" is under maintenance, so no VM is moved to it',
        remedy: expect.stringContaining(
          "pulumi config rm --path 'vnic-failover:cluster.hosts.host1.maintenance' --stack prod",
        ) as string,
      },
    });
    expect(await hostOf("web")).toBe("host2");
  });

  it("says why where there is no room, and where a host does not answer", async () => {
    const file = await drainToHost2();
    lab.host1.freeMemoryKiB = 1;
    const full = await undone(on(lab.cluster), file);
    expect(full.outcome).toBe("refused");
    expect(full.document["plan"]).toMatchObject({
      stuck: [{ vm: "web", reasons: { host1: expect.stringContaining("free") as string } }],
    });
    lab.host2.close();
    const refused = await undone(on(lab.cluster), file);
    expect(refused.outcome).toBe("refused");
    expect(refused.text).toMatch(/web cannot be moved:\n {2}host1: .*host2/);
  });

  it("brings back what a drain that was killed had moved", async () => {
    const file = await edited(await drainToHost2(), (report) => {
      report.ended = null;
      report.vms.forEach((vm) => (vm.outcome = "under-way"));
    });
    expect((await undone(on(lab.cluster), file)).outcome).toBe("moved");
    expect(await hostOf("web")).toBe("host1");
  });
});
