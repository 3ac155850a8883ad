/** What the models of hosts have from the lab's hosts is still what these answer. */
import { beforeAll, describe, test } from "vitest";
import { labSkipped } from "../../e2e/lab.js";
import { prepare } from "../../faults/inject.js";
import { requireLab, type LabState } from "../../lab/lab.js";
import { answersAsRecorded, vfWasNeverUnplugged } from "../site.js";

describe.skipIf(labSkipped !== undefined)("hosts as the models of hosts are", () => {
  let lab: LabState;
  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  test("they answer as was recorded, and nothing has changed", async () => {
    await answersAsRecorded(lab, "answers");
    await vfWasNeverUnplugged(lab);
  });
});
