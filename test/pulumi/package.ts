import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import * as z from "zod";
import { newestSdk } from "../../toolchain/newest-sdk.js";
import { root } from "../../toolchain/pulumi.js";

/** Of Pulumi: the one that package.json pins, or the newest that is tested, with a Node.js that it runs on. */
export type Sdk = "pinned" | "newest";

const { compilerOptions } = z
  .object({ compilerOptions: z.looseObject({}) })
  .parse(ts.parseConfigFileTextToJson("tsconfig.json", readFileSync(join(root, "tsconfig.json"), "utf8")).config);
const options = ts.convertCompilerOptionsFromJson(compilerOptions, root).options;

const VersionsSchema = z.record(z.string(), z.string());
const ManifestSchema = z.object({ dependencies: VersionsSchema, peerDependencies: VersionsSchema });

const compiled = new Map<string, string>();

/** TypeScript as the package's build emits it, one file at a time and unchecked. */
export function compile(source: string, fileName: string): string {
  const key = `${fileName}\n${source}`;
  const text =
    compiled.get(key) ??
    ts.transpileModule(source, { fileName, compilerOptions: { ...options, noEmit: false } }).outputText;
  compiled.set(key, text);
  return text;
}

export interface Installation {
  /** A module below the repository's root to stand in for `provider/pulumi/dynamic/index.ts`. */
  readonly handlers?: string | undefined;
  /** Default: the pinned one. */
  readonly sdk?: Sdk | undefined;
}

/**
 * Puts the package, as built from the sources of now, into `<project>/node_modules`, and its dependencies beside it:
 * what a user's `npm install` would give.
 */
export function installPackage(project: string, { handlers, sdk = "pinned" }: Installation = {}): void {
  const modules = join(project, "node_modules");
  const home = join(modules, "pulumi-vnic-failover");
  mkdirSync(home, { recursive: true });
  const manifest = readFileSync(join(root, "package.json"), "utf8");
  writeFileSync(join(home, "package.json"), manifest);

  for (const file of sources(join(root, "provider")))
    emit(file, join(home, "dist", relative(join(root, "provider"), file)));
  if (handlers !== undefined) {
    const file = relative(root, handlers);
    emit(handlers, join(home, file));
    // It imports the package's modules from where it stands in the repository.
    symlinkSync("dist", join(home, "provider"));
    const name = `../../../${file.replace(/\.ts$/, "")}`;
    writeFileSync(
      join(home, "dist", "pulumi", "dynamic", "index.js"),
      `module.exports = require(${JSON.stringify(name)});\n`,
    );
  }

  const { dependencies, peerDependencies } = ManifestSchema.parse(JSON.parse(manifest));
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    const from = sdk === "newest" && name === "@pulumi/pulumi" ? newestSdk.nodeModules : join(root, "node_modules");
    symlinkSync(join(from, name), join(modules, name));
  }
}

function emit(file: string, as: string): void {
  mkdirSync(dirname(as), { recursive: true });
  if (file.endsWith(".ts")) writeFileSync(as.replace(/\.ts$/, ".js"), compile(readFileSync(file, "utf8"), file));
  else cpSync(file, as);
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}
