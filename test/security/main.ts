/** `npm run test:security`: runs the tests that name a finding of the audit, and prints what became of each. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { findings, type Finding } from "./findings.js";

const resultSchema = z.looseObject({
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      assertionResults: z.array(z.looseObject({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

const root = join(import.meta.dirname, "../..");
const oneOfAll = String.raw`\bX\d{1,2}\b`;

interface Test {
  readonly name: string;
  readonly how: "passed" | "failed" | "skipped";
}

/** Those of the lab's project need root, and nothing of the lab. */
function withoutRoot(): NodeJS.ProcessEnv {
  return process.getuid?.() === 0 ? {} : { VNIC_LAB_SKIPPED: "they need root's privileges" };
}

function run(): readonly Test[] {
  const folder = mkdtempSync(join(tmpdir(), "test-security-"));
  const output = join(folder, "results.json");
  const files = execFileSync("git", ["grep", "-lwE", "X[0-9]{1,2}", "--", "test/*.test.ts"], {
    cwd: root,
    encoding: "utf8",
  });
  try {
    spawnSync(
      join(root, "node_modules/.bin/vitest"),
      ["run", "-t", oneOfAll, "--reporter=json", `--outputFile=${output}`, ...files.trim().split("\n")],
      { cwd: root, env: { ...process.env, ...withoutRoot() }, stdio: ["ignore", "ignore", "inherit"] },
    );
    return resultSchema.parse(JSON.parse(readFileSync(output, "utf8"))).testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ fullName: name, status }) => ({
        name,
        how: status === "passed" ? "passed" : status === "skipped" || status === "pending" ? "skipped" : "failed",
      })),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const tests = run();
const documentation = readFileSync(join(root, "docs/security.md"), "utf8").replaceAll(/\s+/g, " ");

function resultOf({ id, verdict, sentence }: Finding): { readonly ok: boolean; readonly how: string } {
  const own = tests.filter(({ name }) => new RegExp(`\\b${id}\\b`).test(name));
  const first = own.find(({ how }) => how === "failed");
  const ran = own.filter(({ how }) => how !== "skipped");
  if (verdict === "documented" && first === undefined) {
    const said = sentence !== undefined && documentation.includes(sentence);
    return { ok: said, how: said ? `docs/security.md: "${sentence}"` : "docs/security.md does not say it" };
  }
  if (own.length === 0) return { ok: false, how: "no test names it" };
  if (first !== undefined) return { ok: false, how: `FAILED: ${first.name}` };
  return ran.length === 0
    ? { ok: false, how: "its tests were skipped: they need root's privileges, or python3" }
    : { ok: true, how: `${ran.length} ${ran.length === 1 ? "test" : "tests"}` };
}

const results = findings.map((finding) => ({ ...finding, ...resultOf(finding) }));
for (const { id, means, verdict, ok, how } of results)
  console.log(`${id.padEnd(4)} ${(ok ? verdict : "NOT HELD").padEnd(11)} ${means.padEnd(70)} ${how}`);
const acting = results.filter(({ ok }) => !ok);
console.log(`${results.length - acting.length} of ${results.length} findings are refused, bounded or documented`);
process.exitCode = acting.length === 0 ? 0 : 1;
