// `npm run setup`: the npm packages first, then what setup.ts does. `--check` changes nothing, so it installs no packages either.
// Plain JavaScript without imports from npm: it is what runs on a clone with nothing installed.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { areInstalled, installDependencies, root } from "./dependencies.mjs";

const flags = process.argv.slice(2);
const check = flags.includes("--check");
if (check && !areInstalled()) {
  console.log(
    "Would be installed:\n  the npm packages of package-lock.json, into node_modules\nWhat else is missing can be told only when they are there: npm run setup installs them.",
  );
  process.exit(1);
}
if (!check) installDependencies();
const { status } = spawnSync(process.execPath, ["--import", "tsx", join(root, "toolchain", "setup.ts"), ...flags], {
  stdio: "inherit",
});
process.exit(status ?? 1);
