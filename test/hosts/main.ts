/**
 * `npm run model-hosts -- [--scenario FILE.json] --config CLUSTER.json [--state STATE.json]`: libvirt hosts in this process,
 * until it is told to end (docs/model-hosts.md).
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "../../provider/config/index.js";
import { parseScenario, type Scenario, ScenarioError } from "./scenario.js";
import { serveHosts } from "./served.js";

const usage = "npm run model-hosts -- [--scenario FILE.json] --config CLUSTER.json [--state STATE.json]";

/** What was asked for cannot be done as it was asked for. */
class UsageError extends Error {}

async function main(): Promise<void> {
  const { scenario, config, state } = options();
  if (config === undefined) throw new UsageError(`--config is missing: ${usage}`);
  let close = (): void => undefined;
  const end = (code: number) => {
    close();
    process.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end(0));
  const served = await serveHosts(
    scenario === undefined ? {} : readScenario(scenario),
    { config: fromUser(config), state: state === undefined ? undefined : fromUser(state) },
    (error) => {
      console.error(`Unable to go on: ${messageOf(error)}`);
      end(1);
    },
  );
  close = () => served.close();
  console.log(`Serving ${served.names.join(", ")}. Cluster configuration: ${config}`);
}

function options() {
  try {
    const text = { type: "string" } as const;
    return parseArgs({ options: { scenario: text, config: text, state: text } }).values;
  } catch (error) {
    throw new UsageError(`${messageOf(error)}: ${usage}`, { cause: error });
  }
}

function readScenario(file: string): Scenario {
  let text: string;
  try {
    text = readFileSync(fromUser(file), "utf8");
  } catch (error) {
    throw new UsageError(`Unable to read the scenario: ${messageOf(error)}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`Scenario ${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return parseScenario(value);
}

/** npm runs scripts in the package's folder, and says where it was called. */
function fromUser(path: string): string {
  const folder = process.env["npm_lifecycle_event"] === "model-hosts" ? process.env["INIT_CWD"] : undefined;
  return resolve(folder ?? process.cwd(), path);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function explain(error: unknown): string {
  if (error instanceof ScenarioError)
    return ["The scenario is not valid:", ...error.faults.map((fault) => `  ${fault}`)].join("\n");
  // The configuration is made from the scenario: its remedy would name another file.
  if (error instanceof ConfigError) return `The scenario is not valid: ${error.problem.what}`;
  return messageOf(error);
}

main().catch((error: unknown) => {
  console.error(explain(error));
  process.exitCode = 1;
});
