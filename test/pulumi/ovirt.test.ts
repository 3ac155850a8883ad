/** The quickstart's program, as it is, over oVirt: nothing but the stack's configuration differs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { findPulumi, root } from "../../toolchain/pulumi.js";
import { idOf, startEngine } from "../engine/engine.js";
import { withStack } from "./stack.js";

const quickstart = join("examples", "quickstart", "index.ts");

it("the example is the quickstart's program", () => {
  const example = readFileSync(join(root, "examples", "ovirt", "index.ts"), "utf8");
  expect(example).toBe(readFileSync(join(root, quickstart), "utf8"));
});

it.skipIf(findPulumi() === undefined)(
  "the pair is made, moved by another host in the configuration, mended, and destroyed",
  { timeout: 240_000 },
  async () => {
    const { engine } = await startEngine({ stepMillis: 20 });
    const { url, username, password, caFile } = engine.address;
    const stackProgram = {
      program: readFileSync(join(root, quickstart), "utf8"),
      config: { "vnic-failover:ovirt": { url, username, caFile, cluster: "lab" }, "test:host": "host1" },
      secrets: { "vnic-failover:ovirtPassword": password },
    };
    const kinds = () => engine.devices("web").map(({ kind }) => kind);
    const hostOfVm = () => engine.model.vms.get(idOf(engine, "vms", "web"))?.host;
    await withStack(stackProgram, async (stack) => {
      const everything = ["data", "data-vf", "nic", "placement"];
      const all = (operation: string) => Object.fromEntries(everything.map((name) => [name, operation]));
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: all("create") });
      expect(engine.model.profiles.size).toBe(0);

      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: all("create") });
      expect(kinds().sort()).toEqual(["bridge", "hostdev"]);
      expect(await stack.preview()).toMatchObject({ exitCode: 0, changes: {} });
      expect((await stack.export()).text).not.toContain(password);

      await stack.pulumi("config", "set", "test:host", "host2");
      const planned = await stack.preview();
      expect(planned.changes).toEqual({ placement: "update" });
      expect(planned.text).toMatch(/host\s*: "host1" => "host2"/);
      expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { placement: "update" } });
      expect(hostOfVm()).toBe(idOf(engine, "hosts", "host2"));
      expect(kinds().sort()).toEqual(["bridge", "hostdev"]);
      await stack.refresh();
      expect((await stack.preview()).changes).toEqual({});

      // The engine loses the VF, and says so in an event only.
      engine.disruptions.add({ kind: "vf-not-replugged" });
      await stack.pulumi("config", "set", "test:host", "host1");
      const lost = await stack.up();
      expect(lost.exitCode).not.toBe(0);
      expect(lost.text).toMatch(/runs on "host1" without VF of NIC "nic"[\s\S]*power cycle/);
      const { placement } = (await stack.export()).resources;
      expect(placement?.outputs).toMatchObject({ host: "host1", missing: [expect.stringContaining('"nic"')] });

      expect(await stack.destroy()).toMatchObject({ exitCode: 0, changes: all("delete") });
      expect(engine.model.profiles.size).toBe(0);
    });
  },
);
