/** The options of a move on the command line: those of the migration's description that have a flag. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Property } from "../model/describe.js";
import { migration } from "../model/migration.js";
import { inWords, issuesInWords } from "../model/mistake.js";
import { ProblemError } from "../model/problem.js";
import { shapeIn } from "../model/shape.js";
import { continued, defaultIn } from "../model/wording.js";
import { migrationOptionsSchema, type MigrationOptions } from "../migration/options.js";

/** As commander collects them: by camel-cased flag. */
export type MigrationFlags = Readonly<Record<string, unknown>>;

const properties = Object.entries(migration.properties as Readonly<Record<string, Property>>);

export function addMigrationFlags(command: Command): Command {
  return properties.reduce((all, [, property]) => {
    const option = optionOf(property);
    return option === undefined ? all : all.addOption(option);
  }, command);
}

/** @throws ProblemError that names each flag at fault. */
export function migrationOptionsFrom(flags: MigrationFlags): MigrationOptions {
  const parsed = migrationOptionsSchema.safeParse(asOptions(flags), { error: inWords });
  if (parsed.success) return parsed.data;
  throw new ProblemError({
    code: "usage",
    what: `Unable to use these options: ${issuesInWords(parsed.error.issues, flagOf)}`,
    remedy: "See --help.",
  });
}

/** Those that are no defaults. */
export function givenOptions(flags: MigrationFlags): readonly (keyof MigrationOptions)[] {
  const options = asOptions(flags);
  return migrationOptionsSchema.keyof().options.filter((name) => options[name] !== undefined);
}

/** `--unplug-timeout` of `unplugTimeout`. */
export function flagOf([name = ""]: readonly PropertyKey[]): string {
  const [flag = `--${String(name)}`] = properties.find(([property]) => property === name)?.[1].flag?.split(" ") ?? [];
  return flag;
}

function asOptions(flags: MigrationFlags): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    properties.map(([name, property]) => [name, flags[optionOf(property)?.attributeName() ?? name]] as const),
  );
}

function optionOf(property: Property): Option | undefined {
  if (property.flag === undefined) return undefined;
  const shape = shapeIn(property.schema);
  const option = new Option(
    property.flag,
    `${inOneLine(property.doc)} (default: ${defaultIn(property).replaceAll("`", "")})`,
  );
  if (shape.is === "enum") return option.choices(Object.keys(shape.type.values));
  return shape.is === "number" || shape.is === "integer" ? option.argParser(number) : option;
}

/** The first sentence, as help has it: "seconds that the guest has to release a VF". */
function inOneLine(doc: string): string {
  const [sentence = ""] = doc.split(/\.(?:\s|$)/);
  return continued(sentence);
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}
