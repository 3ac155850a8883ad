import { readFile } from "node:fs/promises";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { expandHome } from "./home.js";
import { algorithmsOf, readHostKeyPin } from "./host-key-pin.js";
import {
  fingerprintOf,
  judgeHostKey,
  keyTypeOf,
  type KnownHost,
  knownKeyTypes,
  parseKnownHosts,
} from "./known-hosts.js";
import { SshError } from "./ssh-error.js";
import type { SshUri } from "./uri.js";

/** Which host keys are accepted for one connection: what is asked for, and the decision on what is shown. */
export interface HostKeyPolicy {
  /** What to offer to the server. Undefined: all that are safe. */
  readonly algorithms: ServerHostKeyAlgorithm[] | undefined;
  /** The error with which the key is refused; undefined accepts it. */
  refuse(key: Buffer): SshError | undefined;
}

const DEFAULT_FILES = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];

const allAlgorithms = Object.values(algorithmsOf).flat();

/**
 * The policy for a host: the pinned key if there is one, else known_hosts, as strict as the URI asks for.
 * @throws SshError `ssh-host-key-pin` for a pin that is none, `ssh-known-hosts` for a named file that can't be read.
 */
export async function hostKeyPolicy(uri: SshUri, pin: string | undefined): Promise<HostKeyPolicy> {
  if (pin !== undefined) return pinnedPolicy(uri, pin);
  if (uri.hostKeyCheck === "off") return { algorithms: allAlgorithms, refuse: () => undefined };
  return knownHostsPolicy(uri, await readKnownHosts(uri));
}

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
  };
}

function knownHostsPolicy(uri: SshUri, entries: readonly KnownHost[]): HostKeyPolicy {
  const types = knownKeyTypes(entries, uri.host, uri.port);
  return {
    algorithms: types.length > 0 ? algorithmsFor(uri, types) : allAlgorithms,
    refuse(key) {
      const judged = judgeHostKey(entries, uri.host, uri.port, key);
      switch (judged.verdict) {
        case "match":
          return undefined;
        case "unknown":
          return uri.hostKeyCheck === "accept-new" ? undefined : unknown(uri, key);
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
  };
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

async function readKnownHosts(uri: SshUri): Promise<readonly KnownHost[]> {
  const files = uri.knownHosts === undefined ? DEFAULT_FILES : [uri.knownHosts];
  const texts = files.map(async (file) => {
    try {
      return parseKnownHosts(await readFile(expandHome(file), "utf8"), file).entries;
    } catch (cause) {
      if (uri.knownHosts === undefined && (cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      const remedy = "Name a file that can be read in known_hosts=, or leave it out.";
      throw new SshError(
        uri,
        { code: "ssh-known-hosts", what: `Unable to read the known_hosts file "${file}"`, remedy },
        cause,
      );
    }
  });
  return (await Promise.all(texts)).flat();
}

function unknown(uri: SshUri, key: Buffer): SshError {
  const port = uri.port === 22 ? "" : `-p ${uri.port} `;
  return new SshError(uri, {
    code: "ssh-host-key-unknown",
    what: `The host is not known. It shows ${describe(key)}`,
    remedy:
      `Compare that with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there); if it is the same, ` +
      `add it to known_hosts (ssh-keyscan ${port}${uri.host}) or pin it as hostKey.`,
  });
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
