import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { expandHome } from "../../../config/home.js";
import { fingerprintOf, keyTypeOf } from "../../../config/host-key.js";
import { algorithmsOf, readHostKeyPin } from "../../../config/host-key-pin.js";
import { judgeHostKey, type KnownHost, knownKeyTypes, nameOf, parseKnownHosts } from "./known-hosts.js";
import { SshError } from "./ssh-error.js";
import type { SshUri } from "../../../config/host-uri.js";

/** Which host keys are accepted for one connection: what is asked for, and the decision on what is shown. */
export interface HostKeyPolicy {
  /** What to offer to the server. Undefined: all that are safe. */
  readonly algorithms: ServerHostKeyAlgorithm[] | undefined;
  /** The error with which the key is refused; undefined accepts it. */
  refuse(key: Buffer): SshError | undefined;
  /**
   * To be called once the host has proved that the key is its own, before anything is told to it: keeps the key of a host
   * that was not known, so that another one is refused from then on.
   * @throws SshError `ssh-known-hosts` where it cannot be kept.
   */
  accept(key: Buffer): Promise<void>;
}

const DEFAULT_FILES = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

const allAlgorithms = Object.values(algorithmsOf).flat();

/**
 * The policy for a host: the pinned key if there is one, else known_hosts, as strict as the URI asks for.
 * @throws SshError `ssh-host-key-pin` for a pin that is none, `ssh-known-hosts` for a named file that can't be read.
 */
export async function hostKeyPolicy(uri: SshUri, pin: string | undefined): Promise<HostKeyPolicy> {
  if (pin !== undefined) return pinnedPolicy(uri, pin);
  if (uri.hostKeyCheck === "off") return { algorithms: allAlgorithms, refuse: () => undefined, accept: nothingToKeep };
  const { entries, notes } = await readKnownHosts(uri);
  return knownHostsPolicy(uri, entries, notes);
}

const nothingToKeep = (): Promise<void> => Promise.resolve();

function pinnedPolicy(uri: SshUri, text: string): HostKeyPolicy {
  const pin = readHostKeyPin(text);
  if ("why" in pin) {
    throw new SshError(uri, {
      code: "ssh-host-key-pin",
      what: `Unable to use the pinned host key: it ${pin.why}`,
      remedy: pin.remedy,
    });
  }
  return {
    algorithms: pin.type === undefined ? allAlgorithms : algorithmsFor(uri, [pin.type]),
    refuse: (key) =>
      fingerprintOf(key) === pin.fingerprint
        ? undefined
        : mismatch(uri, key, `the pinned one is ${pin.fingerprint}`, "change the pinned host key"),
    accept: nothingToKeep,
  };
}

function knownHostsPolicy(uri: SshUri, entries: readonly KnownHost[], notes: readonly string[]): HostKeyPolicy {
  const types = knownKeyTypes(entries, uri.host, uri.port);
  return {
    algorithms: types.length > 0 ? algorithmsFor(uri, types) : allAlgorithms,
    refuse(key) {
      const judged = judgeHostKey(entries, uri.host, uri.port, key);
      switch (judged.verdict) {
        case "match":
          return undefined;
        case "unknown":
          return uri.hostKeyCheck === "accept-new" ? undefined : unknown(uri, key, notes);
        case "mismatch": {
          const known = judged.known.map((entry) => `${fingerprintOf(entry.key)} (${entry.keyType}, ${entry.source})`);
          return mismatch(uri, key, `known are ${known.join(", ")}`, "replace the line in known_hosts");
        }
        case "revoked":
          return new SshError(uri, {
            code: "ssh-host-key-revoked",
            what: `The host shows a key that is revoked (${judged.source}): ${describe(key)}`,
            remedy: "Someone may be in possession of that key. Give the host a new one.",
          });
      }
    },
    async accept(key) {
      if (judgeHostKey(entries, uri.host, uri.port, key).verdict === "unknown") await keep(uri, key);
    },
  };
}

/** Adds the key to known_hosts, as ssh(1) does with `StrictHostKeyChecking=accept-new`. */
async function keep(uri: SshUri, key: Buffer): Promise<void> {
  const file = uri.knownHosts ?? DEFAULT_FILES[0] ?? "";
  const type = keyTypeOf(key) ?? "";
  try {
    const path = expandHome(file);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // One write of one line: of two programs at once each adds a whole one (O_APPEND).
    await appendFile(path, `\n${nameOf(uri.host, uri.port)} ${type} ${key.toString("base64")}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new SshError(
      uri,
      {
        code: "ssh-known-hosts",
        what: `Unable to add the new host's key ${describe(key)} to "${file}"`,
        remedy: "Make that file writable, or pin the key as hostKey.",
      },
      cause,
    );
  }
}

function algorithmsFor(uri: SshUri, keyTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  const algorithms = keyTypes.flatMap((type) => algorithmsOf[type] ?? []);
  if (algorithms.length > 0) return algorithms;
  throw new SshError(uri, {
    code: "ssh-host-key-type",
    what: `The only known host keys are of types that are not supported: ${keyTypes.join(", ")}`,
    remedy: `Add the host's key of one of these types: ${Object.keys(algorithmsOf).join(", ")} (ssh-keyscan).`,
  });
}

async function readKnownHosts(uri: SshUri): Promise<{ entries: readonly KnownHost[]; notes: readonly string[] }> {
  const files = uri.knownHosts === undefined ? DEFAULT_FILES : [uri.knownHosts];
  const texts = files.map(async (file) => {
    let text: string;
    try {
      text = await readFile(expandHome(file), "utf8");
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" && (uri.knownHosts === undefined || uri.hostKeyCheck === "accept-new"))
        return parseKnownHosts("");
      const remedy = "Name a file that can be read in known_hosts=, or leave it out.";
      throw new SshError(
        uri,
        { code: "ssh-known-hosts", what: `Unable to read the known_hosts file "${file}"`, remedy },
        cause,
      );
    }
    return parseKnownHosts(text, file);
  });
  const read = await Promise.all(texts);
  const [revocation] = read.flatMap(({ unreadableRevocations }) => unreadableRevocations);
  if (revocation !== undefined) {
    throw new SshError(uri, {
      code: "ssh-known-hosts",
      what: `Unable to read the revoked key on ${revocation}`,
      remedy: "Correct that line (@revoked HOSTS TYPE KEY), or remove it if the key is not to be revoked.",
    });
  }
  return { entries: read.flatMap(({ entries }) => entries), notes: read.flatMap(({ notes }) => notes) };
}

function unknown(uri: SshUri, key: Buffer, notes: readonly string[]): SshError {
  const port = uri.port === 22 ? "" : `-p ${uri.port} `;
  return new SshError(uri, {
    code: "ssh-host-key-unknown",
    what: `The host is not known. It shows ${describe(key)}${ignoredLines(notes)}`,
    remedy:
      `Compare that with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there); if it is the same, ` +
      `add it to known_hosts (ssh-keyscan ${port}${uri.host}) or pin it as hostKey.`,
  });
}

/** What stands in known_hosts and was not read: the host may be known by it. */
function ignoredLines(notes: readonly string[]): string {
  const [first, ...more] = notes;
  if (first === undefined) return "";
  return ` (${first}${more.length === 0 ? "" : `; and ${more.length} more such lines`})`;
}

function mismatch(uri: SshUri, key: Buffer, expected: string, change: string): SshError {
  return new SshError(uri, {
    code: "ssh-host-key-mismatch",
    what: `The host shows another key than expected: it shows ${describe(key)}, ${expected}`,
    remedy: `Someone may be listening in. Only if the host is known to have got a new key, ${change}.`,
  });
}

function describe(key: Buffer): string {
  return `${fingerprintOf(key)} (${keyTypeOf(key) ?? "of unknown type"})`;
}
