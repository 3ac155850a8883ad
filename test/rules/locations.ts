import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A rule's examples begin with this call at the start of a line: see examples.ts. */
const examples = /^(?:rule|migrationRule)\("([a-z0-9-]+)"/;
/** And so does its story: see reachable/raises.ts. */
const story = /^raises(?:ByEngine)?\("([a-z0-9-]+)"/;

/** Where each rule's examples begin: its id to `test/rules/FILE:LINE`. */
export function examplesByRule(): ReadonlyMap<string, string> {
  return linesOf("test/rules", examples);
}

/** Where the story is told in which the product gathers the rule's facts: its id to `test/rules/reachable/FILE:LINE`. */
export function storiesByRule(): ReadonlyMap<string, string> {
  return linesOf("test/rules/reachable", story);
}

function linesOf(folder: string, wanted: RegExp): ReadonlyMap<string, string> {
  const path = join(import.meta.dirname, "../..", folder);
  const files = readdirSync(path).filter((name) => name.endsWith(".test.ts"));
  return new Map(
    files.flatMap((file) =>
      readFileSync(join(path, file), "utf8")
        .split("\n")
        .flatMap((line, index): [string, string][] => {
          const id = wanted.exec(line)?.[1];
          return id === undefined ? [] : [[id, `${folder}/${file}:${index + 1}`]];
        }),
    ),
  );
}
