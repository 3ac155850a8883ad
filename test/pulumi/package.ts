import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import * as z from "zod";
import { bundle, entries } from "../../toolchain/bundle.mjs";
import { newestSdk } from "../../toolchain/newest-sdk.js";
import { root } from "../../toolchain/pulumi.js";

/** Of Pulumi: the one that package.json pins, or the newest that is tested, with a Node.js that it runs on. */
export type Sdk = "pinned" | "newest";

const { compilerOptions } = z
  .object({ compilerOptions: z.looseObject({}) })
  .parse(ts.parseConfigFileTextToJson("tsconfig.json", readFileSync(join(root, "tsconfig.json"), "utf8")).config);
const options = ts.convertCompilerOptionsFromJson(compilerOptions, root).options;

const ManifestSchema = z.object({ peerDependencies: z.record(z.string(), z.string()) });

const compiled = new Map<string, string>();

/** TypeScript by this repository's options, one file at a time and unchecked. */
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
 * Puts the package, as built from the sources of now, into `<project>/node_modules`, and what it needs beside it:
 * what a user's `npm install` would give.
 */
export async function installPackage(project: string, { handlers, sdk = "pinned" }: Installation = {}): Promise<void> {
  const modules = join(project, "node_modules");
  const home = join(modules, "pulumi-vnic-failover");
  mkdirSync(home, { recursive: true });
  const manifest = readFileSync(join(root, "package.json"), "utf8");
  writeFileSync(join(home, "package.json"), manifest);

  for (const [name, text] of await filesWith(handlers)) {
    const file = join(home, "dist", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  for (const name of Object.keys(ManifestSchema.parse(JSON.parse(manifest)).peerDependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    const from = sdk === "newest" && name === "@pulumi/pulumi" ? newestSdk.nodeModules : join(root, "node_modules");
    symlinkSync(join(from, name), join(modules, name));
  }
}

const bundled = new Map<string | undefined, ReturnType<typeof bundle>>();

/** The files of dist/. Handlers of a test's own come with the class that a resource of its own extends. */
async function filesWith(handlers: string | undefined): Promise<ReadonlyMap<string, string>> {
  const bundling =
    bundled.get(handlers) ??
    bundle(
      handlers === undefined
        ? entries
        : {
            ...entries,
            "pulumi/dynamic/index": handlers,
            "resources/provider-stub": "provider/resources/provider-stub.ts",
          },
    );
  bundled.set(handlers, bundling);
  return (await bundling).files;
}
