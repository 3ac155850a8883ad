/** SSH host keys: their type and fingerprint. */
import { createHash } from "node:crypto";

/** The name that a public key itself gives for its type; undefined when it is none. */
export function keyTypeOf(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE();
  return length === 0 || length > 64 || length > key.length - 4 ? undefined : key.toString("latin1", 4, 4 + length);
}

/** As `ssh-keygen -l` prints it: `SHA256:…`. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replaceAll("=", "")}`;
}
