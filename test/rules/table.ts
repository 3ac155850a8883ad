import { type RuleRow, rules } from "../../provider/rules/index.js";
import { testsByRule } from "./locations.js";

/** Prints every rule: `npm run rules [-- --json]`. */

interface PrintedRow extends RuleRow {
  /** `test/rules/FILE:LINE`, `none` without test. */
  readonly test: string;
}

function main(): void {
  const tests = testsByRule();
  const rows = rules.map((rule): PrintedRow => ({ ...rule, test: tests.get(rule.id) ?? "none" }));
  console.log(process.argv.includes("--json") ? JSON.stringify(rows, null, 2) : asText(rows));
}

function asText(rows: readonly PrintedRow[]): string {
  const heading = ["ID", "RULE", "SEVERITY", "CHECKED AT", "SOURCE", "TEST"];
  const lines = rows.map(({ id, title, severity, checkedAt, source, test }) => [
    id,
    title,
    severity,
    checkedAt.join(", "),
    source,
    test,
  ]);
  return [...aligned([heading, ...lines]), `${rows.length} rules`].join("\n");
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

main();
