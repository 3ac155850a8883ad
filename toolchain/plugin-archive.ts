/**
 * `npm run plugin-archives -- TARBALL FOLDER`: makes of the package's tarball (`npm pack`) the plugin for programs in any
 * language, as `pulumi plugin install` takes it: one
 * `pulumi-resource-vnic-failover-v<version>-<os>-<arch>.tar.gz` for each platform of Pulumi's CLI. They hold no native
 * code, so they differ in how Node.js, which has to be on PATH, is started.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readManifest } from "./package.js";
import { run } from "./run.js";

const PLUGIN = "pulumi-resource-vnic-failover";
const platforms = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"] as const;
export type Platform = (typeof platforms)[number];

/** What the engine starts in the plugin's folder; on Windows it looks for `.cmd` (sdk/go/common/workspace/plugins.go). */
const launchers = {
  unix: { name: PLUGIN, text: (main: string) => `#!/usr/bin/env node\nrequire("./${main}");\n` },
  windows: {
    name: `${PLUGIN}.cmd`,
    text: (main: string) => `@node "%~dp0\\${main.replaceAll("/", "\\")}" %*\r\n`,
  },
};

/** @returns the archives' paths. */
export async function pluginArchives(
  tarball: string,
  folder: string,
  only: readonly Platform[] = platforms,
): Promise<readonly string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-plugin-"));
  try {
    const plugin = join(scratch, "plugin");
    mkdirSync(plugin);
    // The package is all that the plugin needs: its libraries are bundled, and Pulumi's SDK is the programs'.
    await run("Unpacking the package", "tar", ["-xzf", tarball, "-C", plugin, "--strip-components=1"]);
    const { version, bin } = readManifest(plugin);
    const main = bin[PLUGIN]?.replace(/^\.\//, "");
    if (main === undefined) throw new Error(`The package has no program ${PLUGIN}.`);
    mkdirSync(folder, { recursive: true });
    const archives: string[] = [];
    for (const platform of only) {
      const { name, text } = platform.startsWith("windows") ? launchers.windows : launchers.unix;
      const launcher = join(plugin, name);
      writeFileSync(launcher, text(main));
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

if (process.argv[1] === import.meta.filename) {
  const [tarball, folder] = process.argv.slice(2);
  if (tarball === undefined || folder === undefined)
    throw new Error("Usage: npm run plugin-archives -- TARBALL FOLDER");
  for (const archive of await pluginArchives(resolve(tarball), resolve(folder))) console.log(archive);
}
