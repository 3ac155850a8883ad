/** A proxy for one test: it makes tunnels by CONNECT, and tells what it was asked. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";
import type { ServerCertificate } from "../../engine/certificate.js";

export interface ConnectProxy {
  readonly port: number;
  /** `CONNECT engine.example:443`, with the proxy's own header of each. */
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[];
  /** All bytes that clients have sent into tunnels. */
  sent(): string;
}

export interface ProxyBehavior {
  /** Where every tunnel leads, whatever is asked for. */
  readonly to: { readonly port: number };
  /** The login that it wants. */
  readonly login?: string;
  /** The status that it answers with in place of making a tunnel; "nothing": no answer. */
  readonly refuses?: number | "nothing";
  /** It is spoken to over TLS. */
  readonly certificate?: ServerCertificate;
}

export async function connectProxy({ to, login, refuses, certificate }: ProxyBehavior): Promise<ConnectProxy> {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const chunks: Buffer[] = [];
  const sockets = new Set<Duplex>();
  const server =
    certificate === undefined
      ? createServer()
      : createSecureServer({ key: certificate.key, cert: certificate.certificate });
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("connect", (request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => undefined);
    const authorization = request.headers["proxy-authorization"];
    asked.push({ target: request.url ?? "", authorization });
    const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
    const status = wanted === authorization ? refuses : 407;
    if (status === "nothing") return;
    if (status !== undefined) {
      // What a proxy writes is no answer of the engine, and may repeat what it was sent.
      socket.end(`HTTP/1.1 ${status} ${authorization ?? "no"}\r\nContent-Length: 2\r\n\r\nno`);
      return;
    }
    const target = connect(to.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.pipe(target).pipe(socket);
    });
    sockets.add(target);
    target.on("error", () => socket.destroy());
    target.on("close", () => socket.destroy());
    socket.on("close", () => target.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  return { port, asked, sent: () => Buffer.concat(chunks).toString("latin1") };
}
