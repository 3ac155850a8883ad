/**
 * Who is at the other end of a connection to the plugin. It listens on the loopback interface without a password, as Pulumi's
 * plugins do, so every user of this machine can connect; but the operator's configuration is for the operator's engine.
 *
 * The kernel is asked for each call, since gRPC tells a call's address and not its connection: what was known of an address may
 * be another user's by the next call.
 */
import { readFileSync } from "node:fs";
import { endianness } from "node:os";

/** Linux' table of TCP connections over IPv4 (Documentation/networking/proc_net_tcp.rst). */
const table = "/proc/net/tcp";

/** States of a connection in it (include/net/tcp_states.h). */
const established = "01";
const listening = "0A";

/** Whether a caller, by its address as gRPC names it (`127.0.0.1:40000`), may use the plugin. */
export type Admission = (peer: string) => boolean;

/**
 * Admits connections of this process's own user and of root. Where the system has no such table, as on macOS and Windows, or does
 * not show this process's own socket in it, as in some sandboxes, that cannot be known, and all are admitted.
 * @param port on which the plugin listens already.
 */
export function ownUserOnly(port: number, read = () => readFileSync(table, "utf8")): Admission {
  const self = process.getuid?.();
  const own = loopback(port);
  const isOwn = ({ local, state }: Connection): boolean => local === own && state === listening;
  if (process.platform !== "linux" || self === undefined || !connectionsIn(textOf(read)).some(isOwn)) return () => true;
  return (peer) => {
    const from = /^127\.0\.0\.1:(\d{1,5})$/.exec(peer)?.[1];
    if (from === undefined) return false;
    const client = connectionsIn(textOf(read)).find(
      ({ local, remote }) => local === loopback(Number(from)) && remote === own,
    );
    // One that its process has closed has no owner any more, and stands there as root's (net/ipv4/tcp_ipv4.c, get_timewait4_sock).
    return client?.state === established && (client.uid === self || client.uid === 0);
  };
}

/** Empty where it cannot be read: callers could exhaust the files that this process may open. */
function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

interface Connection {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly uid: number;
}

function connectionsIn(text: string): readonly Connection[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local = "", remote = "", state = "", , , , uid = ""]) =>
      uid === "" ? [] : [{ local, remote, state, uid: Number(uid) }],
    );
}

/** 127.0.0.1 with that port, as the table has it: in the machine's own order of bytes. */
function loopback(port: number): string {
  const address = endianness() === "LE" ? "0100007F" : "7F000001";
  return `${address}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}
