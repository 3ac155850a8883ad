/** One request over HTTPS and its answer, with time-outs; and when there is none, whether the request may have arrived. */
import { Agent, request, type RequestOptions } from "node:https";
import { ProblemError, type Problem } from "../../../model/problem.js";
import { proxyFor, type Environment, type Proxy } from "./proxy.js";
import { isAboutCertificate, NoTunnel, TunnelAgent } from "./tunnel.js";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** ms from when the connection stands until the answer is there. Default: the connection's. */
  readonly answerTimeout?: number | undefined;
  /** It may be sent again without harm, whether it arrived before or not. */
  readonly repeatable: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly contentType: string;
  /** Seconds, or a date: the header as it is. */
  readonly retryAfter: string | undefined;
  readonly body: string;
}

export interface ConnectionOptions {
  /** PEM certificates of the authorities that are trusted. Default: Node's own. */
  readonly ca?: string | undefined;
  /** ms until the TLS connection stands; through a proxy twice as long. Default: 10,000. */
  readonly connectTimeout?: number | undefined;
  /** ms from then until the answer is there as a whole. Default: 60,000. */
  readonly answerTimeout?: number | undefined;
  /** Where the proxy is looked for: HTTPS_PROXY and NO_PROXY, or the same in small letters. Default: the process's. */
  readonly environment?: Environment | undefined;
}

/** What the other side answered, so that waiting would not help. */
const refusals = new Set(["engine-certificate", "proxy-certificate", "proxy-login", "proxy-refused"]);

/**
 * No answer came. Codes: `engine-unreachable` (no connection, or none in time), `engine-certificate` (one that is not
 * trusted), `engine-silent` (no answer in time), `engine-cut-off` (the connection broke off), `engine-answer-too-long`,
 * and those of {@link NoTunnel}.
 */
export class EngineUnreachable extends ProblemError {
  override readonly name: string = "EngineUnreachable";

  constructor(
    problem: Problem,
    /** False: nothing of the request was sent, so that it can't have had an effect. */
    readonly mayHaveArrived: boolean,
    options?: { cause?: unknown },
  ) {
    super(problem, options);
  }

  /** Whether there was an answer that refused: the engine is not trusted, or the proxy does not let us through. */
  get isRefusal(): boolean {
    return refusals.has(this.problem.code);
  }
}

/** ms */
const defaultConnectTimeout = 10_000;

/** Characters of an answer; parseXml takes no more. */
const maxAnswer = 16 * 1024 * 1024;

export class Connection {
  // Only what may be repeated shares connections. One that has idled may be closed by the other side just when a request
  // goes out on it, and then it is unknown whether that arrived; on one of its own the request is sent once TLS stands.
  readonly #shared = new Map<string, Agent>();
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
  }

  close(): void {
    for (const agent of this.#shared.values()) agent.destroy();
  }

  /** @throws EngineUnreachable, or ProblemError `proxy-url` */
  async send(asked: HttpRequest): Promise<HttpAnswer> {
    return this.#send(asked, this.#agentFor(asked, proxyFor(asked.url, this.#options.environment)));
  }

  #agentFor({ repeatable, url }: HttpRequest, proxy: Proxy | undefined): Agent | false {
    const { connectTimeout: timeout = defaultConnectTimeout } = this.#options;
    if (!repeatable) return proxy !== undefined && new TunnelAgent(proxy, timeout);
    const found = this.#shared.get(url.host);
    if (found !== undefined) return found;
    const options = { keepAlive: true, maxSockets: 8 };
    const agent = proxy === undefined ? new Agent(options) : new TunnelAgent(proxy, timeout, options);
    this.#shared.set(url.host, agent);
    return agent;
  }

  #send(asked: HttpRequest, agent: Agent | false): Promise<HttpAnswer> {
    const { ca, connectTimeout: ofConnection = defaultConnectTimeout } = this.#options;
    // The tunnel has its own, and tells more.
    const connectTimeout = agent instanceof TunnelAgent ? 2 * ofConnection : ofConnection;
    const answerTimeout = asked.answerTimeout ?? this.#options.answerTimeout ?? 60_000;
    const options: RequestOptions = {
      method: asked.method,
      headers: {
        ...asked.headers,
        ...(asked.body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(asked.body)) }),
      },
      agent,
      // Said aloud: NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off, and hand the password to any server.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    };
    return new Promise((resolve, reject) => {
      let sent = false;
      let timer: NodeJS.Timeout | undefined;
      const fail = (problem: Problem, cause?: unknown) => {
        clearTimeout(timer);
        outgoing.destroy();
        reject(new EngineUnreachable(problem, sent, cause === undefined ? undefined : { cause }));
      };
      const deadline = (milliseconds: number, problem: () => Problem) => {
        clearTimeout(timer);
        timer = setTimeout(() => fail(problem()), milliseconds);
      };
      const stands = () => {
        sent = true;
        deadline(answerTimeout, () => noAnswer(asked.url, answerTimeout));
      };

      const outgoing = request(asked.url, options, (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxAnswer) fail(tooLong(asked.url));
          else chunks.push(chunk);
        });
        incoming.on("error", (cause) => fail(cutOff(asked.url), cause));
        incoming.on("end", () => {
          clearTimeout(timer);
          resolve({
            status: incoming.statusCode ?? 0,
            statusText: incoming.statusMessage ?? "",
            contentType: incoming.headers["content-type"] ?? "",
            retryAfter: incoming.headers["retry-after"],
            body: Buffer.concat(chunks).toString("utf8"),
          });
        });
      });
      // A request that waits for one of the agent's connections has a socket only then, which may be one that stands already: Node marks
      // as reused only one that was free at once.
      outgoing.on("socket", (socket) => {
        if (standing.has(socket)) {
          stands();
          return;
        }
        deadline(connectTimeout, () => unreachable(asked.url, `no TLS connection within ${connectTimeout} ms`));
        socket.once("secureConnect", () => {
          standing.add(socket);
          stands();
        });
      });
      outgoing.on("error", (cause: NodeJS.ErrnoException) => {
        if (cause instanceof NoTunnel) fail({ ...cause.problem, where: asked.url.host }, cause.cause);
        else if (sent) fail(cutOff(asked.url), cause);
        else if (isAboutCertificate(cause)) fail(untrusted(asked.url), cause);
        else fail(unreachable(asked.url), cause);
      });
      outgoing.end(asked.body);
    });
  }
}

/** Connections whose TLS is made. */
const standing = new WeakSet<object>();

function unreachable({ host }: URL, why?: string): Problem {
  return {
    code: "engine-unreachable",
    what: `Unable to reach the oVirt engine${why === undefined ? "" : `: ${why}`}`,
    where: host,
    remedy: "Check the engine's URL, and that this machine can connect to it.",
  };
}

function untrusted({ host }: URL): Problem {
  return {
    code: "engine-certificate",
    what: "Unable to trust the oVirt engine's certificate",
    where: host,
    remedy: `Download the engine's CA certificate from https://${host}/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA and set caFile of vnic-failover:ovirt to that file.`,
  };
}

function noAnswer({ host }: URL, milliseconds: number): Problem {
  return {
    code: "engine-silent",
    what: `The oVirt engine did not answer within ${milliseconds} ms`,
    where: host,
    state: "The request may have taken effect.",
    remedy: "Run pulumi refresh before the next update.",
  };
}

function cutOff({ host }: URL): Problem {
  return {
    code: "engine-cut-off",
    what: "Unable to get the oVirt engine's answer: the connection was lost",
    where: host,
    state: "The request may have taken effect.",
    remedy: "Run pulumi refresh before the next update.",
  };
}

function tooLong({ host }: URL): Problem {
  return {
    code: "engine-answer-too-long",
    what: `Unable to read the oVirt engine's answer: it is longer than ${maxAnswer} bytes`,
    where: host,
    remedy: "Check that vnic-failover:ovirt.url is that of an oVirt engine.",
  };
}
