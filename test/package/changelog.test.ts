import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root } from "../../toolchain/pulumi.js";

const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-changelog-"));
mkdirSync(join(scratch, "toolchain"));
cpSync(join(root, "toolchain", "changelog.mjs"), join(scratch, "toolchain", "changelog.mjs"));
afterAll(() => rmSync(scratch, { recursive: true }));

const CHANGELOG = `# Changelog

## 1.3.0 (unreleased)

- Not yet.

## 1.2.0

- Second, with a \`## heading\` in its text.
- And 1.1.0.

## 1.1.0

- First.
`;

const notes = (version: string) => {
  writeFileSync(join(scratch, "CHANGELOG.md"), CHANGELOG);
  const script = join(scratch, "toolchain", "changelog.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, version], { encoding: "utf8" });
  return { status, text: `${stdout}${stderr}`.trim() };
};

test("a release's notes are its section", () => {
  const second = "- Second, with a `## heading` in its text.\n- And 1.1.0.";
  expect(notes("1.2.0")).toEqual({ status: 0, text: second });
  expect(notes("1.1.0")).toEqual({ status: 0, text: "- First." });
});

test.each(["1.3.0", "1.1", "2.0.0", ""])("there are none of %j", (version) => {
  expect(notes(version)).toEqual({ status: 1, text: `CHANGELOG.md has no released section "${version}".` });
});
