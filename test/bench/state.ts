/** What a resource costs in the stack's state, and in the memory of the provider's process. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { interfacesPerVm } from "../hosts/fleet.js";
import { run } from "../lab/command.js";
import { root } from "../../toolchain/pulumi.js";
import { compile, installPackage } from "../pulumi/package.js";
import { withStack, type StateResource } from "../pulumi/stack.js";
import { withHosts } from "./host-process.js";
import { capturing, program } from "./programs.js";
import { spread, type Spread } from "./statistics.js";

export interface StateRow {
  readonly bench: "state";
  readonly way: "ours" | "captured";
  readonly resources: number;
  /** Of the URN, type, id, inputs and outputs of one resource in `pulumi stack export`, as JSON without blanks. */
  readonly bytes: Spread | null;
  /** Of these, the provider's own text. */
  readonly providerBytes: Spread | null;
}

export interface MemoryRow {
  readonly bench: "memory";
  /** How it was measured: without the engine, the process's own handlers reading interfaces from hosts. */
  readonly way: "handlers read by a child process";
  readonly resources: number;
  readonly heapMiB: number;
  readonly rssMiB: number;
  /** Since the row before. */
  readonly heapKiBPerResource: number | null;
  readonly rssKiBPerResource: number | null;
}

export async function benchState(resources: number, say: (line: string) => void): Promise<StateRow[]> {
  const vms = resources / interfacesPerVm;
  const rows: StateRow[] = [];
  await withHosts({ vms, roundTrip: 0 }, async ({ cluster }) => {
    await withStack(
      { program: program("ours", { resources, roundTrip: 0 }), config: { "vnic-failover:cluster": cluster } },
      async (stack) => {
        await stack.pulumi("up", "--yes", "--skip-preview");
        rows.push(rowOf("ours", (await stack.export()).resources));
      },
    );
  });
  say("state of ours read");
  await withStack({ program: "" }, async (stack) => {
    putModules(stack.folder);
    stack.write(capturing(resources));
    await stack.pulumi("up", "--yes", "--skip-preview");
    rows.push(rowOf("captured", (await stack.export()).resources));
  });
  say("state of a captured provider read");
  return rows;
}

/** Pulumi captures code of the program's own folder, and loads that of node_modules by name. */
function putModules(project: string): void {
  const sources = join(root, "provider");
  for (const name of readdirSync(sources, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const file = join(project, "code", name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, compile(readFileSync(join(sources, name), "utf8"), name));
  }
  for (const name of ["xmlbuilder2", "zod"])
    symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
}

function rowOf(way: StateRow["way"], resources: Readonly<Record<string, StateResource>>): StateRow {
  const interfaces = Object.values(resources).filter(({ inputs }) => "vm" in inputs);
  const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value ?? ""));
  return {
    bench: "state",
    way,
    resources: interfaces.length,
    bytes: spread(interfaces.map(size)),
    providerBytes: spread(
      interfaces.map(({ inputs, outputs }) => size(inputs["__provider"]) + size(outputs["__provider"])),
    ),
  };
}

const memorySchema = z.object({ resources: z.number(), heapUsed: z.number(), rss: z.number() });
const MiB = 2 ** 20;

export async function benchMemory(counts: readonly number[], say: (line: string) => void): Promise<MemoryRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "vnic-failover-memory-"));
  try {
    await installPackage(folder);
    const handlers = join(folder, "node_modules", "pulumi-vnic-failover", "dist", "pulumi", "dynamic", "index.js");
    const vms = Math.max(...counts) / interfacesPerVm;
    const { stdout } = await withHosts({ vms, roundTrip: 0, furnished: true }, ({ cluster }) =>
      run(process.execPath, [
        ...["--expose-gc", "--import", "tsx", join(import.meta.dirname, "provider-memory.ts")],
        ...[handlers, JSON.stringify(cluster), JSON.stringify(counts)],
      ]),
    );
    const samples = stdout
      .trim()
      .split("\n")
      .map((line) => memorySchema.parse(JSON.parse(line)));
    say("memory of the provider read");
    return samples.map(({ resources, heapUsed, rss }, index) => {
      const before = samples[index - 1];
      const growth = (now: number, then: number | undefined) =>
        before === undefined || then === undefined
          ? null
          : rounded((now - then) / 1024 / (resources - before.resources));
      return {
        bench: "memory",
        way: "handlers read by a child process",
        resources,
        heapMiB: rounded(heapUsed / MiB),
        rssMiB: rounded(rss / MiB),
        heapKiBPerResource: growth(heapUsed, before?.heapUsed),
        rssKiBPerResource: growth(rss, before?.rss),
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
