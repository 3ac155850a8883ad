import type { Readable, Writable } from "node:stream";

declare const constant: unique symbol;

/**
 * A command for a host's shell that is a constant of this package. Written only as remoteCommand`ip -json link`, where the
 * compiler lets nothing be inserted: what a user or a host gave never becomes part of a command. Arguments go over its
 * standard input.
 */
export interface RemoteCommand {
  readonly text: string;
  /** For people: what is run, without a program's text. */
  readonly name: string;
  readonly [constant]: true;
}

export function remoteCommand(parts: TemplateStringsArray): RemoteCommand {
  const text = parts.join("");
  return { text, name: text } as RemoteCommand;
}

/** The interpreter that takes it: python3, or RHEL's and CentOS's own for its tools, which are Python 3.6 or later. */
const interpreter =
  "p=python3; command -v $p >/dev/null || ! test -x /usr/libexec/platform-python || p=/usr/libexec/platform-python";

/** As root where the account is another and has sudo; which asks nothing (`-n`). */
const sudo = 'test "$(id -u)" = 0 || ! command -v sudo >/dev/null || exec sudo -n $p -I -c "$0"';

const run = 'exec $p -I -c "$0"';

/**
 * A program that is part of this package, for the host's python3: single-quoted for the host's shell, as a whole. `-I`: modules are the
 * system's only, whatever stands in the account's folder or environment.
 * @param as `root`: the program needs its rights. `account`: it runs with those of the account that has logged in.
 */
export function remotePython(program: string, as: "root" | "account" = "root"): RemoteCommand {
  const shell = [interpreter, ...(as === "root" ? [sudo] : []), run].join("; ");
  const text = `exec sh -c '${shell}' '${program.replaceAll("'", `'\\''`)}'`;
  return { text, name: "python3 -I -c …" } as RemoteCommand;
}

/** A command while it runs. It is told to end by the end of its standard input. */
export interface RunningCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

export interface ExecOptions {
  /** Closes the channel and rejects with the signal's reason; the command on the host gets SIGHUP or a closed pipe. */
  readonly signal?: AbortSignal;
  /** More output than this fails the command. Default 1 MiB, for each of both streams. */
  readonly maxOutputBytes?: number;
  /** A command that has not ended by then fails, and its channel is closed. Default 30,000 ms. */
  readonly timeoutMs?: number;
}

export interface ExecResult {
  /** Undefined when a signal ended the command, or the host gave none. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}
