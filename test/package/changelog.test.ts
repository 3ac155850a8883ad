import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("CHANGELOG.md says of each version what was added, changed and fixed, in that order", () => {
  const [, ...versions] = readFileSync(join(root, "CHANGELOG.md"), "utf8").split(/^## /m);
  expect(versions.length).toBeGreaterThan(0);
  for (const version of versions) {
    const [, ...parts] = version.split(/^### /m);
    const order = ["Added", "Changed", "Fixed"];
    const headings = parts.map((part) => part.split("\n", 1)[0] ?? "");
    expect(headings).toEqual(order.filter((heading) => headings.includes(heading)));
    for (const part of parts) expect(part).toMatch(/^- \S.*[^]*\.$/m);
  }
});
