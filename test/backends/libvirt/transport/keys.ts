import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { need } from "../../../../toolchain/requirement.js";
import { sshKeygen } from "../../../programs.js";

export interface KeyPair {
  readonly file: string;
  /** In OpenSSH's format. */
  readonly privateKey: string;
  /** `type base64` */
  readonly publicKey: string;
  readonly blob: Buffer;
}

export const scratch = () => mkdtempSync(join(tmpdir(), "ssh-test-"));

/** A key as ssh-keygen makes it. */
export function makeKey(type: "ed25519" | "ecdsa" | "rsa", passphrase = ""): KeyPair {
  const file = join(scratch(), `id_${type}`);
  const size = type === "rsa" ? ["-b", "2048"] : [];
  execFileSync(need(sshKeygen), ["-q", "-t", type, ...size, "-N", passphrase, "-C", "", "-f", file]);
  const publicKey = readFileSync(`${file}.pub`, "utf8").trim();
  return {
    file,
    privateKey: readFileSync(file, "utf8"),
    publicKey,
    blob: Buffer.from(publicKey.split(" ")[1] ?? "", "base64"),
  };
}
