/**
 * The newest Pulumi SDK that is tested, with a Node.js that it runs on: in `.tools/newest-sdk`, as the lock file in
 * `newest-sdk/` pins them. Tests use it beside the SDK of package.json.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { toolsFolder } from "./pulumi.js";
import type { Requirement } from "./requirement.js";
import { run } from "./run.js";

const pins = join(import.meta.dirname, "newest-sdk");
const folder = join(toolsFolder, "newest-sdk");
/** A copy of the lock file that the folder was installed from: written last. */
const installedFrom = join(folder, ".installed-from.json");

export const newestSdk = {
  /** The program: Node.js 22, for Linux on x64 and arm64. */
  node: join(folder, "node_modules", `node-linux-${process.arch}`, "bin", "node"),
  /** The folder that has `@pulumi/pulumi` in it. */
  nodeModules: join(folder, "node_modules"),
};

export const newestSdkRequirement: Requirement = {
  name: "the newest Pulumi SDK with a Node.js for it",
  purpose: "programs that use the newest SDK",
  neededBy: "tests",
  find: () => (isInstalled() ? folder : undefined),
  make: installNewestSdk,
  obstacle: () =>
    process.platform === "linux" && ["x64", "arm64"].includes(process.arch)
      ? undefined
      : `it is pinned for Linux on x64 and arm64, and this is ${process.platform} on ${process.arch}`,
};

function isInstalled(): boolean {
  const lock = readFileSync(join(pins, "package-lock.json"), "utf8");
  return existsSync(newestSdk.node) && existsSync(installedFrom) && readFileSync(installedFrom, "utf8") === lock;
}

async function installNewestSdk(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  rmSync(installedFrom, { force: true });
  for (const name of ["package.json", "package-lock.json"]) copyFileSync(join(pins, name), join(folder, name));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  await run("Installing the newest Pulumi SDK", "npm", ["ci", ...flags], { cwd: folder });
  copyFileSync(join(folder, "package-lock.json"), installedFrom);
}
