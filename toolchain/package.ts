import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { root } from "./pulumi.js";
import { run } from "./run.js";

const Manifest = z.looseObject({
  name: z.string(),
  version: z.string(),
  files: z.array(z.string()),
  bin: z.record(z.string(), z.string()),
  peerDependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
export type Manifest = z.output<typeof Manifest>;

export function readManifest(folder = root): Manifest {
  return Manifest.parse(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")));
}

/** Lays out in a folder what is published, built from the sources of now; dist/ of the repository is left alone. */
export async function layOut(folder: string): Promise<Manifest> {
  const manifest = readManifest();
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", ...manifest.files]) {
    if (file !== "dist") cpSync(join(root, file), join(folder, file), { recursive: true });
  }
  const build = [join(root, "toolchain", "build.mjs"), join(folder, "dist")];
  await run("Building the package", process.execPath, build);
  return manifest;
}

/** Makes the package's tarball. @returns its path and the files in it. */
export async function pack(folder: string): Promise<{ tarball: string; files: readonly string[] }> {
  const laidOut = join(folder, "package");
  const { name, version } = await layOut(laidOut);
  await run("Packing", "npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: laidOut });
  const tarball = join(folder, `${name}-${version}.tgz`);
  const listing = await run("Reading the tarball", "tar", ["-tzf", tarball]);
  return {
    tarball,
    files: listing
      .trim()
      .split("\n")
      .map((path) => path.replace(/^package\//, ""))
      .sort(),
  };
}
