import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../toolchain/pulumi.js";
import { printedRows } from "../rules/rows.js";
import { lastRun, noted } from "./last-runs.js";
import { turnOf, variantNamed, variants, type Variant } from "./variants.js";

const page = readFileSync(join(root, "docs/sites.md"), "utf8");

describe("the lab's variants", () => {
  it("have a test each, and no test is without a variant", () => {
    const tests = readdirSync(join(import.meta.dirname, "lab")).filter((file) => file.endsWith(".test.ts"));
    expect(tests.toSorted()).toEqual(variants.map(({ name }) => `${name}.test.ts`).toSorted());
    for (const { name } of variants)
      expect(existsSync(join(import.meta.dirname, "lab", `${name}.test.ts`)), name).toBe(true);
  });

  it("have a row each in docs/sites.md, and one in turn was run whole before", () => {
    for (const { name, inTurn } of variants)
      expect(lastRun(page, name), name).toMatch(inTurn ? /^[0-9a-f]{12}$/ : /^([0-9a-f]{12}|never)$/);
  });

  it("stand in docs/sites.md where they are said to show something, as do rules", () => {
    const rows = page
      .split("\n")
      .filter((line) => line.startsWith("| ") && !line.startsWith("| --") && line.split("|").length === 5);
    expect(rows.length).toBeGreaterThan(40);
    const rules = new Set(printedRows().map(({ id }) => id));
    for (const row of rows) {
      const [, kind = "", becomes = "", known = ""] = row.split("|").map((cell) => cell.trim());
      expect([kind, becomes, known], row).not.toContain("");
      if (!row.includes("what becomes of a move"))
        expect(known, row).toMatch(/^(lab|models|servers|not tried|certificates:|other versions|libvirt)/);
      for (const [, id = ""] of becomes.matchAll(/`((?:move|teaming|host|network)-[a-z-]+)`/g))
        expect(rules, row).toContain(id);
      for (const [, name = ""] of known.matchAll(/lab: `([a-z-]+)`/g)) expect(variantNamed(name).name).toBe(name);
    }
  });

  it("an unknown name is refused with those that there are", () => {
    expect(() => variantNamed("nsf")).toThrow(/There is no variant "nsf".*: there are answers, nfs, local-disk, /);
  });
});

describe("whose turn it is", () => {
  const named = (name: string, inTurn: boolean): Variant => ({ name, inTurn, given: "", done: "", seen: "" });
  const three = [named("a", true), named("b", false), named("c", true)];

  it("is the same for one commit, and each one's for some", () => {
    const commits = Array.from({ length: 16 }, (_, index) => index.toString(16).repeat(40));
    for (const commit of commits) expect(turnOf(commit, three)).toBe(turnOf(commit, three));
    expect(new Set(commits.map((commit) => turnOf(commit, three)?.name))).toEqual(new Set(["a", "c"]));
  });

  it("is no variant's where none takes turns", () => {
    expect(turnOf("f".repeat(40), [named("b", false)])).toBeUndefined();
  });
});

describe("the table of last runs", () => {
  const table =
    "| variant | commit       |\n| ------- | ------------ |\n| `nfs`   | never        |\n| `tls`   | 0123456789ab |\n";

  it("gets the commit in its row", () => {
    expect(noted(table, "nfs", "fedcba9876543210")).toBe(table.replace("never", "fedcba987654"));
    expect(lastRun(noted(table, "tls", "fedcba9876543210"), "tls")).toBe("fedcba987654");
  });

  it("a variant without a row is an error", () => {
    expect(() => noted(table, "jump", "fedcba9876543210")).toThrow(/no row for the variant "jump"/);
  });
});
