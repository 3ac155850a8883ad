/**
 * The list of scenarios over real libvirt, QEMU and VFs: those that leave the hosts whole. The first two are told by
 * failover-pair.test.ts in much the same way, so they take their time only where VNIC_ALL_SCENARIOS is set.
 */
import { describe, test } from "vitest";
import { requireLab } from "../lab/lab.js";
import { adoption } from "../scenarios/adoption.js";
import { scenarios } from "../scenarios/list.js";
import { moves } from "../scenarios/moves.js";
import { play } from "../scenarios/scenario.js";
import { labSkipped } from "./lab.js";
import { labHosts } from "./lab-hosts.js";

const told =
  process.env["VNIC_ALL_SCENARIOS"] === undefined
    ? [adoption, moves]
    : scenarios.filter(({ needsFaults }) => needsFaults !== true);

describe.skipIf(labSkipped !== undefined)("over the lab's hosts", () => {
  for (const scenario of told)
    test(scenario.claim, { timeout: 900_000 }, async () => play(scenario, await labHosts(requireLab())));
});
