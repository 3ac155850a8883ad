import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { always, fileOf, filesAt, inTurn, takingTurns } from "./e2e/turns.js";

describe("end-to-end tests", () => {
  it("are each run always or by turns", () => {
    const files = readdirSync(join(import.meta.dirname, "e2e")).filter((file) => file.endsWith(".test.ts"));
    expect([...always, ...inTurn].map((name) => `${name}.test.ts`).toSorted()).toEqual(files.toSorted());
  });

  it("at a commit are those that always run, and one in turn", () => {
    const commits = Array.from({ length: 64 }, (_, index) => index.toString(16).padStart(12, "0").padEnd(40, "0"));
    for (const commit of commits) {
      expect(filesAt(commit).slice(0, always.length)).toEqual(always.map(fileOf));
      expect(filesAt(commit)).toHaveLength(always.length + 1);
      expect(filesAt(commit)).toEqual(filesAt(commit));
    }
    expect(new Set(commits.map((commit) => takingTurns(inTurn, commit)))).toEqual(new Set(inTurn));
  });

  it("none takes turns where there is none", () => {
    expect(takingTurns<string>([], "f".repeat(40))).toBeUndefined();
  });
});
