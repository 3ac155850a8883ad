/** `npm run setup -- --check` in a clone with nothing installed, which has to stay so. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { root } from "../../toolchain/pulumi.js";

/** A clone whose `npm` writes down that it was called. */
function bareClone() {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-clone-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const clone = join(folder, "clone");
  mkdirSync(join(clone, "toolchain"), { recursive: true });
  const scripts = readdirSync(join(root, "toolchain")).filter((name) => name.endsWith(".mjs"));
  for (const name of ["package.json", "package-lock.json", ...scripts.map((each) => `toolchain/${each}`)])
    cpSync(join(root, name), join(clone, name));
  const npm = join(folder, "npm");
  writeFileSync(npm, `#!/bin/sh\nmkdir node_modules\necho "$@" > node_modules/arguments\nexit 1\n`);
  chmodSync(npm, 0o755);
  const path = [folder, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  return (...flags: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["toolchain/setup.mjs", ...flags], {
      cwd: clone,
      env: { ...process.env, PATH: path },
      encoding: "utf8",
    });
    return { status, said: stdout + stderr, files: readdirSync(clone).toSorted(), clone };
  };
}

it("says what would be installed, and changes nothing", () => {
  const setup = bareClone();
  const files = ["package-lock.json", "package.json", "toolchain"];
  const checked = setup("--check");
  expect(checked).toMatchObject({ status: 1, files });
  expect(checked.said).toContain("Would be installed:\n  the npm packages of package-lock.json");
  expect(setup("--tests", "--check")).toMatchObject({ status: 1, files });
  // Without it the packages are what is installed first.
  expect(setup()).toMatchObject({ status: 1, files: ["node_modules", ...files] });
});

it("X35: runs no package's install script", () => {
  const { clone } = bareClone()();
  expect(readFileSync(join(clone, "node_modules", "arguments"), "utf8")).toMatch(/^ci .*--ignore-scripts\b/);
});
