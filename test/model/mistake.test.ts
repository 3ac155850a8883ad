/** The words for what a schema complains about: no text of zod's own reaches a user. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { vmInterfaceSchema } from "../../provider/handlers/inputs/vm-interface.js";
import { ask } from "../../provider/handlers/functions/function.js";
import { getFreeVfs } from "../../provider/handlers/functions/get-free-vfs.js";
import { checkFailures } from "../../provider/handlers/handler.js";
import { inWords, issuesInWords, ofProperty } from "../../provider/model/mistake.js";
import { noProgress } from "../../provider/model/progress.js";
import { ProblemError } from "../../provider/model/problem.js";

const failing: readonly (readonly [kind: string, schema: z.ZodType, value: unknown, words: string])[] = [
  ["missing", z.string(), undefined, "x is missing"],
  ["null", z.string(), null, "x is empty: it must be a string"],
  ["another type", z.string(), 1, "x must be a string, not a number"],
  ["a list for an object", z.object({}), [], "x must be an object, not a list"],
  ["a fraction", z.number().int(), 1.5, "x must be a whole number"],
  ["not a number", z.number(), NaN, "x must be a number"],
  ["a type without words of its own", z.date(), "a", "x must be of type date, not a string"],
  ["none of the values", z.enum(["early", "late"]), "later", 'x must be "early" or "late"; did you mean "late"?'],
  ["another type than the values'", z.enum(["early"]), 1, 'x must be "early", not a number'],
  ["an empty string", z.string().min(1), "", "x is empty"],
  ["a short string", z.string().min(3), "ab", "x must have at least 3 characters"],
  ["a long string", z.string().max(1), "ab", "x must have at most 1 character"],
  ["an empty list", z.array(z.string()).min(1), [], "x is an empty list"],
  ["a short list", z.array(z.string()).min(2), ["a"], "x must have at least 2 entries"],
  ["a long list", z.array(z.string()).max(1), ["a", "b"], "x must have at most 1 entry"],
  ["a small number", z.number().min(2), 1, "x must be at least 2"],
  ["a number at its lower bound", z.number().positive(), 0, "x must be more than 0"],
  ["a large number", z.number().max(2), 3, "x must be at most 2"],
  ["a number at its upper bound", z.number().lt(2), 2, "x must be less than 2"],
  ["no multiple", z.number().multipleOf(4), 3, "x must be a multiple of 4"],
  ["no IPv4 address", z.ipv4(), "host", "x is not a valid IPv4 address"],
  ["another format", z.email(), "host", "x has an invalid format"],
  ["a format with words of its own", z.string().regex(/^a$/, "must be a"), "b", "x must be a"],
  [
    "an unknown key",
    z.strictObject({ name: z.string() }),
    { name: "a", nam: "b" },
    'x has an unknown key "nam"; did you mean "name"?',
  ],
  [
    "an unknown key without a near one",
    z.strictObject({ name: z.string() }),
    { name: "a", c: 1 },
    'x has an unknown key "c"; its keys are name',
  ],
  ["two unknown keys", z.strictObject({}), { a: 1, b: 1 }, 'x has an unknown key "a", and an unknown key "b"'],
  ["no way of a union", z.union([z.string().min(2), z.number()]), "a", "x must have at least 2 characters"],
  ["a name", z.record(z.string().min(2), z.string()), { a: "b" }, "x.a has a name that is not valid"],
  ["a check without words", z.string().refine(() => false), "a", "x is not valid"],
  ["a check with words", z.string().refine(() => false, "is taken"), "a", "x is taken"],
];

describe("each kind of issue in words", () => {
  test.each(failing)("%s", (_, schema, value, words) => {
    const { error } = z.object({ x: schema }).safeParse({ x: value }, { error: inWords });
    expect(issuesInWords(error?.issues ?? [])).toBe(words);
  });

  test("a nested property is named by its path", () => {
    const { error } = z.object({ a: z.array(z.object({ b: z.string() })) }).safeParse({ a: [{}] }, { error: inWords });
    expect(issuesInWords(error?.issues ?? [])).toBe("a[0].b is missing");
  });
});

describe("where they are read", () => {
  test("inputs of a resource", () => {
    const { error } = vmInterfaceSchema.safeParse({ vm: "", mac: 1, colour: "secret-value" });
    expect(
      checkFailures(error ?? expect.fail("accepted")).map(({ property, reason }) => ofProperty(property, reason)),
    ).toEqual([
      "vm is empty",
      "profile is missing",
      "mac must be a string, not a number",
      expect.stringMatching(/^The resource has an unknown key "colour"; its keys are vm, .+\.$/),
    ]);
  });

  test("arguments of a function", async () => {
    const asked = ask(getFreeVfs, { config: {}, progress: noProgress }, { host: "", colour: "red" });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect((error as ProblemError).message).toBe(
      'Unable to use the arguments: host is empty; network is missing; the function has an unknown key "colour"; its keys are host, network. Correct the arguments of the function.',
    );
  });

  test.each([
    ["vm", "is missing", "vm is missing"],
    ["vm", 'Another VM has the name "x".', 'vm: Another VM has the name "x".'],
    ["", "The resource is not possible.", "The resource is not possible."],
  ])("%s, %s", (property, reason, text) => expect(ofProperty(property, reason)).toBe(text));
});
