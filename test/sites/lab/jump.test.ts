/** A host behind a jump host, as an SSH configuration says. */
import { beforeAll, describe, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { host1, host2 } from "../site.js";
import { movesBySsh } from "../ssh-ways.js";

describe.skipIf(labSkipped !== undefined)("a host behind a jump host", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  test.each([
    ["there", host2],
    ["back", host1],
  ])("the VM moves %s", async (_, to) => {
    await movesBySsh(lab, to, "", true);
  });
});
