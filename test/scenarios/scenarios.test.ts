/** The list of scenarios over the backends that run in this process, through Pulumi's real engine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { libvirtHosts } from "./libvirt-hosts.js";
import { scenarios } from "./list.js";
import { ovirtEngine } from "./ovirt-engine.js";
import { play } from "./scenario.js";

test("the example for oVirt is the quickstart's program, which one of the scenarios is about", () => {
  const programOf = (example: string) => readFileSync(join(root, "examples", example, "index.ts"), "utf8");
  expect(programOf("ovirt")).toBe(programOf("quickstart"));
});

const backends = { "libvirt hosts": libvirtHosts, "an oVirt engine": ovirtEngine };

// The two take turns at the machine: most of a scenario is waiting for processes to start.
describe.concurrent.each(Object.entries(backends))("over %s", (_, start) => {
  for (const scenario of scenarios) {
    test(scenario.claim, { timeout: 900_000, concurrent: false }, async () => {
      const backend = await start();
      try {
        await play(scenario, backend);
      } finally {
        await backend.close();
      }
    });
  }
});
