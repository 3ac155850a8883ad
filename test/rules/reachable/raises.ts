/**
 * A story for each rule, in which the product's own code gathers the facts that break it, and the user hears of it. An example
 * (test/rules/examples.ts) is given its facts by hand: it is also green where no host could ever tell them.
 */
import { expect, it } from "vitest";
import { rules } from "../../../provider/rules/index.js";
import { found } from "./noting.js";

/** @param story returns all that the user reads in it. */
export function raises(id: string, story: () => Promise<string>): void {
  it(`raises ${id}, and tells the user`, async () => {
    found.length = 0;
    const said = await story();
    const messages = found.filter(({ rule }) => rule === id).map(({ message }) => message);
    expect(messages, said).not.toEqual([]);
    expect(
      messages.some((message) => plain(said).includes(plain(message).replace(/\.$/, ""))),
      `${messages.join("\n")}\n--- but said was\n${said}`,
    ).toBe(true);
  });
}

/** A problem's sentence goes on its effect's: in lower case, and with names that were quoted before. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll('"', "").replaceAll("vm web", "the vm");
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
