/** `npm run bench -- move|preview|refresh|rpc|state [OPTION…] [--json FILE]` */
import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { topologies, type Topology } from "../lab/layout.js";
import { interfacesPerVm } from "../hosts/fleet.js";
import { benchEngine, type EngineRow } from "./engine.js";
import { benchMoves, type MoveRow } from "./move.js";
import { benchRpc, type RpcRow } from "./rpc.js";
import { benchMemory, benchState, type MemoryRow, type StateRow } from "./state.js";
import type { Spread } from "./statistics.js";
import { wayNames, type WayName } from "./ways.js";

const program = new Command("npm run bench --").description(
  "Measurements, side by side with the alternatives in one run.",
);

program
  .command("move")
  .description("moves of a VM in each way and both topologies: probes lost, seconds (about an hour)")
  .option("--moves <n>", "of each way", Number, 7)
  .addOption(new Option("--way <way...>").choices(wayNames).default([...wayNames]))
  .addOption(new Option("--topology <topology...>").choices(topologies).default([...topologies]))
  .option("--json <file>", "writes the rows there")
  .action(
    async ({ moves, way, topology, json }: { moves: number; way: WayName[]; topology: Topology[]; json?: string }) => {
      const rows: MoveRow[] = [];
      for (const each of topology) {
        rows.push(...(await benchMoves({ moves, only: way, topology: each }, say)));
        // It takes long: what is measured is kept.
        save(rows, json);
      }
      console.log(moveTable(rows));
    },
  );

for (const [name, benches, what] of [
  ["preview", ["preview"], "preview of a program of many interfaces"],
  ["refresh", ["up", "refresh"], "up and refresh of a program of many interfaces"],
] as const)
  program
    .command(name)
    .description(`${what}, beside the engine's floor and a local process for each: seconds`)
    .option("--resources <n>", `a multiple of ${interfacesPerVm}: a VM's`, Number, 1000)
    .option("--rounds <n>", "of each way", Number, 3)
    .option("--rtt <ms>", "round-trip times of the hosts, separated by commas", numbers, [0, 5, 50])
    .option("--json <file>", "writes the rows there")
    .action(async ({ resources, rounds, rtt, json }: EngineArguments) => {
      const rows = await benchEngine({ resources, rounds, roundTrips: rtt, benches }, say);
      save(rows, json);
      console.log(engineTable(rows));
    });

program
  .command("rpc")
  .description("one question to a host of the lab: our RPC and virsh on the host, over one SSH connection")
  .option("--rounds <n>", "of each way", Number, 100)
  .option("--json <file>", "writes the rows there")
  .action(async ({ rounds, json }: { rounds: number; json?: string }) => {
    const rows = await benchRpc({ rounds }, say);
    save(rows, json);
    console.log(rpcTable(rows));
  });

program
  .command("state")
  .description("bytes of a resource's state, and memory of the provider's process")
  .option("--resources <n>", "whose state is read", Number, 100)
  .option("--memory <n,n>", "resources at which the process is weighed", numbers, [1000, 10_000])
  .option("--json <file>", "writes the rows there")
  .action(async ({ resources, memory, json }: { resources: number; memory: number[]; json?: string }) => {
    const states = await benchState(resources, say);
    const weights = await benchMemory(memory, say);
    save([...states, ...weights], json);
    console.log(`${stateTable(states)}\n\n${memoryTable(weights)}`);
  });

interface EngineArguments {
  readonly resources: number;
  readonly rounds: number;
  readonly rtt: number[];
  readonly json?: string;
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

function say(line: string): void {
  console.error(line);
}

function save(rows: readonly object[], file: string | undefined): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify({ rows }, undefined, 2)}\n`);
}

/** A table as Markdown has them. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cell(value: Spread | null): string {
  return value === null ? "–" : `${value.median} (${value.min}–${value.max})`;
}

function engineTable(rows: readonly EngineRow[]): string {
  return table(
    ["command", "way", "round trip, ms", "seconds", "times the floor", "calls per VM", "calls per host"],
    rows.map(({ bench, way, rttMs, seconds, timesFloor, roundTrips }) => [
      ...[bench, way, rttMs, cell(seconds), cell(timesFloor)],
      ...[roundTrips?.perVm ?? "–", roundTrips?.perHost ?? "–"],
    ]),
  );
}

function rpcTable(rows: readonly RpcRow[]): string {
  return table(
    ["way", "rounds", "ms", "times ours"],
    rows.map(({ way, rounds, milliseconds, timesOurs }) => [way, rounds, cell(milliseconds), cell(timesOurs)]),
  );
}

function stateTable(rows: readonly StateRow[]): string {
  return table(
    ["provider", "resources", "bytes of a resource", "of these the provider"],
    rows.map(({ way, resources, bytes, providerBytes }) => [way, resources, cell(bytes), cell(providerBytes)]),
  );
}

function memoryTable(rows: readonly MemoryRow[]): string {
  return table(
    ["measured by", "resources", "heap, MiB", "RSS, MiB", "heap per further resource, KiB", "RSS, KiB"],
    rows.map((row) => [
      ...[row.way, row.resources, row.heapMiB, row.rssMiB],
      ...[row.heapKiBPerResource ?? "–", row.rssKiBPerResource ?? "–"],
    ]),
  );
}

function moveTable(rows: readonly MoveRow[]): string {
  return [
    "| standby's bridge | way | moves | probes lost | total, s | without VF, s | guest's link-up, s | downtime, ms | our overhead, s |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(
      (row) =>
        `| ${row.topology} | ${row.way} | ${row.moves} | ${[row.probesLost, row.totalSeconds, row.secondsWithoutVf, row.guestLinkUpSeconds, row.downtime, row.overheadSeconds].map(cell).join(" | ")} |`,
    ),
  ].join("\n");
}

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
