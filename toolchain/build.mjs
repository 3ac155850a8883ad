// `npm run build [-- FOLDER]`: the package's JavaScript, its types and the licences of what is bundled, in dist/ or in that folder.
// It is made aside and then put in place whole: a file that was renamed is not published under its old name too, and
// an error leaves what stood there.
// Plain JavaScript: npm runs it before packing, also where nothing but the locked packages is installed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { bundle, notices, packagesIn } from "./bundle.mjs";

const root = join(import.meta.dirname, "..");
const out = resolve(process.argv[2] ?? join(root, "dist"));
const made = `${out}.new-${process.pid}`;

try {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", made], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("The sources do not compile.");
  keepPublicTypes(["index.d.ts", "pulumi/dynamic/index.d.ts"]);
  const { files, metafile } = await bundle();
  for (const [name, text] of files) {
    const file = join(made, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeFileSync(join(made, "THIRD-PARTY-NOTICES.txt"), notices(packagesIn(metafile)));
  rmSync(out, { recursive: true, force: true });
  renameSync(made, out);
} catch (error) {
  rmSync(made, { recursive: true, force: true });
  console.error(error);
  process.exitCode = 1;
}

/**
 * Removes the types that cannot be imported. The others may not need a package that a user does not have.
 * @param {readonly string[]} entries
 */
function keepPublicTypes(entries) {
  const kept = new Set(entries.map((entry) => join(made, entry)));
  for (const file of kept) {
    const text = readFileSync(file, "utf8");
    for (const [, name = ""] of text.matchAll(/(?:\bfrom |\bimport\()"([^"]+)"/g)) {
      if (name.startsWith(".")) kept.add(join(file, "..", name.replace(/\.js$/, ".d.ts")));
      else if (name !== "pulumi-vnic-failover" && !name.startsWith("@pulumi/pulumi"))
        throw new Error(`The public types of ${file} need ${name}, which is bundled.`);
    }
  }
  for (const entry of readdirSync(made, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(file)) rmSync(file);
  }
  for (const file of kept) if (!existsSync(file)) throw new Error(`${file} is missing.`);
}
