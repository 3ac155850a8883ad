/** The quick ones of the faults that a move must survive; `npm run test:faults` runs them all. */
import { beforeAll, describe, expect, test } from "vitest";
import { faults } from "../faults/faults.js";
import { prepare, strike } from "../faults/strike.js";
import { requireLab, type LabState } from "../lab/lab.js";
import { labSkipped } from "./lab.js";

describe.skipIf(labSkipped !== undefined)("a move survives", () => {
  let lab: LabState;

  beforeAll(async () => {
    lab = requireLab();
    await prepare(lab);
  });

  test.each(faults.filter(({ quick }) => quick).map((fault) => [fault.name, fault] as const))(
    "%s",
    async (_name, fault) => {
      const { problems } = await strike(lab, fault);
      expect(problems ?? []).toEqual([]);
    },
  );
});
