import type { Duplex } from "node:stream";
import type { SshOptions } from "./credentials.js";
import type { ExecOptions, ExecResult, RemoteCommand, RunningCommand } from "./remote-command.js";
import { connectUnix } from "./unix.js";
import type { LibvirtUri } from "../../../config/host-uri.js";

export type { SshCredentials, SshOptions } from "./credentials.js";
export {
  type ExecOptions,
  type ExecResult,
  type RemoteCommand,
  type RunningCommand,
  remoteCommand,
  remotePython,
} from "./remote-command.js";
export { SshError } from "./ssh-error.js";
export { type LibvirtUri, parseLibvirtUri } from "../../../config/host-uri.js";

/** A stream that is connected to libvirt's socket on a host, and what else goes the same way. */
export interface Transport {
  readonly stream: Duplex;
  /** Runs a constant command on the host, arguments over its standard input. Absent for the local socket and over TLS. */
  readonly exec?: (command: RemoteCommand, stdin?: string | Buffer, options?: ExecOptions) => Promise<ExecResult>;
  /** Starts a constant command that talks for a while. Absent for the local socket and over TLS. */
  readonly start?: (command: RemoteCommand) => Promise<RunningCommand>;
  /** Ends the stream, and the SSH connection if no other transport uses it. Never throws. */
  close(): Promise<void>;
}

/**
 * Connects to libvirt's socket as the URI says. Transports to one host share one SSH connection; with
 * `command=` in the URI each is a process of that program.
 * @throws SshError; TlsError; ProblemError `libvirt-socket`, `tls-files`.
 */
export async function openTransport(uri: LibvirtUri, credentials: SshOptions = {}): Promise<Transport> {
  if (uri.transport === "unix") {
    const stream = await connectUnix(uri);
    return { stream, close: () => Promise.resolve(void stream.destroy()) };
  }
  if (uri.transport === "tls") {
    const { connectTls } = await import("./tls.js");
    const stream = await connectTls(uri);
    return { stream, close: () => Promise.resolve(void stream.destroy()) };
  }
  const { command } = uri;
  if (command !== undefined) {
    const { SystemSsh } = await import("./system-ssh.js");
    const ssh = SystemSsh.of({ ...uri, command }, credentials);
    return {
      stream: ssh.openLibvirt(),
      exec: (...args) => ssh.exec(...args),
      start: (each) => ssh.start(each),
      close: () => ssh.close(),
    };
  }
  // ssh2 is loaded where a host is asked: an unchanged program asks none.
  const [{ shareSession }, { targetOf }] = await Promise.all([
    import("./shared-sessions.js"),
    import("./ssh-target.js"),
  ]);
  const { sshConfig, ...login } = credentials;
  const { session, release } = await shareSession(await targetOf(uri, sshConfig), login);
  try {
    const stream = await session.openLibvirt(uri);
    return {
      stream,
      exec: (...args) => session.exec(...args),
      start: (command) => session.start(command),
      close() {
        stream.destroy();
        return release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}
