/** The engine's single sign-on, as far as API clients use it (OAuthTokenServlet.java, OAuthRevokeServlet.java). */
import { randomBytes, timingSafeEqual } from "node:crypto";

export interface Credentials {
  /** With its profile: `admin@internal`. */
  readonly username: string;
  readonly password: string;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

const scopeOfApi = "ovirt-app-api";

export class SingleSignOn {
  /** When each token ends to be valid, in ms of the epoch. */
  readonly #tokens = new Map<string, number>();
  #issued = 0;

  constructor(
    private readonly credentials: Credentials,
    private readonly lifetimeMillis: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** How many tokens were given out. */
  get issued(): number {
    return this.#issued;
  }

  /** `/ovirt-engine/sso/oauth/token` */
  token(parameters: URLSearchParams): JsonAnswer {
    const grant = parameters.get("grant_type");
    if (grant === null) return refusal("invalid_request", "Missing parameter: 'grant_type'");
    if (grant !== "password") return refusal("unsupported_grant_type", "Unsupported grant type");
    const username = parameters.get("username") ?? "";
    if (!this.accepts(username, parameters.get("password") ?? "")) {
      return refusal("access_denied", `Cannot authenticate user '${username}': Invalid credentials.`);
    }
    const scope = parameters.get("scope") ?? "";
    const token = randomBytes(64).toString("base64url");
    const end = this.now() + this.lifetimeMillis;
    this.#tokens.set(token, scope.split(" ").includes(scopeOfApi) ? end : 0);
    this.#issued += 1;
    return { status: 200, body: { access_token: token, scope, exp: String(end), token_type: "bearer" } };
  }

  /** `/ovirt-engine/sso/oauth/revoke` and `/ovirt-engine/services/sso-logout` */
  revoke(parameters: URLSearchParams): JsonAnswer {
    this.#tokens.delete(parameters.get("token") ?? "");
    return { status: 200, body: {} };
  }

  revokeAll(): void {
    this.#tokens.clear();
  }

  /** Who the header stands for; undefined: nobody. Takes Bearer tokens and, like the engine, Basic. */
  authenticate(header: string | undefined): string | undefined {
    const [scheme, value = ""] = (header ?? "").split(" ");
    if (scheme === "Bearer") {
      const end = this.#tokens.get(value);
      return end !== undefined && this.now() < end ? this.credentials.username : undefined;
    }
    if (scheme !== "Basic") return undefined;
    const [, username = "", password = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, "base64").toString()) ?? [];
    return this.accepts(username, password) ? username : undefined;
  }

  private accepts(username: string, password: string): boolean {
    const given = Buffer.from(password);
    const wanted = Buffer.from(this.credentials.password);
    return username === this.credentials.username && given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

function refusal(code: string, error: string): JsonAnswer {
  return { status: 400, body: { error_code: code, error } };
}
