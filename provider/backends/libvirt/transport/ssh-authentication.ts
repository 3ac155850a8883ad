import { readFile, stat } from "node:fs/promises";
import { type AnyAuthMethod, utils } from "ssh2";
import type { SshCredentials } from "./credentials.js";
import { expandHome } from "../../../config/home.js";
import { shellWord } from "../../../model/shell-word.js";
import { SshError } from "./ssh-error.js";
import { passwordMethods, type AuthenticationMethod } from "../../../config/host-uri.js";
import { publicPartOf } from "./public-key.js";
import { keysOf, OneKeyAgent, type AgentKey, type AgentLimits } from "./ssh-agent.js";
import type { SshTarget } from "./ssh-target.js";

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
  /** What could not be tried and why, one phrase each. An agent that is given up later is added to it. */
  readonly skipped: string[];
}

/** As ssh(1) tries them, without the kinds that need hardware. */
const DEFAULT_KEY_FILES = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/**
 * All ways to log in, in the order of the URI's `sshauth` (agent, keys, password); but keys that were named come before the
 * agent's other keys and the usual files: a host counts the keys that are offered, and ends the connection after a few.
 * @throws SshError `ssh-key` when a key that has to do can't be used.
 */
export async function authenticationPlan(
  target: SshTarget,
  credentials: SshCredentials,
  limits?: AgentLimits,
): Promise<AuthenticationPlan> {
  const { user } = target;
  const skipped: string[] = [];
  // As OpenSSH does (sshconnect.c, check_host_key): a host whose key is not verified may be any machine.
  const verified = credentials.hostKey !== undefined || target.hostKeyCheck !== "off";
  const password = verified ? credentials.sshPassword : undefined;
  const attempts: Attempt[] = [];
  const ways: Record<Exclude<AuthenticationMethod, "agent" | "privkey">, () => void> = {
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
  const keyMethods = target.authentication.filter((method) => method === "agent" || method === "privkey");
  let keysDone = false;
  for (const method of target.authentication) {
    if (method === "password" || method === "keyboard-interactive") ways[method]();
    else if (!keysDone) {
      attempts.push(...(await keyAttempts(target, keyMethods, credentials, skipped, limits)));
      keysDone = true;
    }
  }
  if (
    credentials.sshPassword !== undefined &&
    !target.authentication.some((method) => passwordMethods.includes(method))
  )
    skipped.push("password (not in the host's URI; to allow it, add sshauth=agent,privkey,password)");
  skipped.push(...target.loginNotes);
  return { attempts, skipped };
}

async function keyAttempts(
  target: SshTarget,
  methods: readonly AuthenticationMethod[],
  credentials: SshCredentials,
  skipped: string[],
  limits: AgentLimits | undefined,
): Promise<readonly Attempt[]> {
  const { user } = target;
  const { sshPrivateKey, sshPassphrase } = credentials;
  const agentKeys = methods.includes("agent") ? await agentsKeys(target, skipped, limits) : [];
  const left = new Set(agentKeys);
  const ofAgent = (entry: AgentKey, description: string): Attempt => {
    left.delete(entry);
    const giveUp = (why: string): void => void skipped.push(`SSH agent (${why})`);
    const login = {
      type: "agent" as const,
      username: user,
      agent: new OneKeyAgent(agentOf(target), entry.key, giveUp, limits),
    };
    return { description, method: "publickey", login };
  };

  const named: Attempt[] = [];
  const usual: Attempt[] = [];
  if (methods.includes("privkey")) {
    const use = async (files: readonly NamedFile[], attempts: Attempt[]): Promise<void> => {
      for (const file of files) {
        const found = await fileKey(target, file, sshPassphrase, left);
        if ("agentKey" in found) attempts.push(ofAgent(found.agentKey, `key file ${file.file} (by the SSH agent)`));
        else if ("key" in found) {
          const blob = found.key.getPublicSSH();
          for (const entry of left) if (entry.blob.equals(blob)) left.delete(entry);
          attempts.push(keyAttempt(user, `key file ${file.file}`, found.key));
        } else skipped.push(found.why);
      }
    };
    await use(target.keyFiles, named);
    if (sshPrivateKey !== undefined) {
      const key = parseKey(sshPrivateKey, sshPassphrase);
      if (!key) throw unusableKey(target, "the configured private key");
      named.push(keyAttempt(user, "configured private key", key));
    }
    if (target.keyFiles.length === 0 && sshPrivateKey === undefined)
      await use(
        DEFAULT_KEY_FILES.map((file) => ({ file, required: false })),
        usual,
      );
  }
  if (target.identitiesOnly && left.size > 0)
    skipped.push(`the SSH agent's ${left.size === 1 ? "other key" : `${left.size} other keys`} (IdentitiesOnly)`);
  const others = target.identitiesOnly ? [] : [...left].map((entry) => ofAgent(entry, `SSH agent's ${nameOf(entry)}`));
  return [...named, ...(methods[0] === "privkey" ? [...usual, ...others] : [...others, ...usual])];
}

async function agentsKeys(
  target: SshTarget,
  skipped: string[],
  limits: AgentLimits | undefined,
): Promise<readonly AgentKey[]> {
  if (target.agent === undefined) {
    skipped.push("SSH agent (SSH_AUTH_SOCK is not set)");
    return [];
  }
  const answer = await keysOf(target.agent, limits);
  if ("why" in answer) skipped.push(`SSH agent ${target.agent} (${answer.why})`);
  else if (answer.keys.length === 0) skipped.push("SSH agent (it has no keys)");
  else return answer.keys;
  return [];
}

/** Only where there is one keys of it are found. */
function agentOf({ agent = "" }: SshTarget): string {
  return agent;
}

function nameOf({ key }: AgentKey): string {
  return `key "${key.comment === "" ? key.type : key.comment}"`;
}

/**
 * Whether a question of the host's is the one for the account's password: hidden, and in the words of PAM's pam_unix
 * ("Password: ") or of OpenSSH ("(user@host) Password: "). A code of a second factor is another question.
 */
function asksForPassword(question: { readonly prompt: string; readonly echo?: boolean } | undefined): boolean {
  return question?.echo === false && /^(\([^()]{1,200}\) ?)?password:? ?$/i.test(question.prompt.slice(0, 300));
}

type PrivateKey = Exclude<ReturnType<typeof utils.parseKey>, Error>;
type NamedFile = SshTarget["keyFiles"][number];

/** The key, the agent's own of it where the file is locked or has the public part alone, or why it is skipped. */
async function fileKey(
  target: SshTarget,
  { file, required }: NamedFile,
  passphrase: string | undefined,
  agentKeys: ReadonlySet<AgentKey>,
): Promise<{ readonly key: PrivateKey } | { readonly agentKey: AgentKey } | { readonly why: string }> {
  let text: string;
  try {
    text = await readFile(expandHome(file), "utf8");
  } catch (cause) {
    if (required) throw unusableKey(target, `the key file "${file}"`, cause);
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "can't be read";
    return { why: `key file ${file} (${reason})` };
  }
  const key = parseKey(text, passphrase);
  const blob = key === undefined ? publicPartOf(text) : undefined;
  const agentKey = blob === undefined ? undefined : [...agentKeys].find((entry) => entry.blob.equals(blob));
  if (agentKey !== undefined) return { agentKey };
  if (await othersMayRead(file)) {
    if (required) {
      throw new SshError(target, {
        code: "ssh-key",
        what: `Unable to use the key file "${file}": other users of this machine may read it`,
        remedy: `Run chmod 600 ${shellWord(file)}.`,
      });
    }
    return { why: `key file ${file} (other users of this machine may read it: chmod 600)` };
  }
  if (key) return { key };
  if (required) throw unusableKey(target, `the key file "${file}"`);
  return { why: `key file ${file} (needs a passphrase, or is of a format that is not supported)` };
}

/** OpenSSH's rule (authfile.c, sshkey_perm_ok): no other user may read the user's own private key. Windows has no such modes. */
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

function unusableKey(target: SshTarget, which: string, cause?: unknown): SshError {
  const remedy =
    "Give a private key in OpenSSH or PEM format, and its passphrase if it has one, or load it into the SSH agent.";
  return new SshError(target, { code: "ssh-key", what: `Unable to use ${which}`, remedy }, cause);
}
