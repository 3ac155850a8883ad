import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faults } from "./faults/faults.js";
import { always, faultsInTurn, fileOf, filesAt, inTurn, takingTurns } from "./e2e/turns.js";
import { turnOf, variants } from "./sites/variants.js";

const commits = Array.from({ length: 400 }, (_, index) => createHash("sha1").update(String(index)).digest("hex"));

describe("end-to-end tests", () => {
  it("are each run always or by turns", () => {
    const files = readdirSync(join(import.meta.dirname, "e2e")).filter((file) => file.endsWith(".test.ts"));
    expect([...always, ...inTurn].map((name) => `${name}.test.ts`).toSorted()).toEqual(files.toSorted());
  });

  it("at a commit are those that always run, and one in turn", () => {
    for (const commit of commits) {
      expect(filesAt(commit).slice(0, always.length)).toEqual(always.map(fileOf));
      expect(filesAt(commit)).toHaveLength(always.length + 1);
      expect(filesAt(commit)).toEqual(filesAt(commit));
    }
    expect(new Set(commits.map((commit) => takingTurns(inTurn, commit)))).toEqual(new Set(inTurn));
  });

  it("try three of the quick faults at a commit, and all where nothing takes turns", () => {
    const quick = faults.filter((fault) => fault.quick);
    for (const commit of commits) expect(faultsInTurn(quick, commit)).toHaveLength(3);
    const tried = commits.filter((commit) => takingTurns(inTurn, commit) === "faults");
    expect(new Set(tried.flatMap((commit) => faultsInTurn(quick, commit)))).toEqual(new Set(quick));
    expect(faultsInTurn(quick, undefined)).toEqual(quick);
  });

  it("each meet each of the lab's variants at some commit", () => {
    const turns = new Set(commits.map((commit) => `${takingTurns(inTurn, commit)} ${turnOf(commit)?.name}`));
    expect(turns.size).toBe(inTurn.length * variants.filter((variant) => variant.inTurn).length);
  });

  it("none takes turns where there is none", () => {
    expect(takingTurns<string>([], "f".repeat(40))).toBeUndefined();
  });
});
