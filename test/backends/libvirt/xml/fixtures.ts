import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "fixtures");

/** One pair of files `<name>.<kind>.input.*` and `<name>.<kind>.expected.*`. */
export interface Fixture {
  readonly name: string;
  readonly input: string;
  readonly expected: string;
}

/** All pairs of a kind. */
export function fixtures(kind: string): readonly Fixture[] {
  const files = readdirSync(folder);
  const read = (start: string) =>
    readFileSync(join(folder, files.find((file) => file.startsWith(start)) ?? `${start}*`), "utf8");
  const names = files.flatMap((file) =>
    file.split(`.${kind}.input.`, 2).length === 2 ? [file.split(".")[0] ?? ""] : [],
  );
  if (names.length === 0) throw new Error(`There is no fixture of kind "${kind}" in ${folder}`);
  return names.map((name) => ({
    name,
    input: read(`${name}.${kind}.input.`),
    expected: read(`${name}.${kind}.expected.`),
  }));
}

/** The fixture's text of that name and kind. */
export function fixtureInput(name: string, kind: string): string {
  const found = fixtures(kind).find((fixture) => fixture.name === name);
  if (found === undefined) throw new Error(`There is no fixture "${name}" of kind "${kind}"`);
  return found.input;
}
