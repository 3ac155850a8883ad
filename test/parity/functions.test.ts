/** What a program may ask, under the real engine: it has to end, too. */
import { describe, expect, it } from "vitest";
import { vfs } from "../hosts/two-hosts.js";
import { overLab, TIMEOUT } from "./over-lab.js";

const imports = `
import * as pulumi from "@pulumi/pulumi";
import * as failover from "pulumi-vnic-failover";
`;

const asked = `${imports}
const standby = new failover.VnicProfile("data", { network: "data" });
const nic = new failover.VmInterface("nic", { vm: "web", profile: standby });
// Nothing waits for it: the program must not end before.
failover.getVmPlacement({ vm: "web" }).then(({ host, state }) => {
  pulumi.log.info("web is " + state);
  new failover.VmPlacement("web", { vm: "web", host });
});
export const free = failover.getFreeVfs({ host: "host2", network: "data-vf" }).then(({ vfs }) => vfs);
export const plan = failover.planMoveOutput({ vm: nic.vm, host: "host2" }, { dependsOn: nic });
export const later = failover.planMoveOutput({ vm: nic.id.apply(() => "web"), host: "host2" }).alreadyThere;
export const host = pulumi.secret("web").apply((vm) => failover.getVmPlacement({ vm })).host;
`;

describe("functions of the dynamic package", () => {
  it("answer in a preview and in an update, and the program ends", { timeout: TIMEOUT }, async () => {
    const secrets = { "vnic-failover:sshPassword": "correct-horse" };
    await overLab({ program: asked, secrets }, async (stack) => {
      const planned = await stack.preview();
      expect(planned).toMatchObject({ exitCode: 0, changes: { data: "create", nic: "create", web: "create" } });
      expect(planned.diagnostics).toContainEqual(expect.objectContaining({ message: "web is running" }));
      // Not known before the interface is there.
      expect(planned.text).toMatch(/plan\s*: \[unknown\]|plan\s*: output<string>/);
      const made = await stack.up();
      expect(made).toMatchObject({ exitCode: 0 });
      const { text } = await stack.pulumi("stack", "output", "--json", "--show-secrets");
      expect(JSON.parse(text)).toEqual({
        free: [...vfs],
        plan: expect.objectContaining({ vm: "web", from: "host1", to: "host2", alreadyThere: false }) as unknown,
        later: false,
        host: "host1",
      });
      expect(planned.text + made.text + (await stack.export()).text).not.toContain("correct-horse");
    });
  });

  it("what has no answer fails the program with words alone", { timeout: TIMEOUT }, async () => {
    const wrong = `${imports}export const web = failover.getVmPlacementOutput({ vm: "absent" });`;
    await overLab(wrong, async (stack) => {
      const unknown = await stack.preview();
      expect(unknown.exitCode).not.toBe(0);
      expect(unknown.text).toContain('getVmPlacement: Unable to find VM "absent" on "host1", "host2"');
      expect(unknown.text).not.toMatch(/^\s+at /m);
      stack.write(`${imports}failover.planMove({ vm: "web" } as any);`);
      const invalid = await stack.preview();
      expect(invalid.exitCode).not.toBe(0);
      expect(invalid.text).toMatch(/planMove: Unable to use the arguments: host is missing\./);
      expect(invalid.text).not.toMatch(/^\s+at /m);
    });
  });
});
