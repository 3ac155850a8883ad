/**
 * The files by which a host and this program know each other over TLS, where libvirt's own client has them
 * (src/rpc/virnettlscontext.c, virNetTLSContextLocateCredentials; src/rpc/virnettlsconfig.c).
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ProblemError } from "../../../model/problem.js";
import { expandHome } from "../../../config/home.js";

interface TlsPaths {
  readonly ca: string;
  readonly revoked: string;
  readonly certificate: string;
  readonly key: string;
}

export interface TlsFiles {
  readonly ca: string;
  /** Certificates that the authority has revoked. Undefined: there is no such file. */
  readonly crl: string | undefined;
  /** Undefined: this program has none, which a host may or may not accept. */
  readonly own: { readonly cert: string; readonly key: string } | undefined;
  readonly paths: TlsPaths;
}

/**
 * Where they are: in `pkipath` alone, if the URI has one; else those of the user, and what is not there is the system's. Root has the
 * system's only. A certificate goes with its key.
 */
export function tlsPaths(pkiPath: string | undefined, root = "/"): TlsPaths {
  if (pkiPath !== undefined) return inFolder(expandHome(pkiPath));
  const pki = join(root, "etc/pki");
  const system: TlsPaths = {
    ca: join(pki, "CA/cacert.pem"),
    revoked: join(pki, "CA/cacrl.pem"),
    certificate: join(pki, "libvirt/clientcert.pem"),
    key: join(pki, "libvirt/private/clientkey.pem"),
  };
  if (process.geteuid?.() === 0) return system;
  const user = inFolder(join(homedir(), ".pki/libvirt"));
  const hasOwn = existsSync(user.certificate) && existsSync(user.key);
  const { certificate, key } = hasOwn ? user : system;
  return {
    ca: existsSync(user.ca) ? user.ca : system.ca,
    revoked: existsSync(user.revoked) ? user.revoked : system.revoked,
    ...{ certificate, key },
  };
}

function inFolder(folder: string): TlsPaths {
  return {
    ca: join(folder, "cacert.pem"),
    revoked: join(folder, "cacrl.pem"),
    certificate: join(folder, "clientcert.pem"),
    key: join(folder, "clientkey.pem"),
  };
}

/** @throws ProblemError `tls-files` */
export function readTlsFiles(pkiPath: string | undefined, root?: string): TlsFiles {
  const paths = tlsPaths(pkiPath, root);
  const hasOwn = existsSync(paths.certificate) && existsSync(paths.key);
  if (pkiPath !== undefined && !hasOwn) {
    // libvirt's docs/uri.rst has that of a folder that is named; elsewhere the host decides.
    throw missing(existsSync(paths.certificate) ? paths.key : paths.certificate);
  }
  if (hasOwn && isOpenToOthers(paths.key)) {
    throw new ProblemError({
      code: "tls-files",
      what: "Unable to use the private key for TLS: users other than its owner and group may read it",
      where: paths.key,
      remedy: "Take that away from them: chmod o= on the file.",
    });
  }
  return {
    ca: read(paths.ca),
    crl: existsSync(paths.revoked) ? read(paths.revoked) : undefined,
    own: hasOwn ? { cert: read(paths.certificate), key: read(paths.key) } : undefined,
    paths,
  };
}

function isOpenToOthers(file: string): boolean {
  return (statSync(file).mode & 0o007) !== 0;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw missing(file);
    throw new ProblemError({ code: "tls-files", what: "Unable to read a file for TLS", where: file }, { cause });
  }
}

function missing(file: string): ProblemError {
  return new ProblemError({
    code: "tls-files",
    what: "Unable to find a file for TLS",
    where: file,
    remedy:
      "Put it there, or name the folder of cacert.pem, clientcert.pem and clientkey.pem with pkipath= in the host's URI.",
  });
}
