import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { unprivileged } from "./unprivileged.js";

test.runIf(process.platform === "linux")("a command without root's privileges has no capabilities", () => {
  const command = unprivileged(["cat", "/proc/self/status"]);
  if (command === undefined) {
    // A container may keep even root from giving them up; other users have none.
    expect(process.getuid?.()).toBe(0);
    return;
  }
  const [program = "", ...args] = command;
  const { stdout } = spawnSync(program, args, { encoding: "utf8" });
  const sets = [...stdout.matchAll(/^Cap(?:Prm|Eff|Amb):\s*0*([0-9a-f]*)$/gm)].map(([, set = ""]) => set);
  expect(sets).toEqual(["", "", ""]);
});
