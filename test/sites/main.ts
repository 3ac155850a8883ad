/**
 * `npm run test:sites [-- NAME… | --list] [--note]`: the lab's variants, one after another on one lab. With `--note`
 * docs/sites.md gets the commit that each of them has passed at.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { root, toolsBin } from "../../toolchain/pulumi.js";
import { run } from "../lab/command.js";
import { down, up } from "../lab/lab.js";
import { ensureDaemons } from "../lab/modular.js";
import { inNamespace } from "../lab/network.js";
import { commitNow } from "./commit.js";
import { noted } from "./last-runs.js";
import { variantNamed, variants, type Variant } from "./variants.js";

const say = (line: string) => console.error(line);
const page = join(root, "docs/sites.md");

const program = new Command("npm run test:sites --")
  .argument("[name...]", "which variants (default: all)")
  .option("--list", "list them and run nothing")
  .option("--note", "write the commit into docs/sites.md for those that pass")
  .action(async (names: string[], { list = false, note = false }: { list?: boolean; note?: boolean }) => {
    const chosen = names.length === 0 ? variants : names.map(variantNamed);
    if (list) {
      for (const { name, given, done, seen } of chosen)
        console.log(`${name}\n  given: ${given}\n  done:  ${done}\n  seen:  ${seen}`);
      return;
    }
    const results: { name: string; passed: boolean; seconds: number }[] = [];
    for (const variant of chosen) {
      const { image } = await up("separate", say);
      if (variant.needsDaemons === true) await ensureDaemons(image, say);
      const began = Date.now();
      const passed = runs(variant);
      results.push({ name: variant.name, passed, seconds: Math.round((Date.now() - began) / 1000) });
      if (passed && note) await noteOnPage(variant);
      // What it has left of itself on the hosts must not be counted against the next.
      if (!passed) await down();
    }
    for (const { name, passed, seconds } of results)
      console.log(`${passed ? "passed" : "FAILED"}  ${name} (${seconds} s)`);
    const passed = results.filter((result) => result.passed).length;
    console.log(`${passed} passed, ${results.length - passed} failed`);
    process.exitCode = passed === results.length ? 0 : 1;
  });

async function noteOnPage({ name }: Variant): Promise<void> {
  writeFileSync(page, noted(readFileSync(page, "utf8"), name, commitNow()));
  await run(process.execPath, [join(root, "node_modules/prettier/bin/prettier.cjs"), "--write", page]);
}

function runs({ name }: Variant): boolean {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const [command, args] = inNamespace([
    process.execPath,
    ...[vitest, "run", "--project", "sites", `test/sites/lab/${name}.test.ts`],
  ]);
  const PATH = `${toolsBin}:${process.env["PATH"] ?? ""}`;
  return spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH } }).status === 0;
}

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
