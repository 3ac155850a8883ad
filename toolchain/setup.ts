/**
 * `npm run setup`: makes the Pulumi CLI run here. It looks on PATH, then asks the vendor's installer, then builds from Go
 * modules, and touches nothing outside `.tools`. What is there already is kept: a second run takes a second.
 * `npm run setup -- --languages python,yaml,go` sees to those languages too, `--tests` to what tests need.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { ProblemError } from "../provider/problem.js";
import { build, pinned } from "./go-modules.js";
import { parseLanguages, setUpLanguage } from "./languages.js";
import { hasNewestSdk, installNewestSdk } from "./newest-sdk.js";
import { findOnPath, root, toolsBin } from "./pulumi.js";
import { run } from "./run.js";

/** Dynamic resources of the SDK in package.json run with any CLI from here on. */
const OLDEST_MINOR = 200;
const LANGUAGE_HOST = "pulumi-language-nodejs";
const LAUNCHER = "pulumi-resource-pulumi-nodejs";
const INSTALLER = "https://get.pulumi.com";
const SECONDS = 1000;

/** The version that is installed where there is none: that of the Go module. */
const version = pinned("pulumi", "github.com/pulumi/pulumi/pkg/v3");

/** The ways to a CLI, the cheapest first. Each gives the path of a `pulumi` that runs, or why there is none. */
const ways: readonly (() => Promise<Found>)[] = [onPath, inTools, fromVendor, fromGoModules];
type Found = { readonly pulumi: string } | { readonly none: string };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { languages: { type: "string" }, tests: { type: "boolean", default: false } },
  });
  const languages = values.languages === undefined ? [] : parseLanguages(values.languages);
  mkdirSync(toolsBin, { recursive: true });
  linkLauncher();
  const pulumi = await findOrMakePulumi();
  console.log(`Pulumi: ${pulumi}`);
  for (const language of languages) console.log(`${language}: ${await setUpLanguage(language, pulumi)}`);
  if (values.tests && !hasNewestSdk()) await installNewestSdk();
}

async function findOrMakePulumi(): Promise<string> {
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way();
    if ("pulumi" in found) return found.pulumi;
    reasons.push(found.none);
  }
  throw new ProblemError({
    code: "no-pulumi",
    what: `Unable to find or make the Pulumi CLI: ${reasons.join("; ")}`,
    remedy:
      "Install Pulumi (https://www.pulumi.com/docs/install) or Go 1.25.11 or later, then run `npm run setup` again.",
  });
}

async function onPath(): Promise<Found> {
  const path = process.env["PATH"] ?? "";
  const pulumi = findOnPath("pulumi", path);
  if (pulumi === undefined) return { none: "there is no `pulumi` on PATH" };
  const found = await versionOf(pulumi);
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(found) ?? [];
  if (Number(major) !== 3 || Number(minor) < OLDEST_MINOR) {
    return { none: `${pulumi} is ${found || "broken"}, older than v3.${OLDEST_MINOR}` };
  }
  // The CLI looks beside itself first.
  const host = findOnPath(LANGUAGE_HOST, `${dirname(pulumi)}:${path}`);
  return host === undefined ? { none: `${pulumi} is without ${LANGUAGE_HOST}` } : { pulumi };
}

async function inTools(): Promise<Found> {
  const pulumi = findOnPath("pulumi", toolsBin);
  const complete = pulumi !== undefined && findOnPath(LANGUAGE_HOST, toolsBin) !== undefined;
  return complete && (await versionOf(pulumi)) === version
    ? { pulumi }
    : { none: `there is no ${version} in .tools/bin` };
}

/** Where the site does not answer within seconds, it is taken for out of reach. */
async function fromVendor(): Promise<Found> {
  let script: string;
  try {
    const response = await fetch(INSTALLER, { signal: AbortSignal.timeout(5 * SECONDS) });
    if (!response.ok) return { none: `${INSTALLER} answered ${response.status}` };
    script = await response.text();
  } catch {
    return { none: `${INSTALLER} is out of reach` };
  }
  const folder = mkdtempSync(join(tmpdir(), "pulumi-installer-"));
  try {
    const file = join(folder, "install.sh");
    writeFileSync(file, script);
    const args = [file, "--version", version.slice(1), "--install-root", dirname(toolsBin), "--no-edit-path"];
    await run(`Installing Pulumi ${version} from ${INSTALLER}`, "sh", args, { timeout: 300 * SECONDS });
    return await inTools();
  } catch (error) {
    return { none: `the installer of ${INSTALLER} failed: ${messageOf(error)}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function fromGoModules(): Promise<Found> {
  try {
    console.error("Building Pulumi from Go modules: about five minutes on two cores, seconds where Go has it cached.");
    // Without the version string the CLI calls itself "dev", and the Automation API refuses it.
    await build(
      "pulumi",
      toolsBin,
      "-ldflags",
      `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`,
    );
    await build("pulumi-language-nodejs", toolsBin);
  } catch (error) {
    return { none: messageOf(error) };
  }
  return inTools();
}

/** The program that the engine starts for dynamic resources comes with the SDK, outside the packages' `bin`. */
function linkLauncher(): void {
  const link = join(toolsBin, LAUNCHER);
  rmSync(link, { force: true });
  symlinkSync(join(root, "node_modules", "@pulumi", "pulumi", LAUNCHER), link);
}

/** `v3.259.0`, or nothing if it does not run. */
async function versionOf(pulumi: string): Promise<string> {
  const environment = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" };
  return run(`Asking ${pulumi} for its version`, pulumi, ["version"], { env: environment, timeout: 20 * SECONDS }).then(
    (text) => text.trim(),
    () => "",
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
