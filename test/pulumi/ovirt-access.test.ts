/** Access to oVirt's engines under the real Pulumi engine: whose tokens there are at the end of each command, and two engines. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { TestEngine } from "../engine/server.js";
import { classes, installPlugin, type Face } from "./faces.js";
import { withStack, type Program } from "./stack.js";

const TIMEOUT = 240_000;

async function startEngine(): Promise<TestEngine> {
  const engine = await TestEngine.start({ stepMillis: 5 });
  onTestFinished(() => engine.stop());
  return engine;
}

function addressOf({ address: { url, username, caFile } }: TestEngine): object {
  return { url, username, caFile, cluster: "lab" };
}

function profilesOf({ model }: TestEngine): readonly string[] {
  return [...model.profiles.values()].map(({ name }) => name).filter((name) => name !== "ovirtmgmt");
}

/** A PATH with the plugin, where a program needs it. */
async function environmentOf(face: Face): Promise<Readonly<Record<string, string>>> {
  if (face === "dynamic") return {};
  const home = mkdtempSync(join(tmpdir(), "vnic-failover-plugin-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  return { PATH: await installPlugin(home) };
}

const pair = (face: Face) => `${classes[face]}
const standby = new VnicProfile("data", { network: "data" });
new VnicProfile("fast", { network: "data-vf", passThrough: "enabled", migratable: true, failover: ref(standby) });
`;

async function onEngine(face: Face, engine: TestEngine, secrets: Readonly<Record<string, string>>): Promise<Program> {
  return {
    program: pair(face),
    config: { "vnic-failover:ovirt": addressOf(engine) },
    secrets,
    env: await environmentOf(face),
  };
}

describe.each(["dynamic", "plugin"] as const)("%s", (face) => {
  it("each command revokes its tokens at its end", { timeout: TIMEOUT }, async () => {
    const engine = await startEngine();
    const secrets = { "vnic-failover:ovirtPassword": engine.address.password };
    await withStack(await onEngine(face, engine, secrets), async (stack) => {
      for (const command of ["preview", "up", "refresh", "destroy"] as const) {
        const before = engine.signOn.issued;
        const { exitCode, text } = await stack[command]();
        expect(exitCode, text).toBe(0);
        expect(engine.signOn.issued).toBeGreaterThan(before);
        expect({ command, live: engine.signOn.live }).toEqual({ command, live: 0 });
      }
    });
  });

  it(
    "Ctrl-C in the middle of a move gives the token back, and leaves the engine its move",
    { timeout: TIMEOUT },
    async () => {
      const engine = await TestEngine.start({ stepMillis: 1000 });
      onTestFinished(() => engine.stop());
      const secrets = { "vnic-failover:ovirtPassword": engine.address.password };
      const web = [...engine.model.vms.values()].find(({ name }) => name === "web") ?? expect.fail("there is no web");
      await withStack(await onEngine(face, engine, secrets), async (stack) => {
        stack.write(`${pair(face)}new VmPlacement("web", { vm: "web", host: "host2" });`);
        const { text } = await stack.interruptedUp(() =>
          expect.poll(() => web.status, { timeout: TIMEOUT }).toBe("migrating"),
        );
        expect(engine.signOn.issued, text).toBeGreaterThan(0);
        expect(engine.signOn.live).toBe(0);
        expect(engine.received.filter(({ path }) => path.endsWith("/cancelmigration"))).toEqual([]);
        await expect.poll(() => engine.model.hosts.get(web.host ?? "")?.name, { timeout: 30_000 }).toBe("host2");
        expect((await stack.destroy()).exitCode).toBe(0);
      });
    },
  );

  it(
    "a token from outside is used, stays, and is no secret told where it has ended",
    { timeout: TIMEOUT },
    async () => {
      const engine = await startEngine();
      const { username, password } = engine.address;
      const form = new URLSearchParams({ grant_type: "password", scope: "ovirt-app-api", username, password });
      const token = engine.signOn.token(form, "application/json").body["access_token"] ?? "";
      await withStack(await onEngine(face, engine, { "vnic-failover:ovirtToken": token }), async (stack) => {
        const made = await stack.up();
        expect(made.exitCode, made.text).toBe(0);
        expect(profilesOf(engine)).toEqual(["data", "fast"]);
        expect(engine.signOn).toMatchObject({ issued: 1, live: 1 });
        const { text } = await stack.export();
        engine.signOn.revokeAll();
        // A preview asks the engine nothing about what has not changed; a refresh does.
        const refused = await stack.refresh();
        expect(refused.exitCode).not.toBe(0);
        expect(refused.text).toContain("the engine does not accept the token");
        expect(refused.text).toContain("pulumi config set --secret vnic-failover:ovirtToken");
        expect(engine.signOn.issued).toBe(1);
        expect(text + made.text + refused.text).not.toContain(token);
      });
    },
  );
});

const twoEngines = `
import * as pulumi from "@pulumi/pulumi";
import { getVmPlacementOutput, Provider, VnicProfile } from "pulumi-vnic-failover";
const config = new pulumi.Config();
for (const where of ["east", "west"]) {
  const ovirtPassword = config.requireSecret(where + "Password");
  const provider = new Provider(where, { ovirt: config.requireObject(where), ovirtPassword });
  const standby = new VnicProfile(where + "-data", { name: where + "-data", network: "data" }, { provider });
  new VnicProfile(where + "-fast", {
    name: where + "-fast", network: "data-vf", passThrough: "enabled", migratable: true, failover: standby,
  }, { provider });
  exports[where] = getVmPlacementOutput({ vm: "web" }, { provider }).host;
}
`;

it("two engines in one program do not mix", { timeout: TIMEOUT }, async () => {
  const [east, west] = [await startEngine(), await startEngine()];
  const program: Program = {
    program: twoEngines,
    config: { "test:east": addressOf(east), "test:west": addressOf(west) },
    secrets: { "test:eastPassword": east.address.password, "test:westPassword": west.address.password },
  };
  await withStack(program, async (stack) => {
    for (const command of ["preview", "up"] as const) {
      const { exitCode, text } = await stack[command]();
      expect(exitCode, text).toBe(0);
      expect({ command, live: [east.signOn.live, west.signOn.live] }).toEqual({ command, live: [0, 0] });
    }
    expect([profilesOf(east), profilesOf(west)]).toEqual([
      ["east-data", "east-fast"],
      ["west-data", "west-fast"],
    ]);
    const outputs = JSON.parse((await stack.pulumi("stack", "output", "--json")).text) as object;
    expect(outputs).toEqual({ east: "host1", west: "host1" });
    expect((await stack.destroy()).exitCode).toBe(0);
    expect([...profilesOf(east), ...profilesOf(west)]).toEqual([]);
  });
});
