/** `npm run test:faults [-- --json FILE] [--only TEXT …] [--unplug early|late]`: every fault in turn, and the matrix of what was survived. */
import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { powerOn, up } from "../lab/lab.js";
import { hosts } from "../lab/layout.js";
import { faults } from "./faults.js";
import { prepare, injectFault, type FaultResult } from "./inject.js";

const program = new Command("npm run test:faults --")
  .option("--json <file>", "writes the matrix there")
  .option("--only <text...>", "faults whose name holds one of the texts", [""])
  .addOption(
    new Option("--unplug <when>", "when the VF leaves the guest in every move. Default: as it is for users").choices([
      "early",
      "late",
    ]),
  )
  .action(async ({ json, only, unplug }: { json?: string; only: string[]; unplug?: string }) => {
    const told = unplug === undefined ? [] : ["--unplug", unplug];
    const lab = await up("separate", (line) => console.error(line));
    await prepare(lab);
    const results: FaultResult[] = [];
    for (const fault of faults.filter(({ name }) => only.some((text) => name.includes(text)))) {
      const result = await injectFault(lab, { ...fault, options: [...(fault.options ?? []), ...told] }).catch(
        (error: unknown): FaultResult => ({
          name: fault.name,
          phase: fault.phase,
          survived: false,
          seconds: 0,
          problems: [String(error)],
        }),
      );
      results.push(result);
      console.log(
        `${result.survived ? "survived" : "LOST    "}  ${result.name} (${result.seconds} s)${(result.problems ?? []).map((problem) => `\n            ${problem}`).join("")}`,
      );
      // What one fault broke must not be counted against the next.
      if (!result.survived) {
        for (const host of hosts) await powerOn(lab, host);
        await prepare(lab);
      }
      if (json !== undefined) writeFileSync(json, `${JSON.stringify({ faults: results }, undefined, 2)}\n`);
    }
    const survived = results.filter((result) => result.survived).length;
    console.log(`${survived} passed, ${results.length - survived} failed`);
    process.exitCode = survived === results.length ? 0 : 1;
  });

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
