/**
 * The engine's OAuth token: got with the password, kept until shortly before its end, returned at the end; or one that was
 * got elsewhere, which is used as it is.
 */
import * as z from "zod";
import type { EngineCredentials, PasswordCredentials } from "../../../config/engine-credentials.js";
import { ProblemError } from "../../../model/problem.js";
import type { HttpAnswer, HttpRequest } from "./exchange.js";
import { neededRoles } from "./fault.js";
import { foreignText } from "../../../model/foreign-text.js";
import { withoutSecrets } from "./secrets.js";

/** The engine does not let us in. Code: `engine-sign-on`, or `engine-token` for a token that was got elsewhere. */
export class SignOnRefused extends ProblemError {
  override readonly name: string = "SignOnRefused";
}

/** Where requests get their token from. */
export interface TokenSource {
  /** A valid token. @throws SignOnRefused, EngineUnreachable */
  token(): Promise<string>;
  /** Tells that the engine did not take the token: the next {@link token} is another one, or an error. */
  refuse(token: string): void;
  /** Revokes the tokens that are ours. Never fails. */
  signOff(): Promise<void>;
}

type Send = (request: HttpRequest) => Promise<HttpAnswer>;

export interface Places {
  /** The engine. Its sign-off stands at a fixed path below it. */
  readonly origin: URL;
  /** Where tokens are given out. Default: the fixed path below the engine. */
  readonly tokenUrl?: URL | undefined;
}

export function tokenSource(places: Places, credentials: EngineCredentials, send: Send): TokenSource {
  return "token" in credentials
    ? new TokenFromOutside(places, credentials.token)
    : new SignOn(places, credentials, send);
}

const answerSchema = z.union([
  // It becomes part of a header: what has line ends, blanks or controls is no token (RFC 6749, appendix A.12).
  z.object({ access_token: z.string().regex(/^[\x21-\x7e]+$/), exp: z.coerce.number().optional() }),
  // OAuth has `error` and `error_description`; the engine's own answers to API clients `error_code` and `error`.
  z.object({ error: z.string(), error_description: z.string().optional() }),
]);

interface Token {
  readonly value: string;
  /** When to get another one, in ms of the epoch. With Keycloak the engine names no end: then it is when one is refused. */
  readonly renewAt: number;
}

/** A token is renewed that long before its end, and no later than when a tenth of its life is left. In ms. */
const margin = 30_000;

const tokenPath = "/ovirt-engine/sso/oauth/token";

export class SignOn implements TokenSource {
  #token: Promise<Token> | undefined;
  #unwanted: string | undefined;
  /** Those that were not returned: also one that was refused may be valid, where its user has no role. */
  readonly #ours = new Set<string>();
  #ended = false;

  constructor(
    private readonly places: Places,
    private readonly credentials: PasswordCredentials,
    private readonly send: Send,
    private readonly now: () => number = Date.now,
  ) {}

  /** Requests that want one at the same time share it. */
  async token(): Promise<string> {
    const pending = this.#token ?? this.#renew();
    const current = await pending;
    if (this.now() < current.renewAt && current.value !== this.#unwanted) return current.value;
    const next = this.#token === pending || this.#token === undefined ? this.#renew() : this.#token;
    return (await next).value;
  }

  refuse(token: string): void {
    this.#unwanted = token;
  }

  /** Returns every token that is not returned yet; what fails ends by itself. Nothing is signed on after it. */
  async signOff(): Promise<void> {
    this.#ended = true;
    await this.#token?.catch(() => undefined);
    this.#token = undefined;
    const tokens = [...this.#ours];
    this.#ours.clear();
    await Promise.all(tokens.map((token) => this.#revoke(token)));
  }

  /**
   * By the engine's own service, which knows the client that the sign-on's `revoke` asks for. With Keycloak the engine ends
   * the session there, too.
   */
  async #revoke(token: string): Promise<void> {
    const form = new URLSearchParams({ scope: "ovirt-app-api", token });
    await this.#post(new URL("/ovirt-engine/services/sso-logout", this.places.origin), form).catch(() => undefined);
  }

  #renew(): Promise<Token> {
    const pending = this.#request();
    this.#token = pending;
    pending.catch(() => {
      if (this.#token === pending) this.#token = undefined;
    });
    return pending;
  }

  async #request(): Promise<Token> {
    if (this.#ended) {
      throw new ProblemError({
        code: "cancelled",
        what: "Unable to sign on to the oVirt engine: the command has ended",
        where: this.places.origin.host,
      });
    }
    const { username, password } = this.credentials;
    const form = new URLSearchParams({ grant_type: "password", scope: "ovirt-app-api", username, password });
    const { body, status } = await this.#post(this.places.tokenUrl ?? new URL(tokenPath, this.places.origin), form);
    const answer = answerSchema.safeParse(json(body)).data;
    if (answer === undefined) throw this.#refused(`it answered ${status} without a token`);
    if ("error" in answer) {
      throw this.#refused(foreignText(withoutSecrets(answer.error_description ?? answer.error, [password])));
    }
    this.#ours.add(answer.access_token);
    const asked = this.now();
    const end = answer.exp ?? Infinity;
    return { value: answer.access_token, renewAt: end - Math.min(margin, Math.max(0, end - asked) / 10) };
  }

  #post(url: URL, form: URLSearchParams): Promise<HttpAnswer> {
    return this.send({
      method: "POST",
      url,
      headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
      body: form.toString(),
      repeatable: true,
    });
  }

  #refused(why: string): SignOnRefused {
    return new SignOnRefused({
      code: "engine-sign-on",
      what: `Unable to sign on as user "${this.credentials.username}": ${why}`,
      where: (this.places.tokenUrl ?? this.places.origin).host,
      remedy:
        "Check the user's name with its profile (such as admin@internal, or admin@ovirt@internalsso with Keycloak) and the password.",
    });
  }
}

/** A token that was got elsewhere: it is not returned, and there is no password to get another one with. */
class TokenFromOutside implements TokenSource {
  #refused = false;

  constructor(
    private readonly places: Places,
    private readonly value: string,
  ) {}

  token(): Promise<string> {
    return this.#refused ? Promise.reject(this.#refusal()) : Promise.resolve(this.value);
  }

  refuse(): void {
    this.#refused = true;
  }

  signOff(): Promise<void> {
    return Promise.resolve();
  }

  #refusal(): SignOnRefused {
    const { origin, tokenUrl = new URL(tokenPath, origin) } = this.places;
    return new SignOnRefused({
      code: "engine-token",
      what: "Unable to use vnic-failover:ovirtToken: the engine does not accept the token, which has expired or was revoked",
      where: origin.host,
      remedy: `Get a new token from ${tokenUrl.origin}${tokenUrl.pathname} and set it with pulumi config set --secret vnic-failover:ovirtToken. If the engine refuses that token too, the user lacks roles. ${neededRoles}`,
    });
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
