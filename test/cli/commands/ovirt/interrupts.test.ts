/** Ctrl-C to a process of the command line: the engine's token is returned however the command ends. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { root } from "../../../../toolchain/pulumi.js";
import { engineCli, type EngineCli } from "./over-engine.js";

const timeout = 60_000;

function started({ over, config }: EngineCli, line: string) {
  const program = join(root, "provider/cli/main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", program, ...line.split(" "), "--config", config], {
    cwd: root,
    env: { ...process.env, VNIC_FAILOVER_OVIRT_PASSWORD: over.engine.address.password },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = text(child.stderr);
  child.stdout.resume();
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, said, code };
}

function asked({ over }: EngineCli, path: string): boolean {
  return over.engine.received.some((request) => request.path.startsWith(path));
}

describe("Ctrl-C", () => {
  it.each(["status", "plan web --to host2", "doctor", "recover"])(
    "to %s gives the token back",
    { timeout },
    async (line) => {
      const cli = await engineCli();
      cli.over.engine.disruptions.add({ kind: "slow", path: "/vms", milliseconds: 30_000, times: 1000 });
      const before = cli.over.engine.signOn.live;
      cli.over.engine.received.length = 0;
      const { child, code } = started(cli, line);
      await expect.poll(() => asked(cli, "/vms"), { timeout: 30_000 }).toBe(true);
      expect(cli.over.engine.signOn.live).toBe(before + 1);
      child.kill("SIGINT");
      expect(await code).toBe(130);
      expect(cli.over.engine.signOn.live).toBe(before);
    },
  );

  it(
    "to a move begins nothing more, follows the engine to the end, and then gives the token back",
    { timeout },
    async () => {
      const cli = await engineCli({ stepMillis: "manual" });
      const { engine } = cli.over;
      const before = engine.signOn.live;
      const { child, code, said } = started(cli, "migrate web --to host2");
      await expect.poll(() => cli.over.vm("web").status, { timeout: 30_000 }).toBe("migrating");
      child.kill("SIGINT");
      const steps = setInterval(() => engine.advance(), 50);
      onTestFinished(() => clearInterval(steps));
      expect(await code).toBe(0);
      expect(cli.hostOf("web")).toBe("host2");
      expect(await said).toContain("Waiting for the migration in progress");
      expect(asked(cli, `/vms/${cli.over.vm("web").id}/cancelmigration`)).toBe(false);
      expect(engine.signOn.live).toBe(before);
    },
  );

  it("twice to a move exits at once, without the token", { timeout }, async () => {
    const cli = await engineCli({ stepMillis: "manual" });
    const { engine } = cli.over;
    const before = engine.signOn.live;
    const { child, code, said } = started(cli, "migrate web --to host2");
    await expect.poll(() => cli.over.vm("web").status, { timeout: 30_000 }).toBe("migrating");
    child.kill("SIGINT");
    const second = setTimeout(() => child.kill("SIGINT"), 500);
    onTestFinished(() => clearTimeout(second));
    expect(await code).toBe(130);
    expect(await said).toContain("Exited: the engine continues the migration");
    expect(cli.over.vm("web").status).toBe("migrating");
    expect(engine.signOn.live).toBe(before);
  });
});
