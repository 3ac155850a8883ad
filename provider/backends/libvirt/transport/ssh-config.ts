/** What OpenSSH's client configuration says of a host (ssh_config(5)). No I/O. */
import { patternList } from "./wildcard.js";

export interface ConfigLine {
  /** In lower case, as all of them are compared. */
  readonly keyword: string;
  /** The words behind it. */
  readonly words: readonly string[];
  /** Where it stands, `file:line`. */
  readonly source: string;
  /** What an `Include` has brought, file by file. */
  readonly included?: readonly (readonly ConfigLine[])[];
}

/** A word of the file and where it stands. */
export interface Said<T = string> {
  readonly value: T;
  readonly source: string;
}

/** What the files say. Nothing in it: they say nothing. Tokens (`%h`, `${HOME}`) stand as they are written. */
export interface HostSettings {
  readonly hostName?: Said;
  readonly port?: Said;
  readonly user?: Said;
  readonly identityFiles: readonly Said[];
  readonly identitiesOnly?: Said;
  readonly identityAgent?: Said;
  readonly proxyJump?: Said;
  readonly userKnownHostsFiles?: Said<readonly string[]>;
  readonly globalKnownHostsFiles?: Said<readonly string[]>;
  readonly hostKeyAlias?: Said;
  readonly addressFamily?: Said;
  readonly bindAddress?: Said;
  /** What is not followed, and matters only where a login fails. */
  readonly loginNotes: readonly string[];
  /** What is not followed, and matters only where a host's key is not known. */
  readonly hostKeyNotes: readonly string[];
}

/** A line that cannot be followed, although it may decide which host is reached. */
export class ConfigFault extends Error {
  constructor(
    readonly what: string,
    readonly remedy: string,
  ) {
    super(what);
  }
}

export interface HostFactsCache {
  /** The name in the URI or in a `ProxyJump`. */
  readonly host: string;
  /** What was said there, and goes before the file. */
  readonly user?: string | undefined;
  readonly localUser: string;
}

/** Options of which the first word counts. */
const single = [
  "hostname",
  "port",
  "user",
  "identitiesonly",
  "identityagent",
  "hostkeyalias",
  "addressfamily",
  "bindaddress",
  "proxyjump",
  "proxycommand",
  "canonicalizehostname",
  "bindinterface",
  "revokedhostkeys",
  "knownhostscommand",
  "stricthostkeychecking",
  "certificatefile",
  "pkcs11provider",
] as const;
const lists = ["userknownhostsfile", "globalknownhostsfile"] as const;
/** Options that are read; all others neither change which host is reached nor how it is logged in to. */
export const optionsThatCount: ReadonlySet<string> = new Set([...single, ...lists, "identityfile"]);

const way =
  "To use the system's ssh instead, add command=ssh to the host's URI. To ignore the SSH configuration, set sshConfig: none in vnic-failover:cluster.";

/** Of a host that these options are of. @throws ConfigFault */
export function settingsOf(files: readonly (readonly ConfigLine[])[], asked: HostFactsCache): HostSettings {
  const evaluation = new Evaluation(asked);
  const read = (): void => {
    for (const lines of files) evaluation.apply(lines, true);
  };
  read();
  if (evaluation.wantsFinalPass) {
    evaluation.beginFinalPass();
    read();
  }
  return evaluation.settings();
}

/** `true`, `false`, or why it cannot be told here. */
type Active = boolean | { readonly undecided: string };

class Evaluation {
  private readonly first = new Map<string, Said<readonly string[]>>();
  private readonly identityFiles: Said[] = [];
  private readonly notes: { readonly login: string[]; readonly hostKey: string[] } = { login: [], hostKey: [] };
  private host: string;
  /** Once the final pass has begun: it no longer changes which host is reached. */
  private final: { readonly hostName: Said | undefined } | undefined;
  wantsFinalPass = false;

  constructor(private readonly asked: HostFactsCache) {
    this.host = asked.host;
  }

  /** For `Match final`: everything once more, with the name that was found (ssh.c, main). */
  beginFinalPass(): void {
    this.final = { hostName: this.word("hostname") };
    this.host = this.hostName().toLowerCase();
  }

  apply(lines: readonly ConfigLine[], start: Active): void {
    let active = start;
    for (const line of lines) {
      // What an inactive block includes is never active (readconf.c, SSHCONF_NEVERMATCH).
      if (line.keyword === "host") active = within(start, patternList(line.words)(this.host));
      else if (line.keyword === "match") active = within(start, this.matches(line));
      else if (line.included !== undefined) {
        for (const file of line.included) this.apply(file, active);
      } else if (active !== false && optionsThatCount.has(line.keyword)) this.take(line, active);
    }
  }

  private take({ keyword, words, source }: ConfigLine, active: Exclude<Active, false>): void {
    const key = keyword === "proxycommand" ? "proxyjump" : keyword;
    if (keyword !== "identityfile" && this.first.has(key)) return;
    if (active !== true) {
      throw new ConfigFault(
        `Unable to decide whether ${source} (${keyword}) applies: ${active.undecided}`,
        `Move the setting to a Host block or to the host's URI. ${way}`,
      );
    }
    const value = words.join(" ");
    if (keyword === "identityfile") {
      if (!this.identityFiles.some((known) => known.value === value)) this.identityFiles.push({ value, source });
      return;
    }
    this.first.set(key, { value: words, source });
    const is = (...values: string[]) => values.includes(value.toLowerCase());
    switch (keyword) {
      case "proxycommand":
        if (!is("none")) throw unsupported(source, "ProxyCommand", "Use ProxyJump.");
        return;
      case "canonicalizehostname":
        if (!is("no", "false")) throw unsupported(source, "CanonicalizeHostname", "Write the whole name into the URI.");
        return;
      case "bindinterface":
        throw unsupported(source, "BindInterface", "Use BindAddress.");
      case "revokedhostkeys":
        if (!is("none")) throw unsupported(source, "RevokedHostKeys", "Use @revoked lines in known_hosts.");
        return;
      case "certificatefile":
        if (!is("none")) this.notes.login.push(`certificate of ${source} (CertificateFile: it needs command=ssh)`);
        return;
      case "pkcs11provider":
        if (!is("none")) this.notes.login.push(`PKCS#11 keys of ${source} (PKCS11Provider: they need command=ssh)`);
        return;
      case "knownhostscommand":
        if (!is("none")) this.notes.hostKey.push(`${source}: KnownHostsCommand is not run`);
        return;
      case "stricthostkeychecking":
        if (!is("yes", "true", "ask")) {
          this.notes.hostKey.push(
            `${source}: StrictHostKeyChecking is ignored; to accept new hosts, add no_verify=1 to the URI`,
          );
        }
        return;
    }
  }

  private matches({ words, source }: ConfigLine): Active {
    let result: Active = true;
    const left = [...words];
    if (left.length === 0)
      throw new ConfigFault(`Unable to read ${source}: Match has no criteria`, "Correct the line.");
    while (left.length > 0) {
      const written = left.shift() ?? "";
      const negated = written.startsWith("!");
      const criterion = (negated ? written.slice(1) : written).toLowerCase();
      let fits: Active;
      if (criterion === "all") fits = true;
      else if (criterion === "canonical" || criterion === "final") {
        if (criterion === "final") this.wantsFinalPass = true;
        fits = this.final !== undefined;
      } else {
        const argument = left.shift();
        if (argument === undefined)
          throw new ConfigFault(`Unable to read ${source}: ${criterion} has no value`, "Correct the line.");
        fits = this.fits(criterion, argument, source);
      }
      const holds: Active = typeof fits === "boolean" ? fits !== negated : fits;
      if (holds === false) result = false;
      else if (result === true) result = holds;
    }
    return result;
  }

  private fits(criterion: string, argument: string, source: string): Active {
    const among = patternList(argument.split(","));
    // Hosts' names in any case (match.c, match_hostname), unlike those of Host.
    const amongHosts = (host: string): boolean => patternList(argument.toLowerCase().split(","))(host.toLowerCase());
    switch (criterion) {
      case "host":
        return amongHosts(this.hostName());
      case "originalhost":
        return amongHosts(this.asked.host);
      case "user":
        return among(this.asked.user ?? this.word("user")?.value ?? this.asked.localUser);
      case "localuser":
        return among(this.asked.localUser);
      // There is no -P here.
      case "tagged":
        return argument === "";
      default:
        return { undecided: `the Match criterion "${criterion}" in ${source} is not supported` };
    }
  }

  private hostName(): string {
    const { value } = this.word("hostname") ?? { value: this.host };
    return value.replace(/%(.)/g, (token, letter) => (letter === "h" ? this.host : letter === "%" ? "%" : token));
  }

  private word(keyword: (typeof single)[number]): Said | undefined {
    const said = this.first.get(keyword);
    return said === undefined ? undefined : { value: said.value.join(" "), source: said.source };
  }

  settings(): HostSettings {
    const { hostName } = this.final ?? { hostName: this.word("hostname") };
    const [port, user] = [this.word("port"), this.word("user")];
    const [identitiesOnly, identityAgent] = [this.word("identitiesonly"), this.word("identityagent")];
    const [proxyJump, hostKeyAlias] = [this.word("proxyjump"), this.word("hostkeyalias")];
    const [addressFamily, bindAddress] = [this.word("addressfamily"), this.word("bindaddress")];
    const [userFiles, globalFiles] = lists.map((keyword) => this.first.get(keyword));
    return {
      identityFiles: this.identityFiles,
      loginNotes: this.notes.login,
      hostKeyNotes: this.notes.hostKey,
      ...(hostName !== undefined && { hostName }),
      ...(port !== undefined && { port }),
      ...(user !== undefined && { user }),
      ...(identitiesOnly !== undefined && { identitiesOnly }),
      ...(identityAgent !== undefined && { identityAgent }),
      ...(proxyJump !== undefined && proxyJump.value.toLowerCase() !== "none" && { proxyJump }),
      ...(hostKeyAlias !== undefined && { hostKeyAlias }),
      ...(addressFamily !== undefined && { addressFamily }),
      ...(bindAddress !== undefined && { bindAddress }),
      ...(userFiles !== undefined && { userKnownHostsFiles: userFiles }),
      ...(globalFiles !== undefined && { globalKnownHostsFiles: globalFiles }),
    };
  }
}

/** A block inside of what was included is no more than the block that includes it. */
function within(outer: Active, inner: Active): Active {
  if (outer === false || inner === false) return false;
  return outer === true ? inner : outer;
}

function unsupported(source: string, option: string, instead: string): ConfigFault {
  return new ConfigFault(`Unable to use ${source}: ${option} is not supported`, `${instead} ${way}`);
}
