/** Where the configuration of a stack stands: `Pulumi.<stack>.yaml`, beside or where `Pulumi.yaml` says. */
import { dirname, join, resolve } from "node:path";
import { existsSync } from "node:fs";
import { ConfigError } from "./config-error.js";
import { sentence, type Mistake } from "../model/mistake.js";
import { YamlFile } from "./yaml-file.js";

/**
 * The same error, with the lines of the stack's file where that is at hand. What an environment (Pulumi ESC) or the project
 * gives has none.
 * @param stack perhaps with its organization and project: `acme/web/dev`.
 */
export async function withLines(error: ConfigError, stack: string, folder: string): Promise<ConfigError> {
  const file = error.mistakes.length === 0 ? undefined : await stackFile(stack, folder);
  if (file === undefined) return error;
  const tell = (mistake: Mistake) => {
    const { path, key } = mistake;
    const line = file.lineOf(["config", ...path, ...(key === undefined ? [] : [key])], 2);
    return line === undefined ? sentence(mistake) : `${file.name}:${line}: ${sentence(mistake)}`;
  };
  const plural = error.mistakes.length > 1 ? "them" : "it";
  return ConfigError.of(error.mistakes, {
    tell,
    where: file.name,
    remedy: `Correct ${plural} in that file, or with pulumi config set.`,
  });
}

/** Undefined: there is none at hand, or it cannot be read. @param stack perhaps with its organization and project */
export async function stackFile(stack: string, folder: string): Promise<YamlFile | undefined> {
  const project = projectFileAbove(resolve(folder));
  if (project === undefined) return undefined;
  try {
    const { content } = await YamlFile.read(project);
    const kept = (content as { readonly stackConfigDir?: unknown } | null)?.stackConfigDir;
    const name = `Pulumi.${stack.split("/").at(-1) ?? stack}`;
    const where = join(dirname(project), typeof kept === "string" ? kept : "");
    const file = [join(where, `${name}.yaml`), join(where, `${name}.yml`)].find((each) => existsSync(each));
    return file === undefined ? undefined : await YamlFile.read(file);
  } catch (error) {
    // What it is read for is a help; the engine reads it, too, and says what is wrong.
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

function projectFileAbove(folder: string): string | undefined {
  const file = ["Pulumi.yaml", "Pulumi.yml"].map((name) => join(folder, name)).find((each) => existsSync(each));
  if (file !== undefined) return file;
  const parent = dirname(folder);
  return parent === folder ? undefined : projectFileAbove(parent);
}
