/** Hosts that are reached by the system's own ssh. */
import { beforeAll, describe, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { host1, host2 } from "../site.js";
import { movesBySsh } from "../ssh-ways.js";

describe.skipIf(labSkipped !== undefined)("the system's own ssh", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  test.each([
    ["directly", host2, false],
    ["through a jump host", host1, true],
  ])("the VM moves, reached %s", async (_, to, jump) => {
    await movesBySsh(lab, to, "?command=ssh", jump);
  });
});
