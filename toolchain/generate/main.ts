// `npm run generate [-- --check]`: writes what is made of the descriptions in provider/model, or, with --check, says which
// files are not as it would write them, and exits with 1 then.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../pulumi.js";
import { generatedFiles, outdated } from "./files.js";

const files = await generatedFiles();
const stale = outdated(files);
if (process.argv.includes("--check")) {
  for (const path of stale) console.error(`${path} is not what \`npm run generate\` writes.`);
  if (stale.length > 0) process.exit(1);
} else {
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), files.get(path) ?? "");
    console.log(path);
  }
}
