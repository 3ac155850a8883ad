import { describe, expect, it } from "vitest";
import { type Finding, type Rule, evaluate } from "../../provider/rules/index.js";

/** Facts that break a rule, with what it must find: one finding or several, in order. */
export type Breaking<Facts> = readonly [facts: Facts, ...found: readonly Partial<Finding>[]];

export interface Examples<Facts> {
  readonly breaks: readonly Breaking<Facts>[];
  /** Neighbours of those, in which the rule finds nothing. */
  readonly keeps: readonly Facts[];
}

/**
 * The tests of one rule, named by its id: the rule table finds the file and line of a rule's tests by this call.
 * A rule that is taken out of `rules` fails here.
 */
export function examplesOf<Facts>(rules: readonly Rule<Facts>[]): (id: string, examples: Examples<Facts>) => void {
  return (id, { breaks, keeps }) => {
    describe(id, () => {
      const only = rules.filter((rule) => rule.id === id);

      it("is in the table once", () => {
        expect(only).toHaveLength(1);
        expect(breaks.length).toBeGreaterThan(0);
        expect(keeps.length).toBeGreaterThan(0);
      });

      it.each(breaks.map((example, index) => [index + 1, example] as const))("breaks, %i", (_, [facts, ...found]) => {
        const violations = evaluate(only, facts);
        const { severity, engineId } = only[0] ?? {};
        expect(violations).toEqual(
          found.map((finding) => ({
            rule: id,
            severity,
            ...(engineId === undefined ? {} : { engineId }),
            remedy: expect.stringMatching(/^[A-Z].*\.$/) as string,
            ...finding,
          })),
        );
        for (const { message } of violations) expect(message).toMatch(/^[A-Z].*\.$/);
      });

      it.each(keeps.map((facts, index) => [index + 1, facts] as const))("keeps, %i", (_, facts) => {
        expect(evaluate(only, facts)).toEqual([]);
      });
    });
  };
}
