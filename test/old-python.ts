/** What tells whether the programs that run on hosts are for Python 3.6: RHEL 8, oVirt Node 4.5 and SLES 15 have no newer one. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { findOnPath, toolsFolder } from "../toolchain/pulumi.js";
import type { Requirement } from "../toolchain/requirement.js";
import { run } from "../toolchain/run.js";

const version = "1.9.2";
const folder = join(toolsFolder, `vermin-${version}`);
const program = join(folder, "bin", "vermin");

/** It knows for each construct and function of Python since when there is such a thing. */
export const vermin: Requirement = {
  name: `vermin ${version}`,
  purpose: "the Python that the programs for hosts need",
  neededBy: "tests",
  find: () => (existsSync(program) ? program : undefined),
  packages: ["python3-venv"],
  make: install,
};

async function install(): Promise<void> {
  // A program of a virtual environment names its folder: it is made where it stays.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(toolsFolder, { recursive: true });
  const unfinished = join(folder, "bin", "vermin.unfinished");
  try {
    await run("Making a virtual environment", "python3", ["-m", "venv", "--clear", folder]);
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
    await run("Installing vermin", join(folder, "bin", "python"), [...pip, `vermin==${version}`]);
    renameSync(program, unfinished);
    await run("Trying vermin", unfinished, ["--version"]);
    renameSync(unfinished, program);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Pythons of this machine: python3, and if there is one, a 3.6 or that of RHEL's tools. */
export function pythons(): readonly string[] {
  const own = findOnPath("python3", process.env["PATH"] ?? "");
  const versions = join(homedir(), ".pyenv/versions");
  const pyenv = existsSync(versions)
    ? readdirSync(versions)
        .filter((name) => name.startsWith("3.6."))
        .map((name) => join(versions, name, "bin/python3"))
    : [];
  const old = [...pyenv, "/usr/bin/python3.6", "/usr/libexec/platform-python"].find((path) => existsSync(path));
  // What stands on the PATH may be a script that looks for it there.
  const program = own && execFileSync(own, ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  return [program, old].filter((path) => path !== undefined);
}
