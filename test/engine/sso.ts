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
  /** A wrong password or an unknown user: the engine takes its time to say so. */
  readonly late?: boolean;
}

/** Who a header stands for, or the text with which it is refused. */
export type Identity = { readonly user: string } | { readonly refusal: string; readonly late?: boolean };

const scopeOfApi = "ovirt-app-api";

/** What a token may do beyond what was asked: the engine's own list. */
const furtherScopes = [
  "ovirt-ext=token:password-access",
  "ovirt-ext=auth:sequence-priority=~",
  "ovirt-ext=token-info:authz-search",
  "ovirt-ext=token-info:public-authz-search",
  "ovirt-ext=token-info:validate",
];

/** What the engine says of a token whose end Keycloak knows alone: Java's Long.MAX_VALUE (SsoService.java). */
const noEnd = "9223372036854775807";

const expired = "invalid_grant: The provided authorization grant for the auth code has expired.";

export class SingleSignOn {
  /** When each token ends to be valid, in ms of the epoch. */
  readonly #tokens = new Map<string, number>();
  #issued = 0;

  constructor(
    private readonly credentials: Credentials,
    private readonly lifetimeMillis: number,
    private readonly now: () => number = Date.now,
    /** As with the engine's own Keycloak (ExternalOIDCService.java, internalsso-openidc.conf). Read, and never seen. */
    private readonly keycloak = false,
  ) {}

  /** How many tokens were given out. */
  get issued(): number {
    return this.#issued;
  }

  /** How many of them would be taken now. */
  get live(): number {
    return [...this.#tokens.values()].filter((end) => this.now() < end).length;
  }

  /** `/ovirt-engine/sso/oauth/token`. @param accept the header: the engine wants one. */
  token(parameters: URLSearchParams, accept: string | undefined): JsonAnswer {
    const grant = parameters.get("grant_type");
    if (grant !== "password") return refusal("unsupported_grant_type", "Unsupported grant type");
    for (const name of ["username", "password"]) {
      if (!parameters.has(name)) return refusal("invalid_request", `Missing parameter: '${name}'`);
    }
    const username = parameters.get("username") ?? "";
    const refused = this.#refusal(username, parameters.get("password") ?? "");
    if (refused !== undefined) return { ...refusal("access_denied", refused.text), late: refused.late };
    if (accept !== "application/json") return refusal("invalid_request", "Missing parameter: 'Accept Header'");
    const scope = parameters.get("scope") ?? "";
    // Keycloak's are JWTs of a KiB and more.
    const token = randomBytes(this.keycloak ? 1024 : 64).toString("base64url");
    const end = this.now() + this.lifetimeMillis;
    this.#tokens.set(token, scope.split(" ").includes(scopeOfApi) ? end : 0);
    this.#issued += 1;
    const scopes = [...new Set([...scope.split(" "), ...furtherScopes])].filter((each) => each !== "").join(" ");
    return {
      status: 200,
      body: {
        access_token: token,
        scope: scopes,
        exp: this.keycloak ? noEnd : String(end),
        token_type: "bearer",
      },
    };
  }

  /** `/ovirt-engine/sso/oauth/revoke`, which is for registered clients. */
  revoke(parameters: URLSearchParams): JsonAnswer {
    if (!parameters.has("client_id")) return refusal("invalid_request", "Missing parameter: 'client_id'");
    return this.logout(parameters);
  }

  /** `/ovirt-engine/services/sso-logout` */
  logout(parameters: URLSearchParams): JsonAnswer {
    this.#tokens.delete(parameters.get("token") ?? "");
    return { status: 200, body: {} };
  }

  revokeAll(): void {
    this.#tokens.clear();
  }

  /** Takes Bearer tokens and, like the engine, Basic. */
  identify(header: string | undefined): Identity {
    const [scheme, value = ""] = (header ?? "").split(" ");
    // Before the engine, httpd asks Keycloak for the token, and takes nothing else.
    if (this.keycloak && scheme !== "Bearer") return { refusal: "Unauthorized" };
    if (scheme === "Bearer") {
      const end = this.#tokens.get(value);
      return end !== undefined && this.now() < end ? { user: this.credentials.username } : { refusal: expired };
    }
    if (scheme !== "Basic") return { refusal: "Unauthorized" };
    const [, username = "", password = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, "base64").toString()) ?? [];
    const refused = this.#refusal(username, password);
    return refused === undefined
      ? { user: username }
      : { refusal: `access_denied: ${refused.text}`, late: refused.late };
  }

  /** Why the engine does not let the user in; undefined: it does. */
  #refusal(username: string, password: string): { readonly text: string; readonly late: boolean } | undefined {
    if (this.accepts(username, password)) return undefined;
    const cannot = `Cannot authenticate user '${username}':`;
    const profile = (name: string) => name.slice(name.lastIndexOf("@") + 1);
    if (this.keycloak) {
      const known = profile(username) === profile(this.credentials.username);
      const why = known ? "Invalid user credentials" : "No valid profile found in credentials.";
      return { text: `Cannot authenticate user ${why}.`, late: false };
    }
    return profile(username) === profile(this.credentials.username)
      ? {
          text: `${cannot} Unable to log in. Verify your login information or contact the system administrator..`,
          late: true,
        }
      : { text: `${cannot} No valid profile found in credentials..`, late: false };
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
