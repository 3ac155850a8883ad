/**
 * `npm test`: setup, type check, lint, then the unit tests, without root's privileges, then the end-to-end tests, in the lab's
 * namespace, where its hosts can be reached, and one of the lab's variants. Of end-to-end tests and variants some take turns, by the
 * commit; `npm test -- --all` runs all end-to-end tests. Where the lab cannot run its tests are skipped with the reason; with CI=true that is a failure. The last lines say what was done again and how many tests passed, failed and were skipped.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRoot } from "../toolchain/debian.js";
import { root, toolsBin } from "../toolchain/pulumi.js";
import { filesAt, turnsAt } from "./e2e/turns.js";
import { currentLab, down, up } from "./lab/lab.js";
import { inNamespace } from "./lab/network.js";
import { ensureRequirements, LabUnavailable } from "./lab/requirements.js";
import { commitNow } from "./sites/commit.js";
import { turnOf } from "./sites/variants.js";
import { closingLines, countRepeat, countRepeatsIn, readRepeats, readSummary, summaryFile } from "./summary.js";
import { unprivileged } from "./unprivileged.js";

const ci = process.env["CI"] === "true";
const vitest = [process.execPath, join(root, "node_modules", "vitest", "vitest.mjs"), "run", "--passWithNoTests"];
/** For vitest: which tests are asked for. */
const wanted = process.argv.slice(2).filter((argument) => argument !== "--all");
const all = process.argv.includes("--all");
/** Whether only some tests were asked for. */
const filtered = wanted.length > 0;
const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-tests-"));
const results = {
  unit: join(scratch, "unit.json"),
  e2e: join(scratch, "e2e.json"),
  sites: join(scratch, "sites.json"),
};
type Project = keyof typeof results;

async function main(): Promise<number> {
  // What cannot be installed is named, and again by each test that needs it: the others are run.
  const ready = npm("setup", "--tests");
  if (!ready) console.log("The setup is not complete: see above. Tests that need what is missing fail.");
  if (!npm("typecheck") || !npm("lint")) return 1;
  const repeats = join(scratch, "repeats");
  countRepeatsIn(repeats);
  const ran: Project[] = ["unit"];
  // The emulated hosts of a lab that is up, as a demo leaves it, take half of the time that unit tests have.
  if (isRoot() && currentLab() !== undefined) await down();
  let passed = unitTests();
  if (passed) {
    ran.push("e2e");
    passed = await endToEndTests();
    const variant = turnOf(commitNow());
    if (passed && variant !== undefined && currentLab() !== undefined && !filtered) {
      ran.push("sites");
      console.log(`It is the turn of the lab's variant "${variant.name}" (npm run test:sites): ${variant.given}.`);
      const [program, args] = inNamespace([...project("sites"), `test/sites/lab/${variant.name}.test.ts`]);
      passed = execute([program, ...args], { [summaryFile]: results.sites }) === 0;
    }
  } else {
    console.log("The end-to-end tests were not run: unit tests failed.");
  }
  const lines = closingLines(
    ran.map((project) => readSummary(results[project])),
    readRepeats(repeats),
  );
  console.log(["", ...lines].join("\n"));
  return passed && ready ? 0 : 1;
}

function npm(script: string, ...args: string[]): boolean {
  console.log(`> npm run ${[script, ...args].join(" ")}`);
  return execute(["npm", "run", "-s", script, ...(args.length > 0 ? ["--", ...args] : [])]) === 0;
}

function unitTests(): boolean {
  const command = project("unit");
  const plain = isRoot() ? unprivileged(command) : command;
  if (plain === undefined) console.log("Unit tests are run with root's privileges: setpriv cannot take them here.");
  return execute(plain ?? command, { [summaryFile]: results.unit }) === 0;
}

async function endToEndTests(): Promise<boolean> {
  const inTurns = !all && !filtered;
  const turns = inTurns ? filesAt(commitNow()) : [];
  if (inTurns) console.log(`The end-to-end tests of this commit: ${turns.join(", ")} (npm test -- --all: all).`);
  const command = [...project("e2e"), ...turns];
  const environment = { [summaryFile]: results.e2e, ...(inTurns ? { [turnsAt]: commitNow() } : {}) };
  const reason = await labReason();
  if (reason !== undefined) {
    console.log(reason);
    const ended = execute(command, { ...environment, VNIC_LAB_SKIPPED: reason.split("\n").join(" ") }) === 0;
    return ended && !ci;
  }
  const [program, args] = inNamespace(command);
  const passed = execute([program, ...args], environment) === 0;
  if (passed || currentLab() !== undefined) return passed;
  // An emulated host that is lost with its emulator says nothing of what ran on it.
  console.log("A host of the lab died under the tests: once more, on new hosts.");
  countRepeat("run");
  await up("separate", (line) => console.log(line));
  rmSync(results.e2e, { force: true });
  return execute([program, ...args], environment) === 0;
}

function project(name: Project): readonly string[] {
  return [...vitest, "--project", name, ...wanted];
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

function execute([program = "", ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const path = `${toolsBin}:${process.env["PATH"] ?? ""}`;
  return (
    spawnSync(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path, ...env } }).status ?? 1
  );
}

main()
  .then(
    (status) => (process.exitCode = status),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  )
  .finally(() => rmSync(scratch, { recursive: true, force: true }));
