/** A test engine for one test, and a client of it; both end with the test. */
import { readFile } from "node:fs/promises";
import { onTestFinished } from "vitest";
import { EngineClient, type EngineClientOptions } from "../../provider/backends/ovirt/rest/index.js";
import { named } from "./model.js";
import { TestEngine, type TestEngineOptions } from "./server.js";

export interface EngineAndClient {
  readonly engine: TestEngine;
  readonly client: EngineClient;
}

/** Migrations go on when the test says so, nothing else takes time, and retries don't wait. */
export async function startEngine(
  options: TestEngineOptions = {},
  clientOptions: Partial<EngineClientOptions> = {},
): Promise<EngineAndClient> {
  const engine = await TestEngine.start({ stepMillis: "manual", ...options });
  onTestFinished(() => engine.stop());
  const client = await clientOf(engine, clientOptions);
  return { engine, client };
}

export async function clientOf(engine: TestEngine, options: Partial<EngineClientOptions> = {}): Promise<EngineClient> {
  const { url, username, password, caFile } = engine.address;
  const ca = await readFile(caFile, "utf8");
  const client = new EngineClient({ url, username, password, ca, wait: () => Promise.resolve(), ...options });
  onTestFinished(() => client.close());
  return client;
}

/** The id of what the inventory has under that name. */
export function idOf(
  engine: TestEngine,
  kind: "networks" | "vms" | "hosts" | "clusters" | "qos" | "networkFilters",
  name: string,
): string {
  const found = named<{ readonly id: string; readonly name: string }>(engine.model[kind], name);
  if (found === undefined) throw new Error(`the inventory has no ${kind} "${name}"`);
  return found.id;
}
