/** The public part of a key file, which is readable without the passphrase. No I/O. */
import { keyTypeOf } from "../../../config/host-key.js";

const MAGIC = "openssh-key-v1\0";

/** The public key as SSH sends it: of `type base64 comment`, or of a private key in OpenSSH's own format (PROTOCOL.key). */
export function publicPartOf(text: string): Buffer | undefined {
  const [, type, encoded] = /^([\w@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?$/.exec(text.trim()) ?? [];
  if (type !== undefined && encoded !== undefined) return ifKey(Buffer.from(encoded, "base64"), type);
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text) ?? [];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, "base64");
  if (!bytes.subarray(0, MAGIC.length).equals(Buffer.from(MAGIC))) return undefined;
  let at = MAGIC.length;
  const next = (): Buffer | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt32BE(at);
    if (length > bytes.length - at - 4) return undefined;
    const found = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return found;
  };
  // Cipher, key derivation and its options.
  if (next() === undefined || next() === undefined || next() === undefined) return undefined;
  at += 4;
  const key = next();
  return key === undefined ? undefined : ifKey(key, undefined);
}

function ifKey(key: Buffer, type: string | undefined): Buffer | undefined {
  const said = keyTypeOf(key);
  return said !== undefined && (type === undefined || said === type) ? key : undefined;
}
