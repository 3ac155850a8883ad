/**
 * The system's own `ssh` as the way to a host, as `command=` in libvirt's URIs asks for it: with its configuration, certificates,
 * hardware keys and connections that stand already (ControlPath). Each stream and each command is a process.
 */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { Duplex, type Readable } from "node:stream";
import { expandHome } from "../../../config/home.js";
import { foreignText } from "../../../model/foreign-text.js";
import type { Problem } from "../../../model/problem.js";
import { shellWord } from "../../../model/shell-word.js";
import type { SshUri } from "../../../config/host-uri.js";
import type { SshOptions } from "./credentials.js";
import { helperCommand } from "./helper-command.js";
import type { ExecOptions, ExecResult, RemoteCommand, RunningCommand } from "./remote-command.js";
import type { SshConfigChoice } from "./ssh-config-files.js";
import { SshError } from "./ssh-error.js";
import { sshConfigChoice } from "./ssh-target.js";

/** For ssh to be connected, logged in and through to libvirt: until then nothing comes. A key may have to be touched. */
const CONNECT_TIMEOUT_MS = 60_000;
const EXEC_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_COMPLAINT_CHARACTERS = 2000;
const KILL_AFTER_MS = 1_000;
/** ssh's own failure, as opposed to the status of what it ran. */
const SSH_FAILED = 255;

/** What libvirt gives its ssh (virnetsocket.c, virNetSocketNewConnectSSH), and no secret of Pulumi's. */
const environmentOfSsh = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "KRB5CCNAME",
  "SSH_AUTH_SOCK",
  "OPENSSL_CONF",
];

export interface SystemSshLimits {
  /** Default 60,000. */
  readonly connectMs?: number;
}

export class SystemSsh {
  private readonly running = new Set<ChildProcessWithoutNullStreams>();

  private constructor(
    private readonly uri: SshUri & { readonly command: string },
    private readonly sshConfig: SshConfigChoice,
    private readonly limits: SystemSshLimits,
  ) {}

  /** @throws SshError `ssh-command` for what ssh cannot be given. */
  static of(
    uri: SshUri & { readonly command: string },
    { sshConfig, ...given }: SshOptions,
    limits: SystemSshLimits = {},
  ): SystemSsh {
    const names = {
      sshPrivateKey: "sshPrivateKey",
      sshPassphrase: "sshPassphrase",
      sshPassword: "sshPassword",
    } as const;
    const secrets = Object.values(names).filter((name) => given[name] !== undefined);
    if (secrets.length > 0) {
      throw new SshError(uri, {
        code: "ssh-command",
        what: `Unable to use ${secrets.join(" and ")} with command=: that program does its own login`,
        remedy: "Give the host an empty entry in vnic-failover:hostCredentials, or remove command= from its URI.",
      });
    }
    if (given.hostKey !== undefined) {
      throw new SshError(uri, {
        code: "ssh-command",
        what: "Unable to use hostKey with command=: that program checks known_hosts only",
        remedy: "Add the key to known_hosts and remove hostKey, or remove command= from the host's URI.",
      });
    }
    return new SystemSsh(uri, sshConfigChoice(sshConfig), limits);
  }

  /** A new stream to libvirt's socket, by virt-ssh-helper. What ssh or the helper complains of comes as the stream's error. */
  openLibvirt(): Duplex {
    const helper = helperCommand(this.uri);
    // A URI that names both is refused when it is read.
    if (helper === undefined) throw new Error("the URI names a socket");
    const { child, ended } = this.run(helper);
    const stream = new ProcessStream(child, ended);
    const giveUp = setTimeout(() => stream.destroy(this.tooLate()), this.limits.connectMs ?? CONNECT_TIMEOUT_MS);
    child.stdout.once("data", () => clearTimeout(giveUp));
    stream.once("close", () => clearTimeout(giveUp));
    return stream;
  }

  /**
   * Runs a constant command, with `stdin` as its whole standard input.
   * @throws SshError; the signal's reason.
   */
  async exec(command: RemoteCommand, stdin: string | Buffer = "", options: ExecOptions = {}): Promise<ExecResult> {
    const { signal, maxOutputBytes = MAX_OUTPUT_BYTES, timeoutMs = EXEC_TIMEOUT_MS } = options;
    signal?.throwIfAborted();
    const { child, ended } = this.run(command);
    const stop = { onAbort: (): void => undefined };
    const failure = new Promise<never>((_, reject) => {
      const fail = (what: string): void => reject(new SshError(this.uri, { code: "ssh-exec", what }));
      const tooMuch = (): void => fail(`The command "${command.name}" printed more than ${maxOutputBytes} bytes`);
      limit(child.stdout, maxOutputBytes, tooMuch);
      limit(child.stderr, maxOutputBytes, tooMuch);
      const tooLong = setTimeout(
        () => fail(`The command "${command.name}" did not finish within ${timeoutMs / 1000} s`),
        timeoutMs,
      );
      child.once("close", () => clearTimeout(tooLong));
      stop.onAbort = () => reject(signal?.reason as Error);
      signal?.addEventListener("abort", stop.onAbort, { once: true });
    });
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
    // What does not read it is gone before it was written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    try {
      const code = await Promise.race([ended.then((end) => codeOrThrow(end)), failure]);
      return { code, stdout: stdout(), stderr: stderr() };
    } finally {
      signal?.removeEventListener("abort", stop.onAbort);
      end(child);
    }
  }

  /** Starts a constant command and leaves its streams to the caller. */
  start(command: RemoteCommand): Promise<RunningCommand> {
    const { child } = this.run(command);
    child.stdin.on("error", () => undefined);
    return Promise.resolve({ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr });
  }

  /** Ends all that runs. Never throws. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.running].map(async (child) => {
        const closed = new Promise((resolve) => child.once("close", resolve));
        end(child);
        await closed;
      }),
    );
  }

  private run(command: RemoteCommand): { child: ChildProcessWithoutNullStreams; ended: Promise<Ended> } {
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => environmentOfSsh.includes(name) || /^LC_|^LANG$/.test(name)),
    );
    const child = spawn(this.uri.command, argumentsOf(this.uri, command, this.sshConfig), {
      env: environment,
      stdio: "pipe",
      // In a session of its own: Ctrl-C is for us, who roll the move back over this very connection.
      detached: true,
    });
    this.running.add(child);
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString("utf8")).slice(-MAX_COMPLAINT_CHARACTERS);
    });
    const ended = new Promise<Ended>((resolve) => {
      const done = (how: Ended): void => {
        this.running.delete(child);
        resolve(how);
      };
      child.once("error", (cause) => done({ code: undefined, error: this.notStarted(cause) }));
      child.once("close", (code) => {
        if (code !== SSH_FAILED) done({ code: code ?? undefined, complaint });
        else done({ code, error: this.failed(complaint) });
      });
    });
    return { child, ended: ended.then((how) => ({ ...how, failure: () => this.endedWith(command, how) })) };
  }

  private notStarted(cause: Error): SshError {
    const remedy = "Set command= to an executable on the PATH or to an absolute path.";
    return new SshError(
      this.uri,
      { code: "ssh-command", what: `Unable to start "${this.uri.command}", which command= in the URI names`, remedy },
      cause,
    );
  }

  private failed(complaint: string): SshError {
    const fault = faults.find(({ says }) => says.test(complaint));
    const { code, remedy } = fault ?? closed;
    const says = lastWords(complaint, fault?.says);
    return new SshError(this.uri, {
      code,
      what: `${this.uri.command} failed: ${says}`,
      remedy: `${remedy} ${this.byHand()}`,
    });
  }

  private endedWith(command: RemoteCommand, how: Ended): SshError | undefined {
    if (how.error !== undefined || how.code === 0) return how.error;
    const says = lastWords(how.complaint ?? "");
    const ending = how.code === undefined ? "" : `, which exited with status ${how.code}`;
    return new SshError(this.uri, {
      code: /permission denied|authentication/i.test(says) ? "ssh-libvirt-denied" : "ssh-libvirt-socket",
      what: `Unable to reach libvirt through "${command.name}"${ending}: ${says}`,
      remedy: "Check that libvirt runs on the host and that the user may use its socket (group libvirt).",
    });
  }

  private tooLate(): SshError {
    const seconds = (this.limits.connectMs ?? CONNECT_TIMEOUT_MS) / 1000;
    return new SshError(this.uri, {
      code: "ssh-timeout",
      what: `${this.uri.command} did not connect to libvirt within ${seconds} s`,
      remedy: this.byHand(),
    });
  }

  /** The same for a person. */
  private byHand(): string {
    const { command, host, port, portGiven, user } = this.uri;
    const words = [
      command,
      ...(portGiven ? ["-p", String(port)] : []),
      ...(user === undefined ? [] : ["-l", user]),
      "--",
      host,
    ];
    return `Try it by hand: ${words.map(shellWord).join(" ")} true`;
  }
}

/**
 * What ssh is called with: of parsed parts, each a word of its own. Nothing is ever asked: there is no terminal. The host's key is
 * verified as strictly as the URI asks for, whatever ssh's configuration says.
 */
export function argumentsOf(uri: SshUri, command: RemoteCommand, sshConfig?: SshConfigChoice): readonly string[] {
  const options: readonly string[] = [
    "BatchMode=yes",
    `StrictHostKeyChecking=${{ strict: "yes", "accept-new": "accept-new", off: "no" }[uri.hostKeyCheck]}`,
    "ConnectTimeout=20",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=5",
    // It uses a connection that stands, and leaves none behind.
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    ...(uri.hostKeyCheck === "off" ? ["UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null"] : []),
    ...(uri.knownHosts === undefined || uri.hostKeyCheck === "off"
      ? []
      : [`UserKnownHostsFile=${fileWord(uri, uri.knownHosts)}`, "GlobalKnownHostsFile=/dev/null"]),
  ];
  return [
    ...(sshConfig === undefined ? [] : ["-F", expandHome(sshConfig)]),
    "-T",
    "-a",
    "-x",
    ...["-e", "none"],
    ...options.flatMap((option) => ["-o", option]),
    ...(uri.portGiven ? ["-p", String(uri.port)] : []),
    ...(uri.user === undefined ? [] : ["-l", uri.user]),
    ...(uri.keyFile === undefined ? [] : ["-i", expandHome(uri.keyFile).replaceAll("%", "%%")]),
    "--",
    uri.host,
    command.text,
  ];
}

/** A file's name as a value of an option, which ssh takes apart at blanks and in which it replaces tokens. */
function fileWord(uri: SshUri, name: string): string {
  const path = expandHome(name);
  if (!/["\\]|\$\{/.test(path)) return `"${path.replaceAll("%", "%%")}"`;
  throw new SshError(uri, {
    code: "ssh-command",
    what: `Unable to use the file "${name}" with command=: its path contains ", \\ or \${`,
    remedy: "Rename the file, or remove command= from the host's URI.",
  });
}

interface Ended {
  /** Undefined: a signal ended it. */
  readonly code: number | undefined;
  readonly complaint?: string;
  /** ssh itself failed. */
  readonly error?: SshError;
  /** Why there is nothing behind the stream; undefined where it just ended. */
  readonly failure?: () => SshError | undefined;
}

function codeOrThrow({ code, error }: Ended): number | undefined {
  if (error !== undefined) throw error;
  return code;
}

interface Fault extends Pick<Problem, "code"> {
  readonly says: RegExp;
  readonly remedy: string;
}

/** By ssh's own words (ssh.c, sshconnect.c, sshconnect2.c), which are in no language but English. */
const faults: readonly Fault[] = [
  {
    says: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed/i,
    code: "ssh-host-key-mismatch",
    remedy:
      "The connection may be intercepted. If you know that the host has a new key, replace its line in known_hosts; otherwise do not connect.",
  },
  { says: /REVOKED/, code: "ssh-host-key-revoked", remedy: "Give the host a key that is not revoked." },
  {
    says: /host key is known|Host key verification failed/i,
    code: "ssh-host-key-unknown",
    remedy:
      "Check the key's fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If it matches, add the key to known_hosts.",
  },
  {
    says: /Permission denied|Too many authentication failures|No more authentication methods/i,
    code: "ssh-authentication",
    remedy:
      "ssh cannot prompt here. Set the key in the SSH configuration (IdentityFile), load it into the SSH agent, or open a connection by hand with ControlPath.",
  },
  {
    says: /Bad configuration option|Bad owner or permissions|bad configuration options/i,
    code: "ssh-config",
    remedy: "Correct ~/.ssh/config or /etc/ssh/ssh_config, as ssh reports.",
  },
  {
    says: /Could not resolve|Connection refused|timed out|No route to host|Network is unreachable/i,
    code: "ssh-unreachable",
    remedy: "Check the host's name and port, and that its SSH server is running.",
  },
];
const closed = { code: "ssh-closed", remedy: "Check the output of ssh." };

/** The last line of those that match, or of all: that says what it comes to. */
function lastWords(complaint: string, matching = /./): string {
  const lines = complaint.split("\n").map((each) => each.trim());
  const line = lines.findLast((each) => matching.test(each)) ?? "";
  return line === "" ? "no message" : foreignText(line);
}

function end(child: ChildProcessWithoutNullStreams): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const given = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  child.once("close", () => clearTimeout(given));
}

function limit(stream: Readable, max: number, tooMuch: () => void): void {
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > max) tooMuch();
  });
}

function textOf(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

/** What a process reads and says, as an ordinary stream that ends with an error where the process failed. */
class ProcessStream extends Duplex {
  constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    ended: Promise<Ended>,
  ) {
    super();
    // It shows as `errored` and `close`; unheard it must not end the process.
    this.on("error", () => undefined);
    child.stdin.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    void ended.then(({ failure }) => {
      const error = failure?.();
      if (error === undefined) this.push(null);
      else this.destroy(error);
    });
  }

  override _read(): void {
    this.child.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // Where it reads no more, its end says why.
    this.child.stdin.write(chunk, encoding, () => callback());
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.child.stdin.end(() => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    end(this.child);
    callback(error);
  }
}
