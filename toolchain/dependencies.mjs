// Installs the packages of package-lock.json where they are missing or outdated.
// Plain JavaScript without imports from npm: it is what runs on a clone with nothing installed.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

export const root = join(import.meta.dirname, "..");
const lock = join(root, "package-lock.json");
// A copy of the lock file that the installed tree was made from.
const installed = join(root, "node_modules", ".installed-from.json");

export function areInstalled() {
  return existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(lock, "utf8");
}

export function installDependencies() {
  if (!areInstalled()) {
    console.error("Installing npm packages…");
    const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
    if (status !== 0) {
      console.error("Unable to install the npm packages: see npm's message above.");
      process.exit(1);
    }
    copyFileSync(lock, installed);
  }
  // The programs of this repository use the package by its name. A dynamic provider's process asks for it without a file of its
  // own, so that Node.js does not see that it stands in the package itself.
  const self = join(root, "node_modules", "pulumi-vnic-failover");
  if (!existsSync(self)) symlinkSync("..", self);
}

if (resolve(process.argv[1] ?? "") === import.meta.filename) installDependencies();
