import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runMoves, type MoveLimits, type QueuedMove } from "../../provider/drain/queue.js";

interface NamedMove extends QueuedMove {
  readonly vm: string;
}

const move = (vm: string, from: string, to: string): NamedMove => ({ vm, from, to });

/** Moves that reserve and end when the test says so. */
function held() {
  const under = new Map<
    string,
    { move: NamedMove; reserved: () => void; choosing: boolean; end: (error?: Error) => void }
  >();
  const make = (each: NamedMove, reserved: () => void): Promise<string> =>
    new Promise((resolve, reject) => {
      const own = {
        move: each,
        choosing: true,
        reserved: () => {
          own.choosing = false;
          reserved();
        },
        end: (error?: Error) => {
          under.delete(each.vm);
          if (error === undefined) resolve(`${each.vm} moved`);
          else reject(error);
        },
      };
      under.set(each.vm, own);
    });
  const of = (vm: string) => under.get(vm) ?? expect.fail(`${vm} is not under way`);
  return { under, make, of, names: () => [...under.keys()] };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const wide: MoveLimits = { total: 100, outgoing: 100, incoming: 100 };

describe("the queue of moves", () => {
  it("of none is done", async () => {
    expect(await runMoves([], wide, () => expect.fail("nothing may be moved"))).toEqual([]);
  });

  it("gives the results in the order of the moves, whichever ended first", async () => {
    const { make, of } = held();
    const all = runMoves([move("a", "h0", "h1"), move("b", "h0", "h2")], wide, make);
    of("b").end();
    await settled();
    of("a").end();
    expect(await all).toEqual(["a moved", "b moved"]);
  });

  it("lets the second to a host begin when the first has reserved its VFs", async () => {
    const { make, of, names } = held();
    void runMoves([move("a", "h0", "h1"), move("b", "h0", "h1"), move("c", "h0", "h2")], wide, make);
    expect(names()).toEqual(["a", "c"]);
    of("a").reserved();
    expect(names()).toEqual(["a", "c", "b"]);
    await settled();
  });

  it.each([
    ["away from a host", { ...wide, outgoing: 1 }, ["a", "d"]],
    ["to a host", { ...wide, incoming: 1 }, ["a", "c"]],
    ["in all", { ...wide, total: 2 }, ["a", "c"]],
  ])("begins no more %s than it may", (_, limits, expected) => {
    const { make, under } = held();
    const moves = [move("a", "h0", "h1"), move("b", "h0", "h1"), move("c", "h0", "h2"), move("d", "h3", "h1")];
    void runMoves(moves, limits, make);
    for (const each of under.values()) each.reserved();
    expect([...under.keys()].toSorted()).toEqual(expected);
  });

  it("throws what a move threw when those under way have ended, and begins no more", async () => {
    const { make, of, names } = held();
    const all = runMoves(
      [move("a", "h0", "h1"), move("b", "h0", "h2"), move("c", "h0", "h3")],
      { ...wide, total: 2 },
      make,
    );
    const seen = expect(all).rejects.toThrow("no disk for the report");
    of("a").end(new Error("no disk for the report"));
    await settled();
    expect(names()).toEqual(["b"]);
    of("b").end();
    await seen;
  });

  it("keeps every limit at every moment, whatever ends or fails when, and makes every move once", async () => {
    const host = fc.constantFrom("h0", "h1", "h2", "h3");
    const some = fc.record({
      moves: fc.array(fc.record({ from: host, to: host }), { maxLength: 20 }),
      limits: fc.record({
        total: fc.integer({ min: 1, max: 6 }),
        outgoing: fc.integer({ min: 1, max: 3 }),
        incoming: fc.integer({ min: 1, max: 3 }),
      }),
    });
    await fc.assert(
      fc.asyncProperty(some, fc.infiniteStream(fc.nat(1_000)), async ({ moves, limits }, picks) => {
        const { make, under } = held();
        const made: string[] = [];
        const results = runMoves(
          moves.map((each, index) => ({ ...each, vm: `vm${index}` })),
          limits,
          (each, reserved) => {
            made.push(each.vm);
            return make(each, reserved);
          },
        );
        for (;;) {
          await settled();
          const now = [...under.values()];
          if (now.length === 0) break;
          expect(now.length).toBeLessThanOrEqual(limits.total);
          for (const name of ["h0", "h1", "h2", "h3"]) {
            expect(now.filter((each) => each.move.from === name).length).toBeLessThanOrEqual(limits.outgoing);
            expect(now.filter((each) => each.move.to === name).length).toBeLessThanOrEqual(limits.incoming);
            expect(now.filter((each) => each.move.to === name && each.choosing).length).toBeLessThanOrEqual(1);
          }
          const picked = picks.next();
          const pick = picked.done === true ? 0 : picked.value;
          const chosen = now[pick % now.length];
          if (pick % 3 === 0 && chosen?.choosing === true) chosen.reserved();
          else chosen?.end();
        }
        expect(made.toSorted()).toEqual(moves.map((_, index) => `vm${index}`).toSorted());
        expect(await results).toEqual(moves.map((_, index) => `vm${index} moved`));
      }),
    );
  });
});
