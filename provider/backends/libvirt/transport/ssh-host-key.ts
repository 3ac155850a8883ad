import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { expandHome } from "../../../config/home.js";
import { fingerprintOf, keyTypeOf } from "../../../config/host-key.js";
import { algorithmsOf, readHostKeyPin } from "../../../config/host-key-pin.js";
import {
  type Authority,
  authorityOf,
  judgeHostKey,
  type KnownHost,
  knownKeyTypes,
  nameOf,
  parseKnownHosts,
} from "./known-hosts.js";
import { SshError } from "./ssh-error.js";
import type { SshTarget } from "./ssh-target.js";

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

const allAlgorithms = Object.values(algorithmsOf).flat();

/**
 * The policy for a host: the pinned key if there is one, else known_hosts, as strict as the URI asks for.
 * @throws SshError `ssh-host-key-pin` for a pin that is none, `ssh-known-hosts` for a named file that can't be read.
 */
export async function hostKeyPolicy(target: SshTarget, pin: string | undefined): Promise<HostKeyPolicy> {
  if (pin !== undefined) return pinnedPolicy(target, pin);
  if (target.hostKeyCheck === "off")
    return { algorithms: allAlgorithms, refuse: () => undefined, accept: nothingToKeep };
  return knownHostsPolicy(target, await readKnownHosts(target));
}

const nothingToKeep = (): Promise<void> => Promise.resolve();

function pinnedPolicy(target: SshTarget, text: string): HostKeyPolicy {
  const pin = readHostKeyPin(text);
  if ("why" in pin) {
    throw new SshError(target, {
      code: "ssh-host-key-pin",
      what: `Unable to use the pinned host key: it ${pin.why}`,
      remedy: pin.remedy,
    });
  }
  return {
    algorithms: pin.type === undefined ? allAlgorithms : algorithmsFor(target, [pin.type]),
    refuse: (key) =>
      fingerprintOf(key) === pin.fingerprint
        ? undefined
        : mismatch(target, key, `the pinned key is ${pin.fingerprint}`, "change the pinned host key"),
    accept: nothingToKeep,
  };
}

function knownHostsPolicy(target: SshTarget, { entries, authorities, notes }: Known): HostKeyPolicy {
  const { host, port } = target.knownAs;
  const types = knownKeyTypes(entries, host, port);
  const authority = authorityOf(authorities, host, port);
  return {
    algorithms: types.length > 0 ? algorithmsFor(target, types) : allAlgorithms,
    refuse(key) {
      const judged = judgeHostKey(entries, host, port, key);
      switch (judged.verdict) {
        case "match":
          return undefined;
        case "unknown":
          return target.hostKeyCheck === "accept-new"
            ? undefined
            : unknown(target, key, authority, [...notes, ...target.hostKeyNotes]);
        case "mismatch": {
          const known = judged.known.map((entry) => `${fingerprintOf(entry.key)} (${entry.keyType}, ${entry.source})`);
          const certified =
            authority === undefined ? "" : ` (${authority.source}: host certificates are not supported)`;
          return mismatch(
            target,
            key,
            `known_hosts has ${known.join(", ")}${certified}`,
            "replace the line in known_hosts",
          );
        }
        case "revoked":
          return new SshError(target, {
            code: "ssh-host-key-revoked",
            what: `The host presented a revoked key (${judged.source}): ${describe(key)}`,
            remedy: "The key may be compromised. Generate a new host key on the host.",
          });
      }
    },
    async accept(key) {
      if (judgeHostKey(entries, host, port, key).verdict === "unknown") await keep(target, key);
    },
  };
}

/** Adds the key to known_hosts, as ssh(1) does with `StrictHostKeyChecking=accept-new`. */
async function keep(target: SshTarget, key: Buffer): Promise<void> {
  const [file] = target.knownHosts.user;
  const type = keyTypeOf(key) ?? "";
  try {
    if (file === undefined) throw new Error("UserKnownHostsFile is set to none");
    const path = expandHome(file);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // One write of one line: of two programs at once each adds a whole one (O_APPEND).
    await appendFile(
      path,
      `\n${nameOf(target.knownAs.host, target.knownAs.port)} ${type} ${key.toString("base64")}\n`,
      { mode: 0o600 },
    );
  } catch (cause) {
    throw new SshError(
      target,
      {
        code: "ssh-known-hosts",
        what: `Unable to add the new host's key ${describe(key)} to "${file ?? "known_hosts"}"`,
        remedy: "Make that file writable, or pin the key as hostKey.",
      },
      cause,
    );
  }
}

function algorithmsFor(target: SshTarget, keyTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  const algorithms = keyTypes.flatMap((type) => algorithmsOf[type] ?? []);
  if (algorithms.length > 0) return algorithms;
  throw new SshError(target, {
    code: "ssh-host-key-type",
    what: `The only known host keys are of types that are not supported: ${keyTypes.join(", ")}`,
    remedy: `Add the host's key of one of these types: ${Object.keys(algorithmsOf).join(", ")} (ssh-keyscan).`,
  });
}

interface Known {
  readonly entries: readonly KnownHost[];
  readonly authorities: readonly Authority[];
  readonly notes: readonly string[];
}

async function readKnownHosts(target: SshTarget): Promise<Known> {
  const { user, system, named } = target.knownHosts;
  const texts = [...user, ...system].map(async (file) => {
    let text: string;
    try {
      text = await readFile(expandHome(file), "utf8");
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" && (!named || target.hostKeyCheck === "accept-new")) return parseKnownHosts("");
      const remedy = "Set known_hosts= in the URI to a readable file, or remove it.";
      throw new SshError(
        target,
        { code: "ssh-known-hosts", what: `Unable to read the known_hosts file "${file}"`, remedy },
        cause,
      );
    }
    return parseKnownHosts(text, file);
  });
  const read = await Promise.all(texts);
  const [revocation] = read.flatMap(({ unreadableRevocations }) => unreadableRevocations);
  if (revocation !== undefined) {
    throw new SshError(target, {
      code: "ssh-known-hosts",
      what: `Unable to read the revoked key on ${revocation}`,
      remedy: "Correct that line (@revoked HOSTS TYPE KEY), or remove it if the key is not to be revoked.",
    });
  }
  return {
    entries: read.flatMap(({ entries }) => entries),
    authorities: read.flatMap(({ authorities }) => authorities),
    notes: read.flatMap(({ notes }) => notes),
  };
}

function unknown(target: SshTarget, key: Buffer, authority: Authority | undefined, notes: readonly string[]): SshError {
  const { host } = target.knownAs;
  // By an alias ssh-keyscan would ask another host.
  const scan =
    host === target.host ? ` (ssh-keyscan ${target.port === 22 ? "" : `-p ${target.port} `}${host})` : ` as ${host}`;
  const certified = authority === undefined ? "" : ` (${authority.source}: host certificates are not supported)`;
  return new SshError(target, {
    code: "ssh-host-key-unknown",
    what: `The host's key is not in known_hosts. The host presented ${describe(key)}${certified}${ignoredLines(notes)}`,
    remedy:
      "Check the fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If it matches, " +
      `add the key to known_hosts${scan} or set it as hostKey.${authority === undefined ? "" : " For host certificates, add command=ssh to the URI."}`,
  });
}

/** What stands in known_hosts and was not read: the host may be known by it. */
function ignoredLines(notes: readonly string[]): string {
  const [first, ...more] = notes;
  if (first === undefined) return "";
  return ` (${first}${more.length === 0 ? "" : `; and ${more.length} more such lines`})`;
}

function mismatch(target: SshTarget, key: Buffer, expected: string, change: string): SshError {
  return new SshError(target, {
    code: "ssh-host-key-mismatch",
    what: `The host presented a different key than expected: ${describe(key)}; ${expected}`,
    remedy: `The connection may be intercepted. If you know that the host has a new key, ${change}; otherwise do not connect.`,
  });
}

function describe(key: Buffer): string {
  return `${fingerprintOf(key)} (${keyTypeOf(key) ?? "of unknown type"})`;
}
