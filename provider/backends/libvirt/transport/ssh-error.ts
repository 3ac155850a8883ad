import { type Problem, ProblemError } from "../../../problem.js";
import type { SshUri } from "./uri.js";

/** A host could not be reached or entered over SSH, or what was to be done over SSH was refused. */
export class SshError extends ProblemError {
  override readonly name = "SshError";

  constructor(uri: SshUri, problem: Omit<Problem, "where">, cause?: unknown) {
    super({ ...problem, where: placeOf(uri) }, cause === undefined ? undefined : { cause });
  }
}

/** `user@host:port`, as far as the URI says it. */
export function placeOf({ user, host, port }: SshUri): string {
  const address = host.includes(":") ? `[${host}]` : host;
  return `${user === undefined ? "" : `${user}@`}${address}:${port}`;
}
