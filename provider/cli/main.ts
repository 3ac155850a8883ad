#!/usr/bin/env node
/** The command `vnic-failover`. */
import { commandsOf } from "./commands/by-backend.js";
import { readConfiguration } from "./configuration.js";
import { run } from "./run.js";

// A reader that goes away, as `| head` does, must not end a move half-way.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

void run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  readConfiguration,
  connect: commandsOf,
}).then((code) => {
  process.exitCode = code;
});
