/** SSH host keys: their type and fingerprint. */
import { createHash } from "node:crypto";

/** The name that a public key itself gives for its type (RFC 4251, 6); undefined when it is none. */
export function keyTypeOf(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE();
  if (length > 64 || length > key.length - 4) return undefined;
  const type = key.toString("latin1", 4, 4 + length);
  return /^[\x21-\x7e]+$/.test(type) ? type : undefined;
}

/** As `ssh-keygen -l` prints it: `SHA256:…`. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replaceAll("=", "")}`;
}
