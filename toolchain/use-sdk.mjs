// `node toolchain/use-sdk.mjs newest|pinned`: which Pulumi SDK all of the unit tests run with. `newest` puts the one of
// `.tools/newest-sdk` (`npm run setup -- --tests`) in the place of that of package.json, together with the packages that this one
// shares with it, as npm would install them: a second copy of gRPC would refuse the objects of the first. `pinned` undoes it.
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const installed = join(root, "node_modules");
const aside = join(installed, ".pinned-sdk");
const newest = join(root, ".tools", "newest-sdk", "node_modules");

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(1);
}

const shared = ["@pulumi/pulumi", "@grpc/grpc-js", "google-protobuf"];
const wanted = process.argv[2];
if (wanted !== "newest" && wanted !== "pinned") fail("Usage: node toolchain/use-sdk.mjs newest|pinned");
if (wanted === "newest" && !existsSync(newest)) fail(`${newest} is missing: run npm run setup -- --tests.`);

for (const name of shared) {
  const [here, kept, other] = [join(installed, name), join(aside, name), join(newest, name)];
  if (wanted === "newest" && existsSync(other) && !existsSync(kept)) {
    mkdirSync(dirname(kept), { recursive: true });
    renameSync(here, kept);
    symlinkSync(relative(dirname(here), other), here);
  }
  if (wanted === "pinned" && existsSync(kept)) {
    rmSync(here);
    renameSync(kept, here);
  }
}
