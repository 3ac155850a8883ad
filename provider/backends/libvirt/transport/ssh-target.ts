/** Who is reached over SSH, as whom and by which way: the URI, and what OpenSSH's configuration says where the URI says nothing. */
import { hostname, userInfo, homedir } from "node:os";
import { resolve } from "node:path";
import { expandHome } from "../../../config/home.js";
import type { AuthenticationMethod, HostKeyCheck, SshUri } from "../../../config/host-uri.js";
import { ConfigFault, settingsOf, type ConfigLine, type HostSettings, type Said } from "./ssh-config.js";
import { readSshConfig, type SshConfigChoice } from "./ssh-config-files.js";
import { SshError } from "./ssh-error.js";

/** One SSH server, with all that is decided about it. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The name by which known_hosts knows it. */
  readonly knownAs: { readonly host: string; readonly port: number };
  /** The user's files, to the first of which the key of a new host is added, and then the system's. */
  readonly knownHosts: {
    readonly user: readonly string[];
    readonly system: readonly string[];
    readonly named: boolean;
  };
  readonly hostKeyCheck: HostKeyCheck;
  /** What of the configuration is not followed, and may be why a key is not known. */
  readonly hostKeyNotes: readonly string[];
  /** Key files that were named, in their order; one that is required is an error where it can't be used. None: the usual ones. */
  readonly keyFiles: readonly { readonly file: string; readonly required: boolean }[];
  /** Whether the agent's other keys are not to be offered. */
  readonly identitiesOnly: boolean;
  /** The agent's socket. Undefined: there is none. */
  readonly agent: string | undefined;
  readonly authentication: readonly AuthenticationMethod[];
  /** What of the configuration is not followed, and may be why a login fails. */
  readonly loginNotes: readonly string[];
  readonly addressFamily?: 4 | 6;
  readonly bindAddress?: string;
  /** The jump host from which it is reached; that one may have one itself. Undefined: it is reached directly. */
  readonly jump?: SshTarget;
  /** Of a jump host: what is reached through it in the end. */
  readonly onTheWayTo?: string;
}

/** More jump hosts in a row are a mistake. */
const MAX_JUMPS = 8;

const usersKnownHosts = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
const systemsKnownHosts = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** @throws SshError `ssh-config` */
export async function targetOf(
  uri: SshUri,
  sshConfig?: SshConfigChoice,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<SshTarget> {
  try {
    const files = await readSshConfig(sshConfigChoice(sshConfig, environment));
    const resolution = new Resolution(files, environment, uri.host);
    return resolution.target({ host: uri.host, user: uri.user, port: uri.portGiven ? uri.port : undefined }, { uri });
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    throw new SshError(uri, { code: "ssh-config", what: error.what, remedy: error.remedy });
  }
}

/** What the cluster says, else `VNIC_FAILOVER_SSH_CONFIG`. */
export function sshConfigChoice(given: SshConfigChoice, environment: NodeJS.ProcessEnv = process.env): SshConfigChoice {
  const { VNIC_FAILOVER_SSH_CONFIG: variable = "" } = environment;
  return given ?? (variable === "" ? undefined : variable);
}

interface Hop {
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

interface Surroundings {
  /** Of the host that is to be reached in the end. */
  readonly uri?: SshUri;
  /** The jump hosts that lead there, the next one last. Undefined: its own settings tell. */
  readonly jumps?: readonly Hop[];
  readonly jumpsSoFar?: number;
}

class Resolution {
  private readonly localUser = userInfo().username;

  constructor(
    private readonly files: readonly (readonly ConfigLine[])[],
    private readonly environment: NodeJS.ProcessEnv,
    private readonly destination: string,
  ) {}

  target(hop: Hop, { uri, jumps, jumpsSoFar = 0 }: Surroundings): SshTarget {
    const settings = settingsOf(this.files, { host: hop.host, user: hop.user, localUser: this.localUser });
    const host = hostOf(hop.host, settings);
    const port = hop.port ?? portOf(settings);
    const user = hop.user ?? settings.user?.value ?? this.localUser;
    const alias = settings.hostKeyAlias?.value;
    const expanded = (said: Said): string =>
      this.expanded(said, { h: host, k: alias ?? host, n: hop.host, p: String(port), r: user });
    const path = (said: Said): string => pathOf({ ...said, value: expanded(said) });

    const named = settings.identityFiles
      .filter(({ value }) => value.toLowerCase() !== "none")
      .map((said) => ({ file: path(said), required: false }));
    const next = jumps ?? (settings.proxyJump === undefined ? [] : hopsOf(settings.proxyJump));
    const last = next.at(-1);
    if (jumpsSoFar + next.length > MAX_JUMPS) {
      throw new ConfigFault(
        `Unable to reach "${this.destination}": it needs more than ${MAX_JUMPS} jump hosts`,
        "Check for a ProxyJump loop; set ProxyJump none for the jump hosts themselves.",
      );
    }
    const family = settings.addressFamily?.value.toLowerCase();
    const bindAddress = settings.bindAddress?.value;
    return {
      host,
      port,
      user,
      knownAs: alias === undefined ? { host, port } : { host: alias, port: 22 },
      knownHosts: this.knownHosts(settings, uri?.knownHosts, path),
      hostKeyCheck: uri?.hostKeyCheck ?? "strict",
      hostKeyNotes: settings.hostKeyNotes,
      keyFiles: [...(uri?.keyFile === undefined ? [] : [{ file: uri.keyFile, required: true }]), ...named],
      identitiesOnly: ["yes", "true"].includes(settings.identitiesOnly?.value.toLowerCase() ?? "no"),
      agent: this.agent(settings.identityAgent, path),
      authentication: uri?.authentication ?? ["agent", "privkey"],
      loginNotes: settings.loginNotes,
      ...(family === "inet" && { addressFamily: 4 as const }),
      ...(family === "inet6" && { addressFamily: 6 as const }),
      ...(bindAddress !== undefined && { bindAddress }),
      ...(last !== undefined && {
        jump: this.target(last, {
          // Those before it lead to it, whatever its own settings say; the first one's settings tell the way to itself.
          ...(next.length > 1 && { jumps: next.slice(0, -1) }),
          jumpsSoFar: jumpsSoFar + 1,
        }),
      }),
      ...(uri === undefined && { onTheWayTo: this.destination }),
    };
  }

  private knownHosts(
    settings: HostSettings,
    given: string | undefined,
    path: (said: Said) => string,
  ): SshTarget["knownHosts"] {
    if (given !== undefined) return { user: [given], system: [], named: true };
    const files = (said: Said<readonly string[]> | undefined, usual: readonly string[]): readonly string[] =>
      said === undefined
        ? usual
        : said.value
            .filter((value) => value.toLowerCase() !== "none")
            .map((value) => path({ value, source: said.source }));
    return {
      user: files(settings.userKnownHostsFiles, usersKnownHosts),
      system: files(settings.globalKnownHostsFiles, systemsKnownHosts),
      named: false,
    };
  }

  private agent(said: Said | undefined, path: (said: Said) => string): string | undefined {
    const variable = (name: string): string | undefined => {
      const value = this.environment[name];
      return value === "" ? undefined : value;
    };
    if (said === undefined || said.value === "SSH_AUTH_SOCK") return variable("SSH_AUTH_SOCK");
    if (said.value.toLowerCase() === "none") return undefined;
    return /^\$\w+$/.test(said.value) ? variable(said.value.slice(1)) : path(said);
  }

  /** ssh_config(5), "TOKENS" and "ENVIRONMENT VARIABLES". */
  private expanded({ value, source }: Said, of: Readonly<Record<"h" | "k" | "n" | "p" | "r", string>>): string {
    const tokens: Readonly<Record<string, string>> = {
      ...of,
      "%": "%",
      d: homedir(),
      i: String(process.getuid?.() ?? 0),
      l: hostname(),
      L: hostname().split(".")[0] ?? "",
      u: this.localUser,
    };
    return value.replace(/%(.?)|\$\{([^}]*)(?:\}|$)/g, (_, token: string | undefined, name: string | undefined) => {
      const found = token === undefined ? this.environment[name ?? ""] : tokens[token];
      if (found !== undefined) return found;
      throw token === undefined
        ? new ConfigFault(
            `Unable to use ${source}: environment variable ${name ?? ""} is not set`,
            "Set the variable, or write the value in full.",
          )
        : new ConfigFault(
            `Unable to use ${source}: the token "%${token}" is not supported there`,
            "Write the name in full.",
          );
    });
  }
}

function hostOf(asked: string, { hostName }: HostSettings): string {
  const host = (hostName?.value ?? asked).replace(/%(.)/g, (token, letter) =>
    hostName === undefined ? token : letter === "h" ? asked : letter === "%" ? "%" : token,
  );
  if (hostName !== undefined && !/^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$/.test(host)) {
    throw new ConfigFault(
      `Unable to use ${hostName.source}: its HostName is not a valid host name or IP address`,
      "Correct that line.",
    );
  }
  return host.toLowerCase();
}

function portOf({ port }: HostSettings): number {
  if (port === undefined) return 22;
  const number = /^\d{1,5}$/.test(port.value) ? Number(port.value) : 0;
  if (number >= 1 && number <= 65_535) return number;
  throw new ConfigFault(`Unable to use ${port.source}: its Port is not a number from 1 to 65535`, "Correct that line.");
}

/** `[user@]host[:port]` or `ssh://…`, with commas between, in the order in which they are visited. */
function hopsOf({ value, source }: Said): readonly Hop[] {
  return value.split(",").map((text) => {
    const match =
      /^(?:ssh:\/\/)?(?:(?<user>[^@\s]+)@)?(?:\[(?<v6>[0-9A-Fa-f:.%\w-]+)\]|(?<name>\w[\w.-]*))(?::(?<port>\d{1,5}))?\/?$/.exec(
        text,
      );
    const { user, v6, name, port } = match?.groups ?? {};
    const host = v6 ?? name;
    if (host === undefined || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) {
      throw new ConfigFault(
        `Unable to use ${source}: "${text}" is not a valid jump host`,
        "Write ProxyJump user@host:port; separate several jump hosts by commas without spaces.",
      );
    }
    return { host, user, port: port === undefined ? undefined : Number(port) };
  });
}

function pathOf({ value, source }: Said): string {
  if (/^~[^/]/.test(value) || value === "~")
    throw new ConfigFault(`Unable to use ${source}: paths such as ~user are not supported`, "Write the path in full.");
  return resolve(expandHome(value));
}
