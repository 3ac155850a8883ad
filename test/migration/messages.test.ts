/** What a person reads of a move that fails, wherever it does: what could not be done, one cause, one state, one remedy. */
import { afterAll, describe, expect, it } from "vitest";
import { ProblemError } from "../../provider/model/problem.js";
import { moveVm } from "../../provider/migration/move.js";
import { Refusal } from "../hosts/refusals.js";
import { withPair } from "../hosts/lab-test.js";
import { named, placesOfMove } from "./fault-places.js";

const places = named(await placesOfMove());
let read = 0;
afterAll(() => expect(read).toBeGreaterThan(25));

/** Of all problems of a chain, each once. */
function chainOf(error: unknown): readonly ProblemError[] {
  return error instanceof ProblemError ? [error, ...chainOf(error.cause)] : [];
}

function expectReadable(error: unknown): void {
  read += 1;
  if (!(error instanceof ProblemError)) throw error;
  const { message } = error;
  expect(message.length, message).toBeLessThanOrEqual(400);
  expect(message, message).toMatch(/^Unable to move VM "web" from "host1" to "host2": .+\.$/);
  const quoted = [...message.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  expect(quoted, message).toEqual([...new Set(quoted)]);
  expect(message, message).not.toMatch(/\.\.|: \.|undefined|\(\)/);
  const remedies = new Set(chainOf(error).flatMap(({ problem }) => problem.remedy ?? []));
  expect(
    [...remedies].filter((remedy) => message.includes(remedy)),
    message,
  ).toHaveLength(1);
  const states = new Set(chainOf(error).flatMap(({ problem }) => problem.state ?? []));
  expect(
    [...states].filter((state) => message.includes(state)),
    message,
  ).toHaveLength(1);
}

describe.concurrent("libvirt refuses", () => {
  it.each(places)("%s", (_, { host, procedure, occurrence }) =>
    withPair(async (lab) => {
      const refusal = new Refusal(38, 0, "Unable to do that: Input/output error");
      lab[host].refuse(procedure, refusal, { skip: occurrence, times: Infinity });
      await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(expectReadable);
    }),
  );
});

describe.concurrent("the connection breaks", () => {
  it.each(places)("%s", (_, { host, procedure, occurrence }) =>
    withPair(async (lab) => {
      lab[host].dropAt(procedure, "before", { skip: occurrence });
      await moveVm(lab.cluster, { vm: "web", to: "host2" }).catch(expectReadable);
    }),
  );
});
