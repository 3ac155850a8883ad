import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchVfs } from "../../provider/rules/index.js";

const names = ["pf0", "pf1", "pf2", "pf3"];
const someWanted = fc.array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 }), { maxLength: 6 });
const someFree = fc.record(Object.fromEntries(names.map((name) => [name, fc.nat(3)])));

/** The most interfaces that any choice could serve. */
function mostServed([first, ...rest]: readonly (readonly string[])[], free: Readonly<Record<string, number>>): number {
  if (first === undefined) return 0;
  const served = first
    .filter((name) => (free[name] ?? 0) > 0)
    .map((name) => 1 + mostServed(rest, { ...free, [name]: (free[name] ?? 0) - 1 }));
  return Math.max(mostServed(rest, free), ...served);
}

/** The first PF with a free VF for each, with no thought of those that follow. */
function greedily(wanted: readonly (readonly string[])[], free: Readonly<Record<string, number>>) {
  const left = { ...free };
  return wanted.map((choices) => {
    const name = choices.find((each) => (left[each] ?? 0) > 0);
    if (name !== undefined) left[name] = (left[name] ?? 0) - 1;
    return name;
  });
}

describe("VFs are matched to interfaces", () => {
  it("so that as many are served as any choice could serve, from PFs that they want and that have one", () => {
    fc.assert(
      fc.property(someWanted, someFree, (wanted, free) => {
        const given = matchVfs(wanted, (name) => free[name] ?? 0);
        for (const [index, name] of given.entries()) if (name !== undefined) expect(wanted[index]).toContain(name);
        for (const name of names)
          expect(given.filter((each) => each === name).length).toBeLessThanOrEqual(free[name] ?? 0);
        expect(given.filter((name) => name !== undefined)).toHaveLength(mostServed(wanted, free));
      }),
    );
  });

  it("in the order of preference, as long as that serves all", () => {
    fc.assert(
      fc.property(someWanted, someFree, (wanted, free) => {
        const greedy = greedily(wanted, free);
        fc.pre(!greedy.includes(undefined));
        expect(matchVfs(wanted, (name) => free[name] ?? 0)).toEqual(greedy);
      }),
    );
  });

  it("so that those that come first are served first", () => {
    fc.assert(
      fc.property(someWanted, someFree, (wanted, free) => {
        const given = matchVfs(wanted, (name) => free[name] ?? 0);
        for (const [index, name] of given.entries()) {
          const before = given.slice(0, index).filter((each) => each !== undefined).length;
          if (name === undefined) expect(mostServed(wanted.slice(0, index + 1), free)).toBe(before);
        }
      }),
    );
  });

  it("also where one has to give way along a chain", () => {
    const wanted = [["pf0", "pf1"], ["pf1", "pf2"], ["pf2", "pf3"], ["pf0"]];
    expect(matchVfs(wanted, () => 1)).toEqual(["pf1", "pf2", "pf3", "pf0"]);
  });

  it("from a PF that has not told how many it has", () => {
    expect(matchVfs([["pf0"], ["pf0"]], () => Infinity)).toEqual(["pf0", "pf0"]);
  });
});
