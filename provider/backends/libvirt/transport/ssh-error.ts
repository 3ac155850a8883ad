import { type Problem, ProblemError } from "../../../model/problem.js";
import type { SshUri } from "../../../config/host-uri.js";

const refusals: ReadonlySet<string> = new Set([
  "ssh-authentication",
  "ssh-key",
  "ssh-known-hosts",
  "ssh-handshake",
  "ssh-host-key-pin",
  "ssh-host-key-type",
  "ssh-host-key-unknown",
  "ssh-host-key-mismatch",
  "ssh-host-key-revoked",
  "ssh-libvirt-denied",
]);

/** A host could not be reached or entered over SSH, or what was to be done over SSH was refused. */
export class SshError extends ProblemError {
  override readonly name = "SshError";
  /** The host answers, and does not let this program in, or is not trusted: waiting is no help. */
  readonly refused: boolean;

  constructor(uri: SshUri, problem: Omit<Problem, "where">, cause?: unknown) {
    super({ ...problem, where: placeOf(uri) }, cause === undefined ? undefined : { cause });
    this.refused = refusals.has(problem.code);
  }
}

/** `user@host:port`, as far as the URI says it. */
export function placeOf({ user, host, port }: SshUri): string {
  const address = host.includes(":") ? `[${host}]` : host;
  return `${user === undefined ? "" : `${user}@`}${address}:${port}`;
}
