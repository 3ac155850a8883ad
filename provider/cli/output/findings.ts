/** Findings of rules, for people. Pure. */
import { findingOf, type Violation } from "../../rules/index.js";

/** `error: what is wrong` with the remedy below it; errors first. */
export function describeFindings(findings: readonly Violation[]): string {
  return findings
    .toSorted((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"))
    .map(({ severity, message, remedy }) => `${severity}: ${message}\n  ${remedy}`)
    .join("\n");
}

/** As they stand in `--json`. */
export function findingsDocument(findings: readonly Violation[]): readonly object[] {
  return findings.map(findingOf);
}
