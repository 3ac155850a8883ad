/**
 * The npm packages that the package's tests install into empty folders, in an npm cache of the tests' own: the setup fills it by
 * doing once what the tests do, so that they need no registry.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, readManifest } from "../../toolchain/package.js";
import { root, toolsFolder } from "../../toolchain/pulumi.js";
import { need, type Requirement } from "../../toolchain/requirement.js";
import { run } from "../../toolchain/run.js";

const folder = join(toolsFolder, "npm-cache");
/** What the cache was filled for: written last. */
const filledFor = join(folder, ".filled-for");

export const npmCache: Requirement = {
  name: "an npm cache",
  purpose: "the package's installation into an empty folder",
  neededBy: "tests",
  find: () => (existsSync(filledFor) && readFileSync(filledFor, "utf8") === contents() ? folder : undefined),
  make: fill,
};

/** npm's environment that lets it use the cache alone. @throws ProblemError when it is not filled. */
export function offline(): NodeJS.ProcessEnv {
  return { ...process.env, npm_config_cache: need(npmCache), npm_config_offline: "true" };
}

/** As a user begins: the package and what the quickstart takes, in an empty folder. */
export async function installForUser(project: string, tarball: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { devDependencies } = readManifest();
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, main: "index.ts" }));
  const beside = ["@pulumi/pulumi", "typescript", "@types/node"].map(
    (name) => `${name}@${devDependencies[name] ?? ""}`,
  );
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await run("Installing the package", "npm", ["install", ...flags, tarball, ...beside], { cwd: project, env });
}

/** Other versions take other packages. */
function contents(): string {
  const { peerDependencies, devDependencies } = readManifest();
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const all = JSON.stringify([peerDependencies, devDependencies, lock]);
  return createHash("sha256").update(all).digest("hex");
}

async function fill(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-npm-"));
  const env = { ...process.env, npm_config_cache: folder };
  try {
    rmSync(filledFor, { force: true });
    const { tarball } = await pack(scratch);
    await installForUser(join(scratch, "project"), tarball, env);
    writeFileSync(filledFor, contents());
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
