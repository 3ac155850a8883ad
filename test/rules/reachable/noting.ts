/** What rules find, noted. It loads nothing of the product: the mock of provider/rules/rule.ts waits for it. */
import type { evaluate, Violation } from "../../../provider/rules/rule.js";

export const found: Pick<Violation, "rule" | "message">[] = [];

/** `evaluate`, which keeps a note of what it finds: test files mock provider/rules/rule.ts with it. */
export function noting<Module extends { evaluate: typeof evaluate }>(module: Module): Module {
  const noted: typeof evaluate = (table, facts, options) => {
    const violations = module.evaluate(table, facts, options);
    found.push(...violations);
    return violations;
  };
  return { ...module, evaluate: noted };
}
