/** Placements whose host is under maintenance, under the real engine, on three hosts in this process. */
import { describe, expect, it } from "vitest";
import { drain } from "../../provider/cli/commands/libvirt/drain.js";
import { defaultMigrationOptions } from "../../provider/migration/options.js";
import { contextWith } from "../cli/command-context.js";
import { withTwoHosts, type LabLike } from "../hosts/two-hosts.js";
import { fast, nic, placement, program, standby } from "../scenarios/declarations.js";
import { withStack, type Run, type TestStack } from "./stack.js";

const TIMEOUT = 300_000;
const pair = [standby, fast, nic()] as const;
const placed = (host: string, more = "") => program(...pair, placement(host, more));

interface Stage {
  readonly stack: TestStack;
  readonly lab: LabLike;
  /** What an operator does with the stack's configuration. */
  readonly setMaintenance: (host: string, on: boolean) => Promise<void>;
  readonly hostOf: (vm: string) => Promise<string>;
}

async function onThreeHosts(text: string, story: (stage: Stage) => Promise<void>): Promise<void> {
  await withTwoHosts({ more: 1 }, async (lab) => {
    const config = { "vnic-failover:cluster": lab.configuration.cluster };
    await withStack({ program: text, config }, async (stack) => {
      const path = (host: string) => `vnic-failover:cluster.hosts.${host}.maintenance`;
      await story({
        stack,
        lab,
        async setMaintenance(host, on) {
          if (on) await stack.pulumi("config", "set", "--path", path(host), "true");
          else await stack.pulumi("config", "rm", "--path", path(host));
        },
        hostOf: async (vm) => (await lab.cluster.require(vm)).host.name,
      });
    });
  });
}

/**
 * What stays on the screen of the placement, each line once: where the configuration has changed the engine refreshes in one
 * process, and updates in another.
 */
function said({ diagnostics }: Run): readonly string[] {
  const lines = diagnostics.filter((line) => line.name === "placement" && !line.ephemeral);
  return [...new Set(lines.map(({ severity, message }) => `${severity}: ${message}`))];
}

const rests = (on: string, named: string) =>
  `warning: VM "web" runs on "${on}" while "${named}" is under maintenance; it stays there. Its placement names "${named}".`;
/** Where the move was checked it is told as well when the VF leaves. */
const willMove = (from: string, to: string) =>
  expect.stringMatching(
    new RegExp(
      `^info: VM "web" is running on "${from}": pulumi up will live-migrate it to "${to}"(; its VF leaves the guest before .*)?$`,
    ),
  ) as string;

/** Neither an update nor anything that a refresh would have found. */
function expectNoDiff(run: Run): void {
  expect(run.exitCode, run.text).toBe(0);
  expect(run.changes, run.text).toEqual({});
  // As `--diff` heads what differs; other runs name every resource that they refresh.
  expect(run.text).not.toMatch(/VmPlacement: \(/);
}

/** As `vnic-failover drain host3` with the stack's own configuration does it. */
async function drainHost3({ lab }: Stage, maintenance: readonly string[]): Promise<void> {
  const { cluster } = await lab.entrance(maintenance);
  const options = { ...defaultMigrationOptions, announce: "none" } as const;
  const request = {
    host: "host3",
    to: ["host1"],
    concurrency: 1,
    confirmed: true,
    options,
    reportDir: "/nowhere/at/all",
  };
  expect((await drain(contextWith({ cluster }), request)).outcome).toBe("moved");
}

describe("a placement whose host is under maintenance", () => {
  it("rests where a drain has put its VM, and takes effect again afterwards", { timeout: TIMEOUT }, async () => {
    await onThreeHosts(placed("host3"), async (stage) => {
      const { stack, setMaintenance, hostOf } = stage;
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      expect(await hostOf("web")).toBe("host3");
      await setMaintenance("host3", true);
      await drainHost3(stage, ["host3"]);

      const preview = await stack.preview("--refresh");
      expectNoDiff(preview);
      expect(said(preview)).toEqual([rests("host1", "host3")]);
      const up = await stack.up("--refresh");
      expectNoDiff(up);
      expect(said(up)).toEqual([rests("host1", "host3")]);
      expect(await hostOf("web")).toBe("host1");

      // Another option is written down, and the VM stays.
      stack.write(placed("host3", "migration: { bandwidth: 100 }"));
      const retuned = await stack.up();
      expect(retuned, retuned.text).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(said(retuned)).toEqual([rests("host1", "host3")]);
      expect(await hostOf("web")).toBe("host1");

      await setMaintenance("host3", false);
      const over = await stack.preview("--refresh");
      expect(over.changes).toEqual({ placement: "update" });
      expect(over.text).toMatch(/~ host *: "host1" => "host3"/);
      expect(said(over)).toEqual([willMove("host1", "host3")]);
      expect(await stack.up("--refresh")).toMatchObject({ exitCode: 0 });
      expect(await hostOf("web")).toBe("host3");
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
    });
  });

  it("rests, too, where the drain was refreshed before the maintenance began", { timeout: TIMEOUT }, async () => {
    await onThreeHosts(placed("host3"), async (stage) => {
      const { stack, setMaintenance, hostOf } = stage;
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      await drainHost3(stage, []);
      expect((await stack.refresh()).changes).toMatchObject({ placement: "update" });
      await setMaintenance("host3", true);
      for (const run of [await stack.up(), await stack.preview("--refresh")]) {
        expectNoDiff(run);
        expect(said(run)).toEqual([rests("host1", "host3")]);
      }
      expect(await hostOf("web")).toBe("host1");
      await setMaintenance("host3", false);
      const over = await stack.preview();
      expect(over.text).toMatch(/~ host *: "host1" => "host3"/);
      expect(said(over)).toEqual([willMove("host1", "host3")]);
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
    });
  });

  it("is made and changed without a move, and moves its VM afterwards", { timeout: TIMEOUT }, async () => {
    await onThreeHosts(placed("host3"), async ({ stack, setMaintenance, hostOf }) => {
      await setMaintenance("host3", true);
      const made = await stack.up();
      expect(made, made.text).toMatchObject({ exitCode: 0, changes: { placement: "create" } });
      expect(said(made)).toEqual([rests("host1", "host3")]);
      expect(await hostOf("web")).toBe("host1");

      stack.write(placed("host2"));
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(await hostOf("web")).toBe("host2");
      stack.write(placed("host3"));
      const changed = await stack.up("--refresh");
      expectNoDiff(changed);
      expect(said(changed)).toEqual([rests("host2", "host3")]);
      expect(await hostOf("web")).toBe("host2");

      await setMaintenance("host3", false);
      const over = await stack.up();
      expect(over, over.text).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(await hostOf("web")).toBe("host3");
      expect(await stack.destroy()).toMatchObject({ exitCode: 0 });
    });
  });
});
