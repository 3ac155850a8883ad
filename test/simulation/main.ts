/** `npm run simulate -- [--hosts 500] [--vms 40] [--at-once 1,5,10] [--outgoing 2] [--incoming 2] [--failures 0.02] [--seed 1] [--json]` */
import { Command } from "commander";
import { rollingDrain, type Outcome } from "./rolling-drain.js";
import { fiveHundredHosts as usual } from "./scenario.js";

interface Flags {
  readonly hosts: string;
  readonly vms: string;
  readonly atOnce: string;
  readonly outgoing: string;
  readonly incoming: string;
  readonly failures: string;
  readonly seed: string;
  readonly json?: boolean;
}

const columns: Readonly<Record<string, (outcome: Outcome) => string>> = {
  days: ({ hours }) => (hours / 24).toFixed(1),
  moves: ({ moves }) => String(moves),
  failed: ({ failed, refused }) => String(failed + refused),
  "left behind": ({ leftBehind }) => String(leftBehind),
  "out at once": ({ mostOutgoing }) => String(mostOutgoing),
  "in at once": ({ mostIncoming }) => String(mostIncoming),
  "fewest free VFs": ({ fewestFreeVfs }) => String(fewestFreeVfs),
  "busiest link": ({ busiestLink }) => `${Math.round(busiestLink * 100)} %`,
  "planning, s": ({ planning }) => planning.toFixed(2),
};

const { hosts, vms, atOnce, outgoing, incoming, failures, seed, json } = new Command("npm run simulate --")
  .description("Drains every host of a simulated cluster, with the product's own plan and queue.")
  .option("--hosts <n>", "hosts of the cluster", String(usual.hosts))
  .option("--vms <n>", "VMs on each", String(usual.vmsPerHost))
  .option("--at-once <n,…>", "hosts that are drained at a time; several: one run for each", "1,5,10,25,50")
  .option("--outgoing <n>", "moves at a time away from a host", String(usual.outgoing))
  .option("--incoming <n>", "moves at a time to a host", String(usual.incoming))
  .option("--failures <p>", "the part of the moves that fail", String(usual.failureRate))
  .option("--seed <n>", "another seed, other chances", String(usual.seed))
  .option("--json", "a line of JSON for each run")
  .parse()
  .opts<Flags>();

if (json !== true) console.log(["hosts at once", ...Object.keys(columns)].join("  "));
for (const hostsAtOnce of atOnce.split(",").map(Number)) {
  const outcome = await rollingDrain({
    ...usual,
    hosts: Number(hosts),
    vmsPerHost: Number(vms),
    hostsAtOnce,
    outgoing: Number(outgoing),
    incoming: Number(incoming),
    failureRate: Number(failures),
    seed: Number(seed),
  });
  const cells = Object.entries(columns).map(([name, cell]) => cell(outcome).padStart(name.length));
  console.log(
    json === true
      ? JSON.stringify({ hostsAtOnce, ...outcome })
      : [String(hostsAtOnce).padStart("hosts at once".length), ...cells].join("  "),
  );
}
