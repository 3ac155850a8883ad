/** What foreign text, however it is made, costs at the expressions that it meets. Computed from their automata, not timed. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkSync, type Diagnostics } from "recheck";
import { describe, expect, test } from "vitest";
import { expressionsIn } from "./collect.js";

const root = join(import.meta.dirname, "../../..");
const files = readdirSync(join(root, "provider"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join("provider", file));

const all = files.flatMap((file) => expressionsIn(file, readFileSync(join(root, file), "utf8")));
const distinct = [...new Map(all.map((each) => [`/${each.source}/${each.flags}`, each])).values()];

/** `safe`: a text of twice the length takes twice the time at most. `unknown` where there is no such proof, as with a look-ahead. */
function check(expression: { readonly source: string; readonly flags: string }): Diagnostics {
  return checkSync(expression.source, expression.flags, { checker: "automaton", timeout: null });
}

describe("X12, X13: the expressions of this package", () => {
  test("are all seen, also those that are put together", () => {
    expect(all.length).toBeGreaterThan(80);
    expect(distinct.some(({ source }) => source.includes("\\u203F\\u2040]*$"))).toBe(true);
    expect(() => expressionsIn("f.ts", "export const find = (text: string) => new RegExp(text);")).toThrow("f.ts:1");
  });

  test("take time that grows no more than their text, whatever it is", { timeout: 240_000 }, () => {
    const slow = distinct
      .map((each) => ({ ...each, found: check(each) }))
      .filter(({ found }) => found.status !== "safe");
    expect(slow).toEqual([]);
  });
});

describe("the check", { timeout: 60_000 }, () => {
  test.each([
    ["a quadratic move over what is repeated, as in X13", /[.\s]+$/],
    ["two neighbours that take the same", /^a[bc]*[cd]*e/],
    ["literals with anything between, as in X12", /Cannot .*? because .*? is .*? of .*? now/],
    ["a repetition of a repetition", /^(\w+)+$/],
    ["a choice whose branches overlap", /^(?:a|ab|b)*$/],
    ["one that only a beginning leads to", /^\[error\] (\d+)*x$/],
  ])("finds %s", (_, pattern) => {
    expect(check(pattern).status).toBe("vulnerable");
  });

  test.each([[/^[0-9]{1,15}$/], [/(_[0-9a-f]{2}){6}$/i], [/[\r\n\t]/g], [/^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/]])(
    "lets %s pass",
    (pattern) => expect(check(pattern).status).toBe("safe"),
  );
});
