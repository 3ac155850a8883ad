/** Python with oVirt's own client, `ovirt-engine-sdk-python`: the setup makes a virtual environment with it. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toolsFolder } from "../../../toolchain/pulumi.js";
import type { Requirement } from "../../../toolchain/requirement.js";
import { run } from "../../../toolchain/run.js";

const version = "4.6.3";
const folder = join(toolsFolder, `ovirt-sdk-${version}`);
const python = join(folder, "bin", "python");

/** Its `find` gives the python program that has the client. */
export const ovirtSdk: Requirement = {
  name: `oVirt's Python SDK ${version}`,
  purpose: "the oVirt test engine, which oVirt's own client must understand",
  neededBy: "tests",
  find: () => (existsSync(python) ? python : undefined),
  // Its XML parser is compiled where pip finds no wheel; pycurl has wheels for most machines.
  packages: ["python3-venv", "python3-dev", "gcc", "libxml2-dev", "libcurl4-openssl-dev", "libssl-dev"],
  make: install,
};

/** A folder of that name is whole: it gets its name last. */
async function install(): Promise<void> {
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(toolsFolder, { recursive: true });
  try {
    await run("Making a virtual environment", "python3", ["-m", "venv", "--clear", unfinished]);
    const its = join(unfinished, "bin", "python");
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
    await run("Installing oVirt's Python SDK", its, [...pip, `ovirt-engine-sdk-python==${version}`]);
    await run("Trying oVirt's Python SDK", its, ["-c", "import ovirtsdk4"]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
