/** Prints every rule: `npm run rules [-- --json]`. */
import { type PrintedRow, printedRows } from "./rows.js";

function main(): void {
  const rows = printedRows();
  console.log(process.argv.includes("--json") ? JSON.stringify(rows, null, 2) : asText(rows));
}

function asText(rows: readonly PrintedRow[]): string {
  const heading = ["ID", "RULE", "SEVERITY", "CHECKED AT", "GATHERED IN", "SOURCE", "TEST"];
  const lines = rows.map(({ id, title, severity, checkedAt, gatheredIn, source, test }) => [
    id,
    title,
    severity,
    checkedAt.join(", "),
    gatheredIn.join(", "),
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
