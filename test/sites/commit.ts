import { spawnSync } from "node:child_process";
import { root } from "../../toolchain/pulumi.js";

/** The commit of this checkout; without Git one of zeros. */
export function commitNow(): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "0".repeat(40);
}
