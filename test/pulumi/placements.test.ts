/** VM placements under the real engine, on two hosts in this process. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { moveVm } from "../../provider/migration/move.js";
import { formatXml } from "../../provider/xml/element.js";
import { withTwoHosts, vfs, type LabLike } from "../hosts/two-hosts.js";
import { refusals } from "../hosts/refusals.js";
import { expectedState, clusterState } from "../hosts/cluster-state.js";
import { fast, nic, placement, program, standby } from "../scenarios/declarations.js";
import { withStack, type Run, type TestStack } from "./stack.js";

const TIMEOUT = 480_000;
const pair = [standby, fast, nic()] as const;

async function onLab(
  text: string,
  story: (stage: { stack: TestStack; lab: LabLike }) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withTwoHosts({}, async (lab) => {
    const config = { "vnic-failover:cluster": lab.configuration.cluster };
    await withStack({ program: text, config, env }, (stack) => story({ stack, lab }));
  });
}

/** What stays on the screen of the placement, in order. */
function said({ diagnostics }: Run, name = "placement"): readonly string[] {
  return diagnostics
    .filter((line) => line.name === name && !line.ephemeral)
    .map(({ severity, message }) => `${severity}: ${message}`);
}

/** Where the move was checked it is told as well when the VF leaves. */
const willMove = (from: string, to: string) =>
  expect.stringMatching(
    new RegExp(
      `^info: VM "web" is running on "${from}": pulumi up will live-migrate it to "${to}"(; its VF leaves the guest before .*)?$`,
    ),
  ) as string;

describe("a move", () => {
  it(
    "is announced at preview on creation, drift and replacement, and told of after up",
    { timeout: TIMEOUT },
    async () => {
      await onLab(program(...pair, placement("host2")), async ({ stack, lab }) => {
        const planned = await stack.preview();
        expect(planned).toMatchObject({ exitCode: 0, changes: { placement: "create" } });
        expect(said(planned)).toEqual([willMove("host1", "host2")]);
        expect(planned.text).toContain('VM "web" is running on "host1": pulumi up will live-migrate it to "host2"');

        const made = await stack.up();
        expect(made.exitCode).toBe(0);
        expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
        expect(made.text).toMatch(
          /VM "web" moved from "host1" to "host2" in \d+\.\d s: .*VF 0000:01:10\.0 → 0000:01:10\.0\. Report: \.vnic-failover\/reports\/web-.*\.html/,
        );
        // The hosts have no SSH connection: nothing could tell the network.
        expect(said(made)).toContainEqual(expect.stringMatching(/^warning: .*has no SSH connection/));
        const own = join(stack.folder, ".vnic-failover");
        expect(readFileSync(join(own, ".gitignore"), "utf8")).toBe("*\n");
        expect(readdirSync(join(own, "reports"))).toHaveLength(2);

        const quiet = await stack.preview();
        expect(quiet.changes).toEqual({});
        expect(said(quiet)).toEqual([]);

        await moveVm(lab.cluster, { vm: "web", to: "host1" });
        const drifted = await stack.preview("--refresh");
        expect(drifted.changes).toMatchObject({ placement: "update" });
        expect(said(drifted)).toEqual([willMove("host1", "host2")]);

        // Another option, and no refresh: the update moves the VM home all the same.
        stack.write(program(...pair, placement("host2", "migration: { bandwidth: 100 }")));
        const retuned = await stack.preview();
        expect(retuned.changes).toEqual({ placement: "update" });
        expect(said(retuned)).toEqual([willMove("host1", "host2")]);

        stack.write(program(...pair, placement("host2")));
        const { urn = "" } = (await stack.export()).resources["placement"] ?? {};
        await stack.pulumi("state", "taint", urn);
        const replaced = await stack.preview();
        expect(replaced.changes).toEqual({ placement: "replace" });
        expect(said(replaced)).toEqual([willMove("host1", "host2")]);

        const again = await stack.up();
        expect(again.exitCode).toBe(0);
        expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
      });
    },
  );

  it("that fails says where its report is, in the folder that was named", { timeout: TIMEOUT }, async () => {
    const reports = mkdtempSync(join(tmpdir(), "reports-"));
    const env = { VNIC_FAILOVER_REPORTS: reports };
    await onLab(
      program(...pair, placement("host2")),
      async ({ stack, lab }) => {
        lab.host1.refuse("domain_migrate_perform3_params", refusals.jobFailed());
        const failed = await stack.up();
        expect(failed.exitCode).not.toBe(0);
        const [html = ""] = readdirSync(reports).filter((name) => name.endsWith(".html"));
        expect(said(failed)).toContainEqual(expect.stringMatching(/^error: .*Unable to move VM "web" from/s));
        expect(failed.text).toContain(`Report: ${join(reports, html)}`);
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
      },
      env,
    ).finally(() => rmSync(reports, { recursive: true }));
  });
});

describe("one mover a VM", () => {
  it(
    "a forgotten dependsOn is no error: interfaces and the placement of one VM wait for each other",
    { timeout: TIMEOUT },
    async () => {
      const second = `new VmInterface("second", { vm: "web", profile: standby, mac: "52:54:00:aa:00:51" });`;
      const unordered = `new VmPlacement("placement", { vm: "web", host: "host2" });`;
      await onLab(program(unordered, ...pair, second), async ({ stack, lab }) => {
        Object.assign(lab.host1.memory, { passes: 20, milliseconds: 20 });
        // With its preview, as most people run it.
        await stack.pulumi("up", "--yes");
        expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
        const { resources } = await stack.export();
        for (const name of ["nic", "second", "placement"])
          expect(resources[name]?.outputs, name).toMatchObject({ missing: [] });
        const again = await stack.refresh();
        expect(again.exitCode).toBe(0);
        expect((await stack.preview()).changes).toEqual({});
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
      });
    },
  );

  it(
    "two placements of a VM are refused at preview, in one program and from two stacks",
    { timeout: TIMEOUT },
    async () => {
      const one = (name: string, host: string) => `new VmPlacement("${name}", { vm: "web", host: "${host}" });`;
      await onLab(program(one("a", "host1"), one("b", "host2")), async ({ stack, lab }) => {
        const twice = await stack.preview();
        expect(twice.exitCode).not.toBe(0);
        expect(twice.text).toMatch(
          /Resources "(a|b)" and "(a|b)" both place VM "web"\. Remove one of the two placements\./,
        );
        // Neither is refused alone; the second is, where the first exists.
        stack.write(program(one("a", "host1")));
        expect((await stack.up()).exitCode).toBe(0);
        stack.write(program(one("b", "host1"), one("a", "host1")));
        expect((await stack.preview()).text).toContain('both place VM "web"');

        // The first stack's program is the second's, too: only their states differ.
        await stack.pulumi("stack", "init", "prod");
        await stack.pulumi("config", "cp", "--stack", "dev", "--dest", "prod");
        stack.write(program(one("c", "host2")));
        const refused = await stack.preview();
        expect(refused.exitCode).not.toBe(0);
        expect(refused.text).toContain(
          'VM "web" already has a placement: resource "a" of stack "dev" (project "test")',
        );
        expect(refused.text).toContain("vnic-failover release web");

        // The first one renames its resource and makes it again: that is its own affair.
        await stack.pulumi("stack", "select", "dev");
        stack.write(program(one("renamed", "host1")));
        const renamed = await stack.up();
        expect(renamed).toMatchObject({ exitCode: 0, changes: { renamed: "create", a: "delete" } });
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
        expect(
          formatXml(lab.host1.domains.requireNamed("web").live ?? { name: "none", attributes: {}, children: [] }),
        ).not.toContain("xmlns/placement");

        await stack.pulumi("stack", "select", "prod");
        stack.write(program(one("c", "host2")));
        expect((await stack.up()).exitCode).toBe(0);
        expect(clusterState(lab).runsOn).toEqual(["host2"]);
        expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
      });
    },
  );
});
