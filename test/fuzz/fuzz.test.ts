import { describe, expect, it } from "vitest";
import { decode, encode, type Codec } from "../../provider/backends/libvirt/rpc/xdr.js";
import { procedures } from "../../provider/backends/libvirt/rpc/procedures.js";
import { Chance } from "../simulation/chance.js";
import { readOne } from "./documents.js";
import { actOnForged } from "./forged-hosts.js";
import { readForged } from "./metadata.js";
import { plausible, procedureNames } from "./frames.js";
import { converse, emptyTally } from "./rpc.js";

describe("whatever a host says", () => {
  it("no frame brings the RPC client down, and every call comes to an end", async () => {
    const chance = new Chance(20_000);
    const tally = emptyTally();
    let begun = 0;
    while (tally.frames < 20_000) {
      await converse(chance, tally);
      begun += 1;
    }
    // All that can become of a connection did: else this test would look at less than it means to.
    for (const [what, many] of Object.entries(tally)) expect(many, what).toBeGreaterThan(200);
    expect(tally.broken).toBeLessThan(begun);
  }, 120_000);

  it("no document brings a parser down", () => {
    const chance = new Chance(1_000);
    let understood = 0;
    for (let read = 0; read < 1_000; read++) understood += readOne(chance);
    expect(understood).toBeGreaterThan(200);
  }, 120_000);
});

describe("X2: whatever metadata says", () => {
  it("it is understood or refused in words by all that reads it", () => {
    const chance = new Chance(1_000);
    const tally = { understood: 0, refused: 0 };
    for (let read = 0; read < 1_000; read++) {
      const { understood, refused } = readForged(chance);
      tally.understood += understood;
      tally.refused += refused;
    }
    // Else this test would look at less than it means to.
    expect(Math.min(tally.understood, tally.refused)).toBeGreaterThan(1_000);
  }, 120_000);

  it("nothing changes but the domain or network that carries it", async () => {
    const refusals = new Set<string>();
    let taken = 0;
    for (let run = 0; run < 15; run++) {
      const acted = await actOnForged(new Chance(run));
      taken += acted.taken;
      for (const code of acted.refusals) refusals.add(code);
    }
    expect(taken).toBeGreaterThan(15);
    expect(refusals.size).toBeGreaterThan(1);
  }, 120_000);
});

describe("frames to begin with", () => {
  it.each(procedureNames)("for %s are what its definition allows", (name) => {
    const chance = new Chance(1);
    for (const codec of [procedures[name].args, procedures[name].ret] as Codec<unknown>[]) {
      const value = plausible(codec, chance);
      expect(decode(codec, encode(codec, value))).toEqual(value);
    }
  });
});
