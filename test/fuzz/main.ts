/** `npm run fuzz -- [--frames 1000000] [--documents 20000] [--seed 1]`: any failure ends it, with what caused it. */
import { Command } from "commander";
import { Chance } from "../simulation/chance.js";
import { readOne } from "./documents.js";
import { converse, emptyTally } from "./rpc.js";

const { frames, documents, seed } = new Command("npm run fuzz --")
  .description("Says random and broken things to the RPC client and to the XML parsers.")
  .option("--frames <n>", "frames of libvirt's RPC", "1000000")
  .option("--documents <n>", "XML documents", "20000")
  .option("--seed <n>", "another seed, other frames", "1")
  .parse()
  .opts<{ frames: string; documents: string; seed: string }>();

const chance = new Chance(Number(seed));
const mebibytes = () => `peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`;
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(0)} s`;

let began = performance.now();
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
