/** `npm run bench -- move|picture|preview|refresh|rpc|start|state [OPTION…] [--json FILE]` */
import { readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { topologies } from "../lab/layout.js";
import { interfacesPerVm } from "../hosts/fleet.js";
import { benchEngine, type EngineRow } from "./engine.js";
import { guestNames, settingsOf, type Restriction } from "./matrix.js";
import { benchMoves } from "./move.js";
import { movePicture } from "./move-picture.js";
import { moveRow, type MoveRow } from "./move-rows.js";
import { benchRpc, type RpcRow } from "./rpc.js";
import { benchStart, type SizeRow, type StartRow } from "./start.js";
import { benchMemory, benchState, type MemoryRow, type StateRow } from "./state.js";
import type { Spread } from "./statistics.js";
import { usualWays, wayNames, type WayName } from "./way-names.js";

const moveColumns: readonly (readonly [string, (row: MoveRow) => Spread | null])[] = [
  ["probes lost", (row) => row.probesLost],
  ["packets lost", (row) => row.packetsLost],
  ["TCP stood still, s", (row) => row.stallSeconds],
  ["without VF, s", (row) => row.secondsWithoutVf],
  ["total, s", (row) => row.totalSeconds],
  ["downtime, ms", (row) => row.downtime],
  ["guest's link-up, s", (row) => row.guestLinkUpSeconds],
  ["our overhead, s", (row) => row.overheadSeconds],
  ["hosts' CPU, s", (row) => row.hostCpuSeconds],
  ["frames announced", (row) => row.announcedFrames],
  ["bytes announced", (row) => row.announcedBytes],
];

const moveHelp = `
Without --topology, --guest and --rtt: the settings that docs/measurements.md lists. With one of them: every combination of
what they name, where what is left out means both topologies, a quiet guest and near hosts. One combination alone:
  npm run bench -- move --topology separate --guest receives --rtt 80 --ways ours --moves 1`;

const program = new Command("npm run bench --").description(
  "Measurements, side by side with the alternatives in one run.",
);

program
  .command("move")
  .description(
    "moves of a VM in each way by turns, on the lab: probes lost, seconds, CPU, announcements (about an hour)",
  )
  .option("--moves <n>", "of each way in each setting", Number, 3)
  .addOption(listOption("--ways <way...>", wayNames).default(usualWays))
  .addOption(listOption("--topology <topology...>", topologies))
  .addOption(listOption("--guest <guest...>", guestNames))
  .option("--rtt <ms...>", "round trips that are added between the client and the hosts", numbersAdded)
  .option("--json <file>", "writes the rows there, after each turn")
  .option("--picture <file>", "draws them there, as SVG")
  .addHelpText("after", moveHelp)
  .action(async ({ moves, ways, json, picture, ...restriction }: MoveArguments) => {
    const settings = settingsOf(restriction);
    const rows = await benchMoves({ moves, ways, settings }, say, (so) => save(so, json));
    save(rows, json);
    if (picture !== undefined) writeFileSync(picture, movePicture(rows));
    console.log(moveTable(rows));
  });

program
  .command("picture <rows> <file>")
  .description("draws the rows that move has written with --json, as SVG")
  .action((from: string, file: string) => {
    const { rows } = z.object({ rows: z.array(moveRow) }).parse(JSON.parse(readFileSync(from, "utf8")));
    writeFileSync(file, movePicture(rows));
  });

for (const [name, benches, what] of [
  ["preview", ["preview"], "preview of a program of many interfaces"],
  ["refresh", ["up", "refresh"], "up and refresh of a program of many interfaces"],
] as const)
  program
    .command(name)
    .description(
      `${what}, beside the engine's floor, the same with outputs like ours, and a local process for each: seconds`,
    )
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

program
  .command("start")
  .description("milliseconds until a program is there, and bytes of what a user fetches")
  .option("--rounds <n>", "of each way", Number, 15)
  .option("--json <file>", "writes the rows there")
  .action(async ({ rounds, json }: { rounds: number; json?: string }) => {
    const rows = await benchStart(rounds, say);
    save(rows, json);
    const [starts, sizes] = [rows.filter((row) => row.bench === "start"), rows.filter((row) => row.bench === "size")];
    console.log(`${startTable(starts)}\n\n${sizeTable(sizes)}`);
  });

interface MoveArguments extends Restriction {
  readonly moves: number;
  readonly ways: readonly WayName[];
  readonly json?: string;
  readonly picture?: string;
}

interface EngineArguments {
  readonly resources: number;
  readonly rounds: number;
  readonly rtt: number[];
  readonly json?: string;
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

function numbersAdded(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, ...numbers(text)];
}

/** Names, one after another or separated by commas. */
function listOption(flags: string, names: readonly string[]): Option {
  const known = new Set<string>(names);
  let given: readonly string[] = [];
  return new Option(flags, names.join(", ")).argParser((text) => {
    const added = text.split(",");
    const unknown = added.find((each) => !known.has(each));
    if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${names.join(", ")}.`);
    given = [...given, ...added];
    return given;
  });
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

function startTable(rows: readonly StartRow[]): string {
  return table(
    ["way", "rounds", "ms", "more than without it, ms"],
    rows.map(({ way, rounds, milliseconds, more }) => [way, rounds, cell(milliseconds), cell(more)]),
  );
}

function sizeTable(rows: readonly SizeRow[]): string {
  return table(
    ["what", "MiB"],
    rows.map(({ way, bytes }) => [way, (bytes / 2 ** 20).toFixed(2)]),
  );
}

function moveTable(rows: readonly MoveRow[]): string {
  return table(
    ["standby's bridge", "guest", "round trip, ms", "way", "moves", ...moveColumns.map(([head]) => head)],
    rows.map((row) => [
      ...[row.topology, row.guest, row.rttMs, row.way, row.moves],
      ...moveColumns.map(([, of]) => cell(of(row))),
    ]),
  );
}

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
