/** Every file that is made of the descriptions in provider/model, by its path in the repository. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as prettier from "prettier";
import { packageSchema } from "../../provider/pulumi/plugin/schema/index.js";
import { root } from "../pulumi.js";
import { clusterSchema, stackSchema } from "./editors.js";
import { configurationParts, functionsPage, resourcePage, withParts } from "./pages.js";
import { classes, fileOf, functions, providerArguments, resourceClass, valueTypes } from "./typescript.js";

export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const example = (kind: string) => read(`examples/resources/${fileOf(kind)}.ts`);
  const texts: Record<string, string> = {
    "provider/model/values.ts": valueTypes(),
    "provider/resources/provider-args.ts": providerArguments(),
    "provider/resources/functions.ts": functions(),
    ...Object.fromEntries(
      classes.flatMap((type) => [
        [`provider/resources/${fileOf(type.kind)}.ts`, resourceClass(type, example(type.kind))],
        [`docs/resources/${fileOf(type.kind)}.md`, resourcePage(type, example(type.kind))],
      ]),
    ),
    "docs/functions.md": functionsPage(),
    "docs/configuration.md": withParts(read("docs/configuration.md"), configurationParts),
    "schemas/cluster.schema.json": JSON.stringify(clusterSchema()),
    "schemas/pulumi-stack.schema.json": JSON.stringify(stackSchema()),
  };
  const formatted = Object.entries(texts).map(async ([path, text]) => {
    const options = await prettier.resolveConfig(join(root, path));
    return [path, await prettier.format(text, { ...options, filepath: path })] as const;
  });
  const schema = `${JSON.stringify(packageSchema("0.0.0"), null, 2)}\n`;
  return new Map([...(await Promise.all(formatted)), ["test/pulumi/plugin/fixtures/schema.json", schema]]);
}

/** Which of them are not in the tree as they would be written now. */
export function outdated(files: ReadonlyMap<string, string>): readonly string[] {
  return [...files].filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return undefined;
  }
}
