/**
 * Connections through a proxy: CONNECT makes a tunnel, and TLS to the engine goes through it from end to end, so that the
 * proxy sees neither what is asked nor the engine's password. Written here because agents of this kind log the proxy's URL
 * with its password, and hand a proxy's refusal on as if it were the engine's answer.
 */
import { request as plainRequest, STATUS_CODES } from "node:http";
import { Agent, request as secureRequest, type AgentOptions, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { ProblemError } from "../../../model/problem.js";
import type { Proxy } from "./proxy.js";

/**
 * There is no tunnel. Codes: `proxy-unreachable` (no connection to the proxy, or none from it to the engine), `proxy-login`,
 * `proxy-refused`, `proxy-certificate`.
 */
export class NoTunnel extends ProblemError {
  override readonly name: string = "NoTunnel";
}

export class TunnelAgent extends Agent {
  readonly #opening = new Set<() => void>();

  constructor(
    private readonly proxy: Proxy,
    /** ms until the tunnel stands. */
    private readonly timeout: number,
    options: AgentOptions = {},
  ) {
    super(options);
  }

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // Node.js hands over a stream or an error; the types want both.
    const done = callback as ((error: Error | null, stream?: Duplex) => void) | undefined;
    this.#open(options).then(
      (tunnel) => {
        const secured = connect({ ...(options as object), socket: tunnel });
        secured.once("close", () => tunnel.destroy());
        done?.(null, secured);
      },
      (error: unknown) => done?.(error as Error),
    );
  }

  override destroy(): void {
    for (const abort of this.#opening) abort();
    super.destroy();
  }

  #open({ host, port }: RequestOptions): Promise<Duplex> {
    const { secure, hostname, authorization } = this.proxy;
    const name = host ?? "";
    const target = `${name.includes(":") ? `[${name}]` : name}:${port ?? 443}`;
    return new Promise((resolve, reject) => {
      const asked = (secure ? secureRequest : plainRequest)({
        method: "CONNECT",
        hostname,
        port: this.proxy.port,
        path: target,
        headers: { Host: target, ...(authorization !== undefined && { "Proxy-Authorization": authorization }) },
        agent: false,
        ...(secure && { rejectUnauthorized: true }),
      });
      const abort = () => asked.destroy(new Error(`no answer within ${this.timeout} ms`));
      const timer = setTimeout(abort, this.timeout);
      this.#opening.add(abort);
      const ended = () => {
        clearTimeout(timer);
        this.#opening.delete(abort);
      };
      asked.once("connect", ({ statusCode = 0 }, socket, head) => {
        ended();
        if (statusCode >= 200 && statusCode < 300) {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        } else {
          socket.destroy();
          reject(refusedBy(this.proxy, statusCode));
        }
      });
      // A proxy that does not know CONNECT answers as to any request.
      asked.once("response", (answer) => {
        ended();
        answer.destroy();
        reject(refusedBy(this.proxy, answer.statusCode ?? 0));
      });
      asked.once("error", (cause: NodeJS.ErrnoException) => {
        ended();
        reject(
          secure && isAboutCertificate(cause)
            ? noTunnel("proxy-certificate", this.proxy, "its certificate is not trusted", distrustRemedy, cause)
            : noTunnel("proxy-unreachable", this.proxy, "it cannot be reached", undefined, cause),
        );
      });
      asked.end();
    });
  }
}

/** Node's codes for a certificate that it does not take (Node: doc/api/tls.md, X509 certificate error codes). */
export function isAboutCertificate({ code = "" }: NodeJS.ErrnoException): boolean {
  return /CERT|ISSUER|SIGNATURE|CRL|ERR_TLS_/.test(code) && !code.startsWith("ERR_TLS_HANDSHAKE");
}

const distrustRemedy = "Set NODE_EXTRA_CA_CERTS to the file of its CA certificate.";

function refusedBy(proxy: Proxy, status: number): NoTunnel {
  if (status === 407) {
    return proxy.authorization === undefined
      ? noTunnel("proxy-login", proxy, "it requires a user and a password", "Add them to HTTPS_PROXY, before the host.")
      : noTunnel("proxy-login", proxy, "it refuses the user or the password", "Correct them in HTTPS_PROXY.");
  }
  // Of the proxy's own text nothing is told: it could repeat what it was sent.
  const answer = `it answers ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  return noTunnel(status >= 500 ? "proxy-unreachable" : "proxy-refused", proxy, answer);
}

function noTunnel(
  code: string,
  { hostname, port }: Proxy,
  why: string,
  remedy = "Check HTTPS_PROXY, or name the engine's host in NO_PROXY where it can be reached without the proxy.",
  cause?: unknown,
): NoTunnel {
  const what = `Unable to reach the oVirt engine through the proxy ${hostname}:${port}: ${why}`;
  return new NoTunnel({ code, what, remedy }, cause === undefined ? undefined : { cause });
}
