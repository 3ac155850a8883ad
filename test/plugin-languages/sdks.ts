/** The plugin in a folder, its schema, and the SDKs made of that: what `pulumi package gen-sdk` gives a user. */
import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build, pinned } from "../../toolchain/go-modules.js";
import { layOut } from "../../toolchain/package.js";
import { findOnPath, root, toolsBin } from "../../toolchain/pulumi.js";
import { run } from "../../toolchain/run.js";

/** Those with a generator here. C#'s and Java's come with their language hosts only. */
export const generated = ["nodejs", "python", "go"] as const;
export type Generated = (typeof generated)[number];

const PLUGIN = "pulumi-resource-vnic-failover";
const GENERATOR = "pulumi-gen-sdk";
const GO_SDK = "github.com/pulumi/pulumi/sdk/v3";
/** The SDK for Go is a module of its own: its path is the schema's `importBasePath`. */
const GO_MODULE = "pulumi-vnic-failover/sdk/go/vnicfailover";

export interface Plugin {
  /** The folder to have on PATH. */
  readonly bin: string;
  readonly schema: string;
}

/** Builds the plugin from the sources of now, and asks it for its schema. */
export async function makePlugin(scratch: string, env: NodeJS.ProcessEnv): Promise<Plugin> {
  const home = join(scratch, "plugin");
  await layOut(home);
  symlinkSync(join(root, "node_modules"), join(home, "node_modules"));
  const bin = join(scratch, "bin");
  mkdirSync(bin);
  const main = join(home, "dist", "pulumi", "plugin", "main.js");
  chmodSync(main, 0o755);
  symlinkSync(main, join(bin, PLUGIN));
  const schema = join(scratch, "schema.json");
  const path = [bin, env["PATH"] ?? ""].join(delimiter);
  const text = await run("Asking the plugin for its schema", "pulumi", ["package", "get-schema", join(bin, PLUGIN)], {
    env: { ...env, PATH: path },
  });
  // Warnings of the CLI stand before it.
  writeFileSync(schema, text.slice(text.indexOf("{")));
  return { bin, schema };
}

/** Generates the SDK for a language and compiles it. @returns its folder. */
export async function makeSdk(language: Generated, { schema }: Plugin, scratch: string): Promise<string> {
  const generator = findOnPath(GENERATOR, [toolsBin, process.env["PATH"] ?? ""].join(delimiter));
  if (generator === undefined) await build(GENERATOR, toolsBin);
  const sdk = join(scratch, "sdk", language);
  const args = [language, schema, sdk];
  await run(`Generating the SDK for ${language}`, generator ?? join(toolsBin, GENERATOR), args);
  return compile[language](sdk);
}

const compile: Record<Generated, (sdk: string) => Promise<string>> = {
  async nodejs(sdk) {
    if (!existsSync(join(sdk, "node_modules"))) symlinkSync(join(root, "node_modules"), join(sdk, "node_modules"));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    await run("Compiling the SDK for nodejs", process.execPath, [tsc, "--skipLibCheck"], { cwd: sdk });
    // As Pulumi publishes such packages: the compiled folder, with the manifest.
    cpSync(join(sdk, "package.json"), join(sdk, "bin", "package.json"));
    return join(sdk, "bin");
  },
  async python(sdk) {
    await run("Compiling the SDK for python", "python3", ["-m", "compileall", "-q", sdk]);
    return sdk;
  },
  async go(sdk) {
    const module = join(sdk, "vnicfailover");
    const needed = `${GO_SDK} ${pinned(GENERATOR, GO_SDK)}`;
    writeFileSync(join(module, "go.mod"), `module ${GO_MODULE}\n\ngo 1.25.11\n\nrequire ${needed}\n`);
    await run("Looking for the modules of the SDK for go", "go", ["mod", "tidy"], { cwd: module });
    await run("Checking the SDK for go", "go", ["vet", "-p", "1", "./..."], { cwd: module });
    return module;
  },
};
