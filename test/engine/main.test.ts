import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
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

  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const { origin } = new URL(url);
  const switchOn = await fetchWith(caFile, `${origin}/test-engine/disruptions`, authorization, {
    kind: "unavailable",
    times: 1,
  });
  expect(switchOn).toBe(200);
  const impatient = new EngineClient({ url, username, password, ca: await readFile(caFile, "utf8"), attempts: 0 });
  await expect(listVms(impatient)).rejects.toMatchObject({ status: 503 });
  await client.close();
  await impatient.close();

  child.kill("SIGTERM");
  const [status] = (await once(child, "exit")) as [number];
  expect(status).toBe(0);
  await expect(readFile(caFile)).rejects.toThrow("ENOENT");
});

/** POSTs JSON; node's fetch can't be told an authority. */
async function fetchWith(caFile: string, url: string, authorization: string, body: unknown): Promise<number> {
  const { request } = await import("node:https");
  const outgoing = request(url, {
    method: "POST",
    ca: await readFile(caFile),
    agent: false,
    headers: { authorization },
  });
  outgoing.end(JSON.stringify(body));
  const [incoming] = (await once(outgoing, "response")) as [import("node:http").IncomingMessage];
  incoming.resume();
  return incoming.statusCode ?? 0;
}
