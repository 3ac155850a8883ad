/** What an engine, or what answers in its place, makes a client read. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { EngineClient, listVms, SignOnRefused } from "../../provider/backends/ovirt/rest/index.js";
import { ProblemError } from "../../provider/model/problem.js";
import { failure } from "../backends/ovirt/failure.js";
import { makeCertificate } from "../engine/certificate.js";

interface LyingEngine {
  readonly client: EngineClient;
  /** Pages that it was asked for. */
  readonly asked: number[];
}

const vm = (id: string) => `<vm id="${id}"><name>${id}</name><status>down</status><cluster id="c"/></vm>`;

/** A server that answers so, and a client that takes it for the engine. */
async function serving(answer: (url: URL, response: ServerResponse) => void): Promise<EngineClient> {
  const certificate = await makeCertificate();
  const server = createServer({ key: certificate.key, cert: certificate.certificate }, (request, response) => {
    request.resume();
    answer(new URL(request.url ?? "/", "https://localhost"), response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = new EngineClient({
    url: `https://localhost:${port}`,
    username: "admin@internal",
    password: "a password",
    ca: readFileSync(certificate.caFile, "utf8"),
  });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
    await certificate.remove();
  });
  return client;
}

/** An engine whose list of VMs is what a test says of each page; `listVms` asks for 100 at a time. */
async function engineWith(page: (number: number) => readonly string[], token = "t0k3n"): Promise<LyingEngine> {
  const asked: number[] = [];
  const client = await serving((url, response) => {
    if (!url.pathname.endsWith("/vms")) {
      response.end(JSON.stringify({ access_token: token }));
      return;
    }
    const number = Number(/ page (\d+)$/.exec(url.searchParams.get("search") ?? "")?.[1]);
    asked.push(number);
    response.writeHead(200, { "Content-Type": "application/xml" });
    response.end(`<vms>${page(number).map(vm).join("")}</vms>`);
  });
  return { client, asked };
}

const hundred = (first: number) => Array.from({ length: 100 }, (_, index) => `vm${first + index}`);

async function readAll(members: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of members);
}

describe("X27: an engine whose list has no end", { timeout: 120_000 }, () => {
  test("and which gives the same page for ever, is asked for one page more", async () => {
    const { client, asked } = await engineWith(() => hundred(0));
    expect(await listVms(client)).toHaveLength(100);
    expect(asked).toEqual([1, 2]);
  });

  test("and which gives some pages in turn, is asked until one brings nothing new", async () => {
    const { client, asked } = await engineWith((page) => hundred(100 * (page % 3)));
    expect(await listVms(client)).toHaveLength(300);
    expect(asked).toEqual([1, 2, 3, 4]);
  });

  test("and brings one new VM with each page, is an error after 1,000 pages", async () => {
    const { client, asked } = await engineWith((page) => ["known", `new${page}`]);
    const error = await failure(readAll(client.list("/vms", { pageSize: 2 })));
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({
      problem: {
        code: "engine-list-too-long",
        what: "Unable to read /vms: the engine returned 1000 pages and more remain",
      },
    });
    expect(asked).toHaveLength(1000);
  });

  test("and whose pages are far longer than was asked for, is an error after 100,000 VMs", async () => {
    const { client, asked } = await engineWith((page) =>
      Array.from({ length: 12_500 }, (_, index) => `vm${page}-${index}`),
    );
    expect(await failure(listVms(client))).toMatchObject({ problem: { code: "engine-list-too-long" } });
    expect(asked).toHaveLength(9);
  });
});

test("X27: a token that would break out of its header is none", async () => {
  const { client, asked } = await engineWith(() => [], "t0k3n\r\nX-Other: 1");
  const error = await failure(listVms(client));
  expect(error).toBeInstanceOf(SignOnRefused);
  expect((error as Error).message).not.toContain("t0k3n");
  expect(asked).toEqual([]);
});

describe("an engine that sends its clients elsewhere", () => {
  test.each([
    ["with the sign-on", "/token", 308],
    ["with the API's calls", "/vms", 307],
  ])("%s: nothing is sent there", async (_, path, status) => {
    let arrived = 0;
    const other = createTcpServer(() => (arrived += 1)).listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const client = await serving((url, response) => {
      if (url.pathname.endsWith(path))
        response.writeHead(status, { Location: `https://localhost:${port}${url.pathname}` });
      response.end(JSON.stringify({ access_token: "t0k3n" }));
    });
    expect(await failure(listVms(client))).toBeInstanceOf(ProblemError);
    expect(arrived).toBe(0);
  });
});
