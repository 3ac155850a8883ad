/**
 * `npm run plugin-archives -- TARBALL FOLDER`: makes of the package's tarball (`npm pack`) the plugin for programs in any
 * language, as `pulumi plugin install` takes it: one
 * `pulumi-resource-vnic-failover-v<version>-<os>-<arch>.tar.gz` for each platform of Pulumi's CLI. They hold no native
 * code, so they differ in how Node.js, which has to be on PATH, is started.
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readManifest } from "./package.js";
import { root } from "./pulumi.js";
import { run } from "./run.js";

const PLUGIN = "pulumi-resource-vnic-failover";
const platforms = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"] as const;
export type Platform = (typeof platforms)[number];

/** What the engine starts in the plugin's folder; on Windows it looks for `.cmd` (sdk/go/common/workspace/plugins.go). */
const launchers = {
  unix: { name: PLUGIN, text: '#!/usr/bin/env node\nrequire("./dist/pulumi/plugin/main.js");\n' },
  windows: { name: `${PLUGIN}.cmd`, text: '@node "%~dp0\\dist\\plugin\\main.js" %*\r\n' },
};

/** @returns the archives' paths. */
export async function pluginArchives(
  tarball: string,
  folder: string,
  { only = platforms, env = process.env }: { only?: readonly Platform[]; env?: NodeJS.ProcessEnv } = {},
): Promise<readonly string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-plugin-"));
  try {
    const plugin = join(scratch, "plugin");
    const version = await fill(plugin, tarball, env);
    mkdirSync(folder, { recursive: true });
    const archives: string[] = [];
    for (const platform of only) {
      const { name, text } = platform.startsWith("windows") ? launchers.windows : launchers.unix;
      const launcher = join(plugin, name);
      writeFileSync(launcher, text);
      chmodSync(launcher, 0o755);
      const archive = join(folder, `${PLUGIN}-v${version}-${platform}.tar.gz`);
      // The same bytes each time: they can be compared with a build of one's own.
      const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
      await run(`Packing ${platform}`, "tar", [...same, "-czf", archive, "-C", plugin, "."]);
      rmSync(launcher);
      archives.push(archive);
    }
    return archives;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The package with what it needs beside it, in the versions of package-lock.json. @returns its version. */
async function fill(plugin: string, tarball: string, env: NodeJS.ProcessEnv): Promise<string> {
  mkdirSync(plugin);
  await run("Unpacking the package", "tar", ["-xzf", tarball, "-C", plugin, "--strip-components=1"]);
  const { devDependencies, peerDependencies, ...manifest } = readManifest(plugin);
  // Nobody else brings the peers along here.
  const peers = Object.keys(peerDependencies).map((name) => [name, devDependencies[name] ?? peerDependencies[name]]);
  const dependencies = { ...manifest.dependencies, ...(Object.fromEntries(peers) as Record<string, string>) };
  writeFileSync(join(plugin, "package.json"), JSON.stringify({ ...manifest, dependencies }, undefined, 2));
  copyFileSync(join(root, "package-lock.json"), join(plugin, "package-lock.json"));
  const flags = ["--omit=dev", "--omit=optional", "--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund"];
  const install = ["install", "--prefer-offline", ...flags];
  await run("Installing what the plugin needs", "npm", install, { cwd: plugin, env });
  rmSync(join(plugin, "package-lock.json"));
  return manifest.version;
}

if (process.argv[1] === import.meta.filename) {
  const [tarball, folder] = process.argv.slice(2);
  if (tarball === undefined || folder === undefined)
    throw new Error("Usage: npm run plugin-archives -- TARBALL FOLDER");
  for (const archive of await pluginArchives(resolve(tarball), resolve(folder))) console.log(archive);
}
