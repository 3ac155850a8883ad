import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import * as z from "zod";
import { checkFailures, diffOf } from "../../provider/handlers/handler.js";
import { inWords } from "../../provider/model/mistake.js";
import { known } from "../../provider/model/known.js";
import { isWhollyKnown, UNKNOWN } from "../../provider/model/unknown.js";

describe("known", () => {
  const Profile = z.strictObject({
    name: known(z.string().min(2)),
    mode: known(z.enum(["on", "off"])).default("off"),
    qos: known(z.strictObject({ average: z.number() })).optional(),
  });

  test("lets UNKNOWN through and gives the schema's own output", () => {
    expect(Profile.parse({ name: UNKNOWN, mode: UNKNOWN })).toEqual({ name: UNKNOWN, mode: UNKNOWN });
    expect(Profile.parse({ name: "data" })).toEqual({ name: "data", mode: "off" });
  });

  test.each([
    [{ name: "d" }, "name", /^must have at least 2 characters$/],
    [{}, "name", /^is missing$/],
    [{ name: "data", mode: "secret-value" }, "mode", /^must be "on" or "off"$/],
    [{ name: "data", qos: { average: "secret-value" } }, "qos.average", /^must be a number, not a string$/],
    [
      { name: "data", colour: "secret-value" },
      "",
      /^The resource has an unknown key "colour"; its keys are name, mode, qos\.$/,
    ],
  ])("%j is refused at %j", (value, property, reason) => {
    const failures = checkFailures(
      Profile.safeParse(value, { error: inWords }).error ?? expect.fail("it was accepted"),
    );
    expect(failures).toEqual([{ property, reason: expect.stringMatching(reason) as string }]);
    expect(JSON.stringify(failures)).not.toContain("secret-value");
  });

  test("a value is wholly known if no part of it is unknown", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(isWhollyKnown(value)).toBe(true);
        expect(isWhollyKnown({ a: [value, { b: UNKNOWN }] })).toBe(false);
      }),
    );
  });
});

describe("diffOf", () => {
  type Inputs = { name: string; qos?: object | undefined; host?: string | undefined };

  test("equal inputs are no change, in whatever order and whether absent or undefined", () => {
    const state = { name: "data", qos: { a: 1, b: [2] }, host: undefined };
    expect(diffOf<Inputs>(state, { qos: { b: [2], a: 1 }, name: "data" })).toEqual({
      changes: false,
      replaces: [],
      deleteBeforeReplace: false,
    });
  });

  test("a changed input is left to the engine to tell, and replaces where the rules say so", () => {
    const diff = diffOf<Inputs>({ name: "data", host: "a" }, { name: "other", host: "b" }, { replaceOn: ["name"] });
    expect(diff).toEqual({ changes: undefined, replaces: ["name"], deleteBeforeReplace: false });
  });

  test("an input taken away is a change", () => {
    expect(diffOf<Inputs>({ name: "data", host: "a" }, { name: "data" }).changes).toBeUndefined();
  });

  test("an unknown value is a change, although it is not known yet", () => {
    expect(diffOf<Inputs>({ name: "data" }, { name: UNKNOWN }, { replaceOn: ["name"] }).replaces).toEqual(["name"]);
  });

  test("outputs are no inputs", () => {
    const state = { name: "data", size: 3 };
    expect(diffOf<Inputs>(state, { name: "data" }, { inputs: ["name", "qos", "host"] }).changes).toBe(false);
  });

  test("drift alone is a change that the handler vouches for", () => {
    expect(diffOf<Inputs>({ name: "data" }, { name: "data" }, { drifted: true }).changes).toBe(true);
  });

  test("any JSON value equals its copy and differs from another", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const changes = diffOf<{ v: unknown }>({ v: one }, { v: other }).changes;
        const canonical = (v: unknown) => fc.stringify(JSON.parse(JSON.stringify(v)));
        if (canonical(one) === canonical(other)) expect(changes).toBe(false);
        expect(diffOf<{ v: unknown }>({ v: one }, { v: structuredClone(one) }).changes).toBe(false);
        expect(diffOf<{ v: unknown }>({ v: one }, { v: [one] }).changes).toBeUndefined();
      }),
    );
  });
});
