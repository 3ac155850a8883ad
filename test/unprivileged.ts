import { spawnSync } from "node:child_process";

/**
 * Root's user id without root's privileges: no capabilities, and none to be had. It stays the owner of the checkout, which may
 * stand in a folder that no other user can read.
 */
const setpriv = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];

/** The command line without root's privileges. Undefined: this machine cannot take them. */
export function unprivileged(command: readonly string[]): readonly string[] | undefined {
  // What it may not drop it keeps, without an error.
  const { stdout } = spawnSync("setpriv", [...setpriv, "cat", "/proc/self/status"], { encoding: "utf8" });
  return /^CapPrm:\s*0+$/m.test(stdout) ? ["setpriv", ...setpriv, ...command] : undefined;
}
