/** Certificates as libvirt's docs/kbase/tlscerts.rst has them made: an authority, hosts' by their names, and clients'. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { need } from "../../../../toolchain/requirement.js";
import { openssl } from "../../../programs.js";
import { scratch } from "./keys.js";

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export interface Certified {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  private readonly folder = scratch();
  readonly file = join(this.folder, "cacert.pem");

  constructor(name = "Test CA") {
    this.run(
      "req",
      "-x509",
      ...newKey,
      "-days",
      "7",
      "-keyout",
      this.path("ca.key"),
      "-out",
      this.file,
      "-subj",
      `/CN=${name}`,
    );
  }

  get pem(): string {
    return readFileSync(this.file, "utf8");
  }

  /** @param names as a subjectAltName has them: `DNS:localhost`, `IP:127.0.0.1`. */
  host(...names: string[]): Certified {
    return this.sign(`subjectAltName=${names.join(",")}\nextendedKeyUsage=serverAuth\n`);
  }

  client(name = "client"): Certified {
    return this.sign("extendedKeyUsage=clientAuth\n", name);
  }

  /** A folder for `pkipath=` with a client's files. */
  pkiFolder(client: Certified = this.client(), authority: Authority = this): string {
    const folder = join(scratch(), "pki");
    mkdirSync(folder);
    copyFileSync(authority.file, join(folder, "cacert.pem"));
    writeFileSync(join(folder, "clientcert.pem"), client.cert);
    writeFileSync(join(folder, "clientkey.pem"), client.key);
    chmodSync(join(folder, "clientkey.pem"), 0o600);
    return folder;
  }

  private sign(extensions: string, name = "host"): Certified {
    const [key, request, cert, file] = ["key.pem", "request.csr", "cert.pem", "extensions"].map((each) =>
      this.path(each),
    );
    if (key === undefined || request === undefined || cert === undefined || file === undefined)
      throw new Error("four paths");
    writeFileSync(file, extensions);
    this.run("req", ...newKey, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
    this.run(
      ...["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.path("ca.key"), "-CAcreateserial"],
      ...["-days", "7", "-extfile", file, "-out", cert],
    );
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  }

  private path(name: string): string {
    return join(this.folder, name);
  }

  private run(...args: readonly string[]): void {
    execFileSync(need(openssl), args, { stdio: "pipe" });
  }
}
