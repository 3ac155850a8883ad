/** Who asks, and under which correlation id. */
export interface Caller {
  readonly user: string;
  readonly correlationId?: string | undefined;
}
