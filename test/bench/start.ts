/** What is paid before anything is done: the time until a program is there, and the bytes that a user fetches. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "../../toolchain/package.js";
import { pluginArchives } from "../../toolchain/plugin-archive.js";
import { root } from "../../toolchain/pulumi.js";
import { run } from "../lab/command.js";
import { spread, type Spread } from "./statistics.js";

export interface StartRow {
  readonly bench: "start";
  readonly way: string;
  readonly rounds: number;
  /** From the start of the process to its end. */
  readonly milliseconds: Spread | null;
  /** Since what the way is compared with: Node.js alone, or Pulumi's SDK. Of each round its own difference. */
  readonly more: Spread | null;
}

export interface SizeRow {
  readonly bench: "size";
  readonly way: "npm package" | "plugin archive";
  readonly bytes: number;
}

interface Way {
  readonly args: readonly string[];
  readonly beside?: string;
}

const node = "Node.js alone";
const sdk = "Pulumi's SDK";

function waysIn(home: string): Readonly<Record<string, Way>> {
  const program = (...path: string[]) => join(home, "node_modules", "pulumi-vnic-failover", "dist", ...path);
  const loading = (...names: string[]) => ["-e", names.map((name) => `require("${name}");`).join("")];
  return {
    [node]: { args: ["-e", ""] },
    "vnic-failover --help": { args: [program("cli", "main.js"), "--help"], beside: node },
    // Its input is at its end, so that it ends when it has said its port.
    "the plugin": { args: [program("pulumi", "plugin", "main.js")], beside: node },
    [sdk]: { args: loading("@pulumi/pulumi") },
    "a program's import": { args: loading("@pulumi/pulumi", "pulumi-vnic-failover"), beside: sdk },
    "the handlers": { args: loading("@pulumi/pulumi", "pulumi-vnic-failover/handlers"), beside: sdk },
  };
}

export async function benchStart(rounds: number, say: (line: string) => void): Promise<(StartRow | SizeRow)[]> {
  const scratch = mkdtempSync(join(tmpdir(), "vnic-failover-start-"));
  try {
    const { tarball } = await pack(scratch);
    const [archive = ""] = await pluginArchives(tarball, join(scratch, "archives"), ["linux-amd64"]);
    say("the package is made");
    const installed = join(scratch, "node_modules", "pulumi-vnic-failover");
    mkdirSync(installed, { recursive: true });
    await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
    symlinkSync(join(root, "node_modules", "@pulumi"), join(scratch, "node_modules", "@pulumi"));
    const sizes = [
      { bench: "size", way: "npm package", bytes: statSync(tarball).size },
      { bench: "size", way: "plugin archive", bytes: statSync(archive).size },
    ] as const;
    return [...byTurns(waysIn(scratch), rounds, scratch), ...sizes];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The first round fills the machine's caches, and does not count. */
function byTurns(ways: Readonly<Record<string, Way>>, rounds: number, cwd: string): StartRow[] {
  const samples = Array.from({ length: rounds + 1 }, () =>
    Object.fromEntries(Object.entries(ways).map(([way, { args }]) => [way, milliseconds(args, cwd)])),
  ).slice(1);
  return Object.entries(ways).map(([way, { beside }]) => ({
    bench: "start",
    way,
    rounds,
    milliseconds: spread(samples.map((sample) => sample[way] ?? NaN)),
    more: beside === undefined ? null : spread(samples.map((sample) => (sample[way] ?? NaN) - (sample[beside] ?? NaN))),
  }));
}

function milliseconds(args: readonly string[], cwd: string): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, input: "", encoding: "utf8" });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${String(status)}:\n${stderr}`);
  return took;
}
