#!/usr/bin/env node
/**
 * The plugin's program, `pulumi-resource-vnic-failover`: the engine starts it with its own address, reads the port from the
 * first line of standard output, and ends it by SIGINT.
 */
import { fstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { closeAll, exitOnInterrupt } from "../../handlers/shutdown.js";
import { EngineLog } from "./engine-log.js";
import { startServer } from "./server.js";

const manifest = readFileSync(join(__dirname, "..", "..", "..", "package.json"), "utf8");
const { version } = JSON.parse(manifest) as { readonly version: string };

async function main([address]: readonly string[]): Promise<void> {
  const log = new EngineLog();
  if (address !== undefined && !address.startsWith("-")) log.connect(address);
  exitOnInterrupt();
  const { port, stop } = await startServer(version, log);
  console.log(String(port));
  // Of a pipe the engine holds the other end: where it dies without a word, nothing else would end this process.
  const input = fstatSync(0);
  if (input.isFIFO() || input.isSocket()) {
    process.stdin.resume().once("end", () => {
      void stop()
        .then(closeAll)
        .then(() => process.exit(0));
    });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
