/** Outputs as programs read and export them, under the real engine. */
import { describe, expect, it } from "vitest";
import { vfs, vm } from "../hosts/two-hosts.js";
import { overLab, TIMEOUT } from "./over-lab.js";

const program = (nic = "") => `
import * as pulumi from "@pulumi/pulumi";
import { VmInterface, VmPlacement, VnicProfile } from "pulumi-vnic-failover";
const host = new pulumi.Config().require("host");
const standby = new VnicProfile("data", { network: "data" });
const fast = new VnicProfile("data-vf", { network: "data-vf", passThrough: "enabled", migratable: true, failover: standby });
const nic = new VmInterface("nic", { vm: "web", profile: fast, mac: "${vm.mac}"${nic} });
const plain = new VmInterface("plain", { vm: "web", profile: standby }, { dependsOn: nic });
const placement = new VmPlacement("web", { vm: "web", host }, { dependsOn: [nic, plain] });
export const plugged = nic.plugged;
export const words = nic.plugged.apply((plugged) => (plugged ? "in" : "out"));
export const linked = nic.linked;
export const vf = nic.vf;
export const plainVf = plain.vf;
export const failover = standby.failover;
export const lastMove = placement.lastMove.apply((move) => move && move.outcome);
export const move = placement.lastMove;
`;

/** The lines of a preview on the stack's outputs, if it shows any. */
const outputsIn = (text: string) =>
  text
    .split(/^\s*--outputs:--\s*$/m)[1]
    ?.split("Resources:")[0]
    ?.trim();

describe("outputs", () => {
  it("say what is so, and a preview in which nothing changes shows none of them", { timeout: TIMEOUT }, async () => {
    await overLab({ program: program(), config: { "test:host": "host1" } }, async (stack) => {
      const planned = await stack.preview();
      expect(planned.exitCode).toBe(0);
      expect(outputsIn(planned.text)).toMatch(/plugged\s*: true/);

      const made = await stack.up();
      expect(made).toMatchObject({ exitCode: 0 });
      expect(made.text).not.toContain("Undefined value");
      const outputs = async () => JSON.parse((await stack.pulumi("stack", "output", "--json")).text) as object;
      expect(await outputs()).toMatchObject({ plugged: true, words: "in", linked: true, vf: vfs[0] });

      for (const flags of [[], ["--refresh"]]) {
        const again = await stack.preview(...flags);
        expect(again).toMatchObject({ exitCode: 0, changes: {} });
        expect(again.text).not.toContain("Undefined value");
        expect(outputsIn(again.text)).toBeUndefined();
      }
      expect((await stack.up()).text).not.toContain("Undefined value");
      expect((await stack.refresh()).changes).toEqual({});
      const { resources } = await stack.export();
      expect(resources["nic"]?.outputs).not.toHaveProperty("plugged");

      await stack.pulumi("config", "set", "test:host", "host2");
      expect(outputsIn((await stack.preview()).text)).toMatch(/lastMove/);
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      expect(await outputs()).toMatchObject({ lastMove: "moved" });
      expect(outputsIn((await stack.preview()).text)).toBeUndefined();

      stack.write(program(", plugged: false"));
      expect(outputsIn((await stack.preview()).text)).toMatch(/plugged\s*: true => false/);
      await stack.up();
      expect(await outputs()).toMatchObject({ plugged: false, words: "out" });
      expect(outputsIn((await stack.preview()).text)).toBeUndefined();
    });
  });
});
