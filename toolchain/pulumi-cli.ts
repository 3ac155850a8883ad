/**
 * Finds or makes the Pulumi CLI: it looks on PATH, then asks the vendor's installer, then builds from Go modules, and touches
 * nothing outside `.tools`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ProblemError } from "../provider/model/problem.js";
import { build, pinned } from "./go-modules.js";
import { findOnPath, root, toolsBin } from "./pulumi.js";
import type { Requirement } from "./requirement.js";
import { run } from "./run.js";

/** Dynamic resources of the SDK in package.json run with any CLI from here on. */
const OLDEST_MINOR = 200;
const LANGUAGE_HOST = "pulumi-language-nodejs";
const LAUNCHER = "pulumi-resource-pulumi-nodejs";
const INSTALLER = "https://get.pulumi.com";
const SECONDS = 1000;

/** The version that is installed where there is none: that of the Go module. */
const version = pinned("pulumi", "github.com/pulumi/pulumi/pkg/v3");

type Found = { readonly pulumi: string } | { readonly none: string };

export const pulumiCli: Requirement = {
  name: "the Pulumi CLI with its host for Node.js",
  purpose: "every program and every test that Pulumi's engine runs",
  neededBy: "pulumi",
  find: () => {
    const found = usable();
    return "pulumi" in found ? found.pulumi : undefined;
  },
  make: makePulumi,
};

/** The program that the engine starts for dynamic resources comes with the SDK, outside the packages' `bin`. */
export function linkLauncher(): void {
  mkdirSync(toolsBin, { recursive: true });
  const link = join(toolsBin, LAUNCHER);
  rmSync(link, { force: true });
  symlinkSync(join(root, "node_modules", "@pulumi", "pulumi", LAUNCHER), link);
}

function usable(): Found {
  const path = onPath();
  return "pulumi" in path ? path : inTools();
}

/** The ways to a CLI, the cheapest first. Each gives the path of a `pulumi` that runs, or why there is none. */
async function makePulumi(): Promise<void> {
  const reasons: string[] = [];
  for (const way of [onPath, inTools, fromVendor, fromGoModules]) {
    const found = await way();
    if ("pulumi" in found) return;
    reasons.push(found.none);
  }
  throw new ProblemError({
    code: "no-pulumi",
    what: `Unable to find or make the Pulumi CLI: ${reasons.join("; ")}`,
    remedy:
      "Install Pulumi (https://www.pulumi.com/docs/install) or Go 1.25.11 or later, then run `npm run setup` again.",
  });
}

function onPath(): Found {
  const path = process.env["PATH"] ?? "";
  const pulumi = findOnPath("pulumi", path);
  if (pulumi === undefined) return { none: "there is no `pulumi` on PATH" };
  const found = versionOf(pulumi);
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(found) ?? [];
  if (Number(major) !== 3 || Number(minor) < OLDEST_MINOR) {
    return { none: `${pulumi} is ${found || "broken"}, older than v3.${OLDEST_MINOR}` };
  }
  // The CLI looks beside itself first.
  const host = findOnPath(LANGUAGE_HOST, `${dirname(pulumi)}:${path}`);
  return host === undefined ? { none: `${pulumi} is without ${LANGUAGE_HOST}` } : { pulumi };
}

function inTools(): Found {
  const pulumi = findOnPath("pulumi", toolsBin);
  const complete = pulumi !== undefined && findOnPath(LANGUAGE_HOST, toolsBin) !== undefined;
  return complete && versionOf(pulumi) === version ? { pulumi } : { none: `there is no ${version} in .tools/bin` };
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
    return inTools();
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

/** `v3.259.0`, or nothing if it does not run. */
function versionOf(pulumi: string): string {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" };
  const { status, stdout } = spawnSync(pulumi, ["version"], { env, encoding: "utf8", timeout: 20 * SECONDS });
  return status === 0 ? stdout.trim() : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
