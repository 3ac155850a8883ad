import type { ServerHostKeyAlgorithm } from "ssh2";
import { fingerprintOf, keyTypeOf } from "./host-key.js";

/** The pinned host key of the configuration, read without asking a host. */

export interface HostKeyPin {
  /** `SHA256:…` without padding. */
  readonly fingerprint: string;
  /** Of the whole key. Undefined: only its fingerprint was given. */
  readonly type?: string;
}

export interface PinFault {
  /** What follows the setting's name in a sentence. */
  readonly why: string;
  readonly remedy: string;
}

/** Signature algorithms by key type; the same RSA key signs with either hash. SHA-1 (`ssh-rsa`) is not offered, as in OpenSSH since 8.8. */
export const algorithmsOf: Readonly<Record<string, ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/** `ssh-ed25519 AAAA…` as in known_hosts, perhaps with a comment, or `SHA256:…` as ssh-keygen prints it. */
export function readHostKeyPin(text: string): HostKeyPin | PinFault {
  const [type = "", encoded] = text.trim().split(/\s+/);
  if (encoded === undefined) {
    return /^SHA256:[A-Za-z0-9+/]{43}=?$/.test(type)
      ? { fingerprint: type.replace("=", "") }
      : { why: type.startsWith("SHA256:") ? "is not a complete SHA256 fingerprint" : "is not a host key", remedy };
  }
  if (!Object.hasOwn(algorithmsOf, type)) {
    return {
      why: "has a key type that is not supported",
      remedy: `Use a key of type ${Object.keys(algorithmsOf).join(", ")} (ssh-keyscan).`,
    };
  }
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
  if (keyTypeOf(key) !== type || !isWhole(key)) return { why: "is not a complete or valid host key", remedy };
  return { fingerprint: fingerprintOf(key), type };
}

const remedy =
  'Write it as "SHA256:" and the 43 characters that `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the host, or as the whole key "ssh-ed25519 AAAA…" (ssh-keyscan).';

/** Whether the key's fields (RFC 4253, 6.6: each with its length) end where the key does. */
function isWhole(key: Buffer): boolean {
  let at = 0;
  while (at + 4 <= key.length) at += 4 + key.readUInt32BE(at);
  return at === key.length;
}
