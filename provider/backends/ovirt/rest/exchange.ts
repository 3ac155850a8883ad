/** One request over HTTPS and its answer, with time-outs; and when there is none, whether the request may have arrived. */
import { Agent, request, type RequestOptions } from "node:https";
import { ProblemError, type Problem } from "../../../problem.js";

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
  /** ms until the TLS connection stands. Default: 10,000. */
  readonly connectTimeout?: number | undefined;
  /** ms from then until the answer is there as a whole. Default: 60,000. */
  readonly answerTimeout?: number | undefined;
}

/**
 * No answer came. Codes: `engine-unreachable` (no connection, or none in time), `engine-certificate` (one that is not
 * trusted), `engine-silent` (no answer in time), `engine-cut-off` (the connection broke off), `engine-answer-too-long`.
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
}

/** Characters of an answer; parseXml takes no more. */
const maxAnswer = 16 * 1024 * 1024;

export class Connection {
  // Only what may be repeated shares connections. One that has idled may be closed by the other side just when a request
  // goes out on it, and then nobody knows whether that arrived; on one of its own the request is sent once TLS stands.
  readonly #shared: Agent;
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
    this.#shared = new Agent({ keepAlive: true, maxSockets: 8 });
  }

  close(): void {
    this.#shared.destroy();
  }

  /** @throws EngineUnreachable */
  send(asked: HttpRequest): Promise<HttpAnswer> {
    const { connectTimeout = 10_000, ca } = this.#options;
    const answerTimeout = asked.answerTimeout ?? this.#options.answerTimeout ?? 60_000;
    const options: RequestOptions = {
      method: asked.method,
      headers: {
        ...asked.headers,
        ...(asked.body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(asked.body)) }),
      },
      agent: asked.repeatable ? this.#shared : false,
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
        deadline(answerTimeout, () => silent(asked.url, answerTimeout));
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
      deadline(connectTimeout, () => unreachable(asked.url, `no TLS connection within ${connectTimeout} ms`));
      outgoing.on("socket", (socket) => {
        if (outgoing.reusedSocket) stands();
        else socket.once("secureConnect", stands);
      });
      outgoing.on("error", (cause: NodeJS.ErrnoException) => {
        if (sent) fail(cutOff(asked.url), cause);
        else if (isAboutCertificate(cause)) fail(untrusted(asked.url), cause);
        else fail(unreachable(asked.url), cause);
      });
      outgoing.end(asked.body);
    });
  }
}

/** Node's codes for a certificate that it does not take (Node: doc/api/tls.md, X509 certificate error codes). */
function isAboutCertificate({ code = "" }: NodeJS.ErrnoException): boolean {
  return /CERT|ISSUER|SIGNATURE|CRL|ERR_TLS_/.test(code) && !code.startsWith("ERR_TLS_HANDSHAKE");
}

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
    remedy:
      "Configure the engine's CA certificate: /ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA has it.",
  };
}

function silent({ host }: URL, milliseconds: number): Problem {
  return {
    code: "engine-silent",
    what: `Unable to get the oVirt engine's answer within ${milliseconds} ms`,
    where: host,
    remedy: "What was asked for may have been done all the same: run pulumi refresh before the next update.",
  };
}

function cutOff({ host }: URL): Problem {
  return {
    code: "engine-cut-off",
    what: "Unable to get the oVirt engine's answer: the connection broke off",
    where: host,
    remedy: "What was asked for may have been done all the same: run pulumi refresh before the next update.",
  };
}

function tooLong({ host }: URL): Problem {
  return {
    code: "engine-answer-too-long",
    what: `Unable to read the oVirt engine's answer: it is longer than ${maxAnswer} bytes`,
    where: host,
  };
}
