/** `import` of a dynamic resource, under the real engine. */
import { describe, expect, it } from "vitest";
import { overLab, TIMEOUT } from "./over-lab.js";

const program = `
import { VmInterface, VnicProfile } from "pulumi-vnic-failover";
const data = new VnicProfile("data", { network: "data" });
new VmInterface("nic", { vm: "web", profile: data }, { import: "web/52:54:00:aa:00:50" });
`;

describe("import of a dynamic resource", () => {
  it("is refused at preview in one sentence, without a stack trace", { timeout: TIMEOUT }, async () => {
    await overLab(program, async (stack) => {
      const { exitCode, text } = await stack.preview();
      expect(exitCode).not.toBe(0);
      expect(text).toContain('VmInterface "nic": a dynamic resource cannot be imported. Use adopt: true with its mac');
      expect(text).not.toMatch(/^\s+at /m);
      expect(text).not.toContain("toJavaScript");
    });
  });
});
