import { createHmac, timingSafeEqual } from "node:crypto";
import { keyTypeOf } from "../../../config/host-key.js";
import { patternList } from "./wildcard.js";

/** OpenSSH's known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). No I/O. */

export interface KnownHost {
  /** Whether the line is about this name: `host`, or `[host]:port` for a port other than 22. */
  readonly matches: (name: string) => boolean;
  readonly revoked: boolean;
  /** E.g. `ssh-ed25519`. */
  readonly keyType: string;
  /** The public key as SSH sends it. */
  readonly key: Buffer;
  /** Where the line stands, `file:line`. */
  readonly source: string;
}

export interface Authority {
  readonly matches: (name: string) => boolean;
  /** Where the line stands, `file:line`. */
  readonly source: string;
}

export interface KnownHosts {
  readonly entries: readonly KnownHost[];
  /** Authorities that sign hosts' keys (`@cert-authority`), whose certificates are not supported. */
  readonly authorities: readonly Authority[];
  /** What was left out and why, one sentence a line. */
  readonly notes: readonly string[];
  /** The lines that revoke a key which cannot be read: no key may be accepted while it is not known which. */
  readonly unreadableRevocations: readonly string[];
}

export type HostKeyVerdict =
  | { readonly verdict: "match"; readonly source: string }
  /** The host is known, with other keys than this one. */
  | { readonly verdict: "mismatch"; readonly known: readonly KnownHost[] }
  | { readonly verdict: "unknown" }
  | { readonly verdict: "revoked"; readonly source: string };

const DEFAULT_PORT = 22;

/** `file` only says in notes and verdicts where a line stands. Lines that can't be read are left out, with a note. */
export function parseKnownHosts(text: string, file = "known_hosts"): KnownHosts {
  const entries: KnownHost[] = [];
  const authorities: Authority[] = [];
  const notes: string[] = [];
  const unreadableRevocations: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const source = `${file}:${index + 1}`;
    const fields = line.trim().split(/[ \t]+/);
    if (fields[0] === "" || fields[0]?.startsWith("#") === true) continue;
    const marker = fields[0]?.startsWith("@") === true ? fields.shift() : undefined;
    const [hosts, keyType, encoded] = fields;
    if (marker === "@cert-authority") {
      if (hosts === undefined) notes.push(`${source}: invalid @cert-authority line, ignored`);
      else authorities.push({ matches: hostMatcher(hosts), source });
      continue;
    }
    const key = encoded === undefined ? undefined : decodeKey(encoded);
    if (hosts === undefined || keyType === undefined || key === undefined || keyTypeOf(key) !== keyType) {
      if (marker === "@revoked") unreadableRevocations.push(source);
      else notes.push(`${source}: not a host key line, ignored`);
      continue;
    }
    if (marker !== undefined && marker !== "@revoked") {
      notes.push(`${source}: unknown marker ${marker}, ignored`);
      continue;
    }
    entries.push({ matches: hostMatcher(hosts), revoked: marker === "@revoked", keyType, key, source });
  }
  return { entries, authorities, notes, unreadableRevocations };
}

/**
 * Decides about the key that a host shows. A revoked key is refused whatever else is known. A host of which only keys of
 * another type are known counts as a mismatch: stricter than OpenSSH, which would ask the user, who cannot be asked here.
 */
export function judgeHostKey(entries: readonly KnownHost[], host: string, port: number, key: Buffer): HostKeyVerdict {
  const about = entriesAbout(entries, nameOf(host, port));
  const verdict = judge(about, key);
  if (verdict.verdict !== "unknown" || port === DEFAULT_PORT) return verdict;
  // A host's own line vouches for its other ports, but says nothing against another key there (OpenSSH's sshconnect.c,
  // check_host_key: "checking without port identifier").
  const withoutPort = judge(entriesAbout(entries, nameOf(host, DEFAULT_PORT)), key);
  return withoutPort.verdict === "mismatch" ? { verdict: "unknown" } : withoutPort;
}

/** The types of the keys known of a host: what to ask it for, so that it does not show one that is not known. */
export function knownKeyTypes(entries: readonly KnownHost[], host: string, port: number): string[] {
  const valid = entriesAbout(entries, nameOf(host, port)).filter((entry) => !entry.revoked);
  return [...new Set(valid.map((entry) => entry.keyType))];
}

/** The authority whose certificate OpenSSH would take for the host. */
export function authorityOf(authorities: readonly Authority[], host: string, port: number): Authority | undefined {
  const names = [nameOf(host, port), nameOf(host, DEFAULT_PORT)];
  return authorities.find(({ matches }) => names.some(matches));
}

function judge(about: readonly KnownHost[], key: Buffer): HostKeyVerdict {
  const revoked = about.find((entry) => entry.revoked && sameBytes(entry.key, key));
  if (revoked !== undefined) return { verdict: "revoked", source: revoked.source };
  const valid = about.filter((entry) => !entry.revoked);
  const match = valid.find((entry) => sameBytes(entry.key, key));
  if (match !== undefined) return { verdict: "match", source: match.source };
  return valid.length > 0 ? { verdict: "mismatch", known: valid } : { verdict: "unknown" };
}

/** As known_hosts names a host: without the port where that is 22. */
export function nameOf(host: string, port: number): string {
  return port === DEFAULT_PORT ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function entriesAbout(entries: readonly KnownHost[], name: string): readonly KnownHost[] {
  return entries.filter((entry) => entry.matches(name));
}

function decodeKey(encoded: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, "base64") : undefined;
}

function hostMatcher(hosts: string): (name: string) => boolean {
  return hosts.startsWith("|") ? hashedMatcher(hosts) : patternList(hosts.toLowerCase().split(","));
}

/** `|1|salt|hash`: HMAC-SHA1 of the name, keyed with the salt (OpenSSH's hostfile.c, host_hash). */
function hashedMatcher(hosts: string): (name: string) => boolean {
  const [, magic, salt, hash, ...more] = hosts.split("|");
  if (magic !== "1" || salt === undefined || hash === undefined || more.length > 0) return () => false;
  const [key, wanted] = [Buffer.from(salt, "base64"), Buffer.from(hash, "base64")];
  return (name) => sameBytes(createHmac("sha1", key).update(name).digest(), wanted);
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
