// `npm run build [-- FOLDER]`: the package's JavaScript and types, in dist/ or in that folder.
// It is made aside and then put in place whole: a module that was renamed is not published under its old name too, and
// an error leaves what stood there.
// Plain JavaScript: npm runs it before packing, also where nothing but the locked packages is installed.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const root = join(import.meta.dirname, "..");
const sources = join(root, "provider");
const out = resolve(process.argv[2] ?? join(root, "dist"));
const made = `${out}.new-${process.pid}`;

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const { status } = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", made], {
  stdio: "inherit",
});
if (status === 0) {
  for (const file of readdirSync(sources, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || /\.(ts|pyc)$/.test(file.name)) continue;
    const path = join(file.parentPath, file.name);
    cpSync(path, join(made, relative(sources, path)));
  }
  rmSync(out, { recursive: true, force: true });
  renameSync(made, out);
} else {
  rmSync(made, { recursive: true, force: true });
  process.exit(1);
}
