/**
 * `npm run setup -- --languages python,yaml,go`: what the engine needs to run programs in them. Pulumi's own installation
 * brings the hosts along; where it is out of reach they are built from Go modules, as the CLI is.
 */
import { chmodSync, copyFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, moduleFolder, pinned, type GoProgram } from "./go-modules.js";
import { findOnPath, pythonHome, toolsBin } from "./pulumi.js";
import { run } from "./run.js";

/** Beside Node.js, which every setup has. C# and Java have no host among the Go modules. */
export const languages = ["python", "yaml", "go"] as const;
export type Language = (typeof languages)[number];

const SDK = "github.com/pulumi/pulumi/sdk/v3";
/** The script that the Python host runs programs by: no Go, so the build leaves it out. */
const PYTHON_RUNNER = "pulumi-language-python-exec";

export function parseLanguages(text: string): readonly Language[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !languages.includes(name as Language));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")} among ${languages.join(", ")}.`);
  return names as Language[];
}

/** @returns the path of the language's host. */
export async function setUpLanguage(language: Language, pulumi: string): Promise<string> {
  const host = findHost(language, pulumi) ?? (await buildHost(language));
  if (language === "python") await installPythonSdk();
  return host;
}

export function findHost(language: Language | "nodejs", pulumi: string): string | undefined {
  // The CLI looks beside itself first.
  return findOnPath(`pulumi-language-${language}`, `${dirname(pulumi)}:${process.env["PATH"] ?? ""}:${toolsBin}`);
}

async function buildHost(language: Language): Promise<string> {
  const host: GoProgram = `pulumi-language-${language}`;
  await build(host, toolsBin);
  if (language === "python") {
    const runner = join(toolsBin, PYTHON_RUNNER);
    copyFileSync(join(await moduleFolder(host, SDK), "python", "cmd", PYTHON_RUNNER), runner);
    chmodSync(runner, 0o755);
  }
  return join(toolsBin, host);
}

/** A virtual environment with Pulumi's SDK, of the CLI's own version. */
async function installPythonSdk(): Promise<void> {
  const python = join(pythonHome, "bin", "python");
  if (!existsSync(python)) {
    await run("Making a virtual environment", "python3", ["-m", "venv", pythonHome]);
  }
  const version = pinned("pulumi", "github.com/pulumi/pulumi/pkg/v3").slice(1);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  // The last two build the plugin's own SDK, where there is no way out to fetch them.
  await run("Installing Pulumi's SDK for Python", python, [...pip, `pulumi==${version}`, "setuptools", "wheel"]);
}
