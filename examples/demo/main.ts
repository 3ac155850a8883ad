/**
 * `npm run demo`: two emulated hosts, a VM with a failover pair by `pulumi up`, and its move to the other host by a second
 * `pulumi up`, watched from outside. Leaves the lab up, the stack in `.demo/`, `demo-report.json` and `demo-timeline.svg`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MoveReport } from "../../provider/migration/report/report.js";
import { timelinePicture } from "../../provider/migration/report/timeline-svg.js";
import { run } from "../../test/lab/command.js";
import { guestShows, reset, status, up } from "../../test/lab/lab.js";
import { guestNamed, hostNamed } from "../../test/lab/layout.js";
import { startProbe, stopProbe, type ProbeResult } from "../../test/lab/probe.js";
import { root } from "../../toolchain/pulumi.js";
import { prepareStack, pulumi, reportsFolder, stackExists } from "./stack.js";

const say = (line: string) => console.log(line);
const web = guestNamed("web");

async function main(): Promise<void> {
  say("Setting up…");
  await run("npm", ["run", "-s", "setup"], { cwd: root, echo: true });
  const lab = await up("separate", say);
  // What tests may have left on the hosts is none of a new stack's; an old one's refresh sees what has become of it.
  if (!stackExists()) await reset(lab, web);
  const from =
    (await status()).hosts.find(({ domains }) => domains.some(({ name }) => name === web.name))?.name ?? "host1";
  const to = from === "host1" ? "host2" : "host1";

  say(`\npulumi up: the profiles, the pair, and the VM on ${from}`);
  await prepareStack(lab, from);
  await pulumi(["up", "--yes", "--skip-preview", "--refresh"], { echo: true });
  await guestShows(
    lab,
    web,
    hostNamed(from),
    (interfaces) => interfaces.filter(({ master, carrier }) => master !== undefined && carrier).length === 2,
  );
  await startProbe(web.address);
  await sleep(3000);

  say(`\npulumi up: the VM moves to ${to}`);
  await pulumi(["config", "set", "host", to]);
  await pulumi(["up", "--yes"], { echo: true });
  await sleep(3000);
  const probes = await stopProbe();
  const move = lastReport();
  writeFileSync(join(root, "demo-timeline.svg"), timelinePicture(move, probes));
  const report = demoReport(move, probes);
  writeFileSync(join(root, "demo-report.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  print(report);
}

interface DemoReport {
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  readonly vfBefore: string | null;
  readonly vfAfter: string | null;
  readonly probes: { readonly sent: number; readonly lost: number };
  readonly phases: readonly { readonly name: string; readonly seconds: number; readonly probesLost: number }[];
}

function demoReport(move: MoveReport, { sent, lost, lostAt }: ProbeResult): DemoReport {
  const [nic] = move.interfaces;
  const within = (start: number, end: number) => lostAt.filter((at) => at * 1000 >= start && at * 1000 < end).length;
  const phases = move.phases.map(({ name, start, end }, index) => ({
    name,
    seconds: (end - start) / 1000,
    // What was lost between two phases counts for the later one, so that nothing is counted twice or not at all.
    probesLost: within(index === 0 ? start : (move.phases[index - 1]?.end ?? start), end),
  }));
  const counted = phases.reduce((sum, { probesLost }) => sum + probesLost, 0);
  const rest = lost > counted ? [{ name: "outside the move", seconds: 0, probesLost: lost - counted }] : [];
  return {
    vm: move.vm,
    from: move.from,
    to: move.to,
    vfBefore: nic?.vfBefore ?? null,
    vfAfter: nic?.vfAfter ?? null,
    probes: { sent, lost },
    phases: [...phases, ...rest],
  };
}

function lastReport(): MoveReport {
  const newest = readdirSync(reportsFolder)
    .filter((name) => name.endsWith(".json"))
    .sort((a, b) => a.slice(-29).localeCompare(b.slice(-29)))
    .at(-1);
  if (newest === undefined) throw new Error(`The move left no report in ${reportsFolder}.`);
  return JSON.parse(readFileSync(join(reportsFolder, newest), "utf8")) as MoveReport;
}

function print({ vm, from, to, vfBefore, vfAfter, probes, phases }: DemoReport): void {
  say(`\n${vm} was on ${from} with VF ${vfBefore ?? "none"}, and is on ${to} with VF ${vfAfter ?? "none"}.\n`);
  say("phase               seconds   probes lost");
  for (const { name, seconds, probesLost } of phases)
    say(`${name.padEnd(18)}${seconds.toFixed(2).padStart(9)}${String(probesLost).padStart(14)}`);
  say(`\n${probes.lost} of ${probes.sent} probes lost, one every 50 ms from outside the hosts.`);
  say("The time line: demo-timeline.svg; the numbers: demo-report.json; the move's own report: .demo/reports/.");
  say("Look for yourself:  npm run lab -- ssh " + to + " -- virsh dumpxml " + vm);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
