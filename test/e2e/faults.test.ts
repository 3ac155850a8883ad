/** The quick ones of the faults that a move must survive, by turns in `npm test`; `npm run test:faults` runs all that there are. */
import { beforeAll, describe, expect, test } from "vitest";
import { faults } from "../faults/faults.js";
import { prepare, injectFault } from "../faults/inject.js";
import { requireLab, type LabState } from "../lab/lab.js";
import { labSkipped } from "./lab.js";
import { faultsInTurn, turnsAt } from "./turns.js";

describe.skipIf(labSkipped !== undefined)("a move survives", () => {
  let lab: LabState;
  const tried = new Set<string>();
  const quick = faults.filter((fault) => fault.quick);
  const chosen = faultsInTurn(quick, process.env[turnsAt]);

  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  // Once more where it fails: on a machine that is busy with something else an emulated host may take too long for a wait.
  test.each(chosen.map((fault) => [fault.name, fault] as const))("%s", { retry: 1 }, async (_name, fault) => {
    if (tried.has(fault.name)) await prepare(lab);
    tried.add(fault.name);
    const { problems } = await injectFault(lab, fault);
    expect(problems ?? []).toEqual([]);
  });
});
