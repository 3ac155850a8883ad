import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { printable } from "../../../provider/model/foreign-text.js";
import { indented, paragraphs, table } from "../../../provider/cli/output/table.js";

describe("a table", () => {
  test("aligns its columns and leaves no blanks behind", () => {
    expect(
      table(
        ["vm", "host"],
        [
          ["web", "host1"],
          ["database", ""],
        ],
      ),
    ).toBe("VM        HOST\nweb       host1\ndatabase  -");
  });

  test("without rows is nothing", () => {
    expect(table(["vm"], [])).toBe("");
  });

  test("has one line a row and its columns at the same places, whatever is in it", () => {
    const cell = fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/\s/g, "_"));
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
        const lines = table(["a", "b", "c"], rows).split("\n");
        expect(lines).toHaveLength(rows.length + 1);
        const starts = [lines[0]?.indexOf("B") ?? -1, lines[0]?.indexOf("C") ?? -1];
        for (const line of lines)
          for (const start of starts) expect(line.slice(start - 2, start + 1)).toMatch(/^ {2}\S$/);
      }),
    );
  });
});

test("paragraphs leave out what is empty", () => {
  expect(paragraphs("a", undefined, "", "b")).toBe("a\n\nb");
});

test("only lines with something in them are moved in", () => {
  expect(indented("a\n\nb")).toBe("  a\n\n  b");
});

test("what is printable holds nothing that a terminal obeys, and as much as before", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = printable(text);
      expect(shown).toHaveLength(text.length);
      expect(shown.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
  expect(printable("Größe → 3 €")).toBe("Größe → 3 €");
});
