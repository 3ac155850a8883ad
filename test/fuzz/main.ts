/**
 * `npm run fuzz -- [--frames 1000000] [--documents 20000] [--forged 100000] [--acted-upon 2000] [--seed 1]`: any failure ends it,
 * with what caused it.
 */
import { Command } from "commander";
import { Chance } from "../simulation/chance.js";
import { readOne } from "./documents.js";
import { actOnForged } from "./forged-hosts.js";
import { readForged } from "./metadata.js";
import { converse, emptyTally } from "./rpc.js";

const options = new Command("npm run fuzz --")
  .description(
    "Says random and broken things to the RPC client and to the XML parsers, and forged ones to what reads metadata.",
  )
  .option("--frames <n>", "frames of libvirt's RPC", "1000000")
  .option("--documents <n>", "XML documents", "20000")
  .option("--forged <n>", "forged journals, records, notes, profiles and claims that are read", "100000")
  .option("--acted-upon <n>", "forged ones on in-process hosts, met by recover and up", "2000")
  .option("--seed <n>", "another seed, other documents", "1")
  .parse()
  .opts<Record<"frames" | "documents" | "forged" | "actedUpon" | "seed", string>>();
const { frames, documents, forged, actedUpon, seed } = options;

console.log(
  `seed ${seed}: ${frames} frames, ${documents} documents, ${forged} forged ones read, ${actedUpon} acted upon`,
);
const chance = new Chance(Number(seed));
const mebibytes = () => `peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`;
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(0)} s`;

let began = performance.now();
const forgedTally = { understood: 0, refused: 0, slowestMs: 0 };
for (let read = 0; read < Number(forged); read++) {
  const start = performance.now();
  const { understood, refused } = readForged(chance);
  forgedTally.understood += understood;
  forgedTally.refused += refused;
  forgedTally.slowestMs = Math.max(forgedTally.slowestMs, Math.round(performance.now() - start));
}
console.log(
  `${forged} forged documents, understood ${forgedTally.understood} times, refused in words ${forgedTally.refused} times, the slowest ${forgedTally.slowestMs} ms, in ${seconds(began)}, ${mebibytes()}`,
);

began = performance.now();
const refusals = new Map<string, number>();
let taken = 0;
for (let run = 0; run < Number(actedUpon); run++) {
  // A seed of its own: what fails is run alone with it.
  const own = Number(seed) * 1_000_003 + run;
  try {
    const acted = await actOnForged(new Chance(own));
    taken += acted.taken;
    for (const code of acted.refusals) refusals.set(code, (refusals.get(code) ?? 0) + 1);
  } catch (error) {
    throw new Error(`seed ${own} of the forged documents that are acted upon`, { cause: error });
  }
}
console.log(
  `${actedUpon} forged documents acted upon, nothing changed that does not carry them, in ${seconds(began)}, ${mebibytes()}: ${taken} commands ended, refused were ${JSON.stringify(Object.fromEntries(refusals))}`,
);

began = performance.now();
const tally = emptyTally();
let [connections, slowest] = [0, 0];
while (tally.frames < Number(frames)) {
  const start = performance.now();
  await converse(chance, tally);
  slowest = Math.max(slowest, performance.now() - start);
  connections += 1;
  if (connections % 10_000 === 0) console.error(`${tally.frames} frames, ${seconds(began)}, ${mebibytes()}`);
}
console.log(JSON.stringify({ ...tally, connections, slowestConnectionMs: Math.round(slowest) }));
console.log(`${tally.frames} frames in ${seconds(began)}, ${mebibytes()}`);

began = performance.now();
let understood = 0;
for (let read = 0; read < Number(documents); read++) understood += readOne(chance);
console.log(`${documents} documents, understood ${understood} times, in ${seconds(began)}, ${mebibytes()}`);
