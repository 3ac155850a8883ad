import { describe, expect, it } from "vitest";
import { type Finding, type Rule, evaluate, problemOf } from "../../provider/rules/index.js";

function rule(id: string, severity: "error" | "warning", ...found: Finding[]): Rule<null> {
  return { id, severity, title: id, source: id, checkedAt: ["check"], find: () => found };
}

const one: Finding = { message: "One.", remedy: "Fix it." };
const two: Finding = { property: "mac", message: "Two.", remedy: "Fix it." };

describe("evaluate", () => {
  it("gives every finding in the order of the rules", () => {
    expect(evaluate([rule("a", "error", one, two), rule("b", "error"), rule("c", "warning", one)], null)).toEqual([
      { rule: "a", severity: "error", ...one },
      { rule: "a", severity: "error", ...two },
      { rule: "c", severity: "warning", ...one },
    ]);
  });

  it("takes one finding, or none, as well as a list", () => {
    const single: Rule<null> = { ...rule("a", "error"), find: () => one };
    const none: Rule<null> = { ...rule("b", "error"), find: () => undefined };
    expect(evaluate([single, none], null)).toEqual([{ rule: "a", severity: "error", ...one }]);
  });

  it("ends with the first broken error if asked to, warnings before it included", () => {
    const rules = [
      rule("kept", "error"),
      rule("warned", "warning", one),
      rule("first", "error", one, two),
      rule("second", "error", one),
    ];
    expect(evaluate(rules, null, { firstOnly: true }).map((violation) => violation.rule)).toEqual([
      "warned",
      "first",
      "first",
    ]);
    expect(evaluate(rules, null, {})).toHaveLength(4);
    expect(evaluate(rules, null, { firstOnly: false })).toHaveLength(4);
  });

  it("names the engine's message, the finding's own before the rule's", () => {
    const engineId = "RULE";
    const found = evaluate([{ ...rule("a", "error", one, { ...two, engineId: "FINDING" }), engineId }], null);
    expect(found.map((violation) => violation.engineId)).toEqual(["RULE", "FINDING"]);
    expect(Object.keys(evaluate([rule("a", "error", one)], null)[0] ?? {})).not.toContain("engineId");
  });
});

describe("problemOf", () => {
  it("has the rule's id as its code", () => {
    const violation = { rule: "a", severity: "error", ...two } as const;
    expect(problemOf(violation)).toEqual({ code: "a", what: "Two.", remedy: "Fix it." });
    expect(problemOf(violation, "VM web")).toEqual({ code: "a", what: "Two.", remedy: "Fix it.", where: "VM web" });
    expect(Object.keys(problemOf(violation))).not.toContain("where");
  });
});
