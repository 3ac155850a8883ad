import { type Problem, ProblemError } from "../../../model/problem.js";

const refusals: ReadonlySet<string> = new Set([
  "ssh-authentication",
  "ssh-key",
  "ssh-config",
  "ssh-command",
  "ssh-jump-refused",
  "ssh-known-hosts",
  "ssh-handshake",
  "ssh-host-key-pin",
  "ssh-host-key-type",
  "ssh-host-key-unknown",
  "ssh-host-key-mismatch",
  "ssh-host-key-revoked",
  "ssh-libvirt-denied",
]);

/** Where an SSH server is. */
export interface SshPlace {
  readonly user?: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Of a jump host: what is reached through it in the end. */
  readonly onTheWayTo?: string;
}

/** A host could not be reached or entered over SSH, or what was to be done over SSH was refused. */
export class SshError extends ProblemError {
  override readonly name = "SshError";
  /** The host answers, and does not let this program in, or is not trusted: waiting is no help. */
  readonly refused: boolean;

  constructor(place: SshPlace, problem: Omit<Problem, "where">, cause?: unknown) {
    super({ ...problem, where: placeOf(place) }, cause === undefined ? undefined : { cause });
    this.refused = refusals.has(problem.code);
  }
}

/** `user@host:port`, as far as it is said, and whether it is a jump host. */
export function placeOf({ user, host, port, onTheWayTo }: SshPlace): string {
  const address = host.includes(":") ? `[${host}]` : host;
  const way = onTheWayTo === undefined ? "" : `, the jump host on the way to ${onTheWayTo}`;
  return `${user === undefined ? "" : `${user}@`}${address}:${port}${way}`;
}
