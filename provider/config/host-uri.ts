import * as z from "zod";
import { ProblemError } from "../model/problem.js";
import { inWords } from "../model/mistake.js";
import { didYouMean, nearest } from "../model/suggestion.js";

/**
 * libvirt's connection URIs (docs/uri.rst): `driver[+transport]://[user@][host][:port]/path?parameter=value&…`.
 * Understood are the transports `unix`, `ssh` and `tls`; parameters mean what they mean to libvirt.
 */

/** QEMU's, and libvirt's own driver for tests. */
const drivers = ["qemu", "test"] as const;
const transports = ["unix", "ssh", "tls"] as const;
const authenticationMethods = ["agent", "privkey", "password", "keyboard-interactive"] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];
/** Those by which the host gets to know a password. */
export const passwordMethods: readonly AuthenticationMethod[] = ["password", "keyboard-interactive"];

/** `strict`: only keys that are known. `accept-new`: a host that is not known yet, too. `off`: any key. */
export type HostKeyCheck = "strict" | "accept-new" | "off";

interface LibvirtAddress {
  /** What the daemon behind the socket is asked to open, e.g. `qemu:///system`. */
  readonly name: string;
  /** Path of libvirt's socket. Undefined: only the host can tell, for it depends on a user there. */
  readonly socket?: string;
}

/** How a host is reached that is used for reading alone. */
export interface ReadOnlyAccess {
  /** Who logs in there. Default: the user of the host's URI. */
  readonly user?: string | undefined;
}

export interface UnixUri extends LibvirtAddress {
  readonly transport: "unix";
}

export interface SshUri extends LibvirtAddress {
  readonly transport: "ssh";
  readonly host: string;
  /** Default 22. */
  readonly port: number;
  /** Whether the URI itself names the port. */
  readonly portGiven: boolean;
  /** Default: the user that runs this. */
  readonly user?: string;
  readonly keyFile?: string;
  /** A file in the place of the user's and the system's known_hosts. */
  readonly knownHosts?: string;
  readonly hostKeyCheck: HostKeyCheck;
  /** In the order in which they are tried. */
  readonly authentication: readonly AuthenticationMethod[];
  /** `auto`: forwarding to the socket, else virt-ssh-helper. `native`: only virt-ssh-helper. */
  readonly proxy: "auto" | "native";
  /** Which daemons: per driver (`direct`), libvirtd (`legacy`), whichever is there (`auto`). */
  readonly mode: "auto" | "direct" | "legacy";
  /** Whether the URI itself names the socket. */
  readonly socketGiven: boolean;
  /** The program that is the way to the host, the system's ssh. Undefined: the SSH client of this package. */
  readonly command?: string;
  /** Whether virt-ssh-helper is to take libvirt's read-only socket. */
  readonly readOnly: boolean;
}

export interface TlsUri extends LibvirtAddress {
  readonly transport: "tls";
  readonly host: string;
  /** Default 16514 (libvirt: src/remote/remote_driver.h). */
  readonly port: number;
  /** The folder of cacert.pem, clientcert.pem and clientkey.pem. Default: the user's and the system's. */
  readonly pkiPath?: string;
}

export type LibvirtUri = UnixUri | SshUri | TlsUri;

const absolutePath = z.string().regex(/^\/[^\0]*$/, "must be an absolute path");
const filePath = z.string().regex(/^(\/|~\/)[^\0]+$/, "must be an absolute path, or begin with ~/");
/** libvirt takes any number, and every value but 0 is yes. */
const flag = z
  .string()
  .regex(/^[0-9]+$/, "must be 0 or 1")
  .transform((text) => Number(text) !== 0);

const unixParameters = z.strictObject({
  socket: absolutePath.optional(),
  mode: z.enum(["auto", "direct", "legacy"]).default("auto"),
});

const sshParameters = unixParameters.extend({
  keyfile: filePath.optional(),
  known_hosts: filePath.optional(),
  known_hosts_verify: z.enum(["normal", "auto", "ignore"]).default("normal"),
  no_verify: flag.default(false),
  /** libvirt starts it by this name, or this path. It is never given to a shell. */
  command: z
    .string()
    .regex(
      /^(\/[^\0]*[^\0/]|[A-Za-z0-9_][A-Za-z0-9._+-]*)$/,
      "must be the name of a program or its absolute path, without arguments",
    )
    .optional(),
  /** These two are accepted for the sake of URIs that work with virsh: nothing is ever asked on a terminal here, */
  no_tty: flag.optional(),
  /** and the socket is reached without netcat. */
  netcat: z.string().optional(),
  proxy: z
    .enum(["auto", "native"], {
      error: "must be auto or native: the socket is reached by SSH forwarding, without netcat",
    })
    .default("auto"),
  sshauth: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(authenticationMethods)).min(1))
    // A password is given to a host only where its own URI says so: any host can refuse keys and ask for one.
    .default(["agent", "privkey"]),
});

const tlsParameters = z.strictObject({
  pkipath: filePath.optional(),
  no_verify: flag.default(false),
});

/** Why a text is no URI that can be used. Neither sentence shows its user part: a password may be there. */
export interface UriFault {
  /** What follows "the URI cannot be used: ". */
  readonly why: string;
  readonly remedy: string;
}

/**
 * Reads a URI.
 * @throws ProblemError `libvirt-uri`. What it shows of the URI has no user part.
 */
export function parseLibvirtUri(text: string, readOnly?: ReadOnlyAccess): LibvirtUri {
  const read = readLibvirtUri(text, readOnly);
  if (!("why" in read)) return read;
  throw new ProblemError({
    code: "libvirt-uri",
    what: `Unable to use the libvirt URI: ${read.why}`,
    where: withoutUser(text),
    remedy: read.remedy,
  });
}

/**
 * Reads a URI, or says what is wrong with it.
 * @param readOnly leads to libvirt's read-only socket, unless the URI itself names one. Default: the read-write socket.
 */
export function readLibvirtUri(text: string, readOnly?: ReadOnlyAccess): LibvirtUri | UriFault {
  try {
    return understood(text, readOnly);
  } catch (error) {
    if (error instanceof Fault) return error.fault;
    throw error;
  }
}

class Fault extends Error {
  constructor(readonly fault: UriFault) {
    super(fault.why);
  }
}

/** @throws Fault */
function understood(text: string, readOnly: ReadOnlyAccess | undefined): LibvirtUri {
  const fail = (why: string, remedy: string) => new Fault({ why, remedy });
  const syntax = "Write it as qemu+ssh://user@host/system or qemu:///system.";

  const match = /^(?<driver>[a-z]+)(?:\+(?<transport>[a-z0-9]+))?:\/\/(?<rest>[^#]*)$/i.exec(text);
  const { driver: written, transport, rest = "" } = match?.groups ?? {};
  if (written === undefined) throw fail("it is not of the form driver+transport://host/path", syntax);
  const driver = written.toLowerCase();

  const { authority, path, query } = split(rest);
  if (authority === undefined) throw fail("its user, host or port is not valid", syntax);
  if (authority.password) {
    throw fail(
      "it contains a password",
      "Remove it from the URI. Use a key or the SSH agent, or set the password with pulumi config set --secret vnic-failover:sshPassword.",
    );
  }
  const { user, host, port } = authority;
  if (!isOneOf(drivers, driver)) {
    const meant = isOneOf(transports, driver) || nearest(driver, drivers) !== undefined;
    throw fail(
      `the driver "${driver}" is not supported`,
      meant && host !== ""
        ? `Did you mean qemu+ssh://${host}/system? The driver is qemu, the transport ssh, tls or unix.`
        : syntax,
    );
  }
  const scheme = transport?.toLowerCase() ?? (host === "" ? "unix" : "tls");
  if (!isOneOf(transports, scheme)) {
    const near = nearest(scheme, transports);
    throw fail(
      `the transport "${scheme}" is not supported`,
      `${near === undefined ? "" : `Did you mean "${near}"? `}Use ssh, tls or unix, e.g. ${driver}+ssh://${host || "host"}/system.`,
    );
  }
  if (!["/system", "/session", "/default"].includes(path)) {
    // Behind an "@" stands what may have been meant as a password.
    const shown = path.includes("@") ? "" : ` "${path}"`;
    throw fail(`its path${shown} is not /system or /session`, syntax);
  }
  const name = `${driver}://${path}`;

  let given: Map<string, string>;
  try {
    given = parseQuery(query);
  } catch (error) {
    throw fail((error as Error).message, syntax);
  }
  const read = <S extends z.ZodObject>(schema: S): z.output<S> => {
    const unknown = [...given.keys()].filter((key) => !Object.hasOwn(schema.shape, key));
    const known = `${scheme} takes ${Object.keys(schema.shape).join(", ")}.`;
    if (unknown.length > 0) {
      const named = unknown.map((key) => `${JSON.stringify(key)}${didYouMean(key, Object.keys(schema.shape))}`);
      throw fail(`it has an unknown parameter ${named.join(", ")}`, known);
    }
    const result = schema.safeParse(Object.fromEntries(given), { error: inWords });
    if (result.success) return result.data;
    const faults = result.error.issues.map(({ path, message }) => `its parameter ${String(path[0])} ${message}`);
    throw fail(faults.join(", and "), known);
  };

  if (scheme === "unix") {
    if (host !== "") throw fail("a Unix socket has no host", `Use ${driver}+ssh://${host}${path} for another host.`);
    const { mode, socket = defaultSocket(name, mode, readOnly !== undefined) } = read(unixParameters);
    return { transport: "unix", name, ...(socket === undefined ? {} : { socket }) };
  }

  if (host === "") throw fail("it has no host", syntax);
  if (scheme === "tls") {
    const { pkipath, no_verify } = read(tlsParameters);
    if (no_verify) {
      // A key that SSH has taken once is known from then on; of a certificate that nothing signs nothing would be.
      throw fail(
        "its parameter no_verify would let any host be this one: a host's certificate is always verified",
        "Take it out, and name the folder with the authority's cacert.pem by pkipath=.",
      );
    }
    return { transport: "tls", name, host, port: port ?? 16_514, ...(pkipath !== undefined && { pkiPath: pkipath }) };
  }
  const parameters = read(sshParameters);
  const { keyfile, known_hosts, mode, proxy, sshauth, command } = parameters;
  for (const other of ["socket", "sshauth"].filter((key) => command !== undefined && given.has(key))) {
    const why =
      other === "socket"
        ? "with command, virt-ssh-helper on the host finds the socket"
        : "that program does its own login";
    throw fail(`its parameters ${other} and command cannot be used together: ${why}`, `Remove ${other}= or command=.`);
  }
  const socket = parameters.socket ?? defaultSocket(name, mode, readOnly !== undefined);
  const login = readOnly?.user ?? user;
  return {
    transport: "ssh",
    name,
    host,
    port: port ?? 22,
    portGiven: port !== undefined,
    mode,
    proxy,
    authentication: sshauth,
    hostKeyCheck: hostKeyCheck(parameters),
    socketGiven: parameters.socket !== undefined,
    ...(socket === undefined ? {} : { socket }),
    readOnly: readOnly !== undefined,
    ...(login === undefined ? {} : { user: login }),
    ...(keyfile === undefined ? {} : { keyFile: keyfile }),
    ...(known_hosts === undefined ? {} : { knownHosts: known_hosts }),
    ...(command === undefined ? {} : { command }),
  };
}

/**
 * `no_verify=1` accepts hosts that are not known yet; a known host with another key stays refused (docs/uri.rst, "ssh
 * transport"). Only `known_hosts_verify=ignore` checks nothing. `normal` would ask a person; there is none here.
 */
function hostKeyCheck({ no_verify, known_hosts_verify }: z.output<typeof sshParameters>): HostKeyCheck {
  if (known_hosts_verify === "ignore") return "off";
  return no_verify || known_hosts_verify === "auto" ? "accept-new" : "strict";
}

/**
 * Where libvirt listens (src/remote/remote_sockets.c, remoteGetUNIXSocketHelper): `/var/run` and not `/run`, for it
 * is there on every host. A session's socket lies in its user's runtime directory, of which the environment tells only here.
 */
function defaultSocket(name: string, mode: "auto" | "direct" | "legacy", readOnly: boolean): string | undefined {
  if (name.endsWith("/session")) return undefined;
  const [driver] = name.split(":");
  return `/var/run/libvirt/${mode === "direct" ? `virt${driver ?? ""}d` : "libvirt"}-sock${readOnly ? "-ro" : ""}`;
}

interface Authority {
  readonly user?: string;
  readonly password: boolean;
  readonly host: string;
  readonly port?: number;
}

function split(rest: string): { authority: Authority | undefined; path: string; query: string } {
  const [beforeQuery = "", ...queries] = rest.split("?");
  const slash = beforeQuery.indexOf("/");
  const authority = slash < 0 ? beforeQuery : beforeQuery.slice(0, slash);
  return {
    authority: parseAuthority(authority),
    path: slash < 0 ? "" : beforeQuery.slice(slash),
    query: queries.join("?"),
  };
}

function parseAuthority(text: string): Authority | undefined {
  const at = text.lastIndexOf("@");
  const [user, ...password] = at < 0 ? [undefined] : text.slice(0, at).split(":");
  const match = /^(?:\[(?<v6>[0-9a-f:.]+(?:%25[\w.-]+)?)\]|(?<name>[\w.-]*))(?::(?<port>\d{1,5}))?$/i.exec(
    text.slice(at + 1),
  );
  if (match === null) return undefined;
  const { v6, name = "", port } = match.groups ?? {};
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return undefined;
  const decodedUser = user === undefined ? undefined : decoded(user);
  if (user !== undefined && (decodedUser === undefined || decodedUser === "")) return undefined;
  return {
    host: v6 === undefined ? name : v6.replace("%25", "%"),
    password: password.length > 0,
    ...(decodedUser === undefined ? {} : { user: decodedUser }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

/** As libvirt's virURIParseParams: separated by `&` or `;`, `%XX` decoded, and a `+` is a plus sign. */
function parseQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split(/[&;]/).filter((part) => part !== "")) {
    const equals = pair.indexOf("=");
    const key = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    if (key === undefined || value === undefined) throw new Error("a parameter has an invalid percent-encoding");
    if (parameters.has(key)) throw new Error(`the parameter ${JSON.stringify(key)} appears twice`);
    parameters.set(key, value);
  }
  return parameters;
}

function decoded(text: string): string | undefined {
  try {
    const result = decodeURIComponent(text);
    return result.includes("\0") ? undefined : result;
  } catch {
    return undefined;
  }
}

/** The URI as an error may show it: no user part, whatever form it has, and no parameters. */
function withoutUser(text: string): string {
  const scheme = text.slice(0, text.indexOf(":") + 1);
  const at = text.lastIndexOf("@");
  const shown = at < 0 ? text : `${scheme.includes("@") ? "" : scheme}//…${text.slice(at)}`;
  const end = shown.search(/[?#]/);
  return end < 0 ? shown : `${shown.slice(0, end)}?…`;
}

function isOneOf<const T extends string>(values: readonly T[], text: string): text is T {
  return (values as readonly string[]).includes(text);
}
