/** What an oVirt engine is signed on to with. */
export interface PasswordCredentials {
  /** With its profile: `admin@internal`, or `admin@ovirt@internalsso` where Keycloak is used. */
  readonly username: string;
  readonly password: string;
}

export interface GivenToken {
  /** One that the engine's own sign-on has given out, to whomever. */
  readonly token: string;
}

export type EngineCredentials = PasswordCredentials | GivenToken;
