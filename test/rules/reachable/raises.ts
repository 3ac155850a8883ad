/**
 * A story for each rule, in which the product's own code gathers the facts that break it, and the user hears of it. An example
 * (test/rules/examples.ts) is given its facts by hand: it is also green where no host could ever tell them.
 */
import { expect, it } from "vitest";
import type { evaluate } from "../../../provider/rules/rule.js";
import { rules, type Violation } from "../../../provider/rules/index.js";

const found: Pick<Violation, "rule" | "message">[] = [];

/** `evaluate`, which keeps a note of what it finds: test files mock provider/rules/rule.ts with it. */
export function noting<Module extends { evaluate: typeof evaluate }>(module: Module): Module {
  const noted: typeof evaluate = (table, facts, options) => {
    const violations = module.evaluate(table, facts, options);
    found.push(...violations);
    return violations;
  };
  return { ...module, evaluate: noted };
}

/** @param story returns all that the user reads in it. */
export function raises(id: string, story: () => Promise<string>): void {
  it(`raises ${id}, and tells the user`, async () => {
    found.length = 0;
    const said = await story();
    const messages = found.filter(({ rule }) => rule === id).map(({ message }) => message);
    expect(messages, said).not.toEqual([]);
    expect(
      messages.some((message) => said.includes(message)),
      `${messages.join("\n")}\n--- but said was\n${said}`,
    ).toBe(true);
  });
}

/** The rule is the engine's alone: its own message arrives, and is known for what it is. */
export function raisesByEngine(id: string, story: () => Promise<string>): void {
  it(`is told by the engine of ${id}`, async () => {
    const rule = rules.find((each) => each.id === id);
    expect(rule?.checkedAt).toEqual(["engine"]);
    expect(await story()).toContain(`(${rule?.engineId ?? "none"})`);
  });
}

/** What an operation says that is refused. */
export async function refusalOf(operation: Promise<unknown>): Promise<string> {
  const error: unknown = await operation.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}
