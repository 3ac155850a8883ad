/** One question to one host, by our RPC and by `virsh` on the host, both over one open SSH connection. On the lab. */
import { join } from "node:path";
import { z } from "zod";
import { run } from "../lab/command.js";
import { up } from "../lab/lab.js";
import { inNamespace } from "../lab/network.js";
import { spread, type Spread } from "./statistics.js";

export interface RpcRow {
  readonly bench: "rpc";
  readonly way: "ours" | "virsh";
  readonly rounds: number;
  readonly milliseconds: Spread | null;
  /** How many of ours one of `virsh` takes: of each round its own ratio. */
  readonly timesOurs: Spread | null;
}

const samplesSchema = z.array(z.object({ ours: z.number(), virsh: z.number() }));

export async function benchRpc({ rounds }: { rounds: number }, say: (line: string) => void): Promise<RpcRow[]> {
  await up("separate", say);
  const script = join(import.meta.dirname, "rpc-calls.ts");
  const [program, args] = inNamespace([process.execPath, "--import", "tsx", script, String(rounds)]);
  const samples = samplesSchema.parse(JSON.parse((await run(program, args)).stdout));
  return (["ours", "virsh"] as const).map((way) => ({
    bench: "rpc",
    way,
    rounds: samples.length,
    milliseconds: spread(samples.map((sample) => sample[way])),
    timesOurs: spread(samples.map((sample) => sample[way] / sample.ours)),
  }));
}
