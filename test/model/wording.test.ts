import * as z from "zod";
import { expect, test } from "vitest";
import { enumType, optional, required, trueByDefault, withDefault } from "../../provider/model/describe.js";
import { limitsOf, sentencesOf } from "../../provider/model/wording.js";

test.each([
  [z.string(), ""],
  [z.boolean(), ""],
  [z.number().int(), ""],
  [z.string().max(255), "At most 255 characters."],
  [z.number().positive().max(86_400), "More than 0, at most 86400."],
  [z.number().int().positive(), "More than 0."],
  [z.number().min(68).max(65_535), "68 to 65535."],
  [z.array(z.string()).min(1).max(16), "At least 1, at most 16."],
])("limits in words (%#)", (schema, sentence) => {
  expect(limitsOf(schema)).toBe(sentence);
});

test("a default is said once, by its value or in words", () => {
  expect(sentencesOf(withDefault(z.number(), 30, "Seconds."))).toBe("Seconds. Default: `30`.");
  expect(sentencesOf(withDefault(z.record(z.string(), z.string()), {}, "Labels."))).toBe("Labels. Default: none.");
  expect(sentencesOf(withDefault(z.array(z.string()), [], "Whom.", { defaultText: "all" }))).toBe(
    "Whom. Default: all.",
  );
  expect(sentencesOf(trueByDefault("Whether it is."))).toBe("Whether it is. Default: `true`.");
  expect(sentencesOf(required(z.string(), "A name.", { isName: true }))).toBe("A name. Default: the resource's name.");
  expect(sentencesOf(optional(z.string(), "A name."))).toBe("A name.");
});

test("words have their meanings where a reader sees no type of theirs", () => {
  const values = { early: "Before it.", late: "In it." };
  const named = required(enumType(values, "When", "When it is.").schema, "When.");
  expect(sentencesOf(named)).toBe("When.");
  expect(sentencesOf(named, { meanings: true })).toBe("When. `early`: before it. `late`: in it.");
  expect(sentencesOf(required(enumType(values).schema, "When."))).toBe("When. `early`: before it. `late`: in it.");
});
