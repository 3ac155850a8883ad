/**
 * The proxy that the environment names for a URL. The variables are read as `pulumi` itself, a Go program, reads them, so that
 * one setting serves both (golang.org/x/net/http/httpproxy).
 */
import { BlockList, isIP } from "node:net";
import { ProblemError } from "../../../model/problem.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Proxy {
  /** TLS is spoken to the proxy itself, too. */
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** The header `Proxy-Authorization`, where the URL has a user: a secret. */
  readonly authorization: string | undefined;
}

const standardPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/**
 * Undefined: the URL is reached directly. So is always what is on this machine itself (`localhost` and loopback addresses).
 * @throws ProblemError `proxy-url`, which does not show the value: it may have a password in it.
 */
export function proxyFor(url: URL, environment: Environment = process.env): Proxy | undefined {
  const variable = ["HTTPS_PROXY", "https_proxy"].find((name) => isSet(environment[name]));
  if (variable === undefined || isLocal(hostOf(url))) return undefined;
  const exceptions = [environment["NO_PROXY"], environment["no_proxy"]].find(isSet) ?? "";
  const excepted = exceptions.split(/[\s,]+/).some((entry) => entry !== "" && isMeant(url, entry.toLowerCase()));
  return excepted ? undefined : parseProxy(environment[variable] ?? "", variable);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== "";
}

function parseProxy(value: string, variable: string): Proxy {
  const text = value.trim();
  const url = parseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  const standardPort = url === undefined ? undefined : standardPorts[url.protocol];
  if (url === undefined || standardPort === undefined || url.hostname === "") {
    throw new ProblemError({
      code: "proxy-url",
      what: `Unable to use the proxy of the environment variable ${variable}: its value is not an http or https URL`,
      remedy: `Write it as ${variable}=http://proxy.example:3128, or name the oVirt engine's host in NO_PROXY.`,
    });
  }
  const { username, password } = url;
  const login = username === "" ? undefined : `${decoded(username)}:${decoded(password)}`;
  return {
    secure: url.protocol === "https:",
    hostname: hostOf(url),
    port: url.port === "" ? standardPort : Number(url.port),
    authorization: login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`,
  };
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** A "%" that begins no escape is meant as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Without the brackets of an IPv6 address, and the dot that ends a full name. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function isLocal(host: string): boolean {
  return host === "localhost" || isIn(host, "127.0.0.0", 8) || host === "::1";
}

/** Whether an entry of NO_PROXY is about the URL: `*`, a host, a domain, an address or a network, any but the last with a port. */
function isMeant(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const host = hostOf(url);
  const [network = "", bits] = entry.split("/");
  if (bits !== undefined) return /^\d{1,3}$/.test(bits) && isIn(host, network, Number(bits));
  const { name, port } = nameAndPort(entry);
  if (port !== undefined && port !== (url.port || "443")) return false;
  if (isIP(name) !== 0) return isIP(host) !== 0 && isIn(host, name, isIP(name) === 4 ? 32 : 128);
  // `.example.com` and `*.example.com` are its hosts alone, `example.com` is the host of that name as well.
  const domain = name.replace(/^\*(?=\.)/, "");
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function nameAndPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  if (isIP(entry) === 6) return { name: entry, port: undefined };
  const [, bracketed, plain = "", port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  return { name: bracketed ?? plain, port };
}

function isIn(host: string, network: string, bits: number): boolean {
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const name = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(network, bits, name);
  return list.check(host, name);
}
