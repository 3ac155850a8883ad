import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.js";

/** Tests that need the lab (root, Linux, two emulated hosts) stand in their own folders and run one after another. */
const onLab = {
  e2e: ["test/e2e/**/*.test.ts"],
  /** Variants of it; `npm run test:sites` runs them, and `npm test` one by turns. */
  sites: ["test/sites/lab/*.test.ts"],
};

/** The SSH configuration of the account that runs the tests is none of theirs. */
const env = { VNIC_FAILOVER_SSH_CONFIG: "none" };

export default defineConfig({
  test: {
    reporters: ["default", "./test/summary-reporter.ts"],
    // The default leaves a core to the runner, which needs little of it: on two cores that would be one worker.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { alias: sources() },
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: Object.values(onLab).flat(),
          testTimeout: 20_000,
          env,
        },
      },
      ...Object.entries(onLab).map(([name, include]) => ({
        resolve: { alias: sources() },
        test: {
          name,
          include,
          env,
          fileParallelism: false,
          // A variant is one test, of several moves.
          testTimeout: name === "sites" ? 600_000 : 300_000,
          hookTimeout: 900_000,
          // After the unit tests, not beside them: the emulated hosts need the machine.
          sequence: { concurrent: false, groupOrder: 1 },
        },
      })),
    ],
  },
});

function sources(): Record<string, string> {
  return {
    "pulumi-vnic-failover/handlers": `${import.meta.dirname}/provider/pulumi/dynamic/index.ts`,
    "pulumi-vnic-failover": `${import.meta.dirname}/provider/index.ts`,
  };
}
