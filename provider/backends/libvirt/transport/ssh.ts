import type { Duplex } from "node:stream";
import { type AnyAuthMethod, Client, type ClientChannel, type ConnectConfig, type MacAlgorithm } from "ssh2";
import { ChannelStream } from "./channel-stream.js";
import type { SshCredentials } from "./credentials.js";
import { type ExecOptions, type ExecResult, type RemoteCommand, type RunningCommand } from "./remote-command.js";
import { helperCommand } from "./helper-command.js";
import type { AgentLimits } from "./ssh-agent.js";
import { type AuthenticationPlan, authenticationPlan } from "./ssh-authentication.js";
import type { Problem } from "../../../model/problem.js";
import { SshError } from "./ssh-error.js";
import { type HostKeyPolicy, hostKeyPolicy } from "./ssh-host-key.js";
import type { SshUri } from "../../../config/host-uri.js";
import type { SshTarget } from "./ssh-target.js";

const CONNECT_TIMEOUT_MS = 20_000;
/** For the host to open a channel, and for a command that is run to its end. */
const CHANNEL_TIMEOUT_MS = 20_000;
const EXEC_TIMEOUT_MS = 30_000;
const KEEPALIVE_INTERVAL_MS = 5_000;
const KEEPALIVE_COUNT = 5;
const GOOD_BYE_TIMEOUT_MS = 1_000;
const ADMINISTRATIVELY_PROHIBITED = 1;
/** ssh2's own list without SHA-1's: every OpenSSH since 5.9 (2011) has one of these, or a cipher that needs none. */
const messageAuthentication: MacAlgorithm[] = [
  "hmac-sha2-256-etm@openssh.com",
  "hmac-sha2-512-etm@openssh.com",
  "hmac-sha2-256",
  "hmac-sha2-512",
];
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_COMPLAINT_CHARACTERS = 500;

export interface SessionOptions {
  /** For the host to open a channel. Default 20,000. */
  readonly channelTimeoutMs?: number;
  readonly agentLimits?: AgentLimits;
  /** Makes the stream to the SSH server. Default: a TCP connection. */
  readonly through?: () => Promise<Duplex>;
}

/** One SSH connection to a host, on which streams to libvirt and commands run side by side. */
export class SshSession {
  /** Why the connection is no more; undefined while it lives, and after {@link close}. */
  private loss: SshError | undefined;
  private ended = false;

  private constructor(
    private readonly client: Client,
    private readonly target: SshTarget,
    private readonly channelTimeoutMs = CHANNEL_TIMEOUT_MS,
  ) {
    let cause: Error | undefined;
    client.on("error", (error) => (cause = error));
    client.on("close", () => {
      if (!this.ended)
        this.loss = new SshError(target, { code: "ssh-lost", what: "The SSH connection was lost" }, cause);
      this.ended = true;
    });
  }

  /**
   * Connects: verifies the host's key, then logs in.
   * @throws SshError `ssh-unreachable`, `ssh-timeout` (20 s), `ssh-closed`, `ssh-handshake`, `ssh-host-key-…`, `ssh-key`,
   *   `ssh-authentication`.
   */
  static async open(target: SshTarget, credentials: SshCredentials, options: SessionOptions = {}): Promise<SshSession> {
    const hostKeys = await hostKeyPolicy(target, credentials.hostKey);
    const plan = await authenticationPlan(target, credentials, options.agentLimits);
    const client = await connect(target, hostKeys, plan, await options.through?.());
    return new SshSession(client, target, options.channelTimeoutMs);
  }

  /** Calls `done` when the connection has ended, however it did. */
  onceEnded(done: () => void): void {
    if (this.ended) done();
    else this.client.once("close", done);
  }

  get closed(): boolean {
    return this.ended;
  }

  /**
   * A new stream to libvirt's socket: forwarded by the SSH server, or, where it refuses that, through virt-ssh-helper.
   * @throws SshError `ssh-libvirt-socket` when neither is possible. What the helper complains of comes as the stream's error.
   */
  async openLibvirt(uri: SshUri): Promise<Duplex> {
    const { proxy, socket } = uri;
    const refusal = proxy === "native" || socket === undefined ? undefined : await this.forward(socket);
    if (refusal instanceof ChannelStream) return refusal;
    const helper = helperCommand(uri);
    if (helper === undefined) throw this.unreachableSocket(uri, refusal);
    return this.throughHelper(helper, refusal);
  }

  /**
   * Runs a constant command, with `stdin` as its whole standard input.
   * @throws SshError `ssh-exec` when the host refuses to run it, says too much, or the connection is lost; the signal's reason.
   */
  async exec(command: RemoteCommand, stdin: string | Buffer = "", options: ExecOptions = {}): Promise<ExecResult> {
    const { signal, maxOutputBytes = MAX_OUTPUT_BYTES, timeoutMs = EXEC_TIMEOUT_MS } = options;
    signal?.throwIfAborted();
    const channel = await this.run(command);
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        channel.close();
        reject(error);
      };
      const tooMuch = () =>
        fail(
          new SshError(this.target, {
            code: "ssh-exec",
            what: `The command "${command.name}" printed more than ${maxOutputBytes} bytes`,
          }),
        );
      const onAbort = () => fail(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      const tooLong = setTimeout(() => {
        const what = `The command "${command.name}" did not finish within ${timeoutMs / 1000} s`;
        fail(new SshError(this.target, { code: "ssh-exec", what }));
      }, timeoutMs);
      const stdout = collect(channel, maxOutputBytes, tooMuch);
      const stderr = collect(channel.stderr, maxOutputBytes, tooMuch);
      let code: number | undefined;
      channel.on("exit", (status: number | null) => (code = status ?? undefined));
      channel.on("close", () => {
        clearTimeout(tooLong);
        signal?.removeEventListener("abort", onAbort);
        if (this.loss === undefined) resolve({ code, stdout: stdout(), stderr: stderr() });
        else reject(this.loss);
      });
      channel.end(stdin);
    });
  }

  /** Starts a constant command and leaves its streams to the caller. @throws SshError `ssh-exec` */
  async start(command: RemoteCommand): Promise<RunningCommand> {
    const channel = await this.run(command);
    return { stdin: channel, stdout: channel, stderr: channel.stderr };
  }

  /**
   * A new stream to where this host can connect to.
   * @throws SshError `ssh-jump-refused` where this host does not do that; `ssh-unreachable` where it cannot.
   */
  async openTcp(to: SshTarget): Promise<Duplex> {
    try {
      return await this.channel(
        (done) => this.client.forwardOut("127.0.0.1", 0, to.host, to.port, done),
        (channel) => new ChannelStream(channel, () => this.loss),
      );
    } catch (cause) {
      if (this.loss !== undefined) throw this.loss;
      const place = `${to.host}:${to.port}`;
      if (isProhibited(cause as Error)) {
        throw new SshError(
          this.target,
          {
            code: "ssh-jump-refused",
            what: `The jump host does not forward to ${place}`,
            remedy:
              "Allow it in its sshd_config (AllowTcpForwarding, PermitOpen, DisableForwarding), or use another jump host.",
          },
          cause,
        );
      }
      throw new SshError(
        this.target,
        {
          code: "ssh-unreachable",
          what: `The jump host is unable to connect to ${place}`,
          remedy:
            "Check that the jump host can resolve the name and reach the port, and that an SSH server is running there.",
        },
        cause,
      );
    }
  }

  /** Ends the connection and all that runs on it. Never throws. */
  close(): Promise<void> {
    if (this.ended) return Promise.resolve();
    this.ended = true;
    return new Promise((resolve) => {
      this.client.once("close", () => resolve());
      this.hangUp();
    });
  }

  /** A host that is dead never answers the good-bye: TCP would hold the socket, and the process with it, for a quarter of an hour. */
  private hangUp(): void {
    // ssh2's own destroy() does nothing once end() was called.
    const { _sock: socket } = this.client as unknown as { readonly _sock?: Duplex };
    const given = setTimeout(() => socket?.destroy(), GOOD_BYE_TIMEOUT_MS);
    this.client.once("close", () => clearTimeout(given));
    this.client.end();
  }

  private forward(socket: string): Promise<ChannelStream | Error> {
    return this.channel(
      (done) => this.client.openssh_forwardOutStreamLocal(socket, done),
      (channel) => new ChannelStream(channel, () => this.loss),
    ).catch((error: unknown) => error as Error);
  }

  private run(command: RemoteCommand): Promise<ClientChannel>;
  private run<T>(command: RemoteCommand, take: (channel: ClientChannel) => T): Promise<T>;
  private async run(command: RemoteCommand, take = (channel: ClientChannel): unknown => channel): Promise<unknown> {
    try {
      return await this.channel((done) => this.client.exec(command.text, done), take);
    } catch (cause) {
      throw (
        this.loss ??
        new SshError(this.target, { code: "ssh-exec", what: `Unable to run "${command.name}" on the host` }, cause)
      );
    }
  }

  /**
   * Opens a channel. `take` gets it in the very turn in which it opens: where the other end is gone at once, its close
   * comes in the same packet, and a listener that comes a moment later waits for ever.
   */
  private channel<T>(
    open: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
    take: (channel: ClientChannel) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.ended)
        throw this.loss ?? new SshError(this.target, { code: "ssh-lost", what: "The SSH connection is closed" });
      const giveUp = setTimeout(() => {
        // Whatever else is asked of it will fare no better.
        this.loss ??= new SshError(this.target, this.noChannel());
        this.ended = true;
        this.hangUp();
        reject(this.loss);
      }, this.channelTimeoutMs);
      open((error, channel) => {
        clearTimeout(giveUp);
        if (error) {
          reject(error);
          return;
        }
        // A channel whose stderr is not read never closes.
        channel.stderr.resume();
        resolve(take(channel));
      });
    });
  }

  private noChannel(): Omit<Problem, "where"> {
    return {
      code: "ssh-timeout",
      what: `The host accepted the login but opened no SSH channel within ${this.channelTimeoutMs / 1000} s`,
      remedy: "Check the load of the host's SSH server, and MaxSessions in its sshd_config.",
    };
  }

  private throughHelper(command: RemoteCommand, refusal: Error | undefined): Promise<Duplex> {
    return this.run(command, (channel) => {
      let complaint = "";
      channel.stderr.on("data", (chunk: Buffer) => {
        complaint = (complaint + chunk.toString("utf8")).slice(0, MAX_COMPLAINT_CHARACTERS);
      });
      let code: number | null = 0;
      channel.on("exit", (status: number | null) => (code = status));
      return new ChannelStream(channel, () => {
        if (this.loss !== undefined || code === 0) return this.loss;
        const says = complaint.trim().replace(/\s+/g, " ");
        const what = `Unable to reach libvirt through "${command.name}"${code === null ? "" : `, which exited with status ${code}`}: ${says || "no message"}`;
        const problem = /permission denied|authentication/i.test(says) ? "ssh-libvirt-denied" : "ssh-libvirt-socket";
        return new SshError(this.target, { code: problem, what, remedy: remedyFor(refusal) });
      });
    });
  }

  private unreachableSocket(uri: SshUri, refusal: Error | undefined): SshError {
    if (this.loss !== undefined) return this.loss;
    const what = `Unable to reach libvirt's socket ${uri.socket ?? `of ${uri.name}`} through SSH`;
    const code = isProhibited(refusal) ? "ssh-libvirt-denied" : "ssh-libvirt-socket";
    return new SshError(this.target, { code, what, remedy: remedyFor(refusal) }, refusal);
  }
}

/** The SSH server does not forward there by its configuration (RFC 4254, 5.1): it has not tried. */
function isProhibited(refusal: (Error & { reason?: unknown }) | undefined): boolean {
  return refusal?.reason === ADMINISTRATIVELY_PROHIBITED;
}

function remedyFor(refusal: Error | undefined): string {
  const common = "Check that libvirt runs on the host and that the user may use its socket (group libvirt)";
  return refusal === undefined
    ? `${common}.`
    : `${common}, and that the SSH server forwards to it (AllowStreamLocalForwarding in its sshd_config).`;
}

/** Errors that ssh2 marks as these concern one attempt to log in; the next one follows. */
const passingLevels = new Set(["agent", "client-authentication"]);

function connect(
  target: SshTarget,
  hostKeys: HostKeyPolicy,
  plan: AuthenticationPlan,
  through: Duplex | undefined,
): Promise<Client> {
  const client = new Client();
  const tried: string[] = [];
  const { skipped } = plan;
  const attempts = [...plan.attempts];
  let exhausted = false;
  let refusal: SshError | undefined;
  let shownKey: Buffer = Buffer.alloc(0);
  let accepted: Promise<void> | undefined;

  /** The next way to log in that the server takes, or false: there is none. */
  const nextLogin = (taken: readonly string[] | null): AnyAuthMethod | false => {
    for (let attempt = attempts.shift(); attempt !== undefined; attempt = attempts.shift()) {
      if (taken === null || taken.includes(attempt.method)) {
        tried.push(attempt.description);
        return attempt.login;
      }
      skipped.push(`${attempt.description} (the host does not offer this method)`);
    }
    exhausted = true;
    return false;
  };

  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: target.user,
    ...(through !== undefined && { sock: through }),
    ...(target.addressFamily === 4 && { forceIPv4: true }),
    ...(target.addressFamily === 6 && { forceIPv6: true }),
    ...(target.bindAddress !== undefined && { localAddress: target.bindAddress }),
    readyTimeout: CONNECT_TIMEOUT_MS,
    keepaliveInterval: KEEPALIVE_INTERVAL_MS,
    keepaliveCountMax: KEEPALIVE_COUNT,
    // Forwarding to Unix sockets is OpenSSH's invention, but not only OpenSSH offers it.
    strictVendor: false,
    algorithms: {
      hmac: messageAuthentication,
      ...(hostKeys.algorithms !== undefined && { serverHostKey: hostKeys.algorithms }),
    },
    hostVerifier: (key: Buffer) => {
      shownKey = key;
      refusal = hostKeys.refuse(key);
      return refusal === undefined;
    },
    // The first question comes when the host has proved that the key is its own (RFC 4253, 8), and before a login is tried.
    authHandler: (taken, _partial, next) => {
      accepted ??= hostKeys.accept(shownKey);
      accepted.then(
        () => next(nextLogin(taken) as AnyAuthMethod),
        (error: unknown) => {
          refusal = error as SshError;
          next(false as unknown as AnyAuthMethod);
        },
      );
    },
  };

  return new Promise((resolve, reject) => {
    const onError = (error: Error & { level?: string }) => {
      if (refusal === undefined && !exhausted && passingLevels.has(error.level ?? "")) return;
      reject(refusal ?? connectError(target, error, { exhausted, tried, skipped }));
      client.end();
    };
    // Stays attached: after the first failure ssh2 may report more of them, and an unheard one would end the process.
    client.on("error", onError);
    client.once("close", () => onError(new Error("the host closed the connection")));
    client.once("ready", () => {
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect(config);
  });
}

interface Login {
  readonly exhausted: boolean;
  readonly tried: readonly string[];
  readonly skipped: readonly string[];
}

function refusedLogin(
  target: SshTarget,
  { tried, skipped }: Pick<Login, "tried" | "skipped">,
  cause?: Error,
): SshError {
  const list = (items: readonly string[]) => (items.length > 0 ? items.join(", ") : "nothing");
  return new SshError(
    target,
    {
      code: "ssh-authentication",
      what: `Unable to log in. Tried: ${list(tried)}; not tried: ${list(skipped)}`,
      remedy:
        "Load a key that the host accepts into the SSH agent, name one with keyfile= in the URI, or set one with pulumi config set --secret vnic-failover:sshPrivateKey.",
    },
    cause,
  );
}

/** The host has said why it ends the connection (RFC 4253, 11.1), and not just gone away. */
function isDisconnect(error: Error & { code?: unknown }): boolean {
  return typeof error.code === "number";
}

function connectError(
  target: SshTarget,
  cause: Error & { level?: string },
  { exhausted, tried, skipped }: Login,
): SshError {
  if (exhausted) return refusedLogin(target, { tried, skipped });
  if (cause.level === "client-timeout") {
    const remedy = "Check that the host is up and that its SSH port is not filtered.";
    return new SshError(target, {
      code: "ssh-timeout",
      what: `Unable to connect within ${CONNECT_TIMEOUT_MS / 1000} s`,
      remedy,
    });
  }
  if (cause.level === "client-socket" || cause.level === "client-dns") {
    const remedy = "Check the host's name and port, and that its SSH server is running.";
    return new SshError(target, { code: "ssh-unreachable", what: "Unable to connect", remedy }, cause);
  }
  if (cause.level === "handshake") {
    const remedy =
      "If no host key algorithm matched, the host no longer has a key of the type in known_hosts: add its current key (ssh-keyscan).";
    return new SshError(target, { code: "ssh-handshake", what: "Unable to set up an SSH connection", remedy }, cause);
  }
  // sshd ends the connection after a few attempts (MaxAuthTries) before all ways were tried.
  if (tried.length > 0 && isDisconnect(cause)) return refusedLogin(target, { tried, skipped }, cause);
  const remedy = "Check that the host's SSH server is not overloaded (MaxStartups) or shutting down, then retry.";
  return new SshError(target, { code: "ssh-closed", what: "Unable to set up an SSH connection", remedy }, cause);
}

/** Gathers a stream's bytes as long as they are few enough. */
function collect(stream: NodeJS.ReadableStream, max: number, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > max) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
