/** Whether a migration goes on, of the engine's events. */
import { describe, expect, it } from "vitest";
import { migrationGoesOnIn, type EngineEvent } from "../../../provider/backends/ovirt/rest/index.js";

const web = { id: "web", name: "web" };
const db = { id: "db", name: "db" };

function events(
  ...told: readonly (readonly [code: number, correlationId?: string | undefined, vm?: EngineEvent["vm"]])[]
) {
  return told.map(([code, correlationId, vm = web], index): EngineEvent => ({
    index,
    code,
    severity: "normal",
    description: "",
    correlationId,
    vm: code === 1 ? undefined : vm,
  }));
}

describe("a migration goes on", () => {
  it.each([
    ["that a user began", events([62, "a"])],
    ["that the engine began, for maintenance or balancing", events([67, "a"])],
    ["although a second request is refused", events([62, "a"], [65, "b"])],
    ["on another host than the first one that was tried", events([62, "a"], [128, "a"], [62, "a"])],
    ["although that of another VM is over", events([62, "a"], [64, undefined, db], [161, "b", db], [63, "c", db])],
    ["that begins after one that failed", events([62, "a"], [120, "a"], [62, "b"])],
    ["that begins after the engine was started", events([1], [67, "a"])],
    ["although not all of it came back", events([62, "a"], [12003, "a"])],
  ])("%s", (_, told) => {
    expect(migrationGoesOnIn(told, "web")).toBe(true);
  });
});

describe("no migration goes on", () => {
  it.each([
    ["where none has begun", events([65, "a"])],
    ["that was another VM's", events([62, "a", db])],
    ["after its end", events([67, "a"], [63, "a"])],
    ["after its failure", events([62, "a"], [120, "a"])],
    ["after that of the source's maintenance", events([67, "a"], [140, "a"])],
    ["after it was cancelled, with the id of who did", events([62, "a"], [161, "b"])],
    ["after the VM crashed, without an id", events([62, "a"], [64])],
    ["after the VM was stopped", events([62, "a"], [33, "b"])],
    ["after a start of the engine, which has forgotten it", events([62, "a"], [1])],
  ])("%s", (_, told) => {
    expect(migrationGoesOnIn(told, "web")).toBe(false);
  });
});
