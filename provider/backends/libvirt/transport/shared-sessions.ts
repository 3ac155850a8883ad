import { createHash } from "node:crypto";
import type { SshCredentials } from "./credentials.js";
import { SshSession } from "./ssh.js";
import type { SshTarget } from "./ssh-target.js";

interface Shared {
  readonly session: Promise<SshSession>;
  /** The session, once it is open. */
  opened: SshSession | undefined;
  users: number;
}

/** One SSH connection for each host and way to log in, jump hosts among them, for as long as it is used. */
const sessions = new Map<string, Shared>();

/** The session with this host, opened or joined. `release` gives it back; the last one closes it. */
export async function shareSession(
  target: SshTarget,
  credentials: SshCredentials,
): Promise<{ session: SshSession; release: () => Promise<void> }> {
  const key = keyOf(target, credentials);
  const existing = sessions.get(key);
  const shared =
    existing === undefined || existing.opened?.closed === true ? start(key, target, credentials) : existing;
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

function start(key: string, target: SshTarget, credentials: SshCredentials): Shared {
  const shared = { session: openSession(target, credentials), opened: undefined, users: 0 };
  sessions.set(key, shared);
  return shared;
}

/** Opens it, through its jump host if it has one, whose session it holds for as long as it lives. */
async function openSession(target: SshTarget, credentials: SshCredentials): Promise<SshSession> {
  const { jump } = target;
  if (jump === undefined) return SshSession.open(target, credentials);
  const { session: before, release } = await shareSession(jump, onTheWay(credentials));
  try {
    const session = await SshSession.open(target, credentials, { through: () => before.openTcp(target) });
    session.onceEnded(() => void release());
    return session;
  } catch (error) {
    await release();
    throw error;
  }
}

/** A jump host sees no more than the signature of a key: no password, and its own host key. */
function onTheWay({ sshPrivateKey, sshPassphrase }: SshCredentials): SshCredentials {
  return { sshPrivateKey, sshPassphrase };
}

/** What decides who is reached and as whom. Only a digest, so that no secret stays behind as a key. */
function keyOf(target: SshTarget, credentials: SshCredentials): string {
  const given = Object.entries(credentials).filter(([, value]) => value !== undefined);
  return createHash("sha256")
    .update(JSON.stringify([target, given.sort()]))
    .digest("hex");
}
