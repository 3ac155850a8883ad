/**
 * Who is at the other end of a connection to the plugin. It listens on the loopback interface without a password, as Pulumi's
 * plugins do, so every user of this machine can connect; but the operator's configuration is for the operator's engine.
 */
import { readFileSync } from "node:fs";

/** Linux' table of TCP connections over IPv4 (Documentation/networking/proc_net_tcp.rst). */
const table = "/proc/net/tcp";

/**
 * Whether the connection is of this process's own user, or of root's. Where the system has no such table, as on macOS and
 * Windows, it cannot be known, and is taken to be so.
 * @param peer `127.0.0.1:40000`, as gRPC names it.
 */
export function isOwnUser(peer: string, port: number, read = () => readFileSync(table, "utf8")): boolean {
  const self = process.getuid?.();
  if (process.platform !== "linux" || self === undefined) return true;
  let connections: readonly Connection[];
  try {
    connections = connectionsIn(read());
  } catch {
    return true;
  }
  // A sandbox may give an empty table: it would have our own socket otherwise.
  if (!connections.some(({ local }) => local === hexOf(port))) return true;
  const at = /^127\.0\.0\.1:(\d{1,5})$/.exec(peer)?.[1];
  if (at === undefined) return false;
  const client = connections.find(({ local, remote }) => local === hexOf(Number(at)) && remote === hexOf(port));
  return client !== undefined && (client.uid === self || client.uid === 0);
}

interface Connection {
  readonly local: string;
  readonly remote: string;
  readonly uid: number;
}

function connectionsIn(text: string): readonly Connection[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local = "", remote = "", , , , , uid = ""]) =>
      uid === "" ? [] : [{ local: local.slice(-4), remote: remote.slice(-4), uid: Number(uid) }],
    );
}

/** A port as the table has it. */
function hexOf(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
