/** Two processes that know nothing of each other take VFs of one host at the same moment. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { clusterConfig } from "../lab/cluster-config.js";
import { requireLab, type LabState } from "../lab/lab.js";
import { hostNamed } from "../lab/layout.js";
import { labSkipped, vfDrivers } from "./lab.js";

/** 50 were seen: `VNIC_ROUNDS=50`. */
const rounds = Number(process.env["VNIC_ROUNDS"] ?? 5);
const answerSchema = z.union([z.object({ answer: z.string() }), z.object({ error: z.string() })]);

describe.skipIf(labSkipped !== undefined)("two processes at once", () => {
  let lab: LabState;
  let takers: readonly ChildProcess[] = [];

  beforeAll(async () => {
    lab = requireLab();
    const env = { ...process.env, VNIC_CLUSTER: JSON.stringify(clusterConfig(lab)) };
    const program = join(import.meta.dirname, "vf-taker.ts");
    takers = [1, 2].map(() => fork(program, { execArgv: ["--import", "tsx"], env }));
    expect(await Promise.all(takers.map(answerOf))).toEqual(["ready", "ready"]);
  });
  afterAll(() => takers.forEach((taker) => taker.send("end")));

  const answerOf = async (taker: ChildProcess): Promise<string> => {
    const [message] = (await once(taker, "message")) as [unknown];
    const said = answerSchema.parse(message);
    return "answer" in said ? said.answer : said.error;
  };
  const tell = (word: string): Promise<readonly string[]> => {
    const answers = Promise.all(takers.map(answerOf));
    for (const taker of takers) taker.send(word);
    return answers;
  };

  test("never take one VF, and return each to its driver", async () => {
    const host = hostNamed("host1");
    const before = await vfDrivers(lab, host);
    for (let round = 0; round < rounds; round += 1) {
      const [one, other] = await tell("take");
      expect(one).toMatch(/^0000:01:10\.\d$/);
      expect(other).toMatch(/^0000:01:10\.\d$/);
      expect(one, `round ${round}`).not.toBe(other);
      expect((await vfDrivers(lab, host)).filter((driver) => driver === "vfio-pci").length).toBeGreaterThanOrEqual(2);
      expect(await tell("return")).toEqual(["returned", "returned"]);
    }
    expect(await vfDrivers(lab, host)).toEqual(before);
    console.log(`two processes took VFs ${rounds} times at once, never the same one`);
  }, 1_200_000);
});
