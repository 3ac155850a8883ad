/**
 * A certificate authority of its own and a server's certificate by it, as `engine-setup` makes them: for `localhost`, and for
 * `engine.example`, as a proxy is never asked for what is on this machine.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { need } from "../../toolchain/requirement.js";
import { openssl } from "../programs.js";

export interface ServerCertificate {
  readonly caFile: string;
  readonly key: string;
  readonly certificate: string;
  /** Deletes the files. */
  readonly remove: () => Promise<void>;
}

const execute = promisify(execFile);
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7"];

/** @throws ProblemError when there is no openssl. */
export async function makeCertificate(): Promise<ServerCertificate> {
  const folder = await mkdtemp(join(tmpdir(), "test-engine-"));
  const [caFile, caKey, request, key, certificate, extensions] = [
    "ca.pem",
    "ca.key",
    "engine.csr",
    "engine.key",
    "engine.pem",
    "engine.ext",
  ].map((name) => join(folder, name)) as [string, string, string, string, string, string];
  const program = need(openssl);
  const run = (...args: readonly string[]) => execute(program, args);
  await writeFile(extensions, "subjectAltName=DNS:localhost,DNS:engine.example\nextendedKeyUsage=serverAuth\n");
  await run("req", "-x509", ...newKey, "-keyout", caKey, "-out", caFile, "-subj", "/O=Test/CN=Test CA");
  await run("req", ...newKey.slice(0, -2), "-keyout", key, "-out", request, "-subj", "/O=Test/CN=localhost");
  await run(
    ...["x509", "-req", "-in", request, "-CA", caFile, "-CAkey", caKey, "-CAcreateserial"],
    ...["-days", "7", "-extfile", extensions, "-out", certificate],
  );
  return {
    caFile,
    key: await readFile(key, "utf8"),
    certificate: await readFile(certificate, "utf8"),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
