import { describe, expect, it } from "vitest";
import { UNKNOWN } from "../../../provider/model/unknown.js";
import { detailedDiff } from "../../../provider/pulumi/plugin/detailed-diff.js";

const some = { changes: undefined, replaces: [] };

function lines(diff: Parameters<typeof detailedDiff>[0], values: Partial<Parameters<typeof detailedDiff>[1]>) {
  const { oldInputs = {}, state = oldInputs, news = {} } = values;
  return Object.fromEntries(detailedDiff(diff, { oldInputs, state, news }, ["missing"]));
}

describe("the lines of a diff", () => {
  it("are none where nothing changes, whatever the inputs", () => {
    expect(lines({ changes: false, replaces: [] }, { oldInputs: { a: 1 }, news: { a: 2 } })).toEqual({});
  });

  it("are the inputs that were declared again", () => {
    expect(lines(some, { oldInputs: { a: 1, b: 1, c: { d: 1 } }, news: { b: 2, c: { d: 1 }, e: UNKNOWN } })).toEqual({
      a: { kind: "delete", replaces: false, ofInputs: true },
      b: { kind: "update", replaces: false, ofInputs: true },
      e: { kind: "add", replaces: false, ofInputs: true },
    });
  });

  it("mark what replaces", () => {
    const diff = { changes: undefined, replaces: ["vm"] };
    expect(lines(diff, { oldInputs: { vm: "web", host: "a" }, news: { vm: "db", host: "b" } })).toMatchObject({
      vm: { kind: "update", replaces: true },
      host: { kind: "update", replaces: false },
    });
  });

  it("compare with the state where the declaration is as it was: a move that failed is to be made still", () => {
    const values = { oldInputs: { host: "host2" }, state: { host: "host1" }, news: { host: "host2" } };
    expect(lines(some, values)).toEqual({ host: { kind: "update", replaces: false, ofInputs: false } });
  });

  it("leave out a value that was made up, and one that is declared as it is already", () => {
    expect(lines(some, { oldInputs: {}, state: { mac: "m", host: "h" }, news: {} })).toEqual({});
    expect(lines(some, { oldInputs: {}, state: { mac: "m" }, news: { mac: "m" } })).toEqual({});
  });

  it("tell of drift by the output that says it", () => {
    const state = { host: "host1", missing: ["VF ua-1"] };
    const values = { oldInputs: { host: "host1" }, state, news: { host: "host1" } };
    expect(lines({ changes: true, replaces: [] }, values)).toEqual({
      missing: { kind: "delete", replaces: false, ofInputs: false },
    });
  });
});
