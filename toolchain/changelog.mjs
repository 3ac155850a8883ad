// `node toolchain/changelog.mjs VERSION`: what CHANGELOG.md says of a version, for its release. A version that is not
// there, or is marked as unreleased, is an error.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const version = process.argv[2] ?? "";
const text = readFileSync(join(import.meta.dirname, "..", "CHANGELOG.md"), "utf8");
const section = text.split(/^## /m).find((part) => /^\S+/.exec(part)?.[0] === version);
if (section === undefined || /^.*unreleased/i.test(section)) {
  console.error(`CHANGELOG.md has no released section "${version}".`);
  process.exit(1);
}
console.log(section.slice(section.indexOf("\n")).trim());
