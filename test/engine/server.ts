/**
 * A test engine: an HTTPS server that speaks oVirt's REST API v4 with XML bodies, from a model of its own. It holds the
 * rules of the failover feature with the engine's statuses and texts, and has the engine's defects; what can go wrong
 * can be switched on.
 *
 * Besides the API and the sign-on it has `/test-engine/disruptions` (POST one as JSON, DELETE all) and
 * `/test-engine/devices?vm=NAME` (GET: the VM's network devices, as libvirt has them), for tests in other processes.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { formatXml, parseXml, XmlError, type Element } from "../../provider/xml/element.js";
import { makeCertificate, type ServerCertificate } from "./certificate.js";
import { Disruptions, type DisruptionInput } from "./disruptions.js";
import { EngineFault, restFault } from "./fault.js";
import { firstInventory } from "./inventory.js";
import { named, type Device, type Model } from "./model.js";
import { Pace } from "./pace.js";
import { apiPath } from "./representation.js";
import { Api, type ApiAnswer } from "./routes.js";
import { SingleSignOn, type Credentials, type JsonAnswer } from "./sso.js";

export interface TestEngineOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Default: `admin@internal` with a password that every test may know. */
  readonly credentials?: Credentials;
  /** Default: {@link firstInventory}. */
  readonly model?: Model;
  /** ms between the steps of a migration, or "manual": until {@link TestEngine.advance}. Default: 100. */
  readonly stepMillis?: number | "manual";
  /** ms that a token is valid. Default: an hour. */
  readonly tokenMillis?: number;
  /** Faults that are on from the start. */
  readonly disruptions?: readonly DisruptionInput[];
}

/** What a client needs, as `npm run test-engine` prints it. */
export interface EngineAddress {
  /** Of the API: `https://localhost:PORT/ovirt-engine/api`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly caFile: string;
}

/** A request as it arrived, for tests of what a client sends. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly correlationId: string | undefined;
}

const maxBody = 1024 * 1024;

export class TestEngine {
  readonly disruptions = new Disruptions();
  readonly received: ReceivedRequest[] = [];
  readonly #api: Api;
  readonly #pace: Pace;

  private constructor(
    readonly model: Model,
    readonly address: EngineAddress,
    readonly signOn: SingleSignOn,
    private readonly server: Server,
    private readonly certificate: ServerCertificate,
    { stepMillis = 100, disruptions = [] }: TestEngineOptions,
  ) {
    this.#pace = new Pace(stepMillis);
    this.#api = new Api(model, this.#pace, this.disruptions);
    for (const disruption of disruptions) this.disruptions.add(disruption);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => {
        console.error("The test engine broke down:", error);
        response.destroy();
      });
    });
  }

  static async start(options: TestEngineOptions = {}): Promise<TestEngine> {
    const certificate = await makeCertificate();
    const server = createServer({ key: certificate.key, cert: certificate.certificate });
    const credentials = options.credentials ?? { username: "admin@internal", password: "a password & more" };
    server.listen(options.port ?? 0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const address = { url: `https://localhost:${port}${apiPath}`, ...credentials, caFile: certificate.caFile };
    const signOn = new SingleSignOn(credentials, options.tokenMillis ?? 3_600_000);
    return new TestEngine(options.model ?? firstInventory(), address, signOn, server, certificate, options);
  }

  /** Takes the next step of every migration that is under way (`stepMillis: "manual"`). */
  advance(steps = 1): void {
    for (let step = 0; step < steps; step += 1) this.#pace.advance();
  }

  /** The network devices of a VM's running domain, the standbys included. */
  devices(vm: string): readonly Device[] {
    return named(this.model.vms, vm)?.devices ?? [];
  }

  async stop(): Promise<void> {
    this.#pace.stop();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
    await this.certificate.remove();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.address.url);
    const body = await bodyOf(request);
    if (url.pathname.startsWith("/test-engine/")) {
      answerJson(response, this.#administrate(request, url, body));
    } else if (url.pathname === "/ovirt-engine/sso/oauth/token") {
      answerJson(response, this.signOn.token(form(url, body)));
    } else if (["/ovirt-engine/sso/oauth/revoke", "/ovirt-engine/services/sso-logout"].includes(url.pathname)) {
      answerJson(response, this.signOn.revoke(form(url, body)));
    } else if (url.pathname === apiPath || url.pathname.startsWith(`${apiPath}/`)) {
      await this.#serveApi(request, response, url, body);
    } else {
      response.writeHead(404).end();
    }
  }

  async #serveApi(request: IncomingMessage, response: ServerResponse, url: URL, body: string): Promise<void> {
    const path = url.pathname.slice(apiPath.length);
    const method = request.method ?? "GET";
    const occasion = { method, path };
    this.received.push({ method, path: path + url.search, correlationId: header(request, "correlation-id") });

    if (this.disruptions.take("reset", occasion)) {
      request.socket.destroy();
      return;
    }
    const unavailable = this.disruptions.take("unavailable", occasion);
    if (unavailable !== undefined) {
      const retryAfter = unavailable.retryAfter;
      const headers = retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) };
      response.writeHead(503, { "Content-Type": "text/html", ...headers }).end("<h1>Service Unavailable</h1>");
      return;
    }
    if (this.disruptions.take("token-expired", occasion)) this.signOn.revokeAll();
    const slow = this.disruptions.take("slow", occasion);
    if (slow !== undefined) await sleep(slow.milliseconds, undefined, { ref: false });

    const user = this.signOn.authenticate(header(request, "authorization"));
    if (user === undefined) {
      response
        .writeHead(401, { "Content-Type": "text/html", "WWW-Authenticate": 'Basic realm="RESTAPI"' })
        .end("<html><head><title>Error</title></head><body>Unauthorized</body></html>");
      return;
    }
    const { status, body: answer } = this.#answer(request, url, path, body, user);
    const text =
      answer === undefined
        ? ""
        : `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${formatXml(answer, { pretty: true })}`;
    const bytes = Buffer.from(text);
    response.writeHead(status, {
      ...(bytes.length > 0 ? { "Content-Type": "application/xml;charset=UTF-8" } : {}),
      "Content-Length": bytes.length,
      "Correlation-Id": header(request, "correlation-id") ?? "",
    });
    if (this.disruptions.take("cut", occasion)) {
      response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroy());
      return;
    }
    response.end(bytes);
  }

  #answer(request: IncomingMessage, url: URL, path: string, body: string, user: string): ApiAnswer {
    try {
      return this.#api.answer({
        method: request.method ?? "GET",
        path: path === "" ? "/" : path,
        query: url.searchParams,
        body: xmlBody(request, body),
        caller: {
          user,
          correlationId: header(request, "correlation-id") ?? url.searchParams.get("correlation_id") ?? undefined,
        },
        allContent: [url.searchParams.get("all_content"), header(request, "all-content")].includes("true"),
      });
    } catch (error) {
      if (error instanceof EngineFault) return { status: error.status, body: error.body };
      throw error;
    }
  }

  #administrate(request: IncomingMessage, url: URL, body: string): JsonAnswer | { status: number; body: unknown } {
    if (this.signOn.authenticate(header(request, "authorization")) === undefined) return { status: 401, body: {} };
    switch (`${request.method ?? ""} ${url.pathname.slice("/test-engine".length)}`) {
      case "POST /disruptions":
        this.disruptions.add(JSON.parse(body) as DisruptionInput);
        return { status: 200, body: {} };
      case "DELETE /disruptions":
        this.disruptions.clear();
        return { status: 200, body: {} };
      case "GET /devices":
        return { status: 200, body: this.devices(url.searchParams.get("vm") ?? "") };
      default:
        return { status: 404, body: {} };
    }
  }
}

/** @throws EngineFault for bodies that are not XML */
function xmlBody(request: IncomingMessage, body: string): Element | undefined {
  if (body === "") return undefined;
  if (!/^(application|text)\/xml\b/.test(header(request, "content-type") ?? "")) throw new EngineFault(415, undefined);
  try {
    return parseXml(body);
  } catch (error) {
    if (error instanceof XmlError) throw restFault(400, "Request syntactically incorrect.");
    throw error;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBody) throw new Error("a request's body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The parameters of a form and of the query, which the sign-on takes alike. */
function form(url: URL, body: string): URLSearchParams {
  return new URLSearchParams([...url.searchParams, ...new URLSearchParams(body)]);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function answerJson(response: ServerResponse, { status, body }: { status: number; body: unknown }): void {
  response.writeHead(status, { "Content-Type": "application/json;charset=UTF-8" }).end(JSON.stringify(body));
}
