import { connect, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import ssh2, { type Algorithms, type Connection, type ServerChannel } from "ssh2";
import type { KeyPair } from "./keys.js";

export interface SshServerOptions {
  readonly hostKeys: readonly KeyPair[];
  /** Default: any that is free. */
  readonly port?: number;
  /** Keys that let in. */
  readonly authorized?: readonly KeyPair[];
  readonly password?: string;
  /** Whether a password is asked for by keyboard-interactive instead. */
  readonly interactive?: boolean;
  /** What keyboard-interactive asks. Default: pam_unix's question. */
  readonly question?: string;
  /** Whether Unix sockets are forwarded to. */
  readonly forwarding?: boolean;
  /** Whether a forwarded channel is closed in the same turn, as sshd does where no program is behind the socket any more. */
  readonly hangsUp?: boolean;
  /** Whether requests for channels are left without an answer. */
  readonly opensNothing?: boolean;
  /** Whether it is a jump host: forwards to TCP ports. */
  readonly jump?: boolean;
  /** Refused logins after which it ends the connection, as sshd's MaxAuthTries. Default: any number. */
  readonly maxTries?: number;
  /** Default: ssh2's own. */
  readonly algorithms?: Algorithms;
  /** What a command does. */
  readonly run?: (command: string, channel: ServerChannel) => void;
}

/** An SSH server in this process, as sshd is to its clients. */
export class SshServer {
  readonly commands: string[] = [];
  readonly users: string[] = [];
  /** Public keys that a login was tried with. */
  readonly offered: string[] = [];
  /** Where was connected to through it, `host:port`. */
  readonly forwarded: string[] = [];
  /** What was given as a password, or in answer to a question. */
  readonly told: string[] = [];
  connections = 0;
  private readonly clients = new Set<Connection>();

  private constructor(
    private readonly server: ssh2.Server,
    readonly port: number,
  ) {}

  static async start(options: SshServerOptions): Promise<SshServer> {
    const {
      hostKeys,
      authorized = [],
      password,
      interactive = false,
      question = "Password: ",
      forwarding = true,
      hangsUp = false,
      opensNothing = false,
      jump = false,
      maxTries = Infinity,
      algorithms = {},
      run,
    } = options;
    const isAuthorized = (key: Buffer): boolean => authorized.some(({ blob }) => blob.equals(key));
    const self: { server?: SshServer } = {};
    const server = new ssh2.Server({ hostKeys: hostKeys.map(({ privateKey }) => privateKey), algorithms }, (client) => {
      const me = self.server;
      if (me === undefined) return;
      me.connections += 1;
      me.clients.add(client);
      client.on("error", () => undefined);
      client.on("close", () => me.clients.delete(client));
      let tries = 0;
      client.on("authentication", (context) => {
        if (context.method !== "none" && (context.method !== "publickey" || !isAuthorized(context.key.data))) {
          tries += 1;
          if (tries > maxTries) {
            // SSH_DISCONNECT_PROTOCOL_ERROR, "Too many authentication failures" (packet.c, sshpkt_disconnect).
            (client as unknown as { _protocol: { disconnect(reason: number): void } })._protocol.disconnect(2);
            client.end();
            return;
          }
        }
        me.users.push(context.username);
        if (context.method === "publickey") me.offered.push(context.key.data.toString("base64"));
        const methods = [
          ...(authorized.length > 0 ? ["publickey" as const] : []),
          ...(password === undefined ? [] : [interactive ? ("keyboard-interactive" as const) : ("password" as const)]),
        ];
        if (context.method === "publickey" && isAuthorized(context.key.data)) context.accept();
        else if (context.method === "password") {
          me.told.push(context.password);
          if (!interactive && context.password === password) context.accept();
          else context.reject(methods);
        } else if (context.method === "keyboard-interactive" && interactive) {
          context.prompt([{ prompt: question, echo: false }], (answers) => {
            me.told.push(...answers);
            if (answers[0] === password) context.accept();
            else context.reject(methods);
          });
        } else context.reject(methods);
      });
      client.on(
        "openssh.streamlocal" as "session",
        ((accept: () => ServerChannel, reject: () => void, { socketPath }: { socketPath: string }) => {
          if (opensNothing) return;
          if (!forwarding) {
            reject();
            return;
          }
          if (hangsUp) {
            const channel = accept();
            channel.end();
            channel.close();
            return;
          }
          const socket = connect(socketPath);
          socket.once("error", () => reject());
          socket.once("connect", () => {
            const channel = accept();
            channel.pipe(socket).pipe(channel);
          });
        }) as never,
      );
      if (jump) {
        client.on("tcpip", (accept, reject, { destIP, destPort }) => {
          me.forwarded.push(`${destIP}:${destPort}`);
          const socket = connect(destPort, destIP);
          socket.once("error", () => reject());
          socket.once("connect", () => {
            const channel = accept();
            // One of them may be gone before the other.
            socket.on("error", () => channel.destroy());
            channel.on("error", () => socket.destroy());
            channel.on("close", () => socket.destroy());
            channel.pipe(socket).pipe(channel);
          });
        });
      }
      client.on("session", (acceptSession) => {
        if (opensNothing) return;
        acceptSession().on("exec", (accept, reject, { command }) => {
          me.commands.push(command);
          if (run === undefined) reject();
          else run(command, accept());
        });
      });
    });
    server.listen(options.port ?? 0, "127.0.0.1");
    await once(server, "listening");
    self.server = new SshServer(server, (server.address() as AddressInfo).port);
    return self.server;
  }

  /** It hears nothing any more, as a machine whose power has gone: not even that a client hangs up. */
  freeze(): void {
    for (const client of this.clients) (client as unknown as { readonly _sock: Socket })._sock.pause();
  }

  /** Connections that stand now. */
  get open(): number {
    return this.clients.size;
  }

  /** Cuts all connections, as a cable would. */
  drop(): void {
    for (const client of this.clients) (client as unknown as { _sock: { destroy(): void } })._sock.destroy();
  }

  async stop(): Promise<void> {
    this.drop();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
