/** Who asks, and under which correlation id. */
export interface Caller {
  /** As events name it: `admin@internal-authz`. */
  readonly user: string;
  readonly correlationId?: string | undefined;
}
