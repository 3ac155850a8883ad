// `node toolchain/audit.mjs`: whether npm knows of a hole in what the package bundles. They are development dependencies of this
// repository, like its tools: `npm audit` by itself cannot tell them apart.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bundle, packagesIn } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const { stdout, stderr } = spawnSync("npm", ["audit", "--json"], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 });
const { vulnerabilities } = JSON.parse(stdout || "{}");
if (vulnerabilities === undefined) {
  console.error(`Unable to ask npm: ${(stdout || stderr).trim()}`);
  process.exit(1);
}
const bundled = new Set(packagesIn((await bundle()).metafile));
const holes = Object.values(vulnerabilities).filter(({ nodes }) => nodes.some((folder) => bundled.has(folder)));
for (const { name, severity, range } of holes)
  console.error(`${name} ${range} is bundled and has a ${severity} vulnerability: npm audit tells more.`);
console.log(`${bundled.size} packages are bundled, ${holes.length} of them with known vulnerabilities.`);
process.exitCode = holes.length === 0 ? 0 : 1;
