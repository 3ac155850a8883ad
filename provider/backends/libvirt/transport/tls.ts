/** libvirt's own TLS: mutual certificates on port 16514. The host's certificate is always verified, with its name. */
import { connect, type TLSSocket } from "node:tls";
import { isIP } from "node:net";
import type { TlsUri } from "../../../config/host-uri.js";
import { ProblemError, type Problem } from "../../../model/problem.js";
import { readTlsFiles, type TlsFiles } from "./tls-files.js";

/** Milliseconds until the host has taken this program in. */
const connectTimeout = 20_000;

class TlsError extends ProblemError {
  override readonly name = "TlsError";

  constructor(uri: TlsUri, problem: Omit<Problem, "where">, cause?: unknown) {
    super({ ...problem, where: placeOf(uri) }, cause === undefined ? undefined : { cause });
  }
}

function placeOf({ host, port }: TlsUri): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Connects as libvirt's client does (src/rpc/virnetclient.c, virNetClientSetTLSSession): after the handshake the host looks at this
 * program's certificate and address, and says by one byte, 1, that it takes it in.
 * @throws TlsError; ProblemError `tls-files`
 */
export async function connectTls(uri: TlsUri, timeoutMs = connectTimeout): Promise<TLSSocket> {
  const files = readTlsFiles(uri.pkiPath);
  const socket = begin(uri, files);
  // Stays: an error without a listener would end the process.
  socket.on("error", () => undefined);
  try {
    await takenIn(uri, files, socket, timeoutMs);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function begin(uri: TlsUri, { ca, crl, own }: TlsFiles): TLSSocket {
  try {
    return connect({
      host: uri.host,
      port: uri.port,
      // Not by a name but for a name: an address is looked for in the certificate by itself.
      ...(isIP(uri.host) === 0 && { servername: uri.host }),
      ca,
      ...(crl !== undefined && { crl }),
      ...(own !== undefined && own),
      minVersion: "TLSv1.2",
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
    });
  } catch (cause) {
    // OpenSSL reads certificates and keys before anything is connected.
    const remedy = "See that they are PEM files, and that key and certificate are of one pair.";
    throw new TlsError(uri, { code: "tls-files", what: "Unable to use the files for TLS", remedy }, cause);
  }
}

function takenIn(uri: TlsUri, files: TlsFiles, socket: TLSSocket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let isSecure = false;
    const timer = setTimeout(() => fail(new TlsError(uri, slow)), timeoutMs);
    const end = () => {
      clearTimeout(timer);
      socket.off("error", onError);
      socket.off("close", onClose);
      socket.off("readable", onReadable);
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const onError = (cause: NodeJS.ErrnoException) => fail(failureOf(uri, files, isSecure, cause));
    const onClose = () => fail(failureOf(uri, files, isSecure));
    const onReadable = () => {
      const byte = socket.read(1) as Buffer | null;
      if (byte === null) return;
      if (byte[0] !== 1) {
        fail(new TlsError(uri, refused(files)));
        return;
      }
      end();
      resolve();
    };
    socket.once("secureConnect", () => {
      isSecure = true;
      socket.setNoDelay(true);
      socket.on("readable", onReadable);
    });
    socket.on("error", onError);
    socket.on("close", onClose);
  });
}

const slow = {
  code: "tls-timeout",
  what: "Unable to set up TLS within 20 s",
  remedy:
    "See that libvirt listens there (virtproxyd-tls.socket or libvirtd-tls.socket) and that the port is not filtered.",
} as const;

/** @param isSecure the host's certificate was right: what fails then is the host's look at ours. */
function failureOf(uri: TlsUri, files: TlsFiles, isSecure: boolean, cause?: NodeJS.ErrnoException): TlsError {
  const code = cause?.code ?? "";
  if (!isSecure && isOfCertificate(code)) {
    const why = code === "ERR_TLS_CERT_ALTNAME_INVALID" ? "is not for that name" : "is not to be trusted";
    const remedy =
      code === "ERR_TLS_CERT_ALTNAME_INVALID"
        ? "Write the host in the URI as its certificate has it, or give the host a certificate with that name (dns_name or ip_address)."
        : `See that ${files.paths.ca} is of the authority that has signed the host's certificate, and that none of them is out of date.`;
    return new TlsError(
      uri,
      { code: "tls-certificate", what: `Unable to trust the host: its certificate ${why}`, remedy },
      cause,
    );
  }
  // In TLS 1.3 the host's word on our certificate comes after our side has finished.
  if (isSecure || code.includes("ALERT")) return new TlsError(uri, refused(files), cause);
  return new TlsError(
    uri,
    {
      code: "tls-unreachable",
      what: "Unable to connect",
      remedy:
        "See that the host's name and port are right, and that libvirt listens there for TLS (systemctl enable --now virtproxyd-tls.socket, or libvirtd-tls.socket).",
    },
    cause ?? new Error("the host closed the connection"),
  );
}

/** Node's names of what OpenSSL finds wrong with a certificate (X509_V_ERR_…), and its own of a name. */
function isOfCertificate(code: string): boolean {
  return (
    /CERT|SIGNATURE|^UNABLE_TO_|CRL|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH/.test(code) &&
    !code.startsWith("ERR_SSL_")
  );
}

function refused({ own, paths }: TlsFiles): Omit<Problem, "where"> {
  return {
    code: "tls-refused",
    what:
      own === undefined
        ? "Unable to use libvirt: the host wants a certificate, and this program has none"
        : "Unable to use libvirt: the host does not accept this program's certificate",
    remedy:
      own === undefined
        ? `Put one at ${paths.certificate}, with its key at ${paths.key}, or name their folder with pkipath= in the URI.`
        : `See that the host's authority has signed ${paths.certificate}, and what tls_allowed_dn_list of libvirtd.conf (or virtproxyd.conf) says there.`,
  };
}
