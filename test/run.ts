/**
 * `npm test`: type check, lint, then every test in one run of vitest, in the lab's namespace where its hosts can be
 * reached. Where the lab cannot run its tests are skipped with the reason; with CI=true that is a failure.
 */
import { spawnSync } from "node:child_process";
import { ensureRequirements, LabUnavailable } from "./lab/requirements.js";
import { currentLab, up } from "./lab/lab.js";
import { inNamespace } from "./lab/network.js";
import { root, toolsBin } from "../toolchain/pulumi.js";

const ci = process.env["CI"] === "true";

async function main(): Promise<number> {
  for (const script of ["setup -- --tests", "typecheck", "lint"]) {
    console.log(`> npm run ${script}`);
    if (execute("npm", ["run", "-s", ...script.split(" ")]) !== 0) return 1;
  }
  const vitest = ["npx", "vitest", "run", ...process.argv.slice(2)];
  const reason = await labReason();
  if (reason === undefined) {
    const [program, args] = inNamespace(vitest);
    const status = execute(program, args);
    if (status === 0 || currentLab() !== undefined) return status;
    // An emulated host that is lost with its emulator says nothing of what ran on it.
    console.log("A host of the lab died under the tests: once more, on new hosts.");
    await up("separate", (line) => console.log(line));
    return execute(program, args);
  }
  console.log(reason);
  if (ci) return 1;
  return execute(vitest[0] ?? "npx", vitest.slice(1), { VNIC_LAB_SKIPPED: reason.split("\n").join(" ") });
}

/** Brings the lab up. Undefined: it is; else why it cannot be. */
async function labReason(): Promise<string | undefined> {
  try {
    await ensureRequirements();
    await up("separate", (line) => console.log(line));
    return undefined;
  } catch (error) {
    if (error instanceof LabUnavailable) return error.message;
    throw error;
  }
}

function execute(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const path = `${toolsBin}:${process.env["PATH"] ?? ""}`;
  return (
    spawnSync(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path, ...env } }).status ?? 1
  );
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
