import { readFile, stat } from "node:fs/promises";
import { type AnyAuthMethod, utils } from "ssh2";
import type { SshCredentials } from "./credentials.js";
import { expandHome } from "../../../config/home.js";
import { shellWord } from "../../../model/shell-word.js";
import { SshError } from "./ssh-error.js";
import { passwordMethods, type AuthenticationMethod, type SshUri } from "../../../config/host-uri.js";

/** One way to log in. */
export interface Attempt {
  /** For a person: what is tried. Names files, never what is in them. */
  readonly description: string;
  /** SSH's own name of the method (RFC 4252), by which servers say what they take. */
  readonly method: "publickey" | "password" | "keyboard-interactive";
  readonly login: AnyAuthMethod;
}

export interface AuthenticationPlan {
  readonly attempts: readonly Attempt[];
  /** What could not be tried and why, one phrase each. */
  readonly skipped: readonly string[];
}

/** As ssh(1) tries them, without the kinds that need hardware. */
const DEFAULT_KEY_FILES = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/**
 * All ways to log in, in the order of the URI's `sshauth` (agent, keys, password).
 * @throws SshError `ssh-key` when a key that was named can't be used.
 */
export async function authenticationPlan(
  uri: SshUri,
  user: string,
  credentials: SshCredentials,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<AuthenticationPlan> {
  const attempts: Attempt[] = [];
  const skipped: string[] = [];
  // As OpenSSH does (sshconnect.c, check_host_key): a host whose key is not verified may be any machine.
  const verified = credentials.hostKey !== undefined || uri.hostKeyCheck !== "off";
  const password = verified ? credentials.sshPassword : undefined;
  const ways: Record<AuthenticationMethod, () => void | Promise<void>> = {
    agent() {
      const agent = environment["SSH_AUTH_SOCK"];
      if (agent === undefined || agent === "") skipped.push("SSH agent (SSH_AUTH_SOCK is not set)");
      else
        attempts.push({
          description: "SSH agent",
          method: "publickey",
          login: { type: "agent", username: user, agent },
        });
    },
    async privkey() {
      const files =
        uri.keyFile !== undefined ? [uri.keyFile] : credentials.sshPrivateKey === undefined ? DEFAULT_KEY_FILES : [];
      for (const file of files) {
        const key = await fileKey(uri, file, credentials.sshPassphrase);
        if (typeof key === "string") skipped.push(key);
        else attempts.push(keyAttempt(user, `key file ${file}`, key.key));
      }
      if (credentials.sshPrivateKey !== undefined) {
        const key = parseKey(credentials.sshPrivateKey, credentials.sshPassphrase);
        if (!key) throw unusableKey(uri, "the configured private key");
        attempts.push(keyAttempt(user, "configured private key", key));
      }
    },
    password() {
      if (password === undefined)
        skipped.push(verified ? "password (none configured)" : "password (the host's key is not verified)");
      else
        attempts.push({
          description: "password",
          method: "password",
          login: { type: "password", username: user, password },
        });
    },
    "keyboard-interactive"() {
      if (password === undefined) return;
      const login: AnyAuthMethod = {
        type: "keyboard-interactive",
        username: user,
        prompt: (_name, _instructions, _language, prompts, answer) =>
          answer(prompts.length === 1 && asksForPassword(prompts[0]) ? [password] : prompts.map(() => "")),
      };
      attempts.push({ description: "password (keyboard-interactive)", method: "keyboard-interactive", login });
    },
  };
  for (const method of uri.authentication) await ways[method]();
  if (credentials.sshPassword !== undefined && !uri.authentication.some((method) => passwordMethods.includes(method)))
    skipped.push("password (the host's URI does not name it: sshauth=agent,privkey,password)");
  return { attempts, skipped };
}

/**
 * Whether a question of the host's is the one for the account's password: hidden, and in the words of PAM's pam_unix
 * ("Password: ") or of OpenSSH ("(user@host) Password: "). A code of a second factor is another question.
 */
function asksForPassword(question: { readonly prompt: string; readonly echo?: boolean } | undefined): boolean {
  return question?.echo === false && /^(\([^()]{1,200}\) ?)?password:? ?$/i.test(question.prompt.slice(0, 300));
}

type PrivateKey = Exclude<ReturnType<typeof utils.parseKey>, Error>;

/** The key, or why it is skipped. A default key file may be missing or locked; one that was named must do. */
async function fileKey(
  uri: SshUri,
  file: string,
  passphrase: string | undefined,
): Promise<{ key: PrivateKey } | string> {
  const named = uri.keyFile !== undefined;
  let text: string;
  try {
    text = await readFile(expandHome(file), "utf8");
  } catch (cause) {
    if (named) throw unusableKey(uri, `the key file "${file}"`, cause);
    return `key file ${file} (${(cause as NodeJS.ErrnoException).code === "ENOENT" ? "not there" : "can't be read"})`;
  }
  if (await othersMayRead(file)) {
    if (named) {
      throw new SshError(uri, {
        code: "ssh-key",
        what: `Unable to use the key file "${file}": other users of this machine may read it`,
        remedy: `Run chmod 600 ${shellWord(file)}.`,
      });
    }
    return `key file ${file} (other users of this machine may read it: chmod 600)`;
  }
  const key = parseKey(text, passphrase);
  if (key) return { key };
  if (named) throw unusableKey(uri, `the key file "${file}"`);
  return `key file ${file} (needs a passphrase, or is of a format that is not supported)`;
}

/** OpenSSH's rule (authfile.c, sshkey_perm_ok): the user's own private key is nobody else's. Windows has no such modes. */
async function othersMayRead(file: string): Promise<boolean> {
  if (process.getuid === undefined) return false;
  const { uid, mode } = await stat(expandHome(file));
  return uid === process.getuid() && (mode & 0o077) !== 0;
}

function parseKey(text: string, passphrase: string | undefined): PrivateKey | undefined {
  const parsed = utils.parseKey(text, passphrase);
  return parsed instanceof Error || !parsed.isPrivateKey() ? undefined : parsed;
}

function keyAttempt(user: string, description: string, key: PrivateKey): Attempt {
  return { description, method: "publickey", login: { type: "publickey", username: user, key } };
}

function unusableKey(uri: SshUri, which: string, cause?: unknown): SshError {
  const remedy =
    "Give a private key in OpenSSH or PEM format, and its passphrase if it has one, or load it into the SSH agent.";
  return new SshError(uri, { code: "ssh-key", what: `Unable to use ${which}`, remedy }, cause);
}
