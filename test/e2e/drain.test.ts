/** A host is emptied for its maintenance, by our command line, while a stack declares what runs there. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { clusterConfig } from "../lab/cluster-config.js";
import { ensureGuest, guestShows, removeGuest, requireLab, reset, type LabState } from "../lab/lab.js";
import { guestNamed, hostNamed } from "../lab/layout.js";
import { withStack } from "../pulumi/stack.js";
import { bothEnslaved, domainXml, labSkipped, stackConfig, traces, vfDrivers } from "./lab.js";

const vms = [guestNamed("web"), guestNamed("db")] as const;
const [host1, host2] = [hostNamed("host1"), hostNamed("host2")];

const program = `
import { VmInterface, VnicProfile } from "pulumi-vnic-failover";
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby.id });
${vms.map(({ name, mac }) => `new VmInterface("${name}", { vm: "${name}", profile: fast.id, mac: "${mac}" });`).join("\n")}`;

describe.skipIf(labSkipped !== undefined)("a drain of a host", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    const [web, db] = vms;
    await reset(lab, web);
    await removeGuest(lab, db);
    await ensureGuest(lab, db, () => undefined);
  }, 900_000);
  afterAll(() => removeGuest(lab, vms[1]));

  test("moves every VM with its VF, two at a time, and the stack stays in step", async () => {
    await withStack({ program, config: stackConfig(lab) }, async (stack) => {
      const made = await stack.up();
      expect(made.exitCode, made.text).toBe(0);
      for (const vm of vms) await guestShows(lab, vm, host1, bothEnslaved);

      const config = join(stack.folder, "cluster.json");
      writeFileSync(config, JSON.stringify(clusterConfig(lab)));
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(root, "dist/cli/main.js"), "drain", "host1", "--yes", "--concurrency", "2", "--json", "--config", config],
        { encoding: "utf8", cwd: stack.folder },
      );
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        results: vms.map(({ name }) => ({ vm: name, to: "host2", outcome: "moved" })).toSorted(byVm),
      });

      for (const vm of vms) {
        expect((await domainXml(lab, host1, vm.name)).trim()).toBe("");
        for (const flags of [[], ["--inactive"]])
          expect(await domainXml(lab, host2, vm.name, ...flags)).toMatch(/<teaming type='transient'/);
        await guestShows(lab, vm, host2, bothEnslaved);
      }
      expect(await vfDrivers(lab, host1)).toEqual(["igbvf", "igbvf", "igbvf", "igbvf"]);
      expect((await vfDrivers(lab, host2)).filter((driver) => driver === "vfio-pci")).toHaveLength(2);

      // The interfaces have another host now, and that is nothing to repair.
      const refreshed = await stack.refresh();
      expect(refreshed.exitCode, refreshed.text).toBe(0);
      expect((await stack.export()).resources["db"]?.outputs["host"]).toBe("host2");
      const preview = await stack.preview("--expect-no-changes");
      expect(preview.exitCode, preview.text).toBe(0);

      const gone = await stack.destroy();
      expect(gone.exitCode, gone.text).toBe(0);
      expect(await traces(lab)).toEqual([]);
    });
  }, 600_000);
});

function byVm(one: { vm: string }, other: { vm: string }): number {
  return one.vm.localeCompare(other.vm);
}
