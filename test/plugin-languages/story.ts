import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../toolchain/pulumi.js";
import { TestStack, type Run } from "../pulumi/stack.js";
import type { Language } from "./programs.js";

/** What a program is run on. */
export interface Setting {
  /** `vnic-failover:cluster`. */
  readonly cluster: unknown;
  readonly vm: string;
  readonly from: string;
  readonly to: string;
}

const resources = ["data", "data-vf", "nic", "placement"];

/**
 * The life of the example in a language: declared, unchanged, its VM moved, refreshed, destroyed.
 * @param env with the plugin on PATH.
 * @throws AssertionError that shows what `pulumi` said where something is not as it should be.
 */
export async function live(
  project: string,
  language: Language,
  sdk: string,
  { cluster, vm, from, to }: Setting,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  cpSync(join(root, "examples", "plugin", language.example), project, { recursive: true });
  const own = await language.prepare(project, sdk);
  const name = `failover-${language.example}`;
  const config = { "vnic-failover:cluster": cluster, [`${name}:vm`]: vm, [`${name}:host`]: from };
  writeFileSync(join(project, "Pulumi.dev.yaml"), JSON.stringify({ config }));
  const path = [own["PATH"], env["PATH"]].filter((part) => part !== undefined).join(":");
  const stack = new TestStack(project, { ...env, ...own, PATH: path, PULUMI_NODEJS_TRANSPILE_ONLY: "true" }, "js");
  await stack.pulumi("stack", "init", "dev");
  const all = (operation: string) => Object.fromEntries(resources.map((resource) => [resource, operation]));
  try {
    changed("preview", await stack.preview(), all("create"));
    changed("up", await stack.up(), all("create"));
    changed("preview after it", await stack.preview(), {});
    await stack.pulumi("config", "set", `${name}:host`, to);
    changed("up with the other host", await stack.up(), { placement: "update" });
    succeeded("refresh", await stack.refresh());
    changed("preview after it", await stack.preview(), {});
  } finally {
    changed("destroy", await stack.destroy(), all("delete"));
  }
}

function succeeded(what: string, { exitCode, text }: Run): void {
  assert.equal(exitCode, 0, `${what}:\n${text}`);
  console.log(`  ${what}: ok`);
}

function changed(what: string, run: Run, expected: Readonly<Record<string, string>>): void {
  assert.deepEqual(run.changes, expected, `${what}:\n${run.text}`);
  succeeded(what, run);
}
