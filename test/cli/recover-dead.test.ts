/** `recover` with a host that does not answer, from the argument list to the exit code, on in-process hosts. */
import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { libvirtCommands } from "../../provider/cli/commands/index.js";
import { run } from "../../provider/cli/run.js";
import { LibvirtCluster } from "../../provider/backends/libvirt/cluster.js";
import { moveVm } from "../../provider/migration/move.js";
import { declarePair } from "../hosts/declared.js";
import { twoHosts, type LabLike, vfs } from "../hosts/two-hosts.js";
import { journalOf, leave } from "../hosts/left-journal.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";

let lab: LabLike;
beforeEach(async () => {
  lab = await twoHosts();
});
afterEach(() => lab.close());

async function ran(line: string, answer?: string) {
  const stdout = new PassThrough();
  const terminal = { isTTY: answer !== undefined, columns: 200 };
  const stderr = Object.assign(new PassThrough(), terminal);
  const stdin = Object.assign(new PassThrough(), terminal);
  if (answer !== undefined) stdin.end(`${answer}\n`);
  const { configuration } = lab;
  const code = await run(line.split(" "), {
    stdout,
    stderr,
    stdin,
    readConfiguration: () => Promise.resolve(configuration),
    connect: () => libvirtCommands(new LibvirtCluster(configuration)),
  });
  stdout.end();
  stderr.end();
  return { code, out: await textOf(stdout), err: await textOf(stderr) };
}

describe("recover, where the destination died at the switch-over", () => {
  beforeEach(async () => {
    await declarePair(lab);
    lab.host2.before("domain_migrate_finish3_params", () => lab.host2.losePower());
    await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(() => undefined);
  });

  it("leaves it unclear, and names the way out", async () => {
    const before = clusterState(lab);
    const { code, err } = await ran("recover web");
    expect(code).toBe(4);
    expect(err).toContain("vnic-failover recover web --host-is-dead host2");
    expect(clusterState(lab)).toEqual(before);
  });

  it.each([
    ["there is no terminal", undefined],
    ["the answer is no", "n"],
  ])("changes nothing where %s", async (_, answer) => {
    const before = clusterState(lab);
    const { code, err } = await ran("recover web --host-is-dead host2", answer);
    expect(code).toBe(1);
    expect(err).toContain("its disks will be corrupted");
    expect(err).toContain("--yes");
    expect(clusterState(lab)).toEqual(before);
  });

  it.each([
    ["it was confirmed", "recover web --host-is-dead host2", "yes"],
    ["--yes says so", "recover web --host-is-dead host2 --yes", undefined],
  ])("goes on on the source where %s", async (_, line, answer) => {
    const { code, out } = await ran(line, answer);
    expect(code).toBe(0);
    expect(out).toContain("rolled back");
    expect(out).toContain(
      'Clean-up for VM "web" is pending on host "host2": VF 0000:01:10.0 must be returned to the host',
    );
    expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    expect((await ran("status web")).out).toContain('Clean-up for VM "web" is pending on host "host2"');
  });

  it("tells scripts what is owed, and later that it was settled", async () => {
    const { out } = await ran("recover web --host-is-dead host2 --yes --json");
    expect(JSON.parse(out)).toMatchObject({
      exitCode: 0,
      recovered: [{ vm: "web", move: "undone", owed: [expect.stringContaining('"host2"')], settled: [] }],
    });
    const status = JSON.parse((await ran("status web --json")).out) as object;
    expect(status).toMatchObject({ vms: [{ owed: [{ host: "host2", vfs: [vfs[0]] }] }], needRecovery: [] });
    await lab.reopen(lab.host2);
    expect(JSON.parse((await ran("status web --json")).out)).toMatchObject({ needRecovery: ["web"] });
    expect(JSON.parse((await ran("recover --json")).out)).toMatchObject({ recovered: [{ vm: "web", owed: [] }] });
    expect(JSON.parse((await ran("status web --json")).out)).toMatchObject({ vms: [{ owed: [] }], needRecovery: [] });
  });
});

describe("recover --host-is-dead", () => {
  it("is refused for a host that answers", async () => {
    leave(lab, journalOf(await declarePair(lab)));
    const before = clusterState(lab);
    const { code, err } = await ran("recover web --host-is-dead host2 --yes");
    expect(code).toBe(1);
    expect(err).toContain('Unable to treat host "host2" as dead: it answers');
    expect(clusterState(lab)).toEqual(before);
  });

  it("needs the name of a VM", async () => {
    const { code, err } = await ran("recover --host-is-dead host2");
    expect(code).toBe(1);
    expect(err).toContain("needs the argument <vm>");
  });
});
