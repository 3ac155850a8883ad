/** The list of scenarios over real libvirt, QEMU and VFs: those that leave the hosts whole. */
import { describe, test } from "vitest";
import { requireLab } from "../lab/lab.js";
import { scenarios } from "../scenarios/list.js";
import { play } from "../scenarios/scenario.js";
import { labSkipped } from "./lab.js";
import { labHosts } from "./lab-hosts.js";

describe.skipIf(labSkipped !== undefined)("over the lab's hosts", () => {
  for (const scenario of scenarios.filter(({ needsFaults }) => needsFaults !== true))
    test(scenario.claim, { timeout: 900_000 }, async () => play(scenario, await labHosts(requireLab())));
});
