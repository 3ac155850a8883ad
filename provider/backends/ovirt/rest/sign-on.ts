/** The engine's OAuth token: got with the password, kept until shortly before its end, given back at the end. */
import { z } from "zod";
import { ProblemError } from "../../../problem.js";
import type { HttpAnswer, HttpRequest } from "./exchange.js";
import { withoutSecrets } from "./secrets.js";

export interface EngineCredentials {
  /** With its profile: `admin@internal`, or `admin@ovirt@internalsso` where Keycloak is used. */
  readonly username: string;
  readonly password: string;
}

/** The engine does not let us in. Code: `engine-sign-on`. */
export class SignOnRefused extends ProblemError {
  override readonly name: string = "SignOnRefused";
}

const answerSchema = z.union([
  z.object({ access_token: z.string().min(1), exp: z.coerce.number().optional() }),
  // OAuth has `error` and `error_description`; the engine's own answers to API clients `error_code` and `error`.
  z.object({ error: z.string(), error_description: z.string().optional() }),
]);

interface Token {
  readonly value: string;
  /** When to get another one, in ms of the epoch. */
  readonly renewAt: number;
}

/** A token is renewed that long before its end, and no later than when a tenth of its life is left. In ms. */
const margin = 30_000;

export class SignOn {
  #token: Promise<Token> | undefined;
  #unwanted: string | undefined;

  /** @param origin of the engine: the sign-on's paths are fixed. */
  constructor(
    private readonly origin: URL,
    private readonly credentials: EngineCredentials,
    private readonly send: (request: HttpRequest) => Promise<HttpAnswer>,
    private readonly now: () => number = Date.now,
  ) {}

  /** A valid token; requests that want one at the same time share it. @throws SignOnRefused, EngineUnreachable */
  async token(): Promise<string> {
    const pending = this.#token ?? this.#renew();
    const current = await pending;
    if (this.now() < current.renewAt && current.value !== this.#unwanted) return current.value;
    const next = this.#token === pending || this.#token === undefined ? this.#renew() : this.#token;
    return (await next).value;
  }

  /** Tells that the engine did not take the token: the next {@link token} is another one. */
  refuse(token: string): void {
    this.#unwanted = token;
  }

  /** Gives the token back, if there is one. Never fails: it ends by itself. */
  async signOff(): Promise<void> {
    const token = await this.#token?.catch(() => undefined);
    this.#token = undefined;
    if (token === undefined) return;
    const form = new URLSearchParams({ scope: "ovirt-app-api", token: token.value });
    await this.#post("/ovirt-engine/services/sso-logout", form).catch(() => undefined);
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
    const form = new URLSearchParams({ grant_type: "password", scope: "ovirt-app-api", ...this.credentials });
    const { body, status } = await this.#post("/ovirt-engine/sso/oauth/token", form);
    const answer = answerSchema.safeParse(json(body)).data;
    if (answer === undefined) throw this.#refused(`it answers ${status} and no token`);
    if ("error" in answer) {
      throw this.#refused(withoutSecrets(answer.error_description ?? answer.error, [this.credentials.password]));
    }
    const asked = this.now();
    const end = answer.exp ?? Infinity;
    return { value: answer.access_token, renewAt: end - Math.min(margin, Math.max(0, end - asked) / 10) };
  }

  #post(path: string, form: URLSearchParams): Promise<HttpAnswer> {
    return this.send({
      method: "POST",
      url: new URL(path, this.origin),
      headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
      body: form.toString(),
      repeatable: true,
    });
  }

  #refused(why: string): SignOnRefused {
    return new SignOnRefused({
      code: "engine-sign-on",
      what: `Unable to sign on as user "${this.credentials.username}": ${why}`,
      where: this.origin.host,
      remedy: "Check the user's name with its profile (such as admin@internal) and the password.",
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
