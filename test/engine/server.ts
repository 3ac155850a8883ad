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
import { attribute, formatXml, withAttributes, withChildren, type Element } from "../../provider/xml/element.js";
import { makeCertificate, type ServerCertificate } from "./certificate.js";
import { Disruptions, type DisruptionInput } from "./disruptions.js";
import { EngineFault, HtmlError, listed, restFault } from "./fault.js";
import { firstInventory } from "./inventory.js";
import { jsonOf } from "./json.js";
import { named, type Device, type Model } from "./model.js";
import { fastDurations, Pace, realDurations } from "./pace.js";
import { apiPath } from "./parts.js";
import {
  acceptedFormat,
  correlationIdOf,
  isAsked,
  one,
  sentFormat,
  targetOf,
  type Format,
  type Target,
} from "./request.js";
import { Api, type ApiAnswer } from "./routes.js";
import { SingleSignOn, type Credentials, type JsonAnswer } from "./sso.js";

export interface TestEngineOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Default: `admin@internal` with a password that every test may know. */
  readonly credentials?: Credentials;
  /** Default: {@link firstInventory}. */
  readonly model?: Model;
  /**
   * ms between the steps of a migration, or "manual": until {@link TestEngine.advance}; then nothing else takes time.
   * Default: as slow as a real engine ({@link realDurations}).
   */
  readonly stepMillis?: number | "manual" | undefined;
  /** ms that a token is valid. Default: seven days. */
  readonly tokenMillis?: number;
  /** It signs on with its own Keycloak. Default: with aaa-jdbc. */
  readonly keycloak?: boolean;
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

const week = 7 * 24 * 3_600_000;

const xmlHeader = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';

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
    { stepMillis, disruptions = [] }: TestEngineOptions,
  ) {
    this.#pace = new Pace(
      stepMillis === undefined ? realDurations : stepMillis === "manual" ? "manual" : fastDurations(stepMillis),
    );
    this.#api = new Api(model, this.#pace, this.disruptions);
    for (const disruption of disruptions) this.disruptions.add(disruption);
    const serve = (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => {
        console.error("The test engine broke down:", error);
        response.destroy();
      });
    };
    server.on("request", serve);
    // `Expect: 201-created`, which Node would refuse by itself.
    server.on("checkExpectation", serve);
  }

  static async start(options: TestEngineOptions = {}): Promise<TestEngine> {
    const certificate = await makeCertificate();
    const server = createServer({ key: certificate.key, cert: certificate.certificate });
    const credentials = options.credentials ?? { username: "admin@internal", password: "a password & more" };
    server.listen(options.port ?? 0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const address = { url: `https://localhost:${port}${apiPath}`, ...credentials, caFile: certificate.caFile };
    const signOn = new SingleSignOn(credentials, options.tokenMillis ?? week, Date.now, options.keycloak);
    return new TestEngine(options.model ?? firstInventory(), address, signOn, server, certificate, options);
  }

  /** Takes the next step of every migration that is under way (`stepMillis: "manual"`). */
  advance(steps = 1): void {
    for (let step = 0; step < steps; step += 1) this.#pace.advance();
  }

  /** The engine itself moves a VM, as for maintenance or balancing. @throws EngineFault */
  moveBySystem(vm: string, host: string): Promise<void> {
    return this.#api.moveBySystem(vm, host);
  }

  /** The engine is restarted: it knows no token and no command any more. */
  restart(): void {
    this.signOn.revokeAll();
    this.#api.forget();
    this.model.report({ code: 1, severity: "normal", description: "Starting oVirt Engine." });
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
      const answer = this.signOn.token(form(url, body), request.headers.accept);
      if (answer.late === true) await this.#pace.pass(this.#pace.durations.wrongPassword);
      answerJson(response, answer);
    } else if (url.pathname === "/ovirt-engine/sso/oauth/revoke") {
      answerJson(response, this.signOn.revoke(form(url, body)));
    } else if (url.pathname === "/ovirt-engine/services/sso-logout") {
      answerJson(response, this.signOn.logout(form(url, body)));
    } else if (new RegExp(`^${apiPath}(?:[/;]|$)`).test(url.pathname)) {
      await this.#serveApi(request, response, url, body);
    } else {
      response.writeHead(404).end();
    }
  }

  async #serveApi(request: IncomingMessage, response: ServerResponse, url: URL, body: string): Promise<void> {
    const target = targetOf(url.pathname.slice(apiPath.length), url.searchParams, request.headers);
    const method = request.method ?? "GET";
    const occasion = { method, path: target.path };
    this.received.push({
      method,
      path: target.path + url.search,
      correlationId: one(request.headers["correlation-id"]),
    });

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

    const identity =
      this.disruptions.take("unauthorized", occasion) === undefined
        ? this.signOn.identify(request.headers.authorization)
        : { refusal: "Unauthorized" };
    if ("refusal" in identity) {
      if (identity.late === true) await this.#pace.pass(this.#pace.durations.wrongPassword);
      response
        .writeHead(401, { "Content-Type": "text/html;charset=UTF-8", "WWW-Authenticate": 'Basic realm="RESTAPI"' })
        .end(`<html><head><title>Error</title></head><body>${identity.refusal}</body></html>`);
      return;
    }
    const correlationId = correlationIdOf(request.headers, target.parameters);
    const forbidden = this.disruptions.take("forbidden", occasion);
    const caller = { user: `${identity.user}-authz`, correlationId, forbidden: forbidden?.status };
    const impatient = this.disruptions.take("proxy-impatient", occasion);
    if (impatient !== undefined) {
      response.writeHead(504, { "Content-Type": "text/html" }).end("<h1>Proxy Error</h1>");
      await sleep(impatient.milliseconds, undefined, { ref: false });
    }
    const answer = await this.#answer(request, url, target, body, caller);
    if (impatient !== undefined) return;
    const proxy = this.disruptions.take("proxy-error", occasion);
    if (proxy !== undefined) {
      response.writeHead(proxy.status, { "Content-Type": "text/html" }).end("<h1>Proxy Error</h1>");
      return;
    }
    const bytes = Buffer.from(answer.text);
    response.writeHead(answer.status, {
      ...answer.headers,
      "Content-Length": bytes.length,
      "Correlation-Id": correlationId,
    });
    if (this.disruptions.take("cut", occasion)) {
      response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroy());
      return;
    }
    response.end(bytes);
  }

  async #answer(
    request: IncomingMessage,
    url: URL,
    target: Target,
    body: string,
    caller: ServedCaller,
  ): Promise<Written> {
    const { path, prefix } = target;
    const method = request.method ?? "GET";
    const origin = `https://${request.headers.host ?? url.host}`;
    try {
      checkVersion(target);
      const methods = this.#api.methods(path);
      if (methods.length === 0) {
        const full = `${origin}${apiPath}/v4${path === "/" ? "" : path}`;
        throw new HtmlError(404, `RESTEASY003210: Could not find resource for full path: ${full}`);
      }
      if (!methods.includes(method)) return bare(405, { Allow: methods.join(", ") });
      const sends = method === "POST" || method === "PUT";
      const sent = sends ? sentFormat(request.headers["content-type"]) : "xml";
      if (sent === undefined) return bare(415);
      const format = acceptedFormat(request.headers.accept);
      if (format === undefined) return bare(406);
      return written(
        await this.#asked(request, target, caller, sends ? { text: body, format: sent, origin } : undefined),
        {
          format,
          prefix,
          origin,
        },
      );
    } catch (error) {
      if (!(error instanceof HtmlError)) throw error;
      return { status: error.status, text: error.html, headers: { "Content-Type": "text/html;charset=UTF-8" } };
    }
  }

  async #asked(
    request: IncomingMessage,
    { path, parameters }: Target,
    caller: ServedCaller,
    sent: { readonly text: string; readonly format: Format; readonly origin: string } | undefined,
  ): Promise<ApiAnswer> {
    try {
      if (caller.forbidden !== undefined) throw forbidden(caller.forbidden);
      return await this.#api.answer({
        method: request.method ?? "GET",
        path,
        query: parameters,
        sent,
        caller,
        allContent: isAsked(parameters, request.headers["all-content"], "all_content"),
      });
    } catch (error) {
      if (error instanceof EngineFault) return { status: error.status, body: error.body };
      throw error;
    }
  }

  #administrate(request: IncomingMessage, url: URL, body: string): JsonAnswer | { status: number; body: unknown } {
    if ("refusal" in this.signOn.identify(request.headers.authorization)) return { status: 401, body: {} };
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

interface ServedCaller {
  readonly user: string;
  readonly correlationId: string;
  /** The status of the refusal, where the user's roles are not enough. */
  readonly forbidden: 400 | 403 | undefined;
}

/** QueriesCommandBase.java, and CommandBase.java's check of rights. */
function forbidden(status: 400 | 403): EngineFault {
  return status === 400
    ? restFault(400, "query execution failed due to insufficient permissions.")
    : listed(403, ["User is not authorized to perform this action."]);
}

interface Written {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Style {
  readonly format: Format;
  /** What stands in links after the API's path. */
  readonly prefix: string;
  readonly origin: string;
}

/** An answer as it goes out. What was made is where `Location` says, in the engine's broken way of saying it. */
function written({ status, body }: ApiAnswer, { format, prefix, origin }: Style): Written {
  if (body === undefined) return bare(status);
  const answer = prefix === "" ? body : linked(body, prefix);
  const href = attribute(answer, "href");
  const headers = {
    ...(status === 201 && href !== undefined ? { Location: `${origin}${apiPath}/v4${href}` } : {}),
    "Content-Type": format === "xml" ? "application/xml;charset=UTF-8" : "application/json",
  };
  const text =
    format === "xml" ? xmlHeader + formatXml(answer, { pretty: true }) : JSON.stringify(jsonOf(answer), null, 2);
  return { status, text, headers };
}

function bare(status: number, headers: Readonly<Record<string, string>> = {}): Written {
  return { status, text: "", headers };
}

/** With the version in every link, as in the request's URL. */
function linked(from: Element, prefix: string): Element {
  const href = attribute(from, "href");
  const children = from.children.map((each) => linked(each, prefix));
  const copy = withChildren(from, children);
  return href === undefined ? copy : withAttributes(copy, { href: href.replace(apiPath, apiPath + prefix) });
}

/** @throws HtmlError for another version than 4: 3 is known still, and has nothing any more. */
function checkVersion({ version }: Target): void {
  if (version === "4") return;
  const status = version === "3" ? 405 : 400;
  throw new HtmlError(status, `<html><head><title>Error</title></head><body>${status}</body></html>`);
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

function answerJson(response: ServerResponse, { status, body }: { status: number; body: unknown }): void {
  response.writeHead(status, { "Content-Type": "application/json;charset=UTF-8" }).end(JSON.stringify(body));
}
