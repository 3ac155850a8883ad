import type { Problem } from "../model/problem.js";

/** Where a rule is looked at: when Pulumi checks inputs, before a move, by oVirt's engine itself, or by `vnic-failover doctor`. */
export type Checkpoint = "check" | "preflight" | "engine" | "doctor";

export type Severity = "error" | "warning";

/** One thing that a rule finds wrong. */
export interface Finding {
  /** The input at fault. */
  readonly property?: string;
  /** What is wrong, with the names involved. One or more sentences. */
  readonly message: string;
  /** What the reader can do about it. One or more sentences. */
  readonly remedy: string;
  /** The engine's message id for this case, where it differs from the rule's. */
  readonly engineId?: string;
}

/** One row of the table: what holds, who says so, and a pure function that finds where it does not. */
export interface Rule<Facts> {
  /** Stable, `kebab-case`. */
  readonly id: string;
  /** What holds, in one line. */
  readonly title: string;
  /** The id of oVirt's message for the same rule. */
  readonly engineId?: string;
  /** That message as a REST fault carries it (a fault has no id), `${…}` for its variables. */
  readonly engineText?: string;
  /** Where the rule comes from: a file or page of the project that has it. */
  readonly source: string;
  readonly checkedAt: readonly Checkpoint[];
  readonly severity: Severity;
  /** It only estimates: the one who makes the move may set it aside by its id (`ignoreRules`). */
  readonly estimate?: true;
  readonly find: (facts: Facts) => Finding | readonly Finding[] | undefined;
}

/** A finding, with the rule that it breaks. */
export interface Violation extends Finding {
  readonly rule: string;
  readonly severity: Severity;
  /** An error that was set aside, and so is a warning. */
  readonly ignored?: true;
}

/**
 * What of `rules` is broken, in the order of the rules.
 *
 * `firstOnly`: the findings of the first broken rule of severity error end the list, as in oVirt, where the first
 * failed validation is the answer.
 */
export function evaluate<Facts>(
  rules: readonly Rule<Facts>[],
  facts: Facts,
  { firstOnly = false }: { readonly firstOnly?: boolean } = {},
): Violation[] {
  const violations: Violation[] = [];
  for (const rule of rules) {
    const found = violationsOf(rule, facts);
    violations.push(...found);
    if (firstOnly && rule.severity === "error" && found.length > 0) break;
  }
  return violations;
}

/** The violation as a problem: its code is the rule's id. */
export function problemOf(violation: Violation, where?: string): Problem {
  return {
    code: violation.rule,
    what: violation.message,
    remedy: violation.remedy,
    ...(where === undefined ? {} : { where }),
  };
}

/** What of the violation users read, in words and in JSON. */
export function findingOf({ rule, severity, message, remedy }: Violation) {
  return { rule, severity, message, remedy };
}

function violationsOf<Facts>(rule: Rule<Facts>, facts: Facts): Violation[] {
  return [rule.find(facts) ?? []].flat().map((finding) => ({
    rule: rule.id,
    severity: rule.severity,
    ...(rule.engineId === undefined ? {} : { engineId: rule.engineId }),
    ...finding,
  }));
}
