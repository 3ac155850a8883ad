import { suggestion } from "../model/suggestion.js";
import type { Rule, Violation } from "./rule.js";
import { quoted } from "./wording.js";

/** Rules that only estimate may be set aside by name, and the answer says so. */

interface IgnoringFacts {
  /** Ids of rules. */
  readonly ignoredRules?: readonly string[] | undefined;
}

/** @param estimates ids of the rules that may be. */
export function ignoringRule(estimates: () => readonly string[]): Rule<IgnoringFacts> {
  return {
    id: "move-ignored-rules",
    title: "Only rules that estimate are ignored",
    source: "migration.ignoreRules",
    checkedAt: ["check", "preflight"],
    severity: "error",
    find: ({ ignoredRules = [] }) =>
      ignoredRules
        .filter((id) => !estimates().includes(id))
        .map((id) => ({
          property: "migration",
          message: `Rule ${quoted(id)} of ignoreRules is not one that can be ignored.`,
          remedy: suggestion("Rules that can be ignored", id, estimates()),
        })),
  };
}

/** The violations, with the errors of those rules as warnings. @param ignored ids of rules that may be. */
export function settingAside(violations: readonly Violation[], ignored: readonly string[]): readonly Violation[] {
  return violations.map((violation) =>
    violation.severity === "error" && ignored.includes(violation.rule)
      ? {
          ...violation,
          severity: "warning",
          ignored: true,
          message: `${violation.message} Rule ${quoted(violation.rule)} is ignored, as ignoreRules says.`,
        }
      : violation,
  );
}
