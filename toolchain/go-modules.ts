import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "./pulumi.js";
import { run } from "./run.js";

/** What can be built from Go modules: each has a folder here, named as the program, whose go.mod and go.sum pin it. */
const programs = {
  pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  "pulumi-language-nodejs": "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
  "pulumi-language-python": "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
  "pulumi-language-go": "github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go",
  "pulumi-language-yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
  "pulumi-gen-sdk": ".",
} as const;
export type GoProgram = keyof typeof programs;

/** The version of a module that a program's go.mod pins, with its `v`. */
export function pinned(program: GoProgram, module: string): string {
  const lines = readFileSync(join(import.meta.dirname, program, "go.mod"), "utf8").split("\n");
  const line = lines.find((text) =>
    text
      .replace(/^require /, "")
      .trim()
      .startsWith(`${module} v`),
  );
  return line === undefined ? "" : (/ (v[\d.]+)/.exec(line)?.[1] ?? "");
}

/** Builds a program into a folder. @throws Error when there is no `go`, or it fails. */
export async function build(program: GoProgram, folder: string, ...flags: string[]): Promise<void> {
  const args = ["build", "-buildvcs=false", ...flags, "-o", join(folder, program), programs[program]];
  await run(`Building ${program} from Go modules`, go(), args, { cwd: join(import.meta.dirname, program) });
}

/** Where the sources of a program's module are, once it is built. */
export async function moduleFolder(program: GoProgram, module: string): Promise<string> {
  const args = ["list", "-m", "-f", "{{.Dir}}", module];
  return (await run(`Looking for ${module}`, go(), args, { cwd: join(import.meta.dirname, program) })).trim();
}

function go(): string {
  const found = findOnPath("go", `${process.env["PATH"] ?? ""}:/usr/local/go/bin`);
  if (found === undefined) throw new Error("there is no `go` to build it with");
  return found;
}
