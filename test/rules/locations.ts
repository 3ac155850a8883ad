import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A rule's examples begin with this call at the start of a line: see examples.ts. */
const examples = /^(?:rule|migrationRule)\("([a-z0-9-]+)"/;

/** Where each rule's tests begin: its id to `test/rules/FILE:LINE`. */
export function testsByRule(): ReadonlyMap<string, string> {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"));
  return new Map(
    files.flatMap((file) =>
      readFileSync(join(import.meta.dirname, file), "utf8")
        .split("\n")
        .flatMap((line, index): [string, string][] => {
          const id = examples.exec(line)?.[1];
          return id === undefined ? [] : [[id, `test/rules/${file}:${index + 1}`]];
        }),
    ),
  );
}
