import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { EngineClient, listVms } from "../../provider/backends/ovirt/rest/index.js";
import type { EngineAddress } from "./server.js";

it("npm run test-engine: prints one line of JSON, serves, and ends when it is told to", async () => {
  const main = join(import.meta.dirname, "main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", main, "--port", "0", "--step-millis", "1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const address = JSON.parse(line) as EngineAddress;
  expect(Object.keys(address)).toEqual(["url", "username", "password", "caFile"]);

  const { url, username, password, caFile } = address;
  const client = new EngineClient({ url, username, password, ca: await readFile(caFile, "utf8") });
  expect((await listVms(client)).map(({ name, status }) => [name, status])).toEqual([
    ["db", "down"],
    ["legacy", "down"],
    ["web", "up"],
  ]);

  const administrate = (method: string, path: string, body?: unknown) =>
    requestJson(address, method, `/test-engine/${path}`, body);
  expect(await administrate("GET", "devices?vm=web")).toEqual([]);
  await administrate("POST", "disruptions", { kind: "unavailable" });
  const impatient = new EngineClient({ url, username, password, ca: await readFile(caFile, "utf8"), attempts: 0 });
  await expect(listVms(impatient)).rejects.toMatchObject({ status: 503 });
  await client.close();
  await impatient.close();

  child.kill("SIGTERM");
  const [status] = (await once(child, "exit")) as [number];
  expect(status).toBe(0);
  await expect(readFile(caFile)).rejects.toThrow("ENOENT");
});

/** By hand: fetch can't be told an authority. */
async function requestJson(engine: EngineAddress, method: string, path: string, body?: unknown): Promise<unknown> {
  const { username, password, caFile, url } = engine;
  const ca = await readFile(caFile);
  const outgoing = request(new URL(path, url), { method, ca, agent: false, auth: `${username}:${password}` });
  outgoing.end(body === undefined ? "" : JSON.stringify(body));
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  expect(incoming.statusCode).toBe(200);
  return json(incoming);
}
