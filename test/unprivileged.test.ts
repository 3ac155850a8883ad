import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { unprivileged } from "./unprivileged.js";

/** Capabilities that a program started by this command line has or could get. */
function capabilitiesOf(command: readonly string[]): readonly string[] {
  const [program = "", ...args] = command;
  const { stdout } = spawnSync(program, args, { encoding: "utf8" });
  return [...stdout.matchAll(/^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*0*([0-9a-f]*)$/gm)].map(([, set = ""]) => set);
}

// As root: another user has none to begin with, nor may they be taken.
test.runIf(process.platform === "linux")("a command without root's privileges has no capabilities", () => {
  const status = ["cat", "/proc/self/status"];
  const command = unprivileged(status);
  if (command === undefined) expect(process.getuid?.() === 0 && capabilitiesOf(status)[1] !== "").toBe(false);
  else expect(capabilitiesOf(command)).toEqual(["", "", "", "", ""]);
});
