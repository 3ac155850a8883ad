#!/usr/bin/env node
/** The command `vnic-failover`. */
import { run } from "./run.js";

// A reader that goes away, as `| head` does, must not end a move half-way.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

void run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  // What reads a configuration and talks to hosts is loaded only by a command that does so: not for help.
  readConfiguration: async (source) => (await import("./configuration.js")).readConfiguration(source),
  connect: async (configuration) => (await import("./commands/by-backend.js")).commandsOf(configuration),
}).then((code) => {
  process.exitCode = code;
});
