/** The plugin under the real engine, on two hosts in this process. SDKs of other languages: `npm run languages`. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { declarePair } from "../../hosts/declared.js";
import { withTwoHosts, vfs, vm, type LabLike } from "../../hosts/two-hosts.js";
import { expectedState, clusterState } from "../../hosts/cluster-state.js";
import { nameOf } from "../events.js";
import { classes as facesClasses, installPlugin, pluginIn } from "../faces.js";
import { withStack, type TestStack } from "../stack.js";

const TIMEOUT = 240_000;

const classes = `${facesClasses.plugin}
const config = new pulumi.Config();
`;
const quickstart = `${classes}
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", {
  network: "data-vf", passThrough: "enabled", migratable: true, failover: standby.id,
});
const nic = new VmInterface("nic", { vm: "web", profile: fast.id, mac: config.requireSecret("mac") });
new VmPlacement("placement", { vm: "web", host: config.require("host") }, { dependsOn: nic });
const free = pulumi.runtime.invokeOutput("vnic-failover:index:getFreeVfs", { host: "host2", network: "data-vf" });
export const freeVfs = free.apply(({ count }) => count);
export const vf = nic.vf;
`;

const State = z.object({
  deployment: z.object({
    resources: z.array(
      z.object({
        urn: z.string(),
        id: z.string().optional(),
        inputs: z.record(z.string(), z.unknown()).default({}),
        outputs: z.record(z.string(), z.unknown()).default({}),
      }),
    ),
  }),
});

async function stateOf(stack: TestStack) {
  const { text } = await stack.pulumi("stack", "export");
  const { deployment } = State.parse(JSON.parse(text));
  return { text, named: (name: string) => deployment.resources.find(({ urn }) => nameOf(urn) === name) };
}

describe("under the real engine", () => {
  let home: string;
  let path: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "vnic-failover-plugin-"));
    path = await installPlugin(home);
  }, TIMEOUT);
  afterAll(() => rmSync(home, { recursive: true }));

  it.each([
    ["by SIGINT", (child: ChildProcess) => child.kill("SIGINT")],
    ["by the engine's death, which closes its standard input", (child: ChildProcess) => child.stdin?.end()],
  ])("says its port and ends %s", { timeout: 60_000 }, async (_, end) => {
    const child = spawn(pluginIn(home), { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    expect(port.toString()).toMatch(/^\d+\n$/);
    end(child);
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  async function overLab(program: string, story: (stack: TestStack, lab: LabLike) => Promise<void>): Promise<void> {
    await withTwoHosts({}, async (lab) => {
      const cluster = JSON.parse(lab.stackConfig.cluster ?? "") as object;
      const config = { "vnic-failover:cluster": cluster, "test:host": "host1" };
      const secrets = { "test:mac": vm.mac, "vnic-failover:sshPassword": "correct-horse" };
      const env = { PATH: path, VNIC_FAILOVER_REPORTS: join(home, "reports") };
      await withStack({ program, config, secrets, env }, (stack) => story(stack, lab));
    });
  }

  it("a pair is made, moved, seen to drift, repaired and destroyed", { timeout: TIMEOUT }, async () => {
    await overLab(quickstart, async (stack, lab) => {
      const everything = ["data", "data-vf", "nic", "placement"];
      const all = (operation: string) => Object.fromEntries(everything.map((name) => [name, operation]));
      const planned = await stack.preview();
      expect(planned).toMatchObject({ exitCode: 0, changes: all("create") });
      // What the plugin foresees of a resource: a dynamic provider is not asked.
      expect(planned.text).toMatch(/portMirroring\s*: false/);

      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: all("create") });
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
      const { text, named } = await stateOf(stack);
      expect(text).not.toContain(vm.mac);
      expect(text).not.toContain("correct-horse");
      expect(named("nic")?.outputs).toMatchObject({ host: "host1", vf: vfs[0] });
      expect(named("data")?.outputs).toMatchObject({ name: "data", differsOn: [] });
      expect(named("test-dev")?.outputs).toMatchObject({ freeVfs: 4, vf: vfs[0] });
      expect((await stack.preview()).changes).toEqual({});

      await stack.pulumi("config", "set", "test:host", "host2");
      const move = await stack.preview();
      expect(move.changes).toEqual({ placement: "update" });
      expect(move.text).toMatch(/~ host\s*: "host1" => "host2"/);
      expect(move.text).toContain('VM "web" is running on "host1": pulumi up will live-migrate it to "host2"');
      const moved = await stack.up();
      expect(moved).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(clusterState(lab)).toEqual(expectedState("host2", vfs[0]));
      expect(moved.text).toMatch(/VM "web" moved from "host1" to "host2" in .* Report: .*\.html/);
      const lines = moved.diagnostics.filter(({ name, ephemeral }) => name === "placement" && ephemeral);
      expect(lines.map(({ message }) => message)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^preflight/), ""]),
      );

      // One host loses a profile.
      lab.host1.networks.undefine(lab.host1.networks.byName("data-vf"));
      await stack.refresh();
      const drift = await stack.preview();
      expect(drift.changes).toEqual({ "data-vf": "update" });
      expect(drift.text).toMatch(/- differsOn/);
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { "data-vf": "update" } });
      await stack.refresh();
      expect((await stack.preview()).changes).toEqual({});

      expect(await stack.destroy()).toMatchObject({ exitCode: 0, changes: all("delete") });
      expect(clusterState(lab).bound).toEqual([]);
    });
  });

  it("what exists is imported by name, by the program and by the command", { timeout: TIMEOUT }, async () => {
    const imported = `${classes}
      const standby = new VnicProfile("data", { network: "data" }, { import: "data/data" });
      new VnicProfile("data-vf", {
        network: "data-vf", passThrough: "enabled", migratable: true, failover: standby.id,
      }, { import: "data-vf/data-vf" });
    `;
    await overLab(imported, async (stack, lab) => {
      const { profile, id } = await declarePair(lab);
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { data: "import", "data-vf": "import" } });
      const command = ["import", "--yes", "--skip-preview", "--generate-code=false", "--protect=false"];
      await stack.pulumi(...command, "vnic-failover:index:VmInterface", "nic", `web/${vm.mac}`);
      await stack.pulumi(...command, "vnic-failover:index:VmPlacement", "placement", "web");
      const { named } = await stateOf(stack);
      expect(named("data-vf")?.id).toBe(profile);
      expect(named("nic")).toMatchObject({
        id,
        inputs: { vm: "web", profile },
        outputs: { vf: vfs[0], missing: [] },
      });
      expect(named("placement")).toMatchObject({ id: "web", inputs: { vm: "web", host: "host1" } });

      stack.write(quickstart);
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect(clusterState(lab)).toEqual(expectedState("host1", vfs[0]));
    });
  });

  it(
    "what cannot be is refused at preview, and a configuration that is wrong before",
    { timeout: TIMEOUT },
    async () => {
      const refused = `${classes}new VmPlacement("placement", { vm: "absent", host: "host2" });`;
      await overLab(refused, async (stack) => {
        const preview = await stack.preview();
        expect(preview.exitCode).not.toBe(0);
        expect(preview.text).toMatch(/vm.*"absent"/s);
        expect(preview.text).not.toMatch(/^\s+at /m);
        await stack.pulumi("config", "rm", "vnic-failover:cluster");
        const unconfigured = await stack.preview();
        expect(unconfigured.exitCode).not.toBe(0);
        expect(unconfigured.text).toContain("no vnic-failover:cluster");
      });
    },
  );
});
