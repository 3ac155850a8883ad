import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { LibvirtConnection } from "../../../../provider/backends/libvirt/rpc/connection.js";
import type { Transport } from "../../../../provider/backends/libvirt/transport/index.js";
import { opening, REMOTE, str, TestServer } from "../rpc/server.js";
import { scratch } from "./keys.js";

/** A socket with a libvirt behind it that knows its host's name. */
export async function libvirtSocket(): Promise<{ readonly path: string; readonly server: Server }> {
  const path = join(scratch(), "libvirt-sock");
  const server = createServer((client) => {
    const libvirt = new TestServer({
      ...opening(),
      [`${REMOTE}/59`]: () => str("host1"),
      [`${REMOTE}/7`]: () => undefined,
    });
    client.on("error", () => undefined);
    client.pipe(libvirt.client).pipe(client);
  });
  server.listen(path);
  await once(server, "listening");
  return { path, server };
}

/** What the libvirt behind it says. */
export async function hostname({ stream }: Pick<Transport, "stream">): Promise<string> {
  const connection = await LibvirtConnection.open(stream, { where: "host1" });
  const answer = await connection.call("connect_get_hostname", {});
  await connection.close();
  return answer.hostname;
}
