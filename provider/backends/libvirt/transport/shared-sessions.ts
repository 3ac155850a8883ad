import { createHash } from "node:crypto";
import type { SshCredentials } from "./credentials.js";
import { SshSession } from "./ssh.js";
import type { SshUri } from "../../../config/host-uri.js";

interface Shared {
  readonly session: Promise<SshSession>;
  /** The session, once it is open. */
  opened: SshSession | undefined;
  users: number;
}

/** One SSH connection for each host and way to log in, for as long as someone uses it. */
const sessions = new Map<string, Shared>();

/** The session with this host, opened or joined. `release` gives it back; the last one closes it. */
export async function shareSession(
  uri: SshUri,
  credentials: SshCredentials,
): Promise<{ session: SshSession; release: () => Promise<void> }> {
  const key = keyOf(uri, credentials);
  const existing = sessions.get(key);
  const shared = existing === undefined || existing.opened?.closed === true ? start(key, uri, credentials) : existing;
  shared.users += 1;
  let released = false;
  const release = async () => {
    if (released) return;
    released = true;
    shared.users -= 1;
    if (shared.users > 0) return;
    if (sessions.get(key) === shared) sessions.delete(key);
    await shared.opened?.close();
  };
  try {
    shared.opened = await shared.session;
    return { session: shared.opened, release };
  } catch (error) {
    await release();
    throw error;
  }
}

function start(key: string, uri: SshUri, credentials: SshCredentials): Shared {
  const shared = { session: SshSession.open(uri, credentials), opened: undefined, users: 0 };
  sessions.set(key, shared);
  return shared;
}

/** What decides who is reached and as whom. Only a digest, so that no secret stays behind as a key. */
function keyOf(uri: SshUri, credentials: SshCredentials): string {
  const { host, port, user, keyFile, knownHosts, hostKeyCheck, authentication } = uri;
  const identity = JSON.stringify([
    host,
    port,
    user,
    keyFile,
    knownHosts,
    hostKeyCheck,
    authentication,
    Object.entries(credentials).sort(),
  ]);
  return createHash("sha256").update(identity).digest("hex");
}
