/** `npm run bench -- move [--moves N] [--way W…] [--topology T…] [--json FILE]` */
import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { topologies, type Topology } from "../lab/layout.js";
import { benchMoves, type MoveRow } from "./move.js";
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
      const rows = await benchMoves({ moves, only: way, topologies: topology }, (line) => console.error(line));
      if (json !== undefined) writeFileSync(json, `${JSON.stringify({ rows }, undefined, 2)}\n`);
      console.log(moveTable(rows));
    },
  );

/** A table as Markdown has them. */
function moveTable(rows: readonly MoveRow[]): string {
  const cell = (value: Spread | null) => (value === null ? "–" : `${value.median} (${value.min}–${value.max})`);
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
