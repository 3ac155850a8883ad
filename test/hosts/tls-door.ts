/**
 * libvirt's TLS in front of a host's socket, as virtproxyd-tls.socket and libvirtd have it: the client's certificate is looked at after
 * the handshake, and one byte, 1, takes it in (src/rpc/virnetserverclient.c, virNetServerClientCheckAccess). Else the connection ends.
 */
import { connect } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import type { Authority, Certified } from "../backends/libvirt/transport/certificates.js";

export class TlsDoor {
  readonly port: number;
  /** Common names of the clients that were taken in. */
  readonly clients: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly sockets: Set<TLSSocket>,
  ) {
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param greeting what takes a client in. */
  static async open(
    socket: string,
    {
      authority,
      host,
      greeting = 1,
    }: { readonly authority: Authority; readonly host: Certified; readonly greeting?: number },
  ): Promise<TlsDoor> {
    const sockets = new Set<TLSSocket>();
    const server = createServer({ ...host, ca: authority.pem, requestCert: true, rejectUnauthorized: false });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const door = new TlsDoor(server, sockets);
    server.on("secureConnection", (client) => {
      sockets.add(client);
      client.on("error", () => undefined);
      if (!client.authorized) {
        client.destroy();
        return;
      }
      door.clients.push(String(client.getPeerCertificate().subject.CN));
      client.write(Buffer.from([greeting]));
      const behind = connect(socket);
      behind.on("error", () => client.destroy());
      client.on("close", () => behind.destroy());
      behind.on("close", () => client.destroy());
      client.pipe(behind).pipe(client);
    });
    return door;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
